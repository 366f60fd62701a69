/* Private. Which element-wise nodes run together. */
#ifndef BOWLINE_EXEC_FUSE_H
#define BOWLINE_EXEC_FUSE_H

#include "cpu/elementwise.h"
#include "cpu/kernel_set.h"
#include "exec/script.h"
#include "graph/graph.h"

/* Element-wise nodes of one shape that run as one instruction, where the last of them stands, the sum of one
 * of them, and a matrix product before them. `inputs` come from outside. */
typedef struct bl__fusion_group {
    const bl_tensor *inputs[BL__GROUP_INPUTS];
    uint32_t members[BL__GROUP_STEPS]; /* node ids, ascending */
    uint32_t reduction;  /* the id + 1 of a sum of all elements of a member, at most one; 0 for none */
    uint32_t first_view; /* the first of the views to be lowered after it, + 1; 0 for none */
    uint32_t product;    /* the id + 1 of the matrix product, or of the sum that one is added into, that is
                            computed with it; 0 for none */
    uint8_t member_count, input_count;
    uint8_t product_input; /* which input that is, as it stands or in another shape */
    bool has_states;       /* a member is a new value of a state; known where there are products */
    bool open;             /* while nodes are looked at: nothing outside has used a member yet */
} bl__fusion_group;

/* What is known of a node. `group` is an index + 1: of the node's own, or for a view of the one whose value
 * it shows; 0 for none. */
typedef struct bl__fusion_node {
    uint32_t group;
    union {
        uint32_t next_view; /* of a view: the next one of the same group, + 1 */
        uint32_t step;      /* of a member, while its group is lowered: its place among them */
        uint32_t results;   /* of an op whose results stand as something reads them: an index + 1 */
        uint32_t parts_of;  /* of a concat: the id + 1 of the op whose results are computed into it */
    };
    uint32_t
        product; /* of an add: the id + 1 of the matrix product that is added where the other term stands */
    bool is_joined;  /* such a product, or a view between it and the add, or between a product and the group
                         that goes on with it, or what is computed into a concat: not computed on its own */
    bool is_used;    /* by something outside its group, or by the caller */
    bool is_grouped; /* runs as a part of its group, ... */
    bool is_last;    /* ... where this one, its last member, stands */
} bl__fusion_node;

/* The tile function of an op, as it was found before: tapes repeat a few ops. */
typedef struct bl__known_tile {
    const bl_op *op;
    bl__tile tile;
    uint8_t last_input, output;
} bl__known_tile;

enum {
    BL__KNOWN_TILES = 32 /* a power of two */
};

/* The results of an op that may stand in any order of axes. */
typedef struct bl__fusion_results {
    uint32_t node;         /* its id */
    uint32_t strided_uses; /* by what takes strides */
    const bl__node
        *reader[BL_MAX_OUTPUTS]; /* the permute that is to find a result contiguous; NULL for none */
} bl__fusion_results;

typedef struct bl__fusion {
    const bl_allocator *allocator;
    const bl__kernel_set *kernels;
    bl__known_tile known[BL__KNOWN_TILES];
    bl__fusion_node *nodes; /* by id; NULL where nothing is known of any */
    size_t node_count;
    bl__fusion_group *groups;
    bl__fusion_results *results;
    size_t group_count, group_capacity, result_count, result_capacity;
    bool has_reductions; /* some groups have */
} bl__fusion;

/* How the lowering tells which nodes count and in which dtype they are computed. */
typedef struct bl__fusion_source {
    const bl_graph *graph;
    const uint32_t *needed; /* by id: not 0 */
    size_t node_count;
    bl_tensor *const *outputs;
    size_t output_count;
    const bl__scripts *scripts; /* whose nodes belong to no group */
    bool has_views;             /* some are needed, ... */
    bool has_products;          /* ... or matrix products, ... */
    bool has_several;           /* ... or ops of several results */
    bool widens;                /* f32 is computed in f64 */
    bool alone;                 /* every node runs alone, ... */
    bool joins;                 /* ... but for products, which are computed into what they are added to */
} bl__fusion_source;

/* Finds the products that are to be computed into what they are added to (accumulate.c). `uses`: how often
 * each node is used. */
void bl__join_products(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses);

/* Finds the products that groups go on with in one instruction (epilogue.c); false without memory. */
bool bl__join_epilogues(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses);

/* Finds the results that stand elsewhere than side by side (layout.c); false without memory. */
bool bl__lay_out_results(bl__fusion *fusion, const bl__fusion_source *source, const uint32_t *uses);
/* How a result stands where something reads it in another order of axes; false where it is contiguous. */
bool bl__layout_of_result(const bl__fusion *fusion, const bl__node *node, int output, bl_layout *layout);
/* The tensor that an input of a concat shows, through views of other axes, and how it stands there; NULL
 * where strides with contiguous rows cannot say that. */
const bl_tensor *bl__layout_in_concat(const bl__node *concat, size_t input, bl_layout *layout);

/* What is known of a node. */
static inline const bl__fusion_node *bl__fusion_at(const bl__fusion *fusion, int64_t id)
{
    static const bl__fusion_node nothing = {.group = 0};
    return fusion->nodes ? &fusion->nodes[id] : &nothing;
}

/* The node whose value a tensor shows, through views. */
const bl__node *bl__fusion_shown(const bl_tensor *tensor);

/* Forms the groups; false without memory. To be freed either way. */
bool bl__fuse(bl__fusion *fusion, const bl__fusion_source *source);
void bl__fusion_free(bl__fusion *fusion);

/* Looks for a tile function and notes it in its place. */
const bl__known_tile *bl__find_tile(bl__fusion *fusion, bl__known_tile *place, const bl_op *op,
                                    bl_dtype last_input, bl_dtype output);

/* The tile function of an op whose last input and output have these dtypes; NULL when it has none. */
static inline bl__tile bl__tile_of(bl__fusion *fusion, const bl_op *op, bl_dtype last_input, bl_dtype output)
{
    bl__known_tile *place = &fusion->known[((unsigned)op->key + 8 * output) & (BL__KNOWN_TILES - 1)];
    const bl__known_tile *known = place;
    if (known->op != op || known->last_input != last_input || known->output != output)
        known = bl__find_tile(fusion, place, op, last_input, output);
    return known->tile;
}

/* The group that must have run before a view is lowered; NULL for none. */
bl__fusion_group *bl__fusion_base_of(const bl__fusion *fusion, const bl__node *view);

#endif
