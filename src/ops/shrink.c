/* Activation functions that shrink what is small: towards 0 or another value, or by an amount. Recorded as
 * what they are made of. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <math.h>

static double number_of(const void *attributes)
{
    return ((const bl__scalar_attributes *)attributes)->value;
}

/* Floats on both sides of -1 and 1, and away from these and 0. */
static bl_tensor *sample_sides(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.1, 0.9);
    return bl__sample_chance(sampler, 2) ? x : bl_add_scalar(x, bl__sample_chance(sampler, 2) ? 1 : -1);
}

/* ---- softsign: x / (1 + |x|) ---- */

bl_tensor *bl_softsign(bl_tensor *x)
{
    return bl__apply_1(&bl__op_softsign, x, NULL);
}

static void softsign_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                               const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_div(inputs[0], bl_add_scalar(bl_abs(inputs[0]), 1));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *softsign_sample(bl_sampler *sampler)
{
    return bl_softsign(bl_sample_signed(sampler, bl_sample_shape(sampler, 0, 5), 0.1, 4));
}

const bl_op bl__op_softsign = {BL__OP(softsign, 1), .flags = BL__OP_COMPOSITE, .infer = bl__infer_reals,
                               .decompose = softsign_decompose, .sample = softsign_sample};

/* ---- tanhshrink: x - tanh(x) ---- */

bl_tensor *bl_tanhshrink(bl_tensor *x)
{
    return bl__apply_1(&bl__op_tanhshrink, x, NULL);
}

static void tanhshrink_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                 const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_sub(inputs[0], bl_tanh(inputs[0]));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *tanhshrink_sample(bl_sampler *sampler)
{
    return bl_tanhshrink(bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -3, 3));
}

const bl_op bl__op_tanhshrink = {BL__OP(tanhshrink, 1), .flags = BL__OP_COMPOSITE, .infer = bl__infer_reals,
                                 .decompose = tanhshrink_decompose, .sample = tanhshrink_sample};

/* ---- threshold: x above a threshold, another value elsewhere ---- */

static bl_status threshold_infer(bl_infer_call *call)
{
    if (isnan(((const bl__threshold_attributes *)call->attributes)->threshold))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the threshold is NaN");
    return bl__infer_reals(call);
}

bl_tensor *bl_threshold(bl_tensor *x, double threshold, double value)
{
    bl__threshold_attributes attributes = {.threshold = threshold, .value = value};
    return bl__apply_1(&bl__op_threshold, x, &attributes);
}

static void threshold_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                const void *attributes, bl_tensor **outputs)
{
    const bl__threshold_attributes *settings = attributes;
    bl_tensor *x = inputs[0], *below = bl_less_equal(x, bl__number_like(x, settings->threshold));
    outputs[0] = bl_where(below, bl__number_like(x, settings->value), x);
    (void)graph;
    (void)input_count;
}

static bl_tensor *threshold_sample(bl_sampler *sampler)
{
    return bl_threshold(sample_sides(sampler), (double)bl_sample_int(sampler, -1, 1),
                        bl__sample_number(sampler, -2, 2));
}

const bl_op bl__op_threshold = {BL__OP(threshold, 1),
                                .flags = BL__OP_COMPOSITE,
                                .attributes_size = sizeof(bl__threshold_attributes),
                                .infer = threshold_infer,
                                .decompose = threshold_decompose,
                                .sample = threshold_sample};

/* ---- hardshrink and softshrink: 0 where |x| <= c; else x, or x less c in magnitude ---- */

static bl_status shrink_infer(bl_infer_call *call)
{
    double c = number_of(call->attributes);
    if (!(c >= 0) || isinf(c))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%g is negative or not finite", c);
    return bl__infer_reals(call);
}

bl_tensor *bl_hardshrink(bl_tensor *x, double c)
{
    bl__scalar_attributes attributes = {.value = c};
    return bl__apply_1(&bl__op_hardshrink, x, &attributes);
}

static void hardshrink_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                 const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[0], *small = bl_less_equal(bl_abs(x), bl__number_like(x, number_of(attributes)));
    outputs[0] = bl_where(small, bl__number_like(x, 0), x);
    (void)graph;
    (void)input_count;
}

static bl_tensor *hardshrink_sample(bl_sampler *sampler)
{
    return bl_hardshrink(sample_sides(sampler), (double)bl_sample_int(sampler, 0, 1));
}

const bl_op bl__op_hardshrink = {BL__OP(hardshrink, 1),
                                 .flags = BL__OP_COMPOSITE,
                                 .attributes_size = sizeof(bl__scalar_attributes),
                                 .infer = shrink_infer,
                                 .decompose = hardshrink_decompose,
                                 .sample = hardshrink_sample};

bl_tensor *bl_softshrink(bl_tensor *x, double c)
{
    bl__scalar_attributes attributes = {.value = c};
    return bl__apply_1(&bl__op_softshrink, x, &attributes);
}

static void softshrink_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                 const void *attributes, bl_tensor **outputs)
{
    double c = number_of(attributes);
    outputs[0] = bl_sub(inputs[0], bl_clamp(inputs[0], -c, c));
    (void)graph;
    (void)input_count;
}

static bl_tensor *softshrink_sample(bl_sampler *sampler)
{
    return bl_softshrink(sample_sides(sampler), (double)bl_sample_int(sampler, 0, 1));
}

const bl_op bl__op_softshrink = {BL__OP(softshrink, 1),
                                 .flags = BL__OP_COMPOSITE,
                                 .attributes_size = sizeof(bl__scalar_attributes),
                                 .infer = shrink_infer,
                                 .decompose = softshrink_decompose,
                                 .sample = softshrink_sample};
