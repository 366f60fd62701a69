/* Private. Lowering: what is known while nodes are turned into instructions. */
#ifndef BOWLINE_EXEC_LOWER_H
#define BOWLINE_EXEC_LOWER_H

#include "exec/program.h"

/* Sizes and the strides of their contiguous layout, in the program's arena. */
typedef struct bl__dims {
    const int64_t *from; /* the graph's sizes they were copied from */
    const int64_t *size;
    const int64_t *stride;
    int rank;
} bl__dims;

/* Where the value of a tensor is: a layout over a storage. */
typedef struct bl__value {
    size_t storage;
    int64_t offset; /* elements */
    const int64_t *size;
    const int64_t *stride;
    int64_t count;
    uint8_t rank;
    uint8_t dtype; /* in the program's precision */
    bool contiguous;
} bl__value;

enum {
    BL__DIMS_CACHE = 64
};

typedef struct bl__lowering {
    bl_program *program;
    bl_graph *graph;
    const bl_allocator *allocator;
    int64_t node_count; /* nodes up to the last output */
    bool *needed;
    size_t *first_value; /* by node id */
    bl__value *values;
    size_t value_count;
    size_t *state_table; /* open addressing: index of a state + 1, by parameter id */
    size_t state_table_size;
    bl__dims dims[BL__DIMS_CACHE];
    const bl__scope *scope; /* the last one whose path was copied */
    const char *scope_path;
} bl__lowering;

bool bl__lowering_ok(const bl__lowering *l);
void bl__lower_out_of_memory(bl__lowering *l);
void bl__lower_node(bl__lowering *l, const bl__node *node);
void bl__lower_output(bl__lowering *l, const bl_tensor *tensor);

/* ---- shared by the files that lower ---- */

bl_dtype bl__lower_dtype(const bl__lowering *l, bl_dtype dtype);
bl__value *bl__value_of(bl__lowering *l, const bl_tensor *tensor);
/* Sizes and contiguous strides in the arena, the same pointers for the same shape mostly; NULL without
 * memory. */
const bl__dims *bl__dims_of(bl__lowering *l, int rank, const int64_t *size);
/* A new storage; SIZE_MAX without memory, reported. */
size_t bl__new_storage(bl__lowering *l, bl__location place, size_t bytes);
/* Describes the contiguous value of a tensor in a storage. False without memory, reported. */
bool bl__contiguous_value(bl__lowering *l, const bl_tensor *tensor, size_t storage, bl__value *value);
/* The same elements, contiguous, in a workspace storage of their own. False without memory, reported. */
bool bl__copy_value(bl__lowering *l, const bl__node *origin, const bl__value *from, bl__value *to);
/* Whether strides are those of the contiguous layout, sizes of 1 apart. */
bool bl__is_contiguous(int rank, const int64_t *size, const int64_t *stride);
/* The index of a parameter's state, new where it is seen first; SIZE_MAX without memory, reported. */
size_t bl__state_of(bl__lowering *l, bl_parameter *parameter);

/* lower_leaf.c and lower_effect.c */
void bl__lower_leaf(bl__lowering *l, const bl__node *node);
void bl__lower_effect(bl__lowering *l, const bl__node *node);
void bl__lower_draw(bl__lowering *l, const bl__node *node);

#endif
