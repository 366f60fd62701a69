/* Private. Lowering: what is known while nodes are turned into instructions. */
#ifndef BOWLINE_EXEC_LOWER_H
#define BOWLINE_EXEC_LOWER_H

#include "exec/fuse.h"
#include "exec/program.h"

/* Sizes and the strides of their contiguous layout, in the program's arena. */
typedef struct bl__dims {
    const int64_t *from; /* the graph's sizes they were copied from */
    const int64_t *size;
    const int64_t *stride;
    int rank;
} bl__dims;

/* The name of the instructions that come from an op recorded at one place, as the program keeps it. */
typedef struct bl__named {
    const bl__origin *from;
    const bl__instruction_name *name;
} bl__named;

enum {
    BL__DIMS_CACHE = 64,
    BL__NAME_CACHE = 64,
    BL__PRODUCT_INPUTS = 3 /* the most of an instruction that is a matrix product */
};

typedef struct bl__lowering {
    bl_program *program;
    bl_graph *graph;
    const bl_allocator *allocator;
    int64_t node_count; /* nodes up to the last output */
    uint32_t
        *first_value; /* by node id: the index of its first output's value + 1; 0 when nothing needs it */
    uint8_t *used_outputs;   /* by node id: bit i says that something uses output i */
    bool fuse;               /* whether any may run together */
    bool rewrite;            /* whether fused ops may take places */
    bl__fusion fusion;       /* which of the nodes do */
    bl__operand *values;     /* in the program's arena; those of copies stand apart */
    bl__lifetime *lifetimes; /* of the program's storages */
    size_t lifetime_capacity;
    size_t *state_table; /* open addressing: index of a state + 1, by parameter id */
    size_t state_table_size;
    bl__dims dims[BL__DIMS_CACHE];
    bl__named names[BL__NAME_CACHE];
    const bl__scope *scope; /* the last one whose path was copied */
    const char *scope_path;
} bl__lowering;

bool bl__lowering_ok(const bl__lowering *l);
void bl__lower_out_of_memory(bl__lowering *l);
void bl__lower_node(bl__lowering *l, const bl__node *node);
void bl__lower_output(bl__lowering *l, const bl_tensor *tensor);

/* ---- shared by the files that lower ---- */

bl_dtype bl__lower_dtype(const bl__lowering *l, bl_dtype dtype);
/* The value of a tensor, described in the program's precision once its node has been lowered. */
bl__operand *bl__value_of(bl__lowering *l, const bl_tensor *tensor);
/* Sizes and contiguous strides in the arena, the same pointers for the same shape mostly; NULL without
 * memory. */
const bl__dims *bl__dims_of(bl__lowering *l, int rank, const int64_t *size);
/* A new storage; SIZE_MAX without memory, reported. */
size_t bl__new_storage(bl__lowering *l, bl__location place, size_t bytes);
/* Describes the contiguous value of a tensor in a storage. False without memory, reported. */
bool bl__contiguous_value(bl__lowering *l, const bl_tensor *tensor, size_t storage, bl__operand *value);
/* Whether strides are those of the contiguous layout, sizes of 1 apart. */
bool bl__is_contiguous(int rank, const int64_t *size, const int64_t *stride);
/* The index of a parameter's state, new where it is seen first; SIZE_MAX without memory, reported. */
size_t bl__state_of(bl__lowering *l, bl_parameter *parameter);

/* ---- lower_instruction.c ---- */

/* The kernel of an op on the program's device; NULL when it has none. */
const bl__kernel *bl__kernel_of(const bl__lowering *l, int key);
/* What messages say of an op at an origin, mostly the same record for the same two; NULL without memory. */
const bl__instruction_name *bl__name_of(bl__lowering *l, const bl__origin *origin, const char *op);
/* Appends an instruction for a node, prepared; NULL without memory or when the kernel refuses. */
bl__instruction *bl__add_instruction(bl__lowering *l, const bl__node *node, const char *op,
                                     const bl__kernel *kernel, bl__operand *const *inputs, size_t input_count,
                                     bl__operand *const *outputs, size_t output_count,
                                     const void *attributes);
/* Appends a copy: the same elements, contiguous, in a workspace storage of their own. NULL without memory,
 * reported. */
bl__operand *bl__copy_value(bl__lowering *l, const bl__node *node, bl__operand *from);

/* ---- lower_group.c ---- */

/* Lowers the members of a group as one instruction. */
void bl__lower_group(bl__lowering *l, const bl__fusion_group *group);

/* ---- lower_epilogue.c ---- */

/* The matrix product that a node is, or that is computed into it where it is a sum. */
const bl__node *bl__product_of(const bl__lowering *l, const bl__node *node);
/* The values that its instruction takes: the factors, and what they are added to. How many. */
size_t bl__product_inputs(bl__lowering *l, const bl__node *node, bl__operand **inputs);
/* Appends the instruction of a group that goes on with a product, with the group's inputs and outputs; behind
 * the outputs there is room for one more. False without memory. */
bool bl__add_epilogue(bl__lowering *l, const bl__fusion_group *group, const bl__group *steps,
                      const char *name, bl__operand *const *inputs, bl__operand **outputs,
                      size_t output_count);

/* ---- lower_user.c ---- */

/* The kernel that calls an op's compute function, and what an instruction of it needs as its plan; NULL
 * without memory. */
extern const bl__kernel bl__user_kernel;
void *bl__user_plan(bl__lowering *l, const bl_op *op, const bl__instruction *instruction);

/* ---- lower_leaf.c and lower_effect.c ---- */

/* Converts f32 values to f64, or copies bytes. */
void bl__take_values(void *to, bl_dtype to_dtype, const void *from, bl_dtype from_dtype, size_t count);

void bl__lower_leaf(bl__lowering *l, const bl__node *node);
void bl__lower_effect(bl__lowering *l, const bl__node *node);
void bl__lower_draw(bl__lowering *l, const bl__node *node);

#endif
