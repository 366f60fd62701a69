/* Logarithms of sums of exponentials over axes. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"

#include <math.h>

/* ---- logsumexp_backward: g exp(x - y) of x, y and g; 0 where y, hence every x, is -inf ----
 *
 * Where nothing was taken off x it is g exp(x) / exp(y): of a sum that overflows the parts are undefined.
 *
 *     dx = h f        dy = -h f        dg = h f / g        with f = g exp(x - y)
 */

enum {
    X,
    Y,
    COTANGENT
};

static bl_tensor *backward(const bl_op *op, bl_tensor *x, bl_tensor *y, bl_tensor *g, const void *attributes)
{
    bl_tensor *inputs[] = {x, y, g};
    return bl__apply(op, inputs, 3, attributes);
}

static void logsumexp_backward_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[X], *y = call->inputs[Y], *h = call->cotangents[0];
    bl_tensor *flow = NULL;
    if (call->needed[X] || call->needed[Y])
        flow = backward(call->op, x, y, bl_mul(h, call->inputs[COTANGENT]), call->attributes);
    if (call->needed[X])
        call->gradients[X] = flow;
    if (call->needed[Y])
        call->gradients[Y] = bl_neg(flow);
    if (call->needed[COTANGENT])
        call->gradients[COTANGENT] = backward(call->op, x, y, h, call->attributes);
}

static void logsumexp_backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                         const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[X], *y = inputs[Y], *powers;
    (void)graph, (void)input_count;
    if (((const bl__logsumexp_attributes *)attributes)->shift == BL__SHIFT_NONE) {
        powers = bl_div(bl_exp(x), bl_exp(y));
    } else {
        bl_tensor *none = bl_equal(y, bl__number_like(y, -(double)INFINITY));
        powers = bl_exp(bl_sub(x, bl_where(none, bl__number_like(y, 0), y)));
    }
    outputs[0] = bl_mul(powers, inputs[COTANGENT]);
}

/* That of the builder, or now and then one of those that are spelled out. */
static int64_t sample_shift(bl_sampler *sampler)
{
    return bl__sample_chance(sampler, 2) ? bl_sample_int(sampler, BL__SHIFT_MOST, BL__SHIFT_NONE)
                                         : BL__SHIFT_FINITE;
}

static bl_tensor *logsumexp_backward_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl__logsumexp_attributes attributes = {.shift = sample_shift(sampler)};
    bl_tensor *x = bl_sample_real(sampler, left, -2, 2), *y = bl_sample_real(sampler, right, -1, 2);
    bl_tensor *g = bl_sample_real(sampler, bl__sample_chance(sampler, 2) ? left : right, -1, 1);
    return backward(&bl__op_logsumexp_backward, x, y, g, &attributes);
}

const bl_op bl__op_logsumexp_backward = {BL__OP(logsumexp_backward, 3),
                                         .flags = BL_OP_ELEMENTWISE,
                                         .attributes_size = sizeof(bl__logsumexp_attributes),
                                         .infer = bl__infer_reals,
                                         .vjp = logsumexp_backward_vjp,
                                         .decompose = logsumexp_backward_decompose,
                                         .sample = logsumexp_backward_sample};

/* ---- logsumexp ---- */

static bl_status logsumexp_infer(bl_infer_call *call)
{
    return bl__infer_reduced(call, BL__REALS);
}

static bl_tensor *apply(bl_tensor *x, bl_axes axes, bool keepdim, int64_t shift)
{
    bl__logsumexp_attributes attributes = {.reduce.keepdim = keepdim, .shift = shift};
    if (!bl__mask_axes("logsumexp", x, axes, &attributes.reduce.axes))
        return bl__refused(x);
    return bl__apply_1(&bl__op_logsumexp, x, &attributes);
}

bl_tensor *bl_logsumexp(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return apply(x, axes, keepdim, BL__SHIFT_FINITE);
}

static void logsumexp_vjp(bl_vjp_call *call)
{
    bl__logsumexp_attributes attributes = {.shift =
                                               ((const bl__logsumexp_attributes *)call->attributes)->shift};
    call->gradients[0] =
        backward(&bl__op_logsumexp_backward, call->inputs[0], bl__with_axes(call->outputs[0], call),
                 bl__with_axes(call->cotangents[0], call), &attributes);
}

/* What is taken off x, in sizes of 1: what flows through it cancels. NULL where it is nothing. */
static bl_tensor *shift_of(bl_tensor *x, const bl__logsumexp_attributes *attributes)
{
    if (attributes->shift == BL__SHIFT_NONE ||
        bl__reduced_count(bl_tensor_shape(x), attributes->reduce.axes) == 0)
        return NULL;
    bl_tensor *most = bl_max(x, bl__axes_of(attributes), true);
    if (attributes->shift == BL__SHIFT_MOST)
        return most;
    return bl_where(bl_equal(bl_abs(most), bl__number_like(x, (double)INFINITY)), bl__number_like(x, 0),
                    most);
}

/* log sum exp(x - m) + m. */
static void logsumexp_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                const void *attributes, bl_tensor **outputs)
{
    const bl__reduce_attributes *reduce = attributes;
    bl_tensor *x = inputs[0], *shift = shift_of(x, attributes);
    (void)graph, (void)input_count;
    bl_tensor *powers = bl_exp(shift ? bl_sub(x, shift) : x);
    bl_tensor *y = bl_log(bl_sum(powers, bl__axes_of(attributes), true));
    if (shift)
        y = bl_add(y, shift);
    outputs[0] =
        reduce->keepdim ? y : bl_reshape(y, bl__reduced_shape(bl_tensor_shape(x), reduce->axes, false));
}

static bl_tensor *logsumexp_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_real(sampler, shape, -3, 3);
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    bool keepdim = bl__sample_chance(sampler, 2);
    return apply(x, axes, keepdim, sample_shift(sampler));
}

const bl_op bl__op_logsumexp = {BL__OP(logsumexp, 1),
                                .attributes_size = sizeof(bl__logsumexp_attributes),
                                .infer = logsumexp_infer,
                                .vjp = logsumexp_vjp,
                                .decompose = logsumexp_decompose,
                                .sample = logsumexp_sample};
