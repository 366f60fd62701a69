/* Private. Rewriting: where a user spells out what one op computes at once, that op takes the place of the
 * last node of the spelling, on the tape itself. The node keeps its id, so order, users and handles stay as
 * they are; the nodes that led to it stay recorded and are computed no more, unless something else uses them.
 *
 * bl_grad rewrites before it asks for vjps, so that the derivative is the fused op's, and the compiler
 * rewrites what it compiles, for its while. What to look for is said in ops/spellings.h. */
#ifndef BOWLINE_GRAPH_REWRITE_H
#define BOWLINE_GRAPH_REWRITE_H

#include "graph/graph.h"

enum {
    BL__MATCH_INPUTS = 8,
    BL__MATCH_NODES = 24,
    BL__MATCH_BYTES = 128 /* of attributes */
};

/* What was found: the op that computes output 0 of the node that it looked at, what it is applied to,
 * and the nodes in between, which must have no users but each other and that node. */
typedef struct bl__match {
    const bl_op *op;
    bl_tensor *inputs[BL__MATCH_INPUTS];
    size_t input_count;
    _Alignas(16) unsigned char attributes[BL__MATCH_BYTES];
    const bl__node *inner[BL__MATCH_NODES];
    size_t inner_count;
} bl__match;

/* Whether the node is the last one of a spelling; fills in the match. It records nothing and reports nothing,
 * and the op must take what it is given. */
typedef bool bl__spelling(const bl__node *node, bl__match *match);

/* The node of a tensor where it is an application of the op and there is room to note it as an inner one;
 * else NULL. Noting one twice is noting it once. */
const bl__node *bl__match_inner(bl__match *match, const bl_tensor *tensor, const bl_op *op);
/* Sets the op and its attributes, of which there are op->attributes_size bytes. */
void bl__match_op(bl__match *match, const bl_op *op, const void *attributes);

/* Tensors that are wanted themselves. */
typedef struct bl__wanted {
    bl_tensor *const *tensors;
    size_t count;
} bl__wanted;

/* Whether an op is of the kind that every pattern has: a sum, a product of matrices, a choice of elements. */
static inline bool bl__is_more_than_elementwise(const bl_op *op)
{
    return !(op->flags & (BL_OP_ELEMENTWISE | BL_OP_LEAF | BL_OP_EFFECT)) && !op->view;
}

/* Rewrites what is found among nodes low..high. A user is each node of the tape for which needed[id] is not
 * 0, or each one where `needed` is NULL; so are the wanted tensors. Returns the number of places, or -1 after
 * an error, which is reported. */
int64_t bl__rewrite(bl_graph *graph, int64_t low, int64_t high, const uint32_t *needed,
                    const bl__wanted *wanted, size_t wanted_count);

/* The record of one place: the node that stood there, and the ids of the inner ones. In the graph's arena. */
typedef struct bl__rewritten {
    struct bl__rewritten *before;
    bl__node *was;
    bl__node *is;
    size_t inner_count;
    uint32_t inner[];
} bl__rewritten;

/* Undoes the rewriting of every place since a record (NULL: of all). */
void bl__rewrite_undo(bl_graph *graph, const bl__rewritten *until);

/* Takes all places again that were taken up to a record, none being taken. */
void bl__rewrite_redo(bl_graph *graph, bl__rewritten *newest);

/* The places of which one of the tensors is an inner node, or the op of another such place, in the graph's
 * scratch arena: what flows to it goes through the nodes that stood there. Their number; -1 without memory,
 * reported. */
int64_t bl__rewrite_between(bl_graph *graph, bl_tensor *const *tensors, size_t count,
                            const bl__rewritten ***places);

#endif
