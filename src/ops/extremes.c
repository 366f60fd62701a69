/* Largest and smallest elements over axes, and where they stand: max, min, argmax, argmin. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"

static bl_status infer(bl_infer_call *call)
{
    bl_status status = bl__require_elements(call);
    return status == BL_OK ? bl__infer_reduced(call, BL__NUMBERS) : status;
}

static bl_status infer_place(bl_infer_call *call)
{
    bl_status status = infer(call);
    call->dtype[0] = BL_I64;
    return status;
}

static bl_tensor *sample(bl_sampler *sampler, bl__reduction *build)
{
    return bl__sample_reduced(sampler, bl__sample_filled(sampler, 0, 5), true, build);
}

/* ---- max, min: the cotangent goes in equal parts to all elements that are the result ---- */

static void extreme_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *g = bl__with_axes(call->cotangents[0], call);
    bl_tensor *chosen = bl_equal(x, bl__with_axes(call->outputs[0], call));
    bl_tensor *ties = bl_sum(bl_cast(chosen, bl_tensor_dtype(x)), bl__axes_of(call->attributes), true);
    call->gradients[0] = bl_where(chosen, bl_div(g, ties), bl__number_like(g, 0));
}

bl_tensor *bl_max(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_max, x, axes, keepdim);
}

static bl_tensor *max_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_max);
}

const bl_op bl__op_max = {BL__OP(max, 1), .attributes_size = sizeof(bl__reduce_attributes), .infer = infer,
                          .vjp = extreme_vjp, .sample = max_sample};

bl_tensor *bl_min(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_min, x, axes, keepdim);
}

static bl_tensor *min_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_min);
}

const bl_op bl__op_min = {BL__OP(min, 1), .attributes_size = sizeof(bl__reduce_attributes), .infer = infer,
                          .vjp = extreme_vjp, .sample = min_sample};

/* ---- argmax, argmin ---- */

bl_tensor *bl_argmax(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_argmax, x, axes, keepdim);
}

static bl_tensor *argmax_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_argmax);
}

const bl_op bl__op_argmax = {BL__OP(argmax, 1), .flags = BL_OP_PIECEWISE,
                             .attributes_size = sizeof(bl__reduce_attributes), .infer = infer_place,
                             .sample = argmax_sample};

bl_tensor *bl_argmin(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_argmin, x, axes, keepdim);
}

static bl_tensor *argmin_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_argmin);
}

const bl_op bl__op_argmin = {BL__OP(argmin, 1), .flags = BL_OP_PIECEWISE,
                             .attributes_size = sizeof(bl__reduce_attributes), .infer = infer_place,
                             .sample = argmin_sample};
