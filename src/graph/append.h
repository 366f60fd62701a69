/* Private. Appending the nodes that long tapes are made of, with as few steps as it takes. */
#ifndef BOWLINE_GRAPH_APPEND_H
#define BOWLINE_GRAPH_APPEND_H

#include "graph/hash.h"

/* bl__append_like for an op of two inputs, of which the first is what the output is like, and no attributes,
 * where there is room for a node and the recording is not in step with the one before (repeat.h); else NULL,
 * with nothing changed. */
static inline bl__node *bl__append_pair(bl_graph *graph, const bl_op *op, bl_tensor *a, bl_tensor *b)
{
    enum {
        OUTPUTS_END = (sizeof(bl__node) + sizeof(bl_tensor) + 15) / 16 * 16,
        BYTES = OUTPUTS_END + 2 * sizeof(bl_tensor *)
    };
    size_t count = (size_t)graph->node_count;
    const bl__origin *origin = graph->plain;
    const bl__scope *scope = graph->scope;
    bl__chunk *chunk = graph->arena.current;
    size_t start = (graph->arena.used + 15) & ~(size_t)15;
    if (!origin || origin->scope != scope || !chunk || start + BYTES > chunk->capacity ||
        count >= graph->node_capacity || count == UINT32_MAX || graph->repeated == graph->node_count)
        return NULL;
    bl__node *node = (bl__node *)(void *)(chunk->data + start);
    bl_tensor **inputs = (bl_tensor **)(void *)(chunk->data + start + OUTPUTS_END);
    uint64_t hash = bl__mix(bl__mix(bl__mix(2, (uintptr_t)op), bl__hash_of(a)), bl__hash_of(b));
    graph->arena.used = start + BYTES;
    inputs[0] = a;
    inputs[1] = b;
    node->op = op;
    node->inputs = inputs;
    node->origin = origin;
    node->id = (uint32_t)count;
    node->input_count = 2;
    node->outputs[0] = *a; /* not a literal, which is zeroed as a whole first */
    node->outputs[0].node = node;
    node->outputs[0].output = 0;
    node->outputs[0].unreached = false;
    node->outputs[0].hash = bl__fold(hash);
    graph->places = bl__mix(graph->places, (uintptr_t)scope);
    graph->nodes[count] = node;
    graph->node_count = (int64_t)count + 1;
    return node;
}

#endif
