/* Element-wise arithmetic of a tensor and a number, which is an attribute and takes the tensor's dtype. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

static double number_of(const void *attributes)
{
    return ((const bl__scalar_attributes *)attributes)->value;
}

static bl_tensor *apply(const bl_op *op, bl_tensor *x, double c)
{
    bl__scalar_attributes attributes = {.value = c};
    return bl__apply_1(op, x, &attributes);
}

static bl_status infer_numbers(bl_infer_call *call)
{
    double c = number_of(call->attributes);
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    if (!bl__holds(dtype, c) && bl__is_one_of(dtype, BL__NUMBERS))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s cannot hold %.17g", bl_dtype_name(dtype), c);
    return bl__infer_numbers(call);
}

typedef bl_tensor *builder(bl_tensor *x, double c);

/* The builder on floats, or now and then on integers. */
static bl_tensor *sample_numbers(bl_sampler *sampler, builder *build)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 5))
        return build(bl_sample_indices(sampler, shape, -9, 9), (double)bl_sample_int(sampler, -9, 9));
    bl_tensor *x = bl_sample_real(sampler, shape, -2, 2);
    return build(x, bl__sample_number(sampler, -2, 2));
}

/* ---- add_scalar ---- */

bl_tensor *bl_add_scalar(bl_tensor *x, double c)
{
    return apply(&bl__op_add_scalar, x, c);
}

static void shift_vjp(bl_vjp_call *call) /* of x + c and x - c */
{
    call->gradients[0] = call->cotangents[0];
}

static bl_tensor *add_scalar_sample(bl_sampler *sampler)
{
    return sample_numbers(sampler, bl_add_scalar);
}

const bl_op bl__op_add_scalar = {
    BL__OP(add_scalar, 1),  .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = infer_numbers, .vjp = shift_vjp,           .sample = add_scalar_sample};

/* ---- sub_scalar ---- */

bl_tensor *bl_sub_scalar(bl_tensor *x, double c)
{
    return apply(&bl__op_sub_scalar, x, c);
}

static bl_tensor *sub_scalar_sample(bl_sampler *sampler)
{
    return sample_numbers(sampler, bl_sub_scalar);
}

const bl_op bl__op_sub_scalar = {
    BL__OP(sub_scalar, 1),  .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = infer_numbers, .vjp = shift_vjp,           .sample = sub_scalar_sample};

/* ---- mul_scalar: d(c x) = c dx ---- */

bl_tensor *bl_mul_scalar(bl_tensor *x, double c)
{
    return apply(&bl__op_mul_scalar, x, c);
}

static void mul_scalar_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul_scalar(call->cotangents[0], number_of(call->attributes));
}

static bl_tensor *mul_scalar_sample(bl_sampler *sampler)
{
    return sample_numbers(sampler, bl_mul_scalar);
}

const bl_op bl__op_mul_scalar = {
    BL__OP(mul_scalar, 1),  .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = infer_numbers, .vjp = mul_scalar_vjp,      .sample = mul_scalar_sample};

/* ---- div_scalar: d(x / c) = dx / c ---- */

bl_tensor *bl_div_scalar(bl_tensor *x, double c)
{
    return apply(&bl__op_div_scalar, x, c);
}

static void div_scalar_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_div_scalar(call->cotangents[0], number_of(call->attributes));
}

static bl_tensor *div_scalar_sample(bl_sampler *sampler)
{
    bl_tensor *x = bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2);
    return bl_div_scalar(x, bl__sample_number(sampler, 0.5, 3));
}

const bl_op bl__op_div_scalar = {
    BL__OP(div_scalar, 1),    .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = bl__infer_reals, .vjp = div_scalar_vjp,      .sample = div_scalar_sample};

/* ---- pow_scalar: d(x^c) = c x^(c-1) dx, and 0 for c == 0 ---- */

