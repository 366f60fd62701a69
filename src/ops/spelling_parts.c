/* What spellings look for alike. */
#include "ops/spelling_parts.h"
#include "ops/reduced.h"
#include "ops/registry.h"

#include <math.h>

const bl__node *bl__match_kept(bl__match *match, const bl_tensor *tensor, const bl_op *op, uint32_t *axes)
{
    const bl_tensor *result = tensor;
    if (tensor->node->op == &bl__op_reshape && bl__match_inner(match, tensor, &bl__op_reshape))
        result = tensor->node->inputs[0];
    const bl__node *node = bl__match_inner(match, result, op);
    if (!node)
        return NULL;
    const bl__reduce_attributes *reduce = bl__attributes(node);
    bl_shape kept = bl__reduced_shape(bl_tensor_shape(node->inputs[0]), reduce->axes, true);
    if (reduce->axes == 0 || (*axes != 0 && reduce->axes != *axes) ||
        !bl_shape_equal(bl_tensor_shape(tensor), kept))
        return NULL;
    *axes = reduce->axes;
    return node;
}

const bl_tensor *bl__match_attached(bl__match *match, const bl_tensor *tensor)
{
    const bl__node *stop = bl__match_inner(match, tensor, &bl__op_stop_gradient);
    return stop ? stop->inputs[0] : tensor;
}

double bl__match_number(const bl_tensor *tensor)
{
    const bl__node *node = tensor->node;
    return node->op == &bl__op_full ? ((const bl__full_attributes *)bl__attributes(node))->value
                                    : (double)NAN;
}
