/* Values kept below or between bounds: minimum, which mirrors maximum in binary.c and scalar.c, and clamp
 * with its kin. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <math.h>

/* ---- minimum: the cotangent goes to the smaller one, half to each where they are equal ---- */

enum {
    A,
    B
};

bl_tensor *bl_minimum(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_minimum, a, b, NULL);
}

/* The part of cotangent g that goes to x when the other operand is `other`; all of it where either is NaN. */
static bl_tensor *minimum_share(bl_tensor *g, bl_tensor *x, bl_tensor *other)
{
    bl_tensor *unless_greater = bl_where(bl_greater(x, other), bl__number_like(g, 0), g);
    return bl_where(bl_equal(x, other), bl_mul_scalar(g, 0.5), unless_greater);
}

static void minimum_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *a = call->inputs[A], *b = call->inputs[B];
    call->gradients[A] = call->needed[A] ? minimum_share(g, a, b) : NULL;
    call->gradients[B] = call->needed[B] ? minimum_share(g, b, a) : NULL;
}

/* Magnitudes in two ranges that do not meet, so that nothing is near a tie; or integers. */
static bl_tensor *minimum_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    if (bl__sample_chance(sampler, 5)) {
        bl_tensor *n = bl_sample_indices(sampler, left, -9, 9);
        return bl_minimum(n, bl__sample_integers(sampler, bl_tensor_dtype(n), right, -9, 9));
    }
    bl_tensor *a = bl_sample_signed(sampler, left, 0.5, 1);
    bl_tensor *b = bl_sample_signed(sampler, right, 0.1, 0.4);
    return bl__sample_chance(sampler, 2) ? bl_minimum(a, b) : bl_minimum(b, a);
}

const bl_op bl__op_minimum = {BL__OP(minimum, 2), .flags = BL_OP_ELEMENTWISE, .infer = bl__infer_numbers,
                              .vjp = minimum_vjp, .sample = minimum_sample};

/* ---- minimum_scalar ---- */

static bl_status minimum_scalar_infer(bl_infer_call *call)
{
    double c = ((const bl__scalar_attributes *)call->attributes)->value;
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    if (bl__is_one_of(dtype, BL__INTEGERS) && !bl__holds(dtype, c))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s cannot hold %.17g", bl_dtype_name(dtype), c);
    return bl__infer_numbers(call);
}

bl_tensor *bl_minimum_scalar(bl_tensor *x, double c)
{
    bl__scalar_attributes attributes = {.value = c};
    return bl__apply_1(&bl__op_minimum_scalar, x, &attributes);
}

static void minimum_scalar_vjp(bl_vjp_call *call)
{
    double c = ((const bl__scalar_attributes *)call->attributes)->value;
    bl_tensor *x = call->inputs[0];
    call->gradients[0] = minimum_share(call->cotangents[0], x, bl__number_like(x, c));
}

/* c stands in a gap around 0 that x leaves. */
static bl_tensor *minimum_scalar_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 5))
        return bl_minimum_scalar(bl_sample_indices(sampler, shape, -9, 9), 2);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.5, 2);
    return bl_minimum_scalar(x, bl__sample_number(sampler, -0.25, 0.25));
}

const bl_op bl__op_minimum_scalar = {BL__OP(minimum_scalar, 1),
                                     .flags = BL_OP_ELEMENTWISE,
                                     .attributes_size = sizeof(bl__scalar_attributes),
                                     .infer = minimum_scalar_infer,
                                     .vjp = minimum_scalar_vjp,
                                     .sample = minimum_scalar_sample};

/* ---- clamp: min(max(x, least), most); the cotangent passes where that changes nothing ---- */

/* Integers have bounds that they can hold, or none, which is an infinite one. */
static bool fits(bl_dtype dtype, double bound, double none)
{
    return !bl__is_one_of(dtype, BL__INTEGERS) || bound == none || bl__holds(dtype, bound);
}

static bl_status clamp_infer(bl_infer_call *call)
{
    const bl__bounds_attributes *bounds = call->attributes;
    double least = bounds->least, most = bounds->most;
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    if (isnan(least) || isnan(most))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "a bound is NaN");
    if (!fits(dtype, least, -INFINITY) || !fits(dtype, most, INFINITY))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s cannot hold the bounds %.17g and %.17g",
                             bl_dtype_name(dtype), least, most);
    return bl__infer_numbers(call);
}

