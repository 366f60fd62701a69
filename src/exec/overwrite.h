/* Private. Results written over what they are made from. */
#ifndef BOWLINE_EXEC_OVERWRITE_H
#define BOWLINE_EXEC_OVERWRITE_H

#include "exec/program.h"

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

/* Has new values of whole states written where the old ones stand, where no instruction from then on can fail
 * or reads the old one: a run that fails has changed nothing, as before. False without memory. */
bool bl__write_states(bl_program *program);

#endif
