/* Trigonometric functions and their inverses. In the formulas y is the result. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- sin: dy = cos(x) dx ---- */

bl_tensor *bl_sin(bl_tensor *x)
{
    return bl__apply_1(&bl__op_sin, x, NULL);
}

static void sin_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_cos(call->inputs[0]));
}

static bl_tensor *sin_sample(bl_sampler *sampler)
{
    return bl_sin(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -3, 3));
}

const bl_op bl__op_sin = {BL__OP(sin, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                          .vjp = sin_vjp, .sample = sin_sample};

/* ---- cos: dy = -sin(x) dx ---- */

bl_tensor *bl_cos(bl_tensor *x)
{
    return bl__apply_1(&bl__op_cos, x, NULL);
}

static void cos_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_neg(bl_mul(call->cotangents[0], bl_sin(call->inputs[0])));
}

static bl_tensor *cos_sample(bl_sampler *sampler)
{
    return bl_cos(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -3, 3));
}

const bl_op bl__op_cos = {BL__OP(cos, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                          .vjp = cos_vjp, .sample = cos_sample};

/* ---- tan: dy = (1 + y^2) dx ---- */

bl_tensor *bl_tan(bl_tensor *x)
{
    return bl__apply_1(&bl__op_tan, x, NULL);
}

static void tan_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_add_scalar(bl_square(call->outputs[0]), 1));
}

static bl_tensor *tan_sample(bl_sampler *sampler)
{
    return bl_tan(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -1.2, 1.2));
}

const bl_op bl__op_tan = {BL__OP(tan, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                          .vjp = tan_vjp, .sample = tan_sample};

/* sqrt(1 - x^2), from factors that keep their digits where |x| is close to 1. */
static bl_tensor *opposite_leg(bl_tensor *x)
{
    return bl_sqrt(bl_mul(bl_scalar_sub(1, x), bl_add_scalar(x, 1)));
}

/* ---- asin: dy = dx / sqrt(1 - x^2) ---- */

bl_tensor *bl_asin(bl_tensor *x)
{
    return bl__apply_1(&bl__op_asin, x, NULL);
}

static void asin_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div(call->cotangents[0], opposite_leg(call->inputs[0]));
}

static bl_tensor *asin_sample(bl_sampler *sampler)
{
    return bl_asin(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -0.9, 0.9));
}

const bl_op bl__op_asin = {BL__OP(asin, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = asin_vjp, .sample = asin_sample};

/* ---- acos: dy = -dx / sqrt(1 - x^2) ---- */

bl_tensor *bl_acos(bl_tensor *x)
{
    return bl__apply_1(&bl__op_acos, x, NULL);
}

static void acos_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_neg(bl_div(call->cotangents[0], opposite_leg(call->inputs[0])));
}

static bl_tensor *acos_sample(bl_sampler *sampler)
{
    return bl_acos(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -0.9, 0.9));
}

const bl_op bl__op_acos = {BL__OP(acos, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = acos_vjp, .sample = acos_sample};

/* ---- atan: dy = dx / (1 + x^2) ---- */

bl_tensor *bl_atan(bl_tensor *x)
{
    return bl__apply_1(&bl__op_atan, x, NULL);
}

static void atan_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div(call->cotangents[0], bl_add_scalar(bl_square(call->inputs[0]), 1));
}

static bl_tensor *atan_sample(bl_sampler *sampler)
{
    return bl_atan(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -3, 3));
}

const bl_op bl__op_atan = {BL__OP(atan, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = atan_vjp, .sample = atan_sample};

enum {
    A,
    B
};

/* ---- atan2: with r = hypot(a, b), dy = b / r^2 da - a / r^2 db ---- */

bl_tensor *bl_atan2(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_atan2, a, b, NULL);
}

/* Divided by r twice: r^2 would overflow and underflow long before r does. */
static void atan2_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *a = call->inputs[A], *b = call->inputs[B], *r = bl_hypot(a, b);
    if (call->needed[A])
        call->gradients[A] = bl_mul(g, bl_div(bl_div(b, r), r));
    if (call->needed[B])
        call->gradients[B] = bl_neg(bl_mul(g, bl_div(bl_div(a, r), r)));
}

static bl_tensor *atan2_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *a = bl_sample_signed(sampler, left, 0.3, 2);
    return bl_atan2(a, bl_sample_signed(sampler, right, 0.3, 2));
}

const bl_op bl__op_atan2 = {BL__OP(atan2, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = atan2_vjp, .sample = atan2_sample};

/* ---- hypot: y = sqrt(a^2 + b^2), dy = a / y da + b / y db ---- */

bl_tensor *bl_hypot(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_hypot, a, b, NULL);
}

static void hypot_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *y = call->outputs[0];
    if (call->needed[A])
        call->gradients[A] = bl_mul(g, bl_div(call->inputs[A], y));
    if (call->needed[B])
        call->gradients[B] = bl_mul(g, bl_div(call->inputs[B], y));
}

static bl_tensor *hypot_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *a = bl_sample_signed(sampler, left, 0.3, 2);
    return bl_hypot(a, bl_sample_signed(sampler, right, 0.3, 2));
}

const bl_op bl__op_hypot = {BL__OP(hypot, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = hypot_vjp, .sample = hypot_sample};
