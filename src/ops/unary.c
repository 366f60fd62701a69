/* Element-wise functions of one tensor, and cast. In the formulas y is the result. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* Floats of magnitude low..high and either sign, or now and then integers. */
static bl_tensor *sample_numbers(bl_sampler *sampler, double low, double high)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 5))
        return bl_sample_indices(sampler, shape, -9, 9);
    return bl_sample_signed(sampler, shape, low, high);
}

static bl_tensor *sample_reals(bl_sampler *sampler, double low, double high)
{
    return bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), low, high);
}

/* ---- neg ---- */

bl_tensor *bl_neg(bl_tensor *x)
{
    return bl__apply_1(&bl__op_neg, x, NULL);
}

static void neg_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_neg(call->cotangents[0]);
}

static bl_tensor *neg_sample(bl_sampler *sampler)
{
    return bl_neg(sample_numbers(sampler, 0, 2));
}

const bl_op bl__op_neg = {BL__OP(neg, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                          .vjp = neg_vjp, .sample = neg_sample};

/* ---- exp: dy = y dx ---- */

bl_tensor *bl_exp(bl_tensor *x)
{
    return bl__apply_1(&bl__op_exp, x, NULL);
}

static void exp_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], call->outputs[0]);
}

static bl_tensor *exp_sample(bl_sampler *sampler)
{
    return bl_exp(sample_reals(sampler, -2, 2));
}

const bl_op bl__op_exp = {BL__OP(exp, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                          .vjp = exp_vjp, .sample = exp_sample};

/* ---- log: dy = dx / x ---- */

bl_tensor *bl_log(bl_tensor *x)
{
    return bl__apply_1(&bl__op_log, x, NULL);
}

static void log_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div(call->cotangents[0], call->inputs[0]);
}

static bl_tensor *log_sample(bl_sampler *sampler)
{
    return bl_log(sample_reals(sampler, 0.3, 3));
}

const bl_op bl__op_log = {BL__OP(log, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                          .vjp = log_vjp, .sample = log_sample};

/* ---- sqrt: dy = dx / (2 y) ---- */

bl_tensor *bl_sqrt(bl_tensor *x)
{
    return bl__apply_1(&bl__op_sqrt, x, NULL);
}

static void sqrt_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div(call->cotangents[0], bl_mul_scalar(call->outputs[0], 2));
}

static bl_tensor *sqrt_sample(bl_sampler *sampler)
{
    return bl_sqrt(sample_reals(sampler, 0.3, 3));
}

const bl_op bl__op_sqrt = {BL__OP(sqrt, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = sqrt_vjp, .sample = sqrt_sample};

/* ---- square: dy = 2 x dx ---- */

bl_tensor *bl_square(bl_tensor *x)
{
    return bl__apply_1(&bl__op_square, x, NULL);
}

static void square_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_mul_scalar(call->inputs[0], 2));
}

static bl_tensor *square_sample(bl_sampler *sampler)
{
    return bl_square(sample_numbers(sampler, 0, 2));
}

const bl_op bl__op_square = {BL__OP(square, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                             .vjp = square_vjp, .sample = square_sample};

/* ---- abs: dy = sign(x) dx ---- */

bl_tensor *bl_abs(bl_tensor *x)
{
    return bl__apply_1(&bl__op_abs, x, NULL);
}

static void abs_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_sign(call->inputs[0]));
}

static bl_tensor *abs_sample(bl_sampler *sampler)
{
    return bl_abs(sample_numbers(sampler, 0.1, 2));
}

