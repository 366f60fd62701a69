/* Where nodes were recorded and what they are called: places and labels. */
#include "graph/hash.h"

static size_t hash(const bl__origin *origin)
{
    uintptr_t key = (uintptr_t)origin->scope / 16 + (uintptr_t)origin->label + (uintptr_t)origin->file * 31;
    return (size_t)(key + (uintptr_t)origin->line * 7) & (BL__ORIGIN_CACHE - 1);
}

const bl__origin *bl__origin_of(bl_graph *graph, bl__origin origin)
{
    const bl__origin **recent = &graph->origins[hash(&origin)], *found = *recent;
    if (found && found->scope == origin.scope && found->label == origin.label && found->file == origin.file &&
        found->line == origin.line)
        return found;
    bl__origin *made = bl__arena_take(&graph->arena, sizeof(*made));
    if (!made)
        return NULL;
    *made = origin;
    return *recent = made;
}

const bl__origin *bl__origin_here(bl_graph *graph)
{
    if (!graph->plain || graph->plain->scope != graph->scope)
        graph->plain = bl__origin_of(graph, (bl__origin){.graph = graph, .scope = graph->scope});
    return graph->plain;
}

void bl__origins_clear(bl_graph *graph)
{
    graph->plain = graph->unplaced = graph->placed = NULL;
    for (size_t i = 0; i < BL__ORIGIN_CACHE; i++)
        graph->origins[i] = NULL;
}

/* The record of an origin with a place; NULL without memory. */
static const bl__origin *place(bl_graph *graph, const bl__origin *from, const char *file, int line)
{
    const bl__origin *placed = graph->placed;
    if (from == graph->unplaced && placed && placed->file == file && placed->line == line)
        return placed;
    bl__origin origin = *from;
    origin.file = file;
    origin.line = line;
    placed = bl__origin_of(graph, origin);
    graph->unplaced = from;
    graph->placed = placed;
    return placed;
}

/* Gives all nodes that have none a place; the tensor, or another that says that there is no memory. */
static bl_tensor *place_all(bl_graph *graph, bl_tensor *tensor, const char *file, int line)
{
    const bl__origin *from = NULL, *made = NULL;
    for (; graph->located < graph->node_count; graph->located++) {
        bl__node *node = graph->nodes[graph->located];
        if (node->origin->file)
            continue;
        if (node->origin != from) {
            from = node->origin;
            made = place(graph, from, file, line);
            graph->places = bl__mix(graph->places ^ node->id, (uintptr_t)from->scope);
        }
        if (!made)
            return bl__fail(graph, BL_ERR_MEMORY, "at", "no memory for a place");
        node->origin = made;
    }
    graph->places = bl__mix(bl__mix(graph->places, (uintptr_t)file), (uint64_t)line);
    if (!tensor->node)
        bl__report_place(graph->context, &graph->error, file, line);
    return tensor;
}

bl_tensor *bl_at(bl_tensor *tensor, const char *file, int line)
{
    bl_graph *graph = bl__graph_of(tensor);
    if (!graph)
        return tensor;
    bl__node *node = tensor->node;
    const bl__origin *placed = graph->placed;
    bool is_next = node && graph->located == node->id && graph->located + 1 == graph->node_count;
    if (!is_next || node->origin != graph->unplaced || !placed || placed->file != file ||
        placed->line != line)
        return place_all(graph, tensor, file, line);
    /* One node more at the place of the last one: the same in short. */
    graph->places = bl__mix(graph->places ^ node->id, (uintptr_t)placed->scope);
    graph->places = bl__mix(bl__mix(graph->places, (uintptr_t)file), (uint64_t)line);
    graph->located++;
    node->origin = placed;
    return tensor;
}

bl_tensor *bl_label(bl_tensor *tensor, const char *label)
{
    bl_graph *graph = bl__graph_of(tensor);
    if (!bl__usable(graph, "label", tensor))
        return tensor;
    if (!label)
        return bl__fail(graph, BL_ERR_ARGUMENT, "label", "the label is NULL");
    bl__origin origin = *tensor->node->origin;
    origin.label = bl__arena_string(&graph->arena, label);
    const bl__origin *made = origin.label ? bl__origin_of(graph, origin) : NULL;
    if (!made)
        return bl__fail(graph, BL_ERR_MEMORY, "label", "no memory for a label");
    tensor->node->origin = made;
    return tensor;
}