bl_tensor *bl_pow_scalar(bl_tensor *x, double c)
{
    return apply(&bl__op_pow_scalar, x, c);
}

static void pow_scalar_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *x = call->inputs[0];
    double c = number_of(call->attributes);
    if (c == 0)
        call->gradients[0] = bl__number_like(x, 0);
    else if (c == 1)
        call->gradients[0] = g;
    else
        call->gradients[0] = bl_mul(g, bl_mul_scalar(c == 2 ? x : bl_pow_scalar(x, c - 1), c));
}

static bl_tensor *pow_scalar_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 2)) /* whole exponents take any base */
        return bl_pow_scalar(bl_sample_signed(sampler, shape, 0.3, 2), (double)bl_sample_int(sampler, -2, 4));
    bl_tensor *x = bl_sample_real(sampler, shape, 0.3, 2);
    return bl_pow_scalar(x, bl__sample_number(sampler, -2, 3));
}

const bl_op bl__op_pow_scalar = {
    BL__OP(pow_scalar, 1),    .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = bl__infer_reals, .vjp = pow_scalar_vjp,      .sample = pow_scalar_sample};

/* ---- maximum_scalar: the cotangent passes where x > c, half of it where x == c ---- */

bl_tensor *bl_maximum_scalar(bl_tensor *x, double c)
{
    return apply(&bl__op_maximum_scalar, x, c);
}

static void maximum_scalar_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *x = call->inputs[0];
    bl_tensor *c = bl__number_like(x, number_of(call->attributes));
    bl_tensor *unless_less = bl_where(bl_less(x, c), bl__number_like(g, 0), g);
    call->gradients[0] = bl_where(bl_equal(x, c), bl_mul_scalar(g, 0.5), unless_less);
}

/* c stands in a gap around 0 that x leaves. */
static bl_tensor *maximum_scalar_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 5))
        return bl_maximum_scalar(bl_sample_indices(sampler, shape, -9, 9), 2);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.5, 2);
    return bl_maximum_scalar(x, bl__sample_number(sampler, -0.25, 0.25));
}

const bl_op bl__op_maximum_scalar = {
    BL__OP(maximum_scalar, 1), .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = infer_numbers,    .vjp = maximum_scalar_vjp,  .sample = maximum_scalar_sample};

/* ---- scalar_sub: d(c - x) = -dx ---- */

bl_tensor *bl_scalar_sub(double c, bl_tensor *x)
{
    return apply(&bl__op_scalar_sub, x, c);
}

static void scalar_sub_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl_neg(call->cotangents[0]);
}

static bl_tensor *sub_from(bl_tensor *x, double c)
{
    return bl_scalar_sub(c, x);
}

static bl_tensor *scalar_sub_sample(bl_sampler *sampler)
{
    return sample_numbers(sampler, sub_from);
}

const bl_op bl__op_scalar_sub = {
    BL__OP(scalar_sub, 1),  .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = infer_numbers, .vjp = scalar_sub_vjp,      .sample = scalar_sub_sample};

/* ---- scalar_div: with y = c / x, dy = -y / x dx ---- */

bl_tensor *bl_scalar_div(double c, bl_tensor *x)
{
    return apply(&bl__op_scalar_div, x, c);
}

static void scalar_div_vjp(bl_vjp_call *call)
{
    bl_tensor *slope = bl_div(call->outputs[0], call->inputs[0]);
    call->gradients[0] = bl_neg(bl_mul(call->cotangents[0], slope));
}

static bl_tensor *scalar_div_sample(bl_sampler *sampler)
{
    bl_tensor *x = bl_sample_signed(sampler, bl_sample_shape(sampler, 0, 5), 0.5, 2);
    return bl_scalar_div(bl__sample_number(sampler, -2, 2), x);
}

const bl_op bl__op_scalar_div = {
    BL__OP(scalar_div, 1),    .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = bl__infer_reals, .vjp = scalar_div_vjp,      .sample = scalar_div_sample};
