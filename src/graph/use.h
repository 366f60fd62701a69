/* Private. Which parameters a graph uses: one node each, and the gradients that optimizers took for them. */
#ifndef BOWLINE_GRAPH_USE_H
#define BOWLINE_GRAPH_USE_H

#include "graph/graph.h"

/* A gradient that an optimizer, known by an id, used for a parameter. In the graph's arena. */
typedef struct bl__used_gradient {
    uint64_t optimizer;
    bl_tensor *gradient;
    int64_t node_count; /* of the graph when it was noted */
    struct bl__used_gradient *next;
} bl__used_gradient;

/* Notes in `note`, which stands in the graph's arena, the gradient that an optimizer used for a parameter of
 * the graph. */
void bl__use_note_gradient(bl_graph *graph, const struct bl_parameter *parameter, uint64_t optimizer,
                           bl_tensor *gradient, bl__used_gradient *note);

/* bl_use of a parameter, for which the recording before had a node, this one, that will be taken over. False,
 * nothing changed, when the node is another parameter's or an earlier time's, or without memory. */
bool bl__use_again(bl_graph *graph, struct bl_parameter *parameter, bl__node *node);
/* Whether the graph has a node for a parameter. */
bool bl__is_used(const bl_graph *graph, const struct bl_parameter *parameter);

/* The newest gradient noted; NULL when there is none. */
bl_tensor *bl__use_gradient(const bl_graph *graph, const struct bl_parameter *parameter, uint64_t optimizer);

/* Drops all uses and their references; the table's memory is kept. */
void bl__uses_clear(bl_graph *graph);

/* Drops the uses and notes that were recorded when there were more than node_count nodes. Call it before the
 * arena is rewound. */
void bl__uses_rewind(bl_graph *graph, int64_t node_count);

#endif
