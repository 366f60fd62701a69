/* Smooth activation functions. In the formulas y is the result, s the sigmoid.
 *
 * Where x is large the derivatives are sums with a factor of x and one that vanishes, which would be NaN at
 * infinity: there the former is taken at a bound, outside which the latter is 0 in f64 already. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <math.h>

#define SQRT_HALF    0.70710678118654752440 /* 1 / sqrt(2) */
#define BELL         0.39894228040143267794 /* 1 / sqrt(2 pi) */
#define SQRT_2_BY_PI 0.79788456080286535588 /* sqrt(2 / pi) */
#define CUBE         0.044715               /* gelu_tanh's factor of x^3 */

/* ---- gelu: y = x P(x), P(x) = (1 + erf(x / sqrt 2)) / 2 = erfc(-x / sqrt 2) / 2 ---- */

bl_tensor *bl_gelu(bl_tensor *x)
{
    return bl__apply_1(&bl__op_gelu, x, NULL);
}

/* What flows back of g: g (P(x) + x p(x)), where p = P' is the density e^(-x^2 / 2) / sqrt(2 pi). */
static void gelu_backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                    const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = bl_clamp(inputs[1], -40, 40);
    bl_tensor *area = bl_mul_scalar(bl_erfc(bl_mul_scalar(x, -SQRT_HALF)), 0.5);
    bl_tensor *density = bl_mul_scalar(bl_exp(bl_mul_scalar(bl_square(x), -0.5)), BELL);
    outputs[0] = bl_mul(inputs[0], bl_add(area, bl_mul(x, density)));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *gelu_backward_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *g = bl_sample_real(sampler, shape, -1, 1);
    return bl__apply_2(&bl__op_gelu_backward, g, bl_sample_real(sampler, shape, -3, 3), NULL);
}

const bl_op bl__op_gelu_backward = {BL__OP(gelu_backward, 2), .flags = BL_OP_ELEMENTWISE,
                                    .infer = bl__infer_reals, .decompose = gelu_backward_decompose,
                                    .sample = gelu_backward_sample};

static void gelu_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_2(&bl__op_gelu_backward, call->cotangents[0], call->inputs[0], NULL);
}

static void gelu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    bl_tensor *error = bl_erf(bl_mul_scalar(inputs[0], SQRT_HALF));
    outputs[0] = bl_mul(bl_mul_scalar(inputs[0], 0.5), bl_add_scalar(error, 1));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *gelu_sample(bl_sampler *sampler)
{
    return bl_gelu(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -3, 3));
}

const bl_op bl__op_gelu = {BL__OP(gelu, 1), .flags = BL_OP_ELEMENTWISE,  .infer = bl__infer_reals,
                           .vjp = gelu_vjp, .decompose = gelu_decompose, .sample = gelu_sample};

/* ---- gelu_tanh: y = x (1 + tanh u) / 2 = x s(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3) ---- */

bl_tensor *bl_gelu_tanh(bl_tensor *x)
{
    return bl__apply_1(&bl__op_gelu_tanh, x, NULL);
}

/* s + x s (1 - s) 2 u', with s = s(2 u). */
static void gelu_tanh_vjp(bl_vjp_call *call)
{
    bl_tensor *x = bl_clamp(call->inputs[0], -100, 100), *square = bl_square(x);
    bl_tensor *twice =
        bl_mul(x, bl_add_scalar(bl_mul_scalar(square, 2 * SQRT_2_BY_PI * CUBE), 2 * SQRT_2_BY_PI));
    bl_tensor *slope = bl_add_scalar(bl_mul_scalar(square, 6 * SQRT_2_BY_PI * CUBE), 2 * SQRT_2_BY_PI);
    bl_tensor *s = bl_sigmoid(twice), *rest = bl_mul(bl_mul(x, slope), bl_scalar_sub(1, s));
    call->gradients[0] = bl_mul(call->cotangents[0], bl_mul(s, bl_add_scalar(rest, 1)));
}

static void gelu_tanh_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[0], *cube = bl_mul_scalar(bl_mul(bl_square(x), x), CUBE);
    bl_tensor *u = bl_mul_scalar(bl_add(x, cube), SQRT_2_BY_PI);
    outputs[0] = bl_mul(bl_mul_scalar(x, 0.5), bl_add_scalar(bl_tanh(u), 1));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *gelu_tanh_sample(bl_sampler *sampler)
{
    return bl_gelu_tanh(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -3, 3));
}

const bl_op bl__op_gelu_tanh = {
    BL__OP(gelu_tanh, 1), .flags = BL_OP_ELEMENTWISE,       .infer = bl__infer_reals,
    .vjp = gelu_tanh_vjp, .decompose = gelu_tanh_decompose, .sample = gelu_tanh_sample};

/* ---- silu: y = x s(x) ---- */

bl_tensor *bl_silu(bl_tensor *x)
{
    return bl__apply_1(&bl__op_silu, x, NULL);
}

/* s + y (1 - s). */
static void silu_vjp(bl_vjp_call *call)
{
    bl_tensor *s = bl_sigmoid(call->inputs[0]), *y = bl_clamp(call->outputs[0], -INFINITY, 1000);
    call->gradients[0] = bl_mul(call->cotangents[0], bl_add(s, bl_mul(y, bl_scalar_sub(1, s))));
}

static void silu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_mul(inputs[0], bl_sigmoid(inputs[0]));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *silu_sample(bl_sampler *sampler)
{
    return bl_silu(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -4, 4));
}

