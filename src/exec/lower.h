/* Private. Lowering: what is known while nodes are turned into instructions. */
#ifndef BOWLINE_EXEC_LOWER_H
#define BOWLINE_EXEC_LOWER_H

#include "exec/fuse.h"
#include "exec/plan.h"
#include "exec/program.h"
#include "exec/script.h"

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
    BL__GROUP_NAME_CACHE = 8,
    BL__NAMED_OPS = 4,     /* of a group, in its name */
    BL__PRODUCT_INPUTS = 3 /* the most of an instruction that is a matrix product */
};

/* An element-wise instruction that may be made one with others: see batch.h. */
typedef struct bl__candidate {
    const bl__group *steps;
    uint64_t hash;        /* of the steps and the dtypes of inputs */
    uint32_t instruction; /* an index */
    uint32_t batch;       /* an index + 1; 0 for none */
} bl__candidate;

/* The name of groups that begin with the same ops, as the program keeps it. */
typedef struct bl__named_group {
    const bl_op *op[BL__NAMED_OPS]; /* NULL beyond the members */
    uint32_t member_count;
    bool sums;
    uint8_t
        product; /* what they go on with: a matrix product, 2: that is added to something; 0 for neither */
    const char *name;
} bl__named_group;

typedef struct bl__lowering {
    bl_program *program;
    bl_graph *graph;
    const bl_allocator *allocator;
    int64_t node_count; /* nodes up to the last output */
    /* By node id: 0 when nothing needs it; else first the id + 1 of the last node that uses it, UINT32_MAX
     * where the caller does, and once values are counted the index of its first output's value + 1. */
    uint32_t *first_value;
    uint8_t *used_outputs;                     /* by node id: bit i says that something uses output i */
    int64_t needed_count;                      /* nodes that something needs */
    int64_t number_count;                      /* of them: element-wise and of one number */
    bool has_views, has_effects, has_products; /* among them, ... */
    bool has_several;                          /* ... and ops of several results */
    bool has_more;                             /* than that, leaves and element-wise nodes */
    bool fuse;                                 /* whether any may run together */
    bool rewrite;                              /* whether fused ops may take places */
    size_t memory_budget;                      /* of the workspace */
    bl__scripts scripts;                       /* sequences of nodes that do */
    bl__fusion fusion;                         /* which of the other nodes do */
    bl__operand *values;                       /* in the program's arena; those of copies stand apart */
    bl__lifetime *lifetimes;                   /* of the program's storages, whose sizes are known so far */
    size_t lifetime_capacity;
    size_t *state_table; /* open addressing: index of a state + 1, by parameter id */
    size_t state_table_size;
    bl__candidate *candidates;
    size_t candidate_count, candidate_capacity;
    bl__dims dims[BL__DIMS_CACHE];
    bl__named names[BL__NAME_CACHE];
    bl__named_group group_names[BL__GROUP_NAME_CACHE];
    const bl__scope *scope; /* the last one whose path was copied */
    const char *scope_path;
} bl__lowering;

static inline bool bl__lowering_ok(const bl__lowering *l)
{
    return l->program->head.error.code == BL_OK;
}

void bl__lower_out_of_memory(bl__lowering *l);
void bl__lower_node(bl__lowering *l, const bl__node *node);
void bl__lower_output(bl__lowering *l, const bl_tensor *tensor);

/* ---- shared by the files that lower ---- */

static inline bl_dtype bl__lower_dtype(const bl__lowering *l, bl_dtype dtype)
{
    return l->program->precision == BL_PRECISION_F64 && dtype == BL_F32 ? BL_F64 : dtype;
}

/* The value of a tensor, described in the program's precision once its node has been lowered. */
static inline bl__operand *bl__value_of(bl__lowering *l, const bl_tensor *tensor)
{
    return &l->values[l->first_value[tensor->node->id] - 1 + tensor->output];
}

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
/* Has the kernel prepare an instruction; false without memory or when it refuses. */
bool bl__prepare_instruction(bl_program *program, bl__instruction *instruction);
/* Appends an instruction for a node, prepared; NULL without memory or when the kernel refuses. */
bl__instruction *bl__add_instruction(bl__lowering *l, const bl__node *node, const char *op,
                                     const bl__kernel *kernel, bl__operand *const *inputs, size_t input_count,
                                     bl__operand *const *outputs, size_t output_count,
                                     const void *attributes);
/* Has its kernel prepare an instruction, and sees to its scratch; false when it refuses. */
bool bl__prepare_instruction(bl_program *program, bl__instruction *instruction);
/* Appends a copy: the same elements, contiguous, in a workspace storage of their own. NULL without memory,
 * reported. */
bl__operand *bl__copy_value(bl__lowering *l, const bl__node *node, bl__operand *from);

/* ---- lower_group.c ---- */

/* Lowers the members of a group as one instruction. */
void bl__lower_group(bl__lowering *l, const bl__fusion_group *group);
/* Notes what the last instruction, a single op of the node, computes, if that is element-wise; false without
 * memory. */
bool bl__note_single(bl__lowering *l, const bl__node *node);

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

/* ---- lower_parts.c ---- */

/* Appends the instruction that computes an op's results into a concat, `output`; false without memory. */
bool bl__add_parts(bl__lowering *l, const bl__node *concat, const bl__node *maker, const bl__kernel *kernel,
                   bl__operand *const *inputs, const void *attributes, bl__operand *output);

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
