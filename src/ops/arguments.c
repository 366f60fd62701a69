/* Checks of arguments for builders that are made of other builders, and report in their own name. */
#include "ops/arguments.h"
#include "graph/shape.h"
#include "graph/text.h"
#include "ops/rules.h"

bool bl__mask_axes(const char *op, const bl_tensor *x, bl_axes axes, uint32_t *mask)
{
    *mask = 0;
    if (!bl__known(op, x))
        return false;
    if (axes.count < 0) {
        *mask = (1u << x->rank) - 1;
        return true;
    }
    if (axes.count > BL_MAX_RANK) {
        bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "%d axes are too many", axes.count);
        return false;
    }
    for (int i = 0; i < axes.count; i++) {
        int axis = axes.axis[i];
        if (!bl__find_axis(op, x, &axis))
            return false;
        if (*mask >> axis & 1u) {
            bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "axis %d is given twice", axes.axis[i]);
            return false;
        }
        *mask |= 1u << axis;
    }
    return true;
}

bool bl__possible(const char *op, const bl_tensor *x, bl_shape shape)
{
    bl_status status = bl__shape_status(shape);
    if (status != BL_OK)
        bl__fail(bl__graph_of(x), status, op,
                 status == BL_ERR_SHAPE ? "no tensor has the shape %s"
                                        : "the elements of %s cannot be counted",
                 BL__SHAPE_TEXT(shape));
    return status == BL_OK;
}

bool bl__has_room(const char *op, const bl_tensor *x, int more)
{
    if (more <= BL_MAX_RANK - x->rank)
        return true;
    bl__fail(bl__graph_of(x), BL_ERR_SHAPE, op, "%s has no room for %d more axes: the rank is at most %d",
             BL__SHAPE_TEXT(bl_tensor_shape(x)), more, BL_MAX_RANK);
    return false;
}

bl_graph *bl__graph_of_list(bl_tensor *const *tensors, size_t count)
{
    bl_graph *graph = NULL;
    for (size_t i = 0; tensors && i < count && !graph; i++)
        graph = bl__graph_of(tensors[i]);
    return graph;
}

bool bl__all_known(const char *op, bl_graph *graph, bl_tensor *const *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!bl__usable(graph, op, tensors[i]))
            return false;
    }
    return true;
}

bl_status bl__give_list(bl_graph *graph, bool done, bl_tensor **tensors, size_t count)
{
    if (done)
        return BL_OK;
    for (size_t i = 0; tensors && i < count; i++)
        tensors[i] = graph ? &graph->invalid : NULL;
    return graph ? graph->error.code : BL_ERR_ARGUMENT;
}

bl_tensor *bl__apply_along(const bl_op *op, bl_tensor *const *inputs, int axis)
{
    if (!bl__known(op->name, inputs[0]) || !bl__find_axis(op->name, inputs[0], &axis))
        return bl__refused(inputs[0]);
    return bl__apply(op, inputs, (size_t)op->max_inputs, &(bl__axis_attributes){.axis = axis});
}
