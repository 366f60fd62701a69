/* Private. Recording on a reset graph what was recorded on it before, which costs a comparison.
 *
 * A reset keeps the arena, so a recording that takes the same steps finds each node of the one before where
 * it is about to put its own: its memory has not been written since, for an arena only grows. As long as all
 * nodes so far were the same, at the same addresses, the recordings are in step, and a node from the same op,
 * inputs and attributes needs no shape rule. The first node that differs ends that until the next reset. */
#ifndef BOWLINE_GRAPH_REPEAT_H
#define BOWLINE_GRAPH_REPEAT_H

#include "graph/hash.h"

static inline bool bl__in_step(const bl_graph *graph)
{
    return graph->repeated == graph->node_count && graph->node_count < graph->last_count;
}

/* The node of the recording before, taken over as the next of this one without a look at its shape rule; NULL
 * when it is another, or may be: the rules of leaves and of the user's ops may have changed their minds. */
bl__node *bl__repeat(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                     const void *attributes);
/* The same for any node, whose dtypes and shapes are known. */
bl__node *bl__repeat_typed(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, const bl_dtype *dtypes, const bl_shape *shapes);

/* Gives a tape that begins to differ from the one before a number of its own. */
void bl__begin_lineage(bl_graph *graph);

/* Puts a new node at the end of the tape. */
static inline void bl__count_node(bl_graph *graph, bl__node *node)
{
    if (graph->repeated == graph->node_count)
        bl__begin_lineage(graph);
    graph->places = bl__mix(graph->places, (uintptr_t)node->origin->scope);
    graph->nodes[graph->node_count++] = node;
}

/* Begins a recording of which the last one may be a pattern; or goes back on the tape, after which there is
 * no pattern any more. */
void bl__repeat_reset(bl_graph *graph);
void bl__repeat_rewind(bl_graph *graph);

#endif
