/* Private. The tape: nodes in the order they were recorded, so that ids are a topological order. */
#ifndef BOWLINE_GRAPH_GRAPH_H
#define BOWLINE_GRAPH_GRAPH_H

#include "bowline/op.h"
#include "graph/context.h"

#include <stddef.h>

typedef struct bl__node bl__node;
typedef struct bl__scope bl__scope;
struct bl_parameter;

/* One output of a node. Sizes live in the graph's arena and are shared between tensors of one shape. */
struct bl_tensor {
    bl__node *node; /* NULL in a graph's invalid tensor */
    const int64_t *size;
    int64_t count;
    uint8_t rank;
    uint8_t dtype;  /* a bl_dtype */
    uint8_t output; /* its index among the node's outputs */
    uint8_t unreached;
    uint32_t hash; /* of a node's first output: the node's, see hash.h */
};

/* Where a node comes from: what messages and drawings say of it. Nodes that have all of it in common share
 * one record, as a long tape comes from a few places. */
typedef struct bl__origin {
    bl_graph *graph;
    const bl__scope *scope; /* NULL at the top */
    const char *label;      /* of a single node; mostly NULL */
    const char *file;       /* of the caller; NULL where unknown */
    int32_t line;
} bl__origin;

/* One application of an op; outputs, inputs, attributes, and the sizes that no input has, follow it in the
 * arena. */
struct bl__node {
    const bl_op *op;
    bl_tensor **inputs;
    const bl__origin *origin;
    uint32_t id;
    uint32_t input_count;
    bl_tensor outputs[]; /* op->output_count of them */
};

/* Inputs are followed by attributes, which stand at a multiple of 16 bytes. */
static inline size_t bl__inputs_bytes(size_t input_count)
{
    return (input_count * sizeof(bl_tensor *) + 15) / 16 * 16;
}

/* The block of a node, up to its attributes' end. */
static inline size_t bl__outputs_end(const bl_op *op)
{
    return (sizeof(bl__node) + (size_t)op->output_count * sizeof(bl_tensor) + 15) / 16 * 16;
}

static inline size_t bl__node_bytes(const bl_op *op, size_t input_count)
{
    return bl__outputs_end(op) + bl__inputs_bytes(input_count) + op->attributes_size;
}

/* Where sizes of its own begin. */
static inline size_t bl__before_sizes(const bl_op *op, size_t input_count)
{
    return (bl__node_bytes(op, input_count) + 15) / 16 * 16;
}

/* The block of a node with all that follows it. */
static inline size_t bl__whole_bytes(const bl__node *node)
{
    size_t bytes = bl__before_sizes(node->op, node->input_count);
    for (int i = 0; i < node->op->output_count; i++) {
        const bl_tensor *output = &node->outputs[i];
        bool is_own = (uintptr_t)output->size == (uintptr_t)node + bytes;
        bytes += is_own ? output->rank * sizeof(*output->size) : 0;
    }
    return bytes;
}

static inline void *bl__attributes(const bl__node *node)
{
    return (unsigned char *)node->inputs + bl__inputs_bytes(node->input_count);
}

/* An open or once open scope: its whole path, for messages with '/' and for names with '.'. */
struct bl__scope {
    const bl__scope *parent;
    const char *path;   /* "encoder/block.0" */
    const char *prefix; /* "encoder.block.0." */
};

/* A parameter's node on this graph; the graph holds a reference to the parameter. `updates` are those that
 * optimizers recorded of it, in the arena, the newest first. */
typedef struct bl__use {
    struct bl_parameter *parameter;
    bl_tensor *tensor;
    struct bl__used_update *updates;
} bl__use;

enum {
    BL__ORIGIN_CACHE = 16, /* a power of two */
    BL__STRETCHES = 4      /* that a graph remembers: see optim/again.h */
};

/* A stretch of the tape, from node `first` on, that an optimizer recorded; the record stands at its end in
 * the arena. Nothing is known of it unless the lineage is still the graph's. */
typedef struct bl__stretch {
    uint64_t lineage;
    int64_t first;
    struct bl__minimized *record;
} bl__stretch;

