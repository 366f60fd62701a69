/* Logic of bools, and tests of floats for what is no number or not finite. The results are bools and have no
 * derivative. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- logic ---- */

static bl_status infer_bools(bl_infer_call *call)
{
    bl_status status = BL_OK;
    for (size_t i = 0; i < call->input_count && status == BL_OK; i++)
        status = bl__require(call, i, BL__BOOLS);
    return status == BL_OK ? bl__infer_broadcast(call) : status;
}

typedef bl_tensor *builder(bl_tensor *a, bl_tensor *b);

static bl_tensor *sample_bools(bl_sampler *sampler, builder *build)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *a = bl_sample_bools(sampler, left);
    return build(a, bl_sample_bools(sampler, right));
}

bl_tensor *bl_logical_and(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_logical_and, a, b, NULL);
}

static bl_tensor *logical_and_sample(bl_sampler *sampler)
{
    return sample_bools(sampler, bl_logical_and);
}

const bl_op bl__op_logical_and = {BL__OP(logical_and, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                                  .infer = infer_bools, .sample = logical_and_sample};

bl_tensor *bl_logical_or(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_logical_or, a, b, NULL);
}

static bl_tensor *logical_or_sample(bl_sampler *sampler)
{
    return sample_bools(sampler, bl_logical_or);
}

const bl_op bl__op_logical_or = {BL__OP(logical_or, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                                 .infer = infer_bools, .sample = logical_or_sample};

bl_tensor *bl_logical_xor(bl_tensor *a, bl_tensor *b)
{
    return bl__apply_2(&bl__op_logical_xor, a, b, NULL);
}

static bl_tensor *logical_xor_sample(bl_sampler *sampler)
{
    return sample_bools(sampler, bl_logical_xor);
}

const bl_op bl__op_logical_xor = {BL__OP(logical_xor, 2), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                                  .infer = infer_bools, .sample = logical_xor_sample};

bl_tensor *bl_logical_not(bl_tensor *x)
{
    return bl__apply_1(&bl__op_logical_not, x, NULL);
}

static bl_tensor *logical_not_sample(bl_sampler *sampler)
{
    return bl_logical_not(bl_sample_bools(sampler, bl_sample_shape(sampler, 0, 5)));
}

const bl_op bl__op_logical_not = {BL__OP(logical_not, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                                  .infer = infer_bools, .sample = logical_not_sample};

/* ---- tests of floats ---- */

static bl_status infer_test(bl_infer_call *call)
{
    bl_status status = bl__infer_numbers(call);
    call->dtype[0] = BL_BOOL;
    return status;
}

/* Numbers, infinities and NaN, or now and then integers. */
static bl_tensor *sample_any(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.5, 2), *zero = bl__number_like(x, 0);
    bl_tensor *zeros = bl_where(bl_sample_bools(sampler, shape), x, zero);
    if (bl__sample_chance(sampler, 5))
        return bl_sample_indices(sampler, shape, -9, 9);
    return bl_div(bl_where(bl_sample_bools(sampler, shape), x, zeros), zeros);
}

bl_tensor *bl_isnan(bl_tensor *x)
{
    return bl__apply_1(&bl__op_isnan, x, NULL);
}

static bl_tensor *isnan_sample(bl_sampler *sampler)
{
    return bl_isnan(sample_any(sampler));
}

const bl_op bl__op_isnan = {BL__OP(isnan, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                            .infer = infer_test, .sample = isnan_sample};

bl_tensor *bl_isinf(bl_tensor *x)
{
    return bl__apply_1(&bl__op_isinf, x, NULL);
}

static bl_tensor *isinf_sample(bl_sampler *sampler)
{
    return bl_isinf(sample_any(sampler));
}

const bl_op bl__op_isinf = {BL__OP(isinf, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                            .infer = infer_test, .sample = isinf_sample};

bl_tensor *bl_isfinite(bl_tensor *x)
{
    return bl__apply_1(&bl__op_isfinite, x, NULL);
}

static bl_tensor *isfinite_sample(bl_sampler *sampler)
{
    return bl_isfinite(sample_any(sampler));
}

const bl_op bl__op_isfinite = {BL__OP(isfinite, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                               .infer = infer_test, .sample = isfinite_sample};
