/* Logarithms of sums of exponentials over axes. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"

#include <math.h>

static bl_status logsumexp_infer(bl_infer_call *call)
{
    return bl__infer_reduced(call, BL__REALS);
}

bl_tensor *bl_logsumexp(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_logsumexp, x, axes, keepdim);
}

/* dx = g exp(x - y). Where y is -inf, so is every x: nothing is taken away then, and the powers are 0. */
static void logsumexp_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *y = bl__with_axes(call->outputs[0], call);
    bl_tensor *g = bl__with_axes(call->cotangents[0], call);
    bl_tensor *none = bl_equal(y, bl__number_like(y, -(double)INFINITY));
    bl_tensor *powers = bl_exp(bl_sub(x, bl_where(none, bl__number_like(y, 0), y)));
    call->gradients[0] = bl_mul(powers, g);
}

/* log sum exp(x - m) + m with m = max x where that is finite: what flows through m cancels. */
static void logsumexp_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                const void *attributes, bl_tensor **outputs)
{
    const bl__reduce_attributes *reduce = attributes;
    bl_axes axes = bl__axes_of(reduce);
    bl_tensor *x = inputs[0], *most = NULL;
    bl_shape shape = bl_tensor_shape(x);
    (void)graph;
    (void)input_count;
    if (bl__reduced_count(shape, reduce->axes) > 0) {
        most = bl_max(x, axes, true);
        most = bl_where(bl_equal(bl_abs(most), bl__number_like(x, (double)INFINITY)), bl__number_like(x, 0),
                        most);
        x = bl_sub(x, most);
    }
    bl_tensor *y = bl_log(bl_sum(bl_exp(x), axes, true));
    if (most)
        y = bl_add(y, most);
    outputs[0] = reduce->keepdim ? y : bl_reshape(y, bl__reduced_shape(shape, reduce->axes, false));
}

static bl_tensor *logsumexp_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_real(sampler, shape, -3, 3);
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    return bl_logsumexp(x, axes, bl__sample_chance(sampler, 2));
}

const bl_op bl__op_logsumexp = {BL__OP(logsumexp, 1),
                                .attributes_size = sizeof(bl__reduce_attributes),
                                .infer = logsumexp_infer,
                                .vjp = logsumexp_vjp,
                                .decompose = logsumexp_decompose,
                                .sample = logsumexp_sample};