struct bl_graph {
    bl_context *context;
    bl__arena arena;
    bl__arena scratch; /* of bl_grad while it walks */
    bl__node **nodes;  /* by id */
    size_t node_capacity;
    int64_t node_count;
    int64_t located;        /* nodes before it know their caller's place, or never will */
    int64_t last_count;     /* nodes of the recording before, as far as they can be compared: see repeat.h */
    int64_t repeated;       /* the first so many are the same as in it, at the same addresses */
    uint64_t places;        /* a hash of where its nodes were recorded */
    uint64_t lineage;       /* of the tape: recordings that share it have their `repeated` nodes in common */
    int64_t inputs;         /* bl_input leaves so far */
    uint64_t streams;       /* random draws so far */
    const bl__scope *scope; /* the open one */
    const bl__origin *origins[BL__ORIGIN_CACHE]; /* recent records in the arena, by hash */
    const bl__origin *plain;                     /* the last one of a scope alone; NULL for none */
    const bl__origin *unplaced, *placed;         /* the last one that got a place, before and after */
    size_t lost_scopes;                          /* pushes that failed since, whose pops do nothing */
    bl__use *uses;                               /* open-addressed by parameter id; capacity a power of two */
    size_t use_capacity;
    size_t use_count;
    struct bl__pending
        *pending; /* updates of states that layers asked for, the newest first: ops/pending.h */
    bl__stretch stretches[BL__STRETCHES];
    unsigned next_stretch; /* the one to be forgotten next */
    struct bl__rewritten
        *rewritten;         /* places where a fused op stands for what was recorded, the newest first */
    bool as_recorded;       /* nothing is rewritten */
    bl_tensor invalid;      /* what builders return after an error; its node is NULL */
    bl_tensor *no_gradient; /* these two: the arrays that bl_trainable_gradients gives then */
    struct bl_parameter *no_parameter;
    bl_error error;
};

/* Flags beside those of op.h. */
enum {
    BL__OP_COMPOSITE = 1u << 16, /* applying the op records its decomposition at once */
    BL__OP_RANDOM = 1u << 17,    /* where its last input is a random state, it draws from it */
    BL__OP_PAIR = 1u << 18 /* two inputs, no attributes; of two of one float dtype and one shape the output
                              is as they are, and nothing is wrong with them */
};

/* The vjp of an op by its decomposition: what an op without a vjp has, and a fused op where something flows
 * to an output that its own vjp does not serve. */
void bl__decomposed_vjp(const bl_vjp_call *call);

/* Whether applying an op records its decomposition in its place. */
bool bl__is_composite(const bl_op *op);

/* The graph of a tensor, the invalid one included; NULL for NULL. */
static inline bl_graph *bl__graph_of(const bl_tensor *tensor)
{
    if (!tensor)
        return NULL;
    if (tensor->node)
        return tensor->node->origin->graph;
    return (bl_graph *)((uintptr_t)tensor - offsetof(bl_graph, invalid)); /* the graph's invalid tensor */
}

/* Reports an error of the graph in the name of an op (NULL: none) and returns its invalid tensor. */
bl_tensor *bl__fail(bl_graph *graph, bl_status status, const char *op, const char *format, ...)
    BL_PRINTF(4, 5);

/* Whether a builder's tensor can be used: false, with an error reported where there is none yet, for NULL, an
 * invalid tensor, or one of another graph. `graph` may be NULL: then false. */
bool bl__usable(bl_graph *graph, const char *op, const bl_tensor *tensor);

/* Appends a node whose inputs, dtypes and shapes have been checked; NULL without memory, nothing reported. */
bl__node *bl__append(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                     const void *attributes, const bl_dtype *dtypes, const bl_shape *shapes);

/* The same for an op of one output, which is of the dtype and shape of a tensor. */
bl__node *bl__append_like(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, const bl_tensor *like);

/* The same for a leaf, which has no inputs; out of memory is reported. */
bl_tensor *bl__append_leaf(bl_graph *graph, const bl_op *op, const void *attributes, bl_dtype dtype,
                           bl_shape shape);

/* The record of an origin in the arena, mostly the same for the same one; NULL without memory, nothing
 * reported. */
const bl__origin *bl__origin_of(bl_graph *graph, bl__origin origin);
/* The same for a node that is appended in the open scope. */
const bl__origin *bl__origin_here(bl_graph *graph);
/* Forgets the records, which a rewind of the arena drops. */
void bl__origins_clear(bl_graph *graph);

/* An axis of a tensor of rank `rank`, counted from the end when negative; -1 when outside. */
int bl__axis(int axis, int rank);

/* A place on the tape to go back to, dropping every node recorded since and any error since. */
typedef struct bl__graph_mark {
    bl__arena_mark arena;
    int64_t node_count, located, inputs;
    uint64_t streams;
    const bl__scope *scope;
    struct bl__pending *pending;
    const struct bl__rewritten *rewritten;
    bl_error error;
} bl__graph_mark;
bl__graph_mark bl__graph_position(const bl_graph *graph);
void bl__graph_rewind(bl_graph *graph, const bl__graph_mark *mark);

#endif
