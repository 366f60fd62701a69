/* Variance and standard deviation over axes. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"

#include <math.h>

static bl_status infer(bl_infer_call *call)
{
    double correction = ((const bl__var_attributes *)call->attributes)->correction;
    if (!isfinite(correction))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the correction %g is not finite", correction);
    return bl__infer_reduced(call, BL__REALS);
}

static bl_tensor *apply(const bl_op *op, bl_tensor *x, bl_axes axes, double correction, bool keepdim)
{
    bl__var_attributes attributes = {.reduce.keepdim = keepdim, .correction = correction};
    if (!bl__mask_axes(op->name, x, axes, &attributes.reduce.axes))
        return bl__refused(x);
    return bl__apply_1(op, x, &attributes);
}

/* What squares are divided by: the number of elements less the correction, and no less than 0. */
static double freedom(bl_tensor *x, const bl__var_attributes *var)
{
    double left = bl__reduced_count(bl_tensor_shape(x), var->reduce.axes) - var->correction;
    return left > 0 ? left : 0;
}

/* x - mean x */
static bl_tensor *deviations(bl_tensor *x, const bl__var_attributes *var)
{
    return bl_sub(x, bl_mean(x, bl__axes_of(var), true));
}

/* The variance of nothing is a constant. */
static bl_tensor *decomposed_var(bl_tensor *x, const bl__var_attributes *var)
{
    bl_shape shape = bl_tensor_shape(x);
    if (bl__reduced_count(shape, var->reduce.axes) == 0)
        return bl_full(bl__graph_of(x), bl_tensor_dtype(x),
                       bl__reduced_shape(shape, var->reduce.axes, var->reduce.keepdim), (double)NAN);
    bl_tensor *squares = bl_square(deviations(x, var));
    return bl_div_scalar(bl_sum(squares, bl__axes_of(var), var->reduce.keepdim), freedom(x, var));
}

typedef bl_tensor *builder(bl_tensor *x, bl_axes axes, double correction, bool keepdim);

/* The correction leaves something to divide by. */
static bl_tensor *sample(bl_sampler *sampler, builder *build)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1);
    bl_axes axes = bl__sample_axes(sampler, shape.rank);
    uint32_t mask = 0;
    bl__mask_axes("sample", x, axes, &mask);
    double most = bl__reduced_count(shape, mask) - 1;
    double correction = bl__sample_chance(sampler, 4) ? 0.5 : (double)bl_sample_int(sampler, -1, 2);
    return build(x, axes, correction < most ? correction : most, bl__sample_chance(sampler, 2));
}

/* ---- var: dx = g 2 (x - mean x) / (n - correction) ---- */

bl_tensor *bl_var(bl_tensor *x, bl_axes axes, double correction, bool keepdim)
{
    return apply(&bl__op_var, x, axes, correction, keepdim);
}

static void var_vjp(bl_vjp_call *call)
{
    if (bl_tensor_count(call->inputs[0]) == 0)
        return; /* no gradient, which would be linear in g with NaN as the factor */
    bl_tensor *x = call->inputs[0], *g = bl__with_axes(call->cotangents[0], call);
    bl_tensor *scale = bl_div_scalar(bl_mul_scalar(g, 2), freedom(x, call->attributes));
    call->gradients[0] = bl_mul(deviations(x, call->attributes), scale);
}

static void var_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, bl_tensor **outputs)
{
    (void)graph;
    (void)input_count;
    outputs[0] = decomposed_var(inputs[0], attributes);
}

static bl_tensor *var_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_var);
}

const bl_op bl__op_var = {BL__OP(var, 1),
                          .attributes_size = sizeof(bl__var_attributes),
                          .infer = infer,
                          .vjp = var_vjp,
                          .decompose = var_decompose,
                          .sample = var_sample};

/* ---- std: y = sqrt(var), dx = g (x - mean x) / ((n - correction) y), and 0 where y == 0 ---- */

bl_tensor *bl_std(bl_tensor *x, bl_axes axes, double correction, bool keepdim)
{
    return apply(&bl__op_std, x, axes, correction, keepdim);
}

static void std_vjp(bl_vjp_call *call)
{
    if (bl_tensor_count(call->inputs[0]) == 0)
        return;
    bl_tensor *x = call->inputs[0], *y = bl__with_axes(call->outputs[0], call);
    bl_tensor *g = bl__with_axes(call->cotangents[0], call), *zero = bl__number_like(x, 0);
    bl_tensor *none = bl_equal(y, zero);
    bl_tensor *divisor =
        bl_mul_scalar(bl_where(none, bl__number_like(x, 1), y), freedom(x, call->attributes));
    call->gradients[0] = bl_mul(deviations(x, call->attributes), bl_where(none, zero, bl_div(g, divisor)));
}

/* The root is taken of 1 where the variance is 0, so that no infinite slope is met there. */
static void std_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, bl_tensor **outputs)
{
    bl_tensor *var = decomposed_var(inputs[0], attributes), *zero = bl__number_like(var, 0);
    bl_tensor *none = bl_equal(var, zero);
    (void)graph;
    (void)input_count;
    outputs[0] = bl_where(none, zero, bl_sqrt(bl_where(none, bl__number_like(var, 1), var)));
}

static bl_tensor *std_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_std);
}

const bl_op bl__op_std = {BL__OP(std, 1),
                          .attributes_size = sizeof(bl__var_attributes),
                          .infer = infer,
                          .vjp = std_vjp,
                          .decompose = std_decompose,
                          .sample = std_sample};