static bl_tensor *apply_bounds(const bl_op *op, bl_tensor *x, double least, double most)
{
    bl__bounds_attributes attributes = {.least = least, .most = most};
    return bl__apply_1(op, x, &attributes);
}

bl_tensor *bl_clamp(bl_tensor *x, double least, double most)
{
    return apply_bounds(&bl__op_clamp, x, least, most);
}

/* Where y == x: inside and at the bounds. With bounds that have changed places y is constant. */
static void clamp_vjp(bl_vjp_call *call)
{
    const bl__bounds_attributes *bounds = call->attributes;
    bl_tensor *x = call->inputs[0], *g = call->cotangents[0], *zero = bl__number_like(x, 0);
    if (bounds->least > bounds->most)
        call->gradients[0] = zero;
    else
        call->gradients[0] = bl_where(bl_equal(call->outputs[0], x), g, zero);
}

typedef bl_tensor *builder(bl_tensor *x, double least, double most);

/* Bounds in gaps that x leaves, around 0 and outside: both, one, none, or in the wrong order. */
static bl_tensor *sample_bounds(bl_sampler *sampler, builder *build)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    double inner = bl__sample_number(sampler, -0.25, 0.25), outer = bl__sample_number(sampler, 2.1, 3);
    bool below = bl__sample_chance(sampler, 2);
    double far = bl__sample_chance(sampler, 2) ? INFINITY : outer;
    if (bl__sample_chance(sampler, 5))
        return build(bl_sample_indices(sampler, shape, -9, 9), below ? -INFINITY : -3, below ? 2 : 5);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.5, 2);
    if (bl__sample_chance(sampler, 6))
        return build(x, outer, inner);
    return below ? build(x, -far, inner) : build(x, inner, far);
}

static bl_tensor *clamp_sample(bl_sampler *sampler)
{
    return sample_bounds(sampler, bl_clamp);
}

const bl_op bl__op_clamp = {
    BL__OP(clamp, 1),     .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__bounds_attributes),
    .infer = clamp_infer, .vjp = clamp_vjp,           .sample = clamp_sample};

/* ---- hardtanh: clamp, with a derivative of 0 at the bounds ---- */

bl_tensor *bl_hardtanh(bl_tensor *x, double least, double most)
{
    return apply_bounds(&bl__op_hardtanh, x, least, most);
}

static void hardtanh_vjp(bl_vjp_call *call)
{
    const bl__bounds_attributes *bounds = call->attributes;
    bl_tensor *x = call->inputs[0], *zero = bl__number_like(x, 0);
    bl_tensor *above = bl_greater(x, bl__number_like(x, bounds->least));
    bl_tensor *below = bl_less(x, bl__number_like(x, bounds->most));
    call->gradients[0] = bl_where(bl_logical_and(above, below), call->cotangents[0], zero);
}

static bl_tensor *hardtanh_sample(bl_sampler *sampler)
{
    return sample_bounds(sampler, bl_hardtanh);
}

const bl_op bl__op_hardtanh = {
    BL__OP(hardtanh, 1),  .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__bounds_attributes),
    .infer = clamp_infer, .vjp = hardtanh_vjp,        .sample = hardtanh_sample};

/* ---- relu6 ---- */

bl_tensor *bl_relu6(bl_tensor *x)
{
    return bl__apply_1(&bl__op_relu6, x, NULL);
}

static void relu6_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                            const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_hardtanh(inputs[0], 0, 6);
    (void)graph;
    (void)input_count;
    (void)attributes;
}

/* Negative ones, ones between the bounds, and larger ones. */
static bl_tensor *relu6_sample(bl_sampler *sampler)
{
    bl_tensor *x = bl_sample_signed(sampler, bl_sample_shape(sampler, 0, 5), 0.5, 3);
    return bl_relu6(bl__sample_chance(sampler, 2) ? x : bl_add_scalar(x, 6));
}

const bl_op bl__op_relu6 = {BL__OP(relu6, 1), .flags = BL__OP_COMPOSITE, .infer = bl__infer_numbers,
                            .decompose = relu6_decompose, .sample = relu6_sample};
