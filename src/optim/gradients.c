/* The gradients that training needs, as plain tensors. */
#include "optim/gradients.h"
#include "graph/graph.h"
#include "graph/text.h"
#include "optim/again.h"

static const char op[] = "trainable_gradients";

bl_gradients bl__no_gradients(bl_graph *graph)
{
    graph->no_gradient = &graph->invalid;
    graph->no_parameter = NULL;
    return (bl_gradients){.count = 1, .parameters = &graph->no_parameter, .tensors = &graph->no_gradient};
}

/* The trainable parameters recorded before the loss, as tensors, in the order of the tape. */
static size_t find_trainable(const bl_graph *graph, const bl_tensor *loss, bl_tensor **tensors)
{
    size_t count = 0;
    for (int64_t id = 0; id <= loss->node->id; id++) {
        if (bl__is_trainable(graph->nodes[id]))
            tensors[count++] = &graph->nodes[id]->outputs[0];
    }
    return count;
}

bl_gradients bl_trainable_gradients(bl_tensor *loss)
{
    bl_graph *graph = bl__graph_of(loss);
    if (!graph)
        return (bl_gradients){0};
    if (!bl__usable(graph, op, loss))
        return bl__no_gradients(graph);
    if (loss->count != 1) {
        bl__fail(graph, BL_ERR_SHAPE, op, "the loss is %s, not of one element",
                 BL__SHAPE_TEXT(bl_tensor_shape(loss)));
        return bl__no_gradients(graph);
    }
    size_t bytes = graph->use_count * sizeof(bl_tensor *);
    bl_tensor **wrt = bl__arena_take(&graph->arena, bytes);
    bl_gradients found = {.parameters = bl__arena_take(&graph->arena, bytes),
                          .tensors = bl__arena_take(&graph->arena, bytes)};
    if (!wrt || !found.parameters || !found.tensors) {
        bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %zu parameters", graph->use_count);
        return bl__no_gradients(graph);
    }
    size_t count = find_trainable(graph, loss, wrt);
    if (bl_grad(&loss, 1, NULL, wrt, count, found.tensors) != BL_OK)
        return bl__no_gradients(graph);
    for (size_t i = 0; i < count; i++) {
        if (bl_is_unreached(found.tensors[i]))
            continue;
        found.tensors[found.count] = found.tensors[i];
        found.parameters[found.count++] = bl_tensor_parameter(wrt[i]);
    }
    if (found.count > 0)
        return found;
    bl__fail(graph, BL_ERR_ARGUMENT, op, "the loss reaches no trainable parameter");
    return bl__no_gradients(graph);
}
