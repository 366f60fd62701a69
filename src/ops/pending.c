/* Updates of state that ops ask for: see pending.h. */
#include "ops/pending.h"
#include "bowline/parameters.h"

#include <string.h>

bl_tensor *bl__pending_value(bl_graph *graph, bl_parameter *state)
{
    for (const bl__pending *pending = graph->pending; pending; pending = pending->before) {
        if (pending->state == state)
            return pending->value;
    }
    return bl_use(graph, state);
}

void bl__pending_add(bl_parameter *state, bl_tensor *source, bl_tensor *value)
{
    bl_tensor *effect = bl_assign(state, value);
    if (!bl_tensor_valid(effect))
        return;
    bl_graph *graph = bl__graph_of(value);
    bl__pending *pending = bl__arena_take(&graph->arena, sizeof(*pending));
    if (!pending) {
        bl__fail(graph, BL_ERR_MEMORY, "assign", "no memory for an update of %s", bl_parameter_name(state));
        return;
    }
    *pending = (bl__pending){state, value, effect, source, graph->pending};
    graph->pending = pending;
}

size_t bl__pending_count(const bl_graph *graph)
{
    size_t count = 0;
    for (const bl__pending *pending = graph->pending; pending; pending = pending->before)
        count++;
    return count;
}

/* Marks the nodes that a tensor is made from, itself included: ids are a topological order. */
static void mark_ancestors(const bl_graph *graph, const bl_tensor *tensor, bool *marks)
{
    memset(marks, 0, (size_t)graph->node_count);
    marks[tensor->node->id] = true;
    for (int64_t id = tensor->node->id; id >= 0; id--) {
        const bl__node *node = graph->nodes[id];
        for (size_t i = 0; marks[id] && i < node->input_count; i++)
            marks[node->inputs[i]->node->id] = true;
    }
}

bool bl__pending_effects(bl_graph *graph, const bl_tensor *output, bl_tensor **effects, size_t *count)
{
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    size_t states = 0, most = bl__pending_count(graph);
    if (most == 0)
        return true;
    bool *marks = bl__arena_take(&graph->scratch, (size_t)graph->node_count);
    bl_parameter **seen = bl__arena_take(&graph->scratch, most * sizeof(bl_parameter *));
    if (marks && seen && output)
        mark_ancestors(graph, output, marks);
    for (const bl__pending *pending = graph->pending; marks && seen && pending; pending = pending->before) {
        bool wanted = !output || marks[pending->source->node->id];
        for (size_t i = 0; i < states; i++)
            wanted = wanted && seen[i] != pending->state;
        if (!wanted)
            continue;
        seen[states++] = pending->state;
        effects[(*count)++] = pending->effect;
    }
    bl__arena_rewind(&graph->scratch, before);
    return marks && seen;
}

bl_tensor *bl_graph_updates(bl_graph *graph)
{
    if (!graph)
        return NULL;
    size_t count = 0;
    bl_tensor **effects = bl__arena_take(&graph->arena, bl__pending_count(graph) * sizeof(bl_tensor *));
    if (!effects || !bl__pending_effects(graph, NULL, effects, &count))
        return bl__fail(graph, BL_ERR_MEMORY, "graph_updates", "no memory for the effects");
    return bl_group(graph, effects, count);
}