const bl_op bl__op_abs = {BL__OP(abs, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                          .vjp = abs_vjp, .sample = abs_sample};

/* ---- sign: dy = 0 ---- */

bl_tensor *bl_sign(bl_tensor *x)
{
    return bl__apply_1(&bl__op_sign, x, NULL);
}

static bl_tensor *sign_sample(bl_sampler *sampler)
{
    return bl_sign(sample_numbers(sampler, 0.1, 2));
}

const bl_op bl__op_sign = {BL__OP(sign, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                           .infer = bl__infer_numbers, .sample = sign_sample};

/* ---- relu: dy = 0 where x <= 0, else dx ---- */

bl_tensor *bl_relu(bl_tensor *x)
{
    return bl__apply_1(&bl__op_relu, x, NULL);
}

static void relu_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *zero = bl__number_like(x, 0);
    call->gradients[0] = bl_where(bl_less_equal(x, zero), zero, call->cotangents[0]);
}

static bl_tensor *relu_sample(bl_sampler *sampler)
{
    return bl_relu(sample_numbers(sampler, 0.1, 2));
}

const bl_op bl__op_relu = {BL__OP(relu, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                           .vjp = relu_vjp, .sample = relu_sample};

/* ---- tanh: dy = (1 - y^2) dx ---- */

bl_tensor *bl_tanh(bl_tensor *x)
{
    return bl__apply_1(&bl__op_tanh, x, NULL);
}

static void tanh_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], bl_scalar_sub(1, bl_square(call->outputs[0])));
}

static bl_tensor *tanh_sample(bl_sampler *sampler)
{
    return bl_tanh(sample_reals(sampler, -2, 2));
}

const bl_op bl__op_tanh = {BL__OP(tanh, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                           .vjp = tanh_vjp, .sample = tanh_sample};

/* ---- sigmoid: dy = y (1 - y) dx ---- */

bl_tensor *bl_sigmoid(bl_tensor *x)
{
    return bl__apply_1(&bl__op_sigmoid, x, NULL);
}

static void sigmoid_vjp(bl_vjp_call *call)
{
    bl_tensor *y = call->outputs[0];
    call->gradients[0] = bl_mul(call->cotangents[0], bl_mul(y, bl_scalar_sub(1, y)));
}

static bl_tensor *sigmoid_sample(bl_sampler *sampler)
{
    return bl_sigmoid(sample_reals(sampler, -4, 4));
}

const bl_op bl__op_sigmoid = {BL__OP(sigmoid, 1), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                              .vjp = sigmoid_vjp, .sample = sigmoid_sample};

/* ---- cast: between floats, the cotangent is cast back ---- */

static bl_status cast_infer(bl_infer_call *call)
{
    bl_dtype dtype = (bl_dtype)((const bl__cast_attributes *)call->attributes)->dtype;
    if (bl_dtype_size(dtype) == 0)
        return bl_infer_fail(call, BL_ERR_DTYPE, "there is no dtype %d", (int)dtype);
    return bl__infer_as(call, dtype, bl__shape_in(call, 0));
}

bl_tensor *bl_cast(bl_tensor *x, bl_dtype dtype)
{
    bl__cast_attributes attributes = {.dtype = dtype};
    return bl__apply_1(&bl__op_cast, x, &attributes);
}

static void cast_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_cast(call->cotangents[0], bl_tensor_dtype(call->inputs[0]));
}

static bl_tensor *cast_sample(bl_sampler *sampler)
{
    bl_dtype dtype = (bl_dtype)bl_sample_int(sampler, 0, BL_DTYPE_COUNT - 1);
    if (bl__sample_chance(sampler, 3)) /* what gradients flow through */
        dtype = bl__sample_chance(sampler, 2) ? BL_F32 : BL_F64;
    if (bl__sample_chance(sampler, 6))
        return bl_cast(bl_sample_bools(sampler, bl_sample_shape(sampler, 0, 5)), dtype);
    return bl_cast(sample_numbers(sampler, 0.1, 9), dtype);
}

const bl_op bl__op_cast = {BL__OP(cast, 1),
                           .flags = BL_OP_ELEMENTWISE,
                           .attributes_size = sizeof(bl__cast_attributes),
                           .infer = cast_infer,
                           .vjp = cast_vjp,
                           .sample = cast_sample};
