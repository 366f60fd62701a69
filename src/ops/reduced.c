/* What reductions over axes share: see reduced.h. */
#include "ops/reduced.h"
#include "bowline/ops.h"
#include "ops/sampler.h"

bl_shape bl__reduced_shape(bl_shape x, uint32_t axes, bool keepdim)
{
    bl_shape shape = {.rank = 0};
    for (int d = 0; d < x.rank; d++) {
        if (!(axes >> d & 1u))
            shape.size[shape.rank++] = x.size[d];
        else if (keepdim)
            shape.size[shape.rank++] = 1;
    }
    return shape;
}

double bl__reduced_count(bl_shape x, uint32_t axes)
{
    double count = 1;
    for (int d = 0; d < x.rank; d++)
        count *= axes >> d & 1u ? (double)x.size[d] : 1;
    return count;
}

bl_status bl__infer_reduced(bl_infer_call *call, unsigned dtypes)
{
    const bl__reduce_attributes *attributes = call->attributes;
    bl_status status = bl__require(call, 0, dtypes);
    if (status != BL_OK)
        return status;
    bl_shape shape = bl__reduced_shape(bl__shape_in(call, 0), attributes->axes, attributes->keepdim);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), shape);
}

bl_status bl__require_elements(bl_infer_call *call)
{
    const bl__reduce_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, 0);
    for (int d = 0; d < x.rank; d++) {
        if ((attributes->axes >> d & 1u) && x.size[d] == 0)
            return bl_infer_fail(call, BL_ERR_SHAPE, "axis %d of %s has no elements", d, BL__SHAPE_TEXT(x));
    }
    return BL_OK;
}

bl_tensor *bl__reduce(const bl_op *op, bl_tensor *x, bl_axes axes, bool keepdim)
{
    bl__reduce_attributes attributes = {.keepdim = keepdim};
    if (!bl__mask_axes(op->name, x, axes, &attributes.axes))
        return bl__refused(x);
    return bl__apply_1(op, x, &attributes);
}

bl_axes bl__axes_of(const void *attributes)
{
    const bl__reduce_attributes *reduce = attributes;
    bl_axes axes = {.count = 0};
    for (int d = 0; d < BL_MAX_RANK; d++) {
        if (reduce->axes >> d & 1u)
            axes.axis[axes.count++] = d;
    }
    return axes;
}

bl_tensor *bl__with_axes(bl_tensor *result, const bl_vjp_call *call)
{
    const bl__reduce_attributes *attributes = call->attributes;
    bl_shape x = bl_tensor_shape(call->inputs[0]);
    return attributes->keepdim ? result : bl_reshape(result, bl__reduced_shape(x, attributes->axes, true));
}

bl_axes bl__sample_axes(bl_sampler *sampler, int rank)
{
    bl_axes axes = {.count = 0};
    if (bl__sample_chance(sampler, 4))
        return BL_ALL_AXES;
    for (int d = 0; d < rank; d++) {
        if (bl__sample_chance(sampler, 2))
            axes.axis[axes.count++] = bl__sample_chance(sampler, 2) ? d : d - rank;
    }
    return axes;
}

bl_tensor *bl__sample_reduced(bl_sampler *sampler, bl_shape shape, bool integers, bl__reduction *build)
{
    bl_tensor *x = integers && bl__sample_chance(sampler, 5) ? bl_sample_indices(sampler, shape, -9, 9)
                                                             : bl_sample_real(sampler, shape, -1, 1);
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    return build(x, axes, bl__sample_chance(sampler, 2));
}
