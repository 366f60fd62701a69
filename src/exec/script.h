/* Private. Long sequences of single numbers as one instruction: see cpu/script.h. */
#ifndef BOWLINE_EXEC_SCRIPT_H
#define BOWLINE_EXEC_SCRIPT_H

#include "cpu/script.h"
#include "graph/graph.h"

struct bl__lowering;

enum {
    BL__SCRIPT_NAMED = 4 /* ops in its name */
};

/* A tensor that a script takes or gives, in a cell. */
typedef struct bl__script_value {
    const bl_tensor *tensor;
    uint32_t cell;
} bl__script_value;

/* A growing list of them. */
typedef struct bl__script_values {
    bl__script_value *value;
    size_t count, capacity;
} bl__script_values;

/* A sequence of nodes that becomes a script. Those of first .. last that something needs are its steps, but
 * for some leaves. What it takes and gives, and the leaves, stand in the lists of all scripts. */
typedef struct bl__scripted {
    int64_t first, last; /* node ids */
    size_t input_begin, input_count, output_begin, output_count, leaf_begin, leaf_count;
    const bl__script *script; /* in the program's arena */
    size_t step_begin, cell_count;
    bl_dtype dtype; /* as it is computed */
    const bl_op *named[BL__SCRIPT_NAMED];
} bl__scripted;

/* All scripts of a program, in the order of the tape. */
typedef struct bl__scripts {
    bl__scripted *script;
    size_t count, capacity;
    bl__script_values inputs, outputs, leaves;
} bl__scripts;

/* Finds the sequences that are long enough; false without memory. To be freed either way. To be asked while
 * first_value of the lowering tells the last uses of nodes. */
bool bl__find_scripts(struct bl__lowering *l);
void bl__scripts_free(struct bl__lowering *l);

/* Appends the instruction of a script; false without memory. */
bool bl__lower_script(struct bl__lowering *l, const bl__scripted *scripted);

#endif
