/* Hyperbolic functions and their inverses; tanh, which is an activation too, stands in unary.c. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- sinh: dy = cosh(x) dx ---- */

bl_tensor *bl_sinh(bl_tensor *x)
{
    return bl__apply_1(&bl__op_sinh, x, NULL);
}

static void sinh_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_cosh(call->inputs[0]));
}

static bl_tensor *sinh_sample(bl_sampler *sampler)
{
    return bl_sinh(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2));
}

const bl_op bl__op_sinh = {BL__OP(sinh, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = sinh_vjp, .sample = sinh_sample};

/* ---- cosh: dy = sinh(x) dx ---- */

bl_tensor *bl_cosh(bl_tensor *x)
{
    return bl__apply_1(&bl__op_cosh, x, NULL);
}

static void cosh_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_sinh(call->inputs[0]));
}

static bl_tensor *cosh_sample(bl_sampler *sampler)
{
    return bl_cosh(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2));
}

const bl_op bl__op_cosh = {BL__OP(cosh, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = cosh_vjp, .sample = cosh_sample};

/* ---- asinh: dy = dx / sqrt(x^2 + 1), by hypot, which does not overflow ---- */

bl_tensor *bl_asinh(bl_tensor *x)
{
    return bl__apply_1(&bl__op_asinh, x, NULL);
}

static void asinh_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0];
    call->gradients[0] = bl_div(call->cotangents[0], bl_hypot(x, bl__number_like(x, 1)));
}

static bl_tensor *asinh_sample(bl_sampler *sampler)
{
    return bl_asinh(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -3, 3));
}

const bl_op bl__op_asinh = {BL__OP(asinh, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = asinh_vjp, .sample = asinh_sample};

/* ---- acosh: dy = dx / sqrt(x^2 - 1), from factors, of which none overflows ---- */

bl_tensor *bl_acosh(bl_tensor *x)
{
    return bl__apply_1(&bl__op_acosh, x, NULL);
}

static void acosh_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0];
    bl_tensor *root = bl_mul(bl_sqrt(bl_sub_scalar(x, 1)), bl_sqrt(bl_add_scalar(x, 1)));
    call->gradients[0] = bl_div(call->cotangents[0], root);
}

static bl_tensor *acosh_sample(bl_sampler *sampler)
{
    return bl_acosh(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), 1.2, 4));
}

const bl_op bl__op_acosh = {BL__OP(acosh, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = acosh_vjp, .sample = acosh_sample};

/* ---- atanh: dy = dx / (1 - x^2), from factors that keep their digits where |x| is close to 1 ---- */

bl_tensor *bl_atanh(bl_tensor *x)
{
    return bl__apply_1(&bl__op_atanh, x, NULL);
}

static void atanh_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0];
    call->gradients[0] = bl_div(call->cotangents[0], bl_mul(bl_scalar_sub(1, x), bl_add_scalar(x, 1)));
}

static bl_tensor *atanh_sample(bl_sampler *sampler)
{
    return bl_atanh(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -0.9, 0.9));
}

const bl_op bl__op_atanh = {BL__OP(atanh, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                            .vjp = atanh_vjp, .sample = atanh_sample};
