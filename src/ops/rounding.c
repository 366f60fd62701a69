/* Rounding to whole numbers: piecewise constant, so the derivative is zero. Integers stay what they are. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* Floats that are away from whole numbers and from the middle between two, or now and then integers. */
static bl_tensor *sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 5))
        return bl_sample_indices(sampler, shape, -9, 9);
    double whole = (double)bl_sample_int(sampler, 0, 3), half = bl__sample_chance(sampler, 2) ? 0.5 : 0;
    return bl_sample_signed(sampler, shape, whole + half + 0.1, whole + half + 0.4);
}

/* ---- floor ---- */

bl_tensor *bl_floor(bl_tensor *x)
{
    return bl__apply_1(&bl__op_floor, x, NULL);
}

static bl_tensor *floor_sample(bl_sampler *sampler)
{
    return bl_floor(sample(sampler));
}

const bl_op bl__op_floor = {BL__OP(floor, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                            .infer = bl__infer_numbers, .sample = floor_sample};

/* ---- ceil ---- */

bl_tensor *bl_ceil(bl_tensor *x)
{
    return bl__apply_1(&bl__op_ceil, x, NULL);
}

static bl_tensor *ceil_sample(bl_sampler *sampler)
{
    return bl_ceil(sample(sampler));
}

const bl_op bl__op_ceil = {BL__OP(ceil, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                           .infer = bl__infer_numbers, .sample = ceil_sample};

/* ---- round ---- */

bl_tensor *bl_round(bl_tensor *x)
{
    return bl__apply_1(&bl__op_round, x, NULL);
}

static bl_tensor *round_sample(bl_sampler *sampler)
{
    return bl_round(sample(sampler));
}

const bl_op bl__op_round = {BL__OP(round, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                            .infer = bl__infer_numbers, .sample = round_sample};

/* ---- trunc ---- */

bl_tensor *bl_trunc(bl_tensor *x)
{
    return bl__apply_1(&bl__op_trunc, x, NULL);
}

static bl_tensor *trunc_sample(bl_sampler *sampler)
{
    return bl_trunc(sample(sampler));
}

const bl_op bl__op_trunc = {BL__OP(trunc, 1), .flags = BL_OP_ELEMENTWISE | BL_OP_PIECEWISE,
                            .infer = bl__infer_numbers, .sample = trunc_sample};
