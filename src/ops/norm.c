/* Vector norms over axes: y = (sum |x|^p)^(1/p), the number of elements that are not 0 for p = 0, the largest
 * and the smallest |x| for p = inf and p = -inf. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"

#include <math.h>

static double p_of(const void *attributes)
{
    return ((const bl__norm_attributes *)attributes)->p;
}

static bl_status norm_infer(bl_infer_call *call)
{
    double p = p_of(call->attributes);
    if (isnan(p))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "p is NaN");
    if (p < 0 || isinf(p)) { /* the others are 0 for no elements */
        bl_status status = bl__require_elements(call);
        if (status != BL_OK)
            return status;
    }
    return bl__infer_reduced(call, BL__REALS);
}

bl_tensor *bl_norm(bl_tensor *x, double p, bl_axes axes, bool keepdim)
{
    bl__norm_attributes attributes = {.reduce.keepdim = keepdim, .p = p};
    if (!bl__mask_axes("norm", x, axes, &attributes.reduce.axes))
        return bl__refused(x);
    return bl__apply_1(&bl__op_norm, x, &attributes);
}

/* dx = g sign(x) (|x| / y)^(p-1) where x != 0 and y != 0, else 0. */
static bl_tensor *slope(bl_tensor *x, bl_tensor *y, bl_tensor *g, double p)
{
    bl_tensor *zero = bl__number_like(x, 0), *one = bl__number_like(x, 1);
    bl_tensor *none = bl_equal(y, zero), *divisor = bl_where(none, one, y);
    g = bl_where(none, zero, g);
    if (p == 2)
        return bl_mul(x, bl_div(g, divisor));
    bl_tensor *size = bl_where(bl_equal(x, zero), one, bl_abs(x));
    return bl_mul(bl_mul(g, bl_sign(x)), bl_pow_scalar(bl_div(size, divisor), p - 1));
}

static void norm_vjp(bl_vjp_call *call)
{
    double p = p_of(call->attributes);
    bl_tensor *x = call->inputs[0], *y = bl__with_axes(call->outputs[0], call);
    bl_tensor *g = bl__with_axes(call->cotangents[0], call);
    if (p == 0) {
        call->gradients[0] = bl__number_like(x, 0);
    } else if (p == 1) {
        call->gradients[0] = bl_mul(g, bl_sign(x));
    } else if (isinf(p)) { /* ties share */
        bl_tensor *chosen = bl_equal(bl_abs(x), y);
        bl_tensor *ties = bl_sum(bl_cast(chosen, bl_tensor_dtype(x)), bl__axes_of(call->attributes), true);
        bl_tensor *share = bl_where(chosen, bl_div(g, ties), bl__number_like(g, 0));
        call->gradients[0] = bl_mul(share, bl_sign(x));
    } else {
        call->gradients[0] = slope(x, y, g, p);
    }
}

static void norm_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    const bl__norm_attributes *norm = attributes;
    double p = norm->p;
    bl_axes axes = bl__axes_of(norm);
    bool keepdim = norm->reduce.keepdim;
    bl_tensor *x = inputs[0];
    (void)graph;
    (void)input_count;
    if (p == 0)
        outputs[0] = bl_sum(bl_cast(bl_cast(x, BL_BOOL), bl_tensor_dtype(x)), axes, keepdim);
    else if (p == 1)
        outputs[0] = bl_sum(bl_abs(x), axes, keepdim);
    else if (p == 2)
        outputs[0] = bl_sqrt(bl_sum(bl_square(x), axes, keepdim));
    else if (isinf(p))
        outputs[0] = (p > 0 ? bl_max : bl_min)(bl_abs(x), axes, keepdim);
    else
        outputs[0] = bl_pow_scalar(bl_sum(bl_pow_scalar(bl_abs(x), p), axes, keepdim), 1 / p);
}

static bl_tensor *norm_sample(bl_sampler *sampler)
{
    static const double few[] = {0, 1, 2, 3, 0.5, 1.5, -1, -2.5, (double)INFINITY, -(double)INFINITY};
    double p = few[bl_sample_int(sampler, 0, 9)];
    bl_shape shape = bl__sample_filled(sampler, 0, 5);
    if (p >= 0 && !isinf(p) && bl__sample_chance(sampler, 4))
        shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.3, 2);
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    return bl_norm(x, p, axes, bl__sample_chance(sampler, 2));
}

const bl_op bl__op_norm = {BL__OP(norm, 1),
                           .attributes_size = sizeof(bl__norm_attributes),
                           .infer = norm_infer,
                           .vjp = norm_vjp,
                           .decompose = norm_decompose,
                           .sample = norm_sample};
