/* Over axes: whether any or all elements are true, and how many are not zero. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"

static bl_status infer_bool(bl_infer_call *call)
{
    return bl__infer_reduced(call, BL__BOOLS);
}

static bl_tensor *sample_bool(bl_sampler *sampler, bl__reduction *build)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_bools(sampler, shape);
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    return build(x, axes, bl__sample_chance(sampler, 2));
}

/* ---- any ---- */

bl_tensor *bl_any(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_any, x, axes, keepdim);
}

static bl_tensor *any_sample(bl_sampler *sampler)
{
    return sample_bool(sampler, bl_any);
}

const bl_op bl__op_any = {BL__OP(any, 1), .flags = BL_OP_PIECEWISE,
                          .attributes_size = sizeof(bl__reduce_attributes), .infer = infer_bool,
                          .sample = any_sample};

/* ---- all ---- */

bl_tensor *bl_all(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_all, x, axes, keepdim);
}

static bl_tensor *all_sample(bl_sampler *sampler)
{
    return sample_bool(sampler, bl_all);
}

const bl_op bl__op_all = {BL__OP(all, 1), .flags = BL_OP_PIECEWISE,
                          .attributes_size = sizeof(bl__reduce_attributes), .infer = infer_bool,
                          .sample = all_sample};

/* ---- count_nonzero ---- */

static bl_status count_nonzero_infer(bl_infer_call *call)
{
    bl_status status = bl__infer_reduced(call, BL__COMPUTED);
    call->dtype[0] = BL_I64;
    return status;
}

bl_tensor *bl_count_nonzero(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_count_nonzero, x, axes, keepdim);
}

static bl_tensor *count_nonzero_sample(bl_sampler *sampler)
{
    if (bl__sample_chance(sampler, 3))
        return sample_bool(sampler, bl_count_nonzero);
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl__sample_chance(sampler, 2) ? bl_sample_indices(sampler, shape, -1, 1)
                                                 : bl_relu(bl_sample_signed(sampler, shape, 0.1, 1));
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    return bl_count_nonzero(x, axes, bl__sample_chance(sampler, 2));
}

const bl_op bl__op_count_nonzero = {BL__OP(count_nonzero, 1), .flags = BL_OP_PIECEWISE,
                                    .attributes_size = sizeof(bl__reduce_attributes),
                                    .infer = count_nonzero_infer, .sample = count_nonzero_sample};
