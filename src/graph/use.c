/* Parameters on a graph: one node a parameter, however often and by whatever name it is used. */
#include "graph/use.h"
#include "graph/hash.h"
#include "graph/params.h"
#include "ops/attributes.h"
#include "ops/registry.h"

#include <string.h>

/* ---- the table: open addressing with linear probing, at most half full ---- */

/* Where the search for an id begins: Fibonacci hashing, since ids are consecutive. */
static size_t home(const bl_graph *graph, uint64_t id)
{
    return (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (graph->use_capacity - 1);
}

/* The entry of a parameter, or the empty one where it belongs; the table has a capacity. */
static bl__use *slot_of(const bl_graph *graph, uint64_t id)
{
    size_t at = home(graph, id);
    while (graph->uses[at].parameter && graph->uses[at].parameter->id != id)
        at = (at + 1) & (graph->use_capacity - 1);
    return &graph->uses[at];
}

static bl__use *find(const bl_graph *graph, const bl_parameter *parameter)
{
    bl__use *use = graph->use_capacity ? slot_of(graph, parameter->id) : NULL;
    return use && use->parameter ? use : NULL;
}

/* Room for one more use; false without memory, and then nothing has changed. */
static bool reserve(bl_graph *graph)
{
    const bl_allocator *allocator = &graph->context->allocator;
    size_t old_capacity = graph->use_capacity, capacity = old_capacity ? 2 * old_capacity : 16;
    if (2 * (graph->use_count + 1) <= old_capacity)
        return true;
    bl__use *uses = bl__allocate(allocator, capacity, sizeof(*uses));
    if (!uses)
        return false;
    bl__use *old = graph->uses;
    graph->uses = uses;
    graph->use_capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].parameter)
            *slot_of(graph, old[i].parameter->id) = old[i];
    }
    bl__release(allocator, old, old_capacity, sizeof(*old));
    return true;
}

/* Empties an entry and moves those behind it that would no longer be found. */
static void drop(bl_graph *graph, size_t at)
{
    size_t mask = graph->use_capacity - 1;
    bl__parameter_release(graph->uses[at].parameter);
    for (size_t next = (at + 1) & mask; graph->uses[next].parameter; next = (next + 1) & mask) {
        size_t wanted = home(graph, graph->uses[next].parameter->id);
        if (((next - wanted) & mask) >= ((next - at) & mask)) {
            graph->uses[at] = graph->uses[next];
            at = next;
        }
    }
    graph->uses[at] = (bl__use){.parameter = NULL};
    graph->use_count--;
}

void bl__uses_clear(bl_graph *graph)
{
    for (size_t i = 0; i < graph->use_capacity && graph->use_count > 0; i++) {
        if (graph->uses[i].parameter)
            bl__parameter_release(graph->uses[i].parameter);
    }
    if (graph->use_count > 0)
        memset(graph->uses, 0, graph->use_capacity * sizeof(*graph->uses));
    graph->use_count = 0;
}

void bl__uses_rewind(bl_graph *graph, int64_t node_count)
{
    for (size_t i = 0; i < graph->use_capacity;) {
        bl__use *use = &graph->uses[i];
        if (use->parameter && use->tensor->node->id >= node_count) {
            drop(graph, i); /* another may stand here now */
            continue;
        }
        while (use->updates && use->updates->node_count > node_count)
            use->updates = use->updates->next;
        i++;
    }
}

/* ---- updates ---- */

void bl__use_note_update(bl_graph *graph, const bl_parameter *parameter, uint64_t optimizer,
                         bl_tensor *gradient, bl_tensor *value, bl__used_update *note)
{
    bl__use *use = find(graph, parameter);
    *note = (bl__used_update){optimizer, gradient, value, graph->node_count, use->updates};
    use->updates = note;
}

const bl__used_update *bl__use_update(const bl_graph *graph, const bl_parameter *parameter,
                                      uint64_t optimizer)
{
    const bl__use *use = find(graph, parameter);
    const bl__used_update *note = use ? use->updates : NULL;
    while (note && note->optimizer != optimizer)
        note = note->next;
    return note;
}

/* ---- again ---- */

bool bl__is_used(const bl_graph *graph, const bl_parameter *parameter)
{
    return find(graph, parameter) != NULL;
}

bool bl__use_again(bl_graph *graph, bl_parameter *parameter, bl__node *node)
{
    const bl__parameter_attributes *attributes = bl__attributes(node);
    if (attributes->parameter != parameter || attributes->id != parameter->id ||
        attributes->generation != atomic_load(&parameter->generation) || !reserve(graph))
        return false;
    *slot_of(graph, parameter->id) = (bl__use){bl__parameter_retain(parameter), &node->outputs[0], NULL};
    graph->use_count++;
    return true;
}

/* ---- builders ---- */

bl_tensor *bl_use(bl_graph *graph, bl_parameter *parameter)
{
    if (!graph)
        return NULL;
    if (!parameter)
        return bl__fail(graph, BL_ERR_ARGUMENT, "use", "the parameter is NULL");
    if (parameter->context != graph->context)
        return bl__fail(graph, BL_ERR_ARGUMENT, "use", "%s belongs to another context", parameter->name);
    bl__use *use = find(graph, parameter);
    if (use)
        return use->tensor;
    if (!reserve(graph))
        return bl__fail(graph, BL_ERR_MEMORY, "use", "no memory to use %s", parameter->name);
    bl__parameter_attributes attributes = {
        .parameter = parameter, .id = parameter->id, .generation = atomic_load(&parameter->generation)};
    bl_tensor *tensor =
        bl__append_leaf(graph, &bl__op_parameter, &attributes, parameter->dtype, parameter->shape);
    if (!bl_tensor_valid(tensor))
        return tensor;
    *slot_of(graph, parameter->id) = (bl__use){bl__parameter_retain(parameter), tensor, NULL};
    graph->use_count++;
    return tensor;
}

bl_tensor *bl_param(bl_graph *graph, const bl_params *params, const char *name)
{
    if (!graph)
        return NULL;
    if (!params || !name)
        return bl__fail(graph, BL_ERR_ARGUMENT, "param", "the %s is NULL", params ? "name" : "registry");
    const char *prefix = graph->scope ? graph->scope->prefix : "";
    const bl__name *found = bl__params_lookup(params, prefix, strlen(prefix), name);
    if (!found)
        return bl__fail(graph, BL_ERR_NOT_FOUND, "param", "no parameter is named %s%s",
                        name[0] == '/' ? "" : prefix, name[0] == '/' ? name + 1 : name);
    return bl_use(graph, found->parameter);
}

bl_parameter *bl_tensor_parameter(const bl_tensor *tensor)
{
    if (!bl_tensor_valid(tensor) || tensor->node->op->key != BL__KEY_parameter)
        return NULL;
    const bl__parameter_attributes *attributes = bl__attributes(tensor->node);
    return attributes->parameter;
}
