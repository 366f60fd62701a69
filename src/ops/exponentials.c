/* Kin of exp, log and sqrt, and the error function. In the formulas y is the result. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#define LN_2        0.69314718055994530942
#define LN_10       2.30258509299404568402
#define TWO_SQRT_PI 1.12837916709551257390 /* 2 / sqrt(pi) */

/* ---- expm1: dy = (y + 1) dx ---- */

bl_tensor *bl_expm1(bl_tensor *x)
{
    return bl__apply_1(&bl__op_expm1, x, NULL);
}

static void expm1_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_add_scalar(call->outputs[0], 1));
}

static bl_tensor *expm1_sample(bl_sampler *sampler)
{
    return bl_expm1(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2));
}

const bl_op bl__op_expm1 = {BL__OP(expm1, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = expm1_vjp, .sample = expm1_sample};

/* ---- exp2: dy = ln(2) y dx ---- */

bl_tensor *bl_exp2(bl_tensor *x)
{
    return bl__apply_1(&bl__op_exp2, x, NULL);
}

static void exp2_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_mul_scalar(call->outputs[0], LN_2));
}

static bl_tensor *exp2_sample(bl_sampler *sampler)
{
    return bl_exp2(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2));
}

const bl_op bl__op_exp2 = {BL__OP(exp2, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = exp2_vjp, .sample = exp2_sample};

/* ---- log1p: dy = dx / (1 + x) ---- */

bl_tensor *bl_log1p(bl_tensor *x)
{
    return bl__apply_1(&bl__op_log1p, x, NULL);
}

static void log1p_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div(call->cotangents[0], bl_add_scalar(call->inputs[0], 1));
}

static bl_tensor *log1p_sample(bl_sampler *sampler)
{
    return bl_log1p(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -0.7, 3));
}

const bl_op bl__op_log1p = {BL__OP(log1p, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = log1p_vjp, .sample = log1p_sample};

/* ---- log2: dy = dx / (ln(2) x) ---- */

bl_tensor *bl_log2(bl_tensor *x)
{
    return bl__apply_1(&bl__op_log2, x, NULL);
}

static void log2_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div(call->cotangents[0], bl_mul_scalar(call->inputs[0], LN_2));
}

static bl_tensor *log2_sample(bl_sampler *sampler)
{
    return bl_log2(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), 0.3, 3));
}

const bl_op bl__op_log2 = {BL__OP(log2, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = log2_vjp, .sample = log2_sample};

/* ---- log10: dy = dx / (ln(10) x) ---- */

bl_tensor *bl_log10(bl_tensor *x)
{
    return bl__apply_1(&bl__op_log10, x, NULL);
}

static void log10_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div(call->cotangents[0], bl_mul_scalar(call->inputs[0], LN_10));
}

static bl_tensor *log10_sample(bl_sampler *sampler)
{
    return bl_log10(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), 0.3, 3));
}

const bl_op bl__op_log10 = {BL__OP(log10, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = log10_vjp, .sample = log10_sample};

/* ---- xlogy: a log(b), and 0 for a == 0; dy = log(b) da + a / b db ---- */

enum {
    A,
    B
};

bl_tensor *bl_xlogy(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_xlogy, a, b, NULL);
}

/* log(b), and 0 for a == 0, is xlogy of 1 and 0 in the place of a. */
static void xlogy_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *a = call->inputs[A], *b = call->inputs[B];
    bl_tensor *counts = bl_not_equal(a, bl__number_like(a, 0));
    if (call->needed[A])
        call->gradients[A] = bl_mul(g, bl_xlogy(bl_cast(counts, bl_tensor_dtype(a)), b));
    if (call->needed[B])
        call->gradients[B] = bl_mul(g, bl_div(a, b));
}

static bl_tensor *xlogy_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *a = bl_sample_real(sampler, left, 0.3, 2);
    return bl_xlogy(a, bl_sample_real(sampler, right, 0.3, 3));
}

const bl_op bl__op_xlogy = {BL__OP(xlogy, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = xlogy_vjp, .sample = xlogy_sample};

/* ---- rsqrt: y = x^-1/2, dy = -y / (2 x) dx ---- */

bl_tensor *bl_rsqrt(bl_tensor *x)
{
    return bl__apply_1(&bl__op_rsqrt, x, NULL);
}

static void rsqrt_vjp(bl_vjp_call *call)
{
    call->gradients[0] =
        bl_mul(call->cotangents[0], bl_div(call->outputs[0], bl_mul_scalar(call->inputs[0], -2)));
}

static bl_tensor *rsqrt_sample(bl_sampler *sampler)
{
    return bl_rsqrt(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), 0.3, 3));
}

const bl_op bl__op_rsqrt = {BL__OP(rsqrt, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = rsqrt_vjp, .sample = rsqrt_sample};

/* ---- reciprocal: y = 1 / x, dy = -y^2 dx ---- */

bl_tensor *bl_reciprocal(bl_tensor *x)
{
    return bl__apply_1(&bl__op_reciprocal, x, NULL);
}

static void reciprocal_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_neg(bl_mul(call->cotangents[0], bl_square(call->outputs[0])));
}

static bl_tensor *reciprocal_sample(bl_sampler *sampler)
{
    return bl_reciprocal(bl_sample_signed(sampler, bl_sample_shape(sampler, 0, 5), 0.5, 2));
}

const bl_op bl__op_reciprocal = {BL__OP(reciprocal, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                                 .vjp = reciprocal_vjp, .sample = reciprocal_sample};

/* The derivative of erf: 2 / sqrt(pi) e^-x^2. */
static bl_tensor *bell(bl_tensor *x)
{
    return bl_mul_scalar(bl_exp(bl_neg(bl_square(x))), TWO_SQRT_PI);
}

/* ---- erf: dy = 2 / sqrt(pi) e^-x^2 dx ---- */

bl_tensor *bl_erf(bl_tensor *x)
{
    return bl__apply_1(&bl__op_erf, x, NULL);
}

static void erf_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bell(call->inputs[0]));
}

static bl_tensor *erf_sample(bl_sampler *sampler)
{
    return bl_erf(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2));
}

const bl_op bl__op_erf = {BL__OP(erf, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                          .vjp = erf_vjp, .sample = erf_sample};

/* ---- erfc: y = 1 - erf(x) ---- */

bl_tensor *bl_erfc(bl_tensor *x)
{
    return bl__apply_1(&bl__op_erfc, x, NULL);
}

static void erfc_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_neg(bl_mul(call->cotangents[0], bell(call->inputs[0])));
}

static bl_tensor *erfc_sample(bl_sampler *sampler)
{
    return bl_erfc(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2));
}

const bl_op bl__op_erfc = {BL__OP(erfc, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = erfc_vjp, .sample = erfc_sample};
