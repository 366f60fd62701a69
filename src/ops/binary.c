/* Element-wise arithmetic of two tensors. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    A,
    B
};

/* Two tensors that broadcast: floats, or now and then integers of one dtype. */
static void sample_numbers(bl_sampler *sampler, bl_tensor **a, bl_tensor **b)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bool integers = bl__sample_chance(sampler, 5);
    *a = integers ? bl_sample_indices(sampler, left, -9, 9) : bl_sample_real(sampler, left, -2, 2);
    *b = integers ? bl__sample_integers(sampler, bl_tensor_dtype(*a), right, -9, 9)
                  : bl_sample_real(sampler, right, -2, 2);
}

/* ---- add: d(a + b) = da + db ---- */

bl_tensor *bl_add(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_add, a, b, NULL);
}

static void add_vjp(bl_vjp_call *call)
{
    call->gradients[A] = call->needed[A] ? call->cotangents[0] : NULL;
    call->gradients[B] = call->needed[B] ? call->cotangents[0] : NULL;
}

static bl_tensor *add_sample(bl_sampler *sampler)
{
    bl_tensor *a, *b;
    sample_numbers(sampler, &a, &b);
    return bl_add(a, b);
}

const bl_op bl__op_add = {BL__OP(add, 2), .flags = BL_OP_ELEMENTWISE | BL__OP_PAIR,
                          .infer = bl__infer_numbers, .vjp = add_vjp, .sample = add_sample};

/* ---- sub: d(a - b) = da - db ---- */

bl_tensor *bl_sub(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_sub, a, b, NULL);
}

static void sub_vjp(bl_vjp_call *call)
{
    call->gradients[A] = call->needed[A] ? call->cotangents[0] : NULL;
    call->gradients[B] = call->needed[B] ? bl_neg(call->cotangents[0]) : NULL;
}

static bl_tensor *sub_sample(bl_sampler *sampler)
{
    bl_tensor *a, *b;
    sample_numbers(sampler, &a, &b);
    return bl_sub(a, b);
}

const bl_op bl__op_sub = {BL__OP(sub, 2), .flags = BL_OP_ELEMENTWISE | BL__OP_PAIR,
                          .infer = bl__infer_numbers, .vjp = sub_vjp, .sample = sub_sample};

/* ---- mul: d(a b) = b da + a db ---- */

bl_tensor *bl_mul(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_mul, a, b, NULL);
}

static void mul_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0];
    call->gradients[A] = call->needed[A] ? bl_mul(g, call->inputs[B]) : NULL;
    call->gradients[B] = call->needed[B] ? bl_mul(g, call->inputs[A]) : NULL;
}

static bl_tensor *mul_sample(bl_sampler *sampler)
{
    bl_tensor *a, *b;
    sample_numbers(sampler, &a, &b);
    return bl_mul(a, b);
}

const bl_op bl__op_mul = {BL__OP(mul, 2), .flags = BL_OP_ELEMENTWISE | BL__OP_PAIR,
                          .infer = bl__infer_numbers, .vjp = mul_vjp, .sample = mul_sample};

/* ---- div: with y = a / b, dy = da / b - y / b db ---- */

bl_tensor *bl_div(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_div, a, b, NULL);
}

static void div_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *b = call->inputs[B], *y = call->outputs[0];
    call->gradients[A] = call->needed[A] ? bl_div(g, b) : NULL;
    call->gradients[B] = call->needed[B] ? bl_neg(bl_mul(g, bl_div(y, b))) : NULL;
}

static bl_tensor *div_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *a = bl_sample_real(sampler, left, -2, 2);
    return bl_div(a, bl_sample_signed(sampler, right, 0.5, 2));
}

const bl_op bl__op_div = {BL__OP(div, 2), .flags = BL_OP_ELEMENTWISE | BL__OP_PAIR, .infer = bl__infer_reals,
                          .vjp = div_vjp, .sample = div_sample};

/* ---- pow: with y = a^b, dy = b a^(b-1) da + y log(a) db ---- */

bl_tensor *bl_pow(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_pow, a, b, NULL);
}

/* condition, and not where `but` is true. */
static bl_tensor *except(bl_tensor *condition, bl_tensor *but)
{
    return bl_where(but, bl__number_like(condition, 0), condition);
}

/* b a^(b-1). Where b == 0 that is 0, but 0 * inf at a == 0: there the power is a^1 instead, so that further
 * derivatives stay finite too; and for NaN in a, whose power 0 is 1, the result is chosen to be 0. */
static bl_tensor *pow_by_base(bl_tensor *a, bl_tensor *b)
{
    bl_tensor *zero = bl__number_like(b, 0), *one = bl__number_like(b, 1);
    bl_tensor *special = except(bl_equal(b, zero), bl_greater(bl_abs(a), zero));
    bl_tensor *power = bl_pow(a, bl_where(special, one, bl_sub(b, one)));
    return bl_where(special, zero, bl_mul(b, power));
}

/* y log(a), and 0 where a == 0 and b >= 0, by taking the logarithm of 1 there. */
static bl_tensor *pow_by_exponent(bl_tensor *a, bl_tensor *b, bl_tensor *y)
{
    bl_tensor *zero = bl__number_like(a, 0), *one = bl__number_like(a, 1);
    bl_tensor *special = except(bl_equal(a, zero), bl_less(b, zero));
    return bl_mul(y, bl_log(bl_where(special, one, a)));
}

static void pow_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *a = call->inputs[A], *b = call->inputs[B];
    if (call->needed[A])
        call->gradients[A] = bl_mul(g, pow_by_base(a, b));
    if (call->needed[B])
        call->gradients[B] = bl_mul(g, pow_by_exponent(a, b, call->outputs[0]));
}

static bl_tensor *pow_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *a = bl_sample_real(sampler, left, 0.3, 2);
    return bl_pow(a, bl_sample_real(sampler, right, -2, 3));
}

const bl_op bl__op_pow = {BL__OP(pow, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_reals,
                          .vjp = pow_vjp, .sample = pow_sample};

/* ---- maximum: the cotangent goes to the larger one, half to each where they are equal ---- */

bl_tensor *bl_maximum(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_maximum, a, b, NULL);
}

/* The part of cotangent g that goes to x when the other operand is `other`; all of it where either is NaN. */
static bl_tensor *maximum_share(bl_tensor *g, bl_tensor *x, bl_tensor *other)
{
    bl_tensor *unless_less = bl_where(bl_less(x, other), bl__number_like(g, 0), g);
    return bl_where(bl_equal(x, other), bl_mul_scalar(g, 0.5), unless_less);
}

static void maximum_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *a = call->inputs[A], *b = call->inputs[B];
    call->gradients[A] = call->needed[A] ? maximum_share(g, a, b) : NULL;
    call->gradients[B] = call->needed[B] ? maximum_share(g, b, a) : NULL;
}

/* Magnitudes in two ranges that do not meet, so that nothing is near a tie. */
static bl_tensor *maximum_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_tensor *a, *b;
    if (bl__sample_chance(sampler, 5)) {
        sample_numbers(sampler, &a, &b);
        return bl_maximum(bl_cast(a, BL_I32), bl_cast(b, BL_I32));
    }
    bl_sample_broadcast(sampler, &left, &right);
    a = bl_sample_signed(sampler, left, 0.5, 1);
    b = bl_sample_signed(sampler, right, 0.1, 0.4);
    return bl__sample_chance(sampler, 2) ? bl_maximum(a, b) : bl_maximum(b, a);
}

const bl_op bl__op_maximum = {BL__OP(maximum, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                              .vjp = maximum_vjp, .sample = maximum_sample};
