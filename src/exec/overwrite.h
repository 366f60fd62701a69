/* Private. Results written over what they are made from. */
#ifndef BOWLINE_EXEC_OVERWRITE_H
#define BOWLINE_EXEC_OVERWRITE_H

#include "exec/plan.h"

/* Whether elements of the same number, in the order of the index, stand at the same places from the start of
 * each. */
bool bl__same_layout(const bl__operand *a, const bl__operand *b);

/* Some of an instruction's operands, one after the other. */
typedef struct bl__operand_range {
    size_t first, end;
} bl__operand_range;

/* The inputs that an output is made from, and the outputs that are made from them. */
bl__operand_range bl__inputs_of(const bl__instruction *instruction, size_t output);
bl__operand_range bl__outputs_beside(const bl__instruction *instruction, size_t output);

/* Whether an output may stand in the memory of a storage as far as the instruction itself is concerned: it
 * covers what it reads there in the same layout, and has read each element for the last time when it writes
 * it. */
bool bl__may_overwrite(const bl_program *program, const bl__instruction *instruction, size_t root,
                       size_t output);

/* Finds the instructions that cannot fail for what those before them have looked at: the gradient of an
 * embedding's table, at positions that were looked up in a table with no more rows. To be called before their
 * order is changed; false without memory. */
bool bl__find_failures(bl_program *program);

/* Whether an instruction may fail, as far as that is known. */
bool bl__may_fail(const bl__instruction *instruction);

/* Notes which storages are looked at after the run, by outputs and effects. */
void bl__find_wanted(bl_program *program);

/* Whether an effect is the new value of a whole state, which nothing else after the run looks at, so that it
 * may be written where the old one is by an instruction that is neither read past nor fails. After
 * bl__find_wanted. */
bool bl__may_become_state(const bl_program *program, const bl__effect *effect);

/* Has new values of whole states written where the old ones stand, where no instruction from then on can fail
 * or reads the old one: a run that fails has changed nothing, as before. Finds the uses, as bl__find_uses. */
void bl__write_states(bl_program *program, bl__lifetime *lifetimes);

/* Takes that back. */
void bl__unwrite_states(bl_program *program);

#endif
