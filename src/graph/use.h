/* Private. Which parameters a graph uses: one node each, and what optimizers made of them. */
#ifndef BOWLINE_GRAPH_USE_H
#define BOWLINE_GRAPH_USE_H

#include "graph/graph.h"

/* An update of a parameter, or of its step count, by an optimizer, known by an id. In the graph's arena. */
typedef struct bl__used_update {
    uint64_t optimizer;
    bl_tensor *gradient; /* NULL for a step count */
    bl_tensor *value;    /* after the update */
    int64_t node_count;  /* of the graph when it was noted */
    struct bl__used_update *next;
} bl__used_update;

/* Notes an update of a parameter that the graph uses in `note`, which stands in the graph's arena. */
void bl__use_note_update(bl_graph *graph, const struct bl_parameter *parameter, uint64_t optimizer,
                         bl_tensor *gradient, bl_tensor *value, bl__used_update *note);

/* bl_use of a parameter, for which the recording before had a node, this one, that will be taken over. False,
 * nothing changed, when the node is another parameter's or an earlier time's, or without memory. */
bool bl__use_again(bl_graph *graph, struct bl_parameter *parameter, bl__node *node);
/* Whether the graph has a node for a parameter. */
bool bl__is_used(const bl_graph *graph, const struct bl_parameter *parameter);

/* The newest update noted; NULL when there is none. */
const bl__used_update *bl__use_update(const bl_graph *graph, const struct bl_parameter *parameter,
                                      uint64_t optimizer);

/* Drops all uses and their references; the table's memory is kept. */
void bl__uses_clear(bl_graph *graph);

/* Drops the uses and notes that were recorded when there were more than node_count nodes. Call it before the
 * arena is rewound. */
void bl__uses_rewind(bl_graph *graph, int64_t node_count);

#endif
