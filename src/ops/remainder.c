/* Remainders of a division: fmod, whose quotient is rounded towards zero, and remainder, whose quotient is
 * rounded down; with q that quotient, y = a - q b and dy = da - q db. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    A,
    B
};

/* ---- two tensors ---- */

/* q is recovered from y, with which it agrees even where a / b is rounded up to a whole number. */
static void vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *a = call->inputs[A], *b = call->inputs[B];
    if (call->needed[A])
        call->gradients[A] = g;
    if (call->needed[B])
        call->gradients[B] = bl_mul(g, bl_round(bl_div(bl_sub(call->outputs[0], a), b)));
}

typedef bl_tensor *builder(bl_tensor *a, bl_tensor *b);

/* Floats whose quotient is away from whole numbers, or now and then integers. */
static bl_tensor *sample(bl_sampler *sampler, builder *build)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    if (bl__sample_chance(sampler, 4)) {
        bl_tensor *a = bl_sample_indices(sampler, left, -9, 9);
        bl_tensor *b = bl__sample_integers(sampler, bl_tensor_dtype(a), right, 1, 5);
        return build(a, bl__sample_chance(sampler, 2) ? b : bl_neg(b));
    }
    double quotient = (double)bl_sample_int(sampler, 0, 3);
    bl_tensor *a = bl_sample_signed(sampler, left, quotient + 0.3, quotient + 0.7);
    return build(a, bl_sample_signed(sampler, right, 0.95, 1.05));
}

bl_tensor *bl_fmod(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_fmod, a, b, NULL);
}

static bl_tensor *fmod_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_fmod);
}

const bl_op bl__op_fmod = {BL__OP(fmod, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                           .vjp = vjp, .sample = fmod_sample};

bl_tensor *bl_remainder(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_remainder, a, b, NULL);
}

static bl_tensor *remainder_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_remainder);
}

const bl_op bl__op_remainder = {BL__OP(remainder, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                                .vjp = vjp, .sample = remainder_sample};

/* ---- a tensor and a number ---- */

static bl_status scalar_infer(bl_infer_call *call)
{
    double c = ((const bl__scalar_attributes *)call->attributes)->value;
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    if (bl__is_one_of(dtype, BL__INTEGERS) && !bl__holds(dtype, c))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s cannot hold %.17g", bl_dtype_name(dtype), c);
    if (bl__is_one_of(dtype, BL__INTEGERS) && c == 0)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s cannot be divided by zero", bl_dtype_name(dtype));
    return bl__infer_numbers(call);
}

static void scalar_vjp(bl_vjp_call *call)
{
    call->gradients[0] = call->cotangents[0];
}

typedef bl_tensor *scalar_builder(bl_tensor *x, double c);

static bl_tensor *scalar_sample(bl_sampler *sampler, scalar_builder *build)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    double sign = bl__sample_chance(sampler, 2) ? -1 : 1;
    if (bl__sample_chance(sampler, 4))
        return build(bl_sample_indices(sampler, shape, -9, 9), sign * (double)bl_sample_int(sampler, 1, 5));
    double quotient = (double)bl_sample_int(sampler, 0, 3);
    bl_tensor *x = bl_sample_signed(sampler, shape, quotient + 0.3, quotient + 0.7);
    return build(x, sign * bl__sample_number(sampler, 0.95, 1.05));
}

bl_tensor *bl_fmod_scalar(bl_tensor *x, double c)
{
    bl__scalar_attributes attributes = {.value = c};
    return bl__apply_1(&bl__op_fmod_scalar, x, &attributes);
}

static bl_tensor *fmod_scalar_sample(bl_sampler *sampler)
{
    return scalar_sample(sampler, bl_fmod_scalar);
}

const bl_op bl__op_fmod_scalar = {
    BL__OP(fmod_scalar, 1), .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = scalar_infer,  .vjp = scalar_vjp,          .sample = fmod_scalar_sample};

bl_tensor *bl_remainder_scalar(bl_tensor *x, double c)
{
    bl__scalar_attributes attributes = {.value = c};
    return bl__apply_1(&bl__op_remainder_scalar, x, &attributes);
}

static bl_tensor *remainder_scalar_sample(bl_sampler *sampler)
{
    return scalar_sample(sampler, bl_remainder_scalar);
}

const bl_op bl__op_remainder_scalar = {
    BL__OP(remainder_scalar, 1), .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = scalar_infer,       .vjp = scalar_vjp,          .sample = remainder_scalar_sample};
