/* Effects under a condition: each write of them keeps the old value where the condition is false. */
#include "bowline/ops.h"
#include "bowline/parameters.h"
#include "graph/graph.h"
#include "graph/text.h"
#include "ops/attributes.h"
#include "ops/keys.h"
#include "ops/rules.h"

#include <string.h>

static const char op[] = "when";

/* Marks the writes that an effect is made of, by id, and counts them; -1 for an effect that is neither.
 * Inputs come before their users, so one walk down the tape does. */
static int64_t mark_writes(const bl_tensor *effect, bool *marked)
{
    bl_graph *graph = effect->node->origin->graph;
    int64_t count = 0;
    marked[effect->node->id] = true;
    for (int64_t id = effect->node->id; id >= 0; id--) {
        const bl__node *node = graph->nodes[id];
        if (!marked[id])
            continue;
        if (node->op->key == BL__KEY_assign || node->op->key == BL__KEY_assign_slice) {
            count++;
            continue;
        }
        if (node->op->key != BL__KEY_group)
            return -1;
        marked[id] = false;
        for (size_t i = 0; i < node->input_count; i++)
            marked[node->inputs[i]->node->id] = true;
    }
    return count;
}

/* The same write of where(condition, value, what is there). */
static bl_tensor *conditional(bl_graph *graph, bl_tensor *condition, const bl__node *write)
{
    const bl__assign_attributes *attributes = bl__attributes(write);
    bl_tensor *value = write->inputs[0], *old = bl_use(graph, attributes->parameter);
    if (write->op->key == BL__KEY_assign)
        return bl_assign(attributes->parameter, bl_where(condition, value, old));
    int axis = (int)attributes->axis;
    int64_t start = attributes->start, stop = start + bl_tensor_shape(value).size[axis];
    bl_tensor *part = bl_slice(old, axis, start, stop, 1);
    return bl_assign_slice(attributes->parameter, axis, start, bl_where(condition, value, part));
}

static bl_tensor *when(bl_graph *graph, bl_tensor *condition, const bl_tensor *effect)
{
    size_t nodes = (size_t)effect->node->id + 1;
    bool *marked = bl__arena_take(&graph->scratch, nodes * sizeof(*marked));
    if (!marked)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %zu nodes", nodes);
    memset(marked, 0, nodes * sizeof(*marked));
    int64_t count = mark_writes(effect, marked);
    if (count < 0)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the effect is no write to a state");
    bl_tensor **writes = bl__arena_take(&graph->scratch, (size_t)count * sizeof(bl_tensor *));
    if (!writes)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %lld writes", (long long)count);
    count = 0;
    for (size_t id = 0; id < nodes; id++) {
        if (marked[id])
            writes[count++] = conditional(graph, condition, graph->nodes[id]);
    }
    return bl_group(graph, writes, (size_t)count);
}

bl_tensor *bl_when(bl_tensor *condition, bl_tensor *effect)
{
    bl_graph *graph = condition ? bl__graph_of(condition) : bl__graph_of(effect);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, op, condition) || !bl__usable(graph, op, effect))
        return &graph->invalid;
    bl_shape shape = bl_tensor_shape(condition);
    if (bl_tensor_dtype(condition) != BL_BOOL || shape.rank != 0)
        return bl__fail(graph, bl_tensor_dtype(condition) != BL_BOOL ? BL_ERR_DTYPE : BL_ERR_SHAPE, op,
                        "the condition is %s %s, not a bool scalar",
                        bl_dtype_name(bl_tensor_dtype(condition)), BL__SHAPE_TEXT(shape));
    if (!(effect->node->op->flags & BL_OP_EFFECT))
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "%s is no effect", effect->node->op->name);
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    bl_tensor *result = when(graph, condition, effect);
    bl__arena_rewind(&graph->scratch, before);
    return result;
}
