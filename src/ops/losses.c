/* What the losses share: see losses.h. */
#include "ops/losses.h"

#include <math.h>

/* ---- parts of shape rules ---- */

bl_status bl__check_reduction(bl_infer_call *call, int64_t reduction)
{
    if (reduction == BL_REDUCE_NONE || reduction == BL_REDUCE_MEAN || reduction == BL_REDUCE_SUM)
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_ARGUMENT, "there is no reduction %lld", (long long)reduction);
}

bl_status bl__check_alike(bl_infer_call *call, size_t count)
{
    bl_shape first = bl__shape_in(call, 0);
    bl_status status = BL_OK;
    for (size_t i = 0; i < count && status == BL_OK; i++)
        status = bl__require(call, i, BL__REALS);
    for (size_t i = 1; i < count && status == BL_OK; i++) {
        bl_shape next = bl__shape_in(call, i);
        status = bl__require_same(call, 0, i);
        if (status == BL_OK && !bl_shape_equal(first, next))
            status = bl_infer_fail(call, BL_ERR_SHAPE, "shapes differ: %s and %s", BL__SHAPE_TEXT(first),
                                   BL__SHAPE_TEXT(next));
    }
    return status;
}

bl_status bl__check_factor(bl_infer_call *call, size_t index, bl_shape shape, const char *name)
{
    bl_shape own = bl__shape_in(call, index), both;
    bl_status status = bl__require_same(call, 0, index);
    if (status == BL_OK && (!bl_shape_broadcast(own, shape, &both) || !bl_shape_equal(both, shape)))
        status = bl_infer_fail(call, BL_ERR_SHAPE, "the %s of %s does not broadcast to %s", name,
                               BL__SHAPE_TEXT(own), BL__SHAPE_TEXT(shape));
    return status;
}

bl_status bl__infer_loss(bl_infer_call *call, bl_shape elements, int64_t reduction)
{
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]),
                        reduction == BL_REDUCE_NONE ? elements : BL_SCALAR);
}

bl_status bl__infer_pair(bl_infer_call *call, int64_t reduction)
{
    bl_status status = bl__check_reduction(call, reduction);
    if (status == BL_OK)
        status = bl__check_alike(call, 2);
    return status == BL_OK ? bl__infer_loss(call, bl__shape_in(call, 0), reduction) : status;
}

/* ---- parts of decompositions ---- */

bl_tensor *bl__reduce_loss(bl_tensor *elements, int64_t reduction)
{
    if (reduction == BL_REDUCE_NONE)
        return elements;
    return (reduction == BL_REDUCE_MEAN ? bl_mean : bl_sum)(elements, BL_ALL_AXES, false);
}

bl_tensor *bl__one_where(bl_tensor *mask, bl_tensor *x)
{
    return bl_where(mask, bl__number_like(x, 1), x);
}

bl_tensor *bl__weighted_mean(bl_tensor *losses, bl_tensor *weights)
{
    bl_tensor *total = bl_sum(weights, BL_ALL_AXES, false);
    bl_tensor *nothing = bl_equal(total, bl__number_like(total, 0));
    bl_tensor *mean = bl_div(bl_sum(losses, BL_ALL_AXES, false), bl__one_where(nothing, total));
    return bl_where(nothing, bl__number_like(mean, (double)NAN), mean);
}

/* By a comparison that is false for NaN, which so stays one. */
bl_tensor *bl__hinge(bl_tensor *x)
{
    bl_tensor *zero = bl__number_like(x, 0);
    return bl_where(bl_less(x, zero), zero, x);
}

bl_tensor *bl__vector_norm(bl_tensor *x, int axis, double p)
{
    bl_axes axes = BL_AXES(axis);
    if (p == 1)
        return bl_sum(bl_abs(x), axes, true);
    if (isinf(p))
        return bl_max(bl_abs(x), axes, true);
    bl_tensor *total = bl_sum(p == 2 ? bl_square(x) : bl_pow_scalar(bl_abs(x), p), axes, true);
    bl_tensor *zero = bl__number_like(total, 0), *none = bl_equal(total, zero);
    bl_tensor *some = bl__one_where(none, total);
    return bl_where(none, zero, p == 2 ? bl_sqrt(some) : bl_pow_scalar(some, 1 / p));
}

/* ---- builders and samples ---- */

bool bl__add_input(bl_tensor **inputs, size_t *count, bl_tensor *optional)
{
    if (optional)
        inputs[(*count)++] = optional;
    return optional != NULL;
}

bl_reduction bl__sample_loss_reduction(bl_sampler *sampler)
{
    return (bl_reduction)bl_sample_int(sampler, BL_REDUCE_NONE, BL_REDUCE_SUM);
}

bl_shape bl__sample_loss_shape(bl_sampler *sampler, int low, int high, int64_t reduction)
{
    return (reduction == BL_REDUCE_MEAN ? bl__sample_filled : bl_sample_shape)(sampler, low, high);
}

bl_shape bl__sample_narrowed(bl_sampler *sampler, bl_shape shape)
{
    int cut = bl__sample_chance(sampler, 3) ? (int)bl_sample_int(sampler, 0, shape.rank) : 0;
    bl_shape narrow = {.rank = shape.rank - cut};
    for (int d = 0; d < narrow.rank; d++)
        narrow.size[d] = bl__sample_chance(sampler, 4) ? 1 : shape.size[cut + d];
    return narrow;
}

bl_tensor *bl__sample_signs(bl_sampler *sampler, bl_shape shape)
{
    bl_tensor *bits = bl_cast(bl_sample_bools(sampler, shape), bl__sampler_dtype(sampler));
    return bl_sub_scalar(bl_mul_scalar(bits, 2), 1);
}

bl_tensor *bl__sample_targets(bl_sampler *sampler, bl_shape shape, int64_t classes, bool ignore)
{
    if (!ignore || shape.rank == 0 || bl_shape_count(shape) == 0)
        return bl_sample_indices(sampler, shape, 0, classes - 1);
    bl_shape first = bl__shape_with(shape, 0, 1), rest = bl__shape_with(shape, 0, shape.size[0] - 1);
    bl_tensor *counts = bl_sample_indices(sampler, first, 0, classes - 1);
    bl_tensor *both[] = {counts,
                         bl__sample_integers(sampler, bl_tensor_dtype(counts), rest, -1, classes - 1)};
    return bl_concat(both, 2, 0);
}

bl_tensor *bl__sample_two_sizes(bl_sampler *sampler, bl_shape shape)
{
    bl_tensor *bits = bl_cast(bl_sample_bools(sampler, shape), bl__sampler_dtype(sampler));
    bl_tensor *factor = bl_add_scalar(bl_mul_scalar(bits, 2), 1);
    return bl_mul(bl_sample_signed(sampler, shape, 0.4, 0.6), factor);
}
