/* Comparisons, whose results are bools and have no derivative, and where, which chooses by one. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- comparisons ---- */

static bl_status infer(bl_infer_call *call, unsigned dtypes)
{
    bl_status status = bl__require(call, 0, dtypes);
    if (status == BL_OK)
        status = bl__require(call, 1, dtypes);
    if (status == BL_OK)
        status = bl__require_same(call, 0, 1);
    if (status == BL_OK)
        status = bl__infer_broadcast(call);
    call->dtype[0] = BL_BOOL;
    return status;
}

static bl_status infer_ordered(bl_infer_call *call)
{
    return infer(call, BL__NUMBERS);
}

static bl_status infer_any(bl_infer_call *call)
{
    return infer(call, BL__COMPUTED);
}

typedef bl_tensor *builder(bl_tensor *a, bl_tensor *b);

/* The builder on integers among which some are equal, or on floats. */
static bl_tensor *sample(bl_sampler *sampler, builder *build)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    if (bl__sample_chance(sampler, 2)) {
        bl_tensor *a = bl_sample_indices(sampler, left, -2, 2);
        return build(a, bl__sample_integers(sampler, bl_tensor_dtype(a), right, -2, 2));
    }
    bl_tensor *a = bl_sample_signed(sampler, left, 0.5, 1);
    return build(a, bl_sample_signed(sampler, right, 0.1, 0.4));
}

static bl_tensor *sample_any(bl_sampler *sampler, builder *build)
{
    bl_shape left, right;
    if (!bl__sample_chance(sampler, 4))
        return sample(sampler, build);
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *a = bl_sample_bools(sampler, left);
    return build(a, bl_sample_bools(sampler, right));
}

bl_tensor *bl_equal(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_equal, a, b, NULL);
}

static bl_tensor *equal_sample(bl_sampler *sampler)
{
    return sample_any(sampler, bl_equal);
}

const bl_op bl__op_equal = {BL__OP(equal, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                            .infer = infer_any, .sample = equal_sample};

bl_tensor *bl_not_equal(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_not_equal, a, b, NULL);
}

static bl_tensor *not_equal_sample(bl_sampler *sampler)
{
    return sample_any(sampler, bl_not_equal);
}

const bl_op bl__op_not_equal = {BL__OP(not_equal, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                                .infer = infer_any, .sample = not_equal_sample};

bl_tensor *bl_less(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_less, a, b, NULL);
}

static bl_tensor *less_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_less);
}

const bl_op bl__op_less = {BL__OP(less, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                           .infer = infer_ordered, .sample = less_sample};

bl_tensor *bl_less_equal(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_less_equal, a, b, NULL);
}

static bl_tensor *less_equal_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_less_equal);
}

const bl_op bl__op_less_equal = {BL__OP(less_equal, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                                 .infer = infer_ordered, .sample = less_equal_sample};

bl_tensor *bl_greater(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_greater, a, b, NULL);
}

static bl_tensor *greater_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_greater);
}

const bl_op bl__op_greater = {BL__OP(greater, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                              .infer = infer_ordered, .sample = greater_sample};

bl_tensor *bl_greater_equal(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_greater_equal, a, b, NULL);
}

static bl_tensor *greater_equal_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_greater_equal);
}

const bl_op bl__op_greater_equal = {BL__OP(greater_equal, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                                    .infer = infer_ordered, .sample = greater_equal_sample};

/* ---- where: the cotangent goes to whichever was chosen ---- */

enum {
    CONDITION,
    A,
    B
};

static bl_status where_infer(bl_infer_call *call)
{
    bl_status status = bl__require(call, CONDITION, BL__BOOLS);
    if (status == BL_OK)
        status = bl__require(call, A, BL__COMPUTED);
    if (status == BL_OK)
        status = bl__require(call, B, BL__COMPUTED);
    if (status == BL_OK)
        status = bl__require_same(call, A, B);
    return status == BL_OK ? bl__infer_broadcast(call) : status;
}

bl_tensor *bl_where(bl_tensor *condition, bl_tensor *a, bl_tensor *b)
{
    bl_tensor *inputs[] = {condition, a, b};
    return bl__apply(&bl__op_where, inputs, 3, NULL);
}

static void where_vjp(bl_vjp_call *call)
{
    bl_tensor *condition = call->inputs[CONDITION], *g = call->cotangents[0];
    bl_tensor *zero = bl__number_like(g, 0);
    call->gradients[A] = call->needed[A] ? bl_where(condition, g, zero) : NULL;
    call->gradients[B] = call->needed[B] ? bl_where(condition, zero, g) : NULL;
}

static bl_tensor *where_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    if (bl__sample_chance(sampler, 5)) {
        bl_tensor *condition = bl_sample_bools(sampler, left), *a = bl_sample_bools(sampler, right);
        return bl_where(condition, a, bl_sample_bools(sampler, left));
    }
    bl_tensor *condition = bl_sample_bools(sampler, bl__sample_chance(sampler, 2) ? left : right);
    bl_tensor *a = bl_sample_real(sampler, left, -2, 2);
    return bl_where(condition, a, bl_sample_real(sampler, right, -2, 2));
}

const bl_op bl__op_where = {BL__OP(where, 3), .flags = BL_OP_ELEMENTWISE, .infer = where_infer,
                            .vjp = where_vjp, .sample = where_sample};