const bl_op bl__op_silu = {BL__OP(silu, 1), .flags = BL_OP_ELEMENTWISE,  .infer = bl__infer_reals,
                           .vjp = silu_vjp, .decompose = silu_decompose, .sample = silu_sample};

/* ---- mish: y = x t, t = tanh(softplus(x)) ---- */

bl_tensor *bl_mish(bl_tensor *x)
{
    return bl__apply_1(&bl__op_mish, x, NULL);
}

/* t + x s(x) (1 - t^2). */
static void mish_vjp(bl_vjp_call *call)
{
    bl_tensor *x = bl_clamp(call->inputs[0], -1000, 1000), *s = bl_sigmoid(x);
    bl_tensor *t = bl_tanh(bl_softplus(x, 1, INFINITY));
    bl_tensor *rest = bl_mul(bl_mul(x, s), bl_scalar_sub(1, bl_square(t)));
    call->gradients[0] = bl_mul(call->cotangents[0], bl_add(t, rest));
}

static void mish_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_mul(inputs[0], bl_tanh(bl_softplus(inputs[0], 1, INFINITY)));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *mish_sample(bl_sampler *sampler)
{
    return bl_mish(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -4, 4));
}

const bl_op bl__op_mish = {BL__OP(mish, 1), .flags = BL_OP_ELEMENTWISE,  .infer = bl__infer_reals,
                           .vjp = mish_vjp, .decompose = mish_decompose, .sample = mish_sample};

/* ---- softplus: with z = beta x, y = log(1 + e^z) / beta = (max(z, 0) + log(1 + e^-|z|)) / beta ---- */

static bl_status softplus_infer(bl_infer_call *call)
{
    const bl__softplus_attributes *settings = call->attributes;
    bl_status status = bl__infer_reals(call);
    if (status != BL_OK)
        return status;
    double beta = call->dtype[0] == BL_F32 ? (double)(float)settings->beta : settings->beta;
    if (beta == 0 || !isfinite(beta))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "beta = %g is zero or not finite in %s", settings->beta,
                             bl_dtype_name(call->dtype[0]));
    if (isnan(settings->threshold))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the threshold is NaN");
    return BL_OK;
}

bl_tensor *bl_softplus(bl_tensor *x, double beta, double threshold)
{
    bl__softplus_attributes attributes = {.beta = beta, .threshold = threshold};
    return bl__apply_1(&bl__op_softplus, x, &attributes);
}

/* Where z exceeds the threshold and y is x. */
static bl_tensor *is_linear(bl_tensor *z, const bl__softplus_attributes *settings)
{
    return bl_greater(z, bl__number_like(z, settings->threshold));
}

static bl_tensor *scaled(bl_tensor *x, const bl__softplus_attributes *settings)
{
    return settings->beta == 1 ? x : bl_mul_scalar(x, settings->beta);
}

/* s(z), and 1 where y is x. */
static void softplus_vjp(bl_vjp_call *call)
{
    const bl__softplus_attributes *settings = call->attributes;
    bl_tensor *z = scaled(call->inputs[0], settings), *slope = bl_sigmoid(z);
    if (settings->threshold < INFINITY)
        slope = bl_where(is_linear(z, settings), bl__number_like(z, 1), slope);
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static void softplus_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                               const void *attributes, bl_tensor **outputs)
{
    const bl__softplus_attributes *settings = attributes;
    bl_tensor *z = scaled(inputs[0], settings);
    bl_tensor *rest = bl_log1p(bl_exp(bl_neg(bl_abs(z))));
    bl_tensor *curved = bl_div_scalar(bl_add(bl_maximum_scalar(z, 0), rest), settings->beta);
    outputs[0] = bl_where(is_linear(z, settings), inputs[0], curved);
    (void)graph;
    (void)input_count;
}

/* z stays away from 0, where a threshold may be; others are far, but for one that no z exceeds. */
static bl_tensor *softplus_sample(bl_sampler *sampler)
{
    static const double thresholds[] = {0, 20, -20, INFINITY};
    double beta = bl__sample_chance(sampler, 3) ? 1 : bl__sample_number(sampler, 0.5, 2);
    double threshold = thresholds[bl_sample_int(sampler, 0, 3)];
    bl_tensor *x = bl_sample_signed(sampler, bl_sample_shape(sampler, 0, 5), 0.3, 3);
    return bl_softplus(x, bl__sample_chance(sampler, 4) ? -beta : beta, threshold);
}

const bl_op bl__op_softplus = {
    BL__OP(softplus, 1),      .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__softplus_attributes),
    .infer = softplus_infer,  .vjp = softplus_vjp,        .decompose = softplus_decompose,
    .sample = softplus_sample};

/* ---- log_sigmoid: y = log s(x) = -softplus(-x), dy = s(-x) dx ---- */

bl_tensor *bl_log_sigmoid(bl_tensor *x)
{
    return bl__apply_1(&bl__op_log_sigmoid, x, NULL);
}

static void log_sigmoid_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_sigmoid(bl_neg(call->inputs[0])));
}

static void log_sigmoid_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                  const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_log(bl_sigmoid(inputs[0]));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *log_sigmoid_sample(bl_sampler *sampler)
{
    return bl_log_sigmoid(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -4, 4));
}

const bl_op bl__op_log_sigmoid = {
    BL__OP(log_sigmoid, 1), .flags = BL_OP_ELEMENTWISE,         .infer = bl__infer_reals,
    .vjp = log_sigmoid_vjp, .decompose = log_sigmoid_decompose, .sample = log_sigmoid_sample};
