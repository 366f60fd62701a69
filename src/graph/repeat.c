/* Recording the same again: see repeat.h. */
#include "graph/repeat.h"
#include "ops/keys.h"

#include <string.h>

void bl__begin_lineage(bl_graph *graph)
{
    graph->lineage = atomic_fetch_add_explicit(&graph->context->next_id, 1, memory_order_relaxed);
}

static void note_place(bl_graph *graph, const bl__origin *origin)
{
    graph->places = bl__mix(graph->places, (uintptr_t)origin->scope);
}

void bl__repeat_reset(bl_graph *graph)
{
    graph->last_count = graph->node_count;
    graph->repeated = 0;
    graph->places = 0;
}

void bl__repeat_rewind(bl_graph *graph)
{
    graph->last_count = 0;
    if (graph->repeated > graph->node_count)
        graph->repeated = graph->node_count;
    bl__begin_lineage(graph);
}

static bool same_bytes(const void *a, const void *b, size_t bytes)
{
    return bytes == 0 || memcmp(a, b, bytes) == 0;
}

/* Whether the node is one of the op, from the same inputs and attributes. */
static bool is_made_from(const bl__node *node, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                         const void *attributes)
{
    if (node->op != op || node->input_count != input_count)
        return false;
    for (size_t i = 0; i < input_count; i++) {
        if (node->inputs[i] != inputs[i])
            return false;
    }
    return same_bytes(bl__attributes(node), attributes, op->attributes_size);
}

/* Takes the node of the recording before where it stands; NULL, with nothing changed, when that is not where
 * the next one comes to stand, or it is made from something else. */
static bl__node *take_again(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                            const void *attributes)
{
    bl__node *node = graph->nodes[graph->node_count];
    const bl__origin *origin = graph->plain;
    if (!origin || origin->scope != graph->scope)
        origin = bl__origin_here(graph);
    bl__arena_mark before = bl__arena_position(&graph->arena);
    if (!origin || !bl__arena_take_again(&graph->arena, node, 0)) /* before its bytes are read */
        return NULL;
    if (is_made_from(node, op, inputs, input_count, attributes) &&
        bl__arena_take_again(&graph->arena, node, bl__whole_bytes(node))) {
        node->origin = origin;
        note_place(graph, origin);
        graph->node_count = ++graph->repeated;
        return node;
    }
    bl__arena_rewind(&graph->arena, before);
    return NULL;
}

bl__node *bl__repeat(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                     const void *attributes)
{
    if (!bl__in_step(graph) || !op || op->key == 0 || (op->flags & BL_OP_LEAF) || !inputs ||
        (op->attributes_size > 0 && !attributes))
        return NULL;
    return take_again(graph, op, inputs, input_count, attributes);
}

static bool same_types(const bl__node *node, const bl_dtype *dtypes, const bl_shape *shapes)
{
    for (int i = 0; i < node->op->output_count; i++) {
        const bl_tensor *output = &node->outputs[i];
        if (output->dtype != dtypes[i] || output->rank != shapes[i].rank ||
            !same_bytes(output->size, shapes[i].size, output->rank * sizeof(*output->size)))
            return false;
    }
    return true;
}

bl__node *bl__repeat_typed(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, const bl_dtype *dtypes, const bl_shape *shapes)
{
    if (!bl__in_step(graph) || !bl__origin_here(graph)) /* the record stays, whatever is rewound */
        return NULL;
    bl__arena_mark before = bl__arena_position(&graph->arena);
    bl__node *node = take_again(graph, op, inputs, input_count, attributes);
    if (!node)
        return NULL;
    for (int i = 0; i < op->output_count; i++)
        node->outputs[i].unreached = false;
    if (same_types(node, dtypes, shapes))
        return node;
    bl__arena_rewind(&graph->arena, before);
    graph->node_count = --graph->repeated;
    return NULL;
}
