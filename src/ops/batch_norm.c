/* batch_norm: channels brought to mean 0 and variance 1, by the batch or by running statistics, which a batch
 * updates. */
#include "graph/parameter.h"
#include "ops/norms.h"
#include "ops/pending.h"

enum {
    CHANNELS = 1 /* the axis */
};

/* Elements of x for each channel. */
static int64_t channel_count(bl_shape x)
{
    int64_t count = 1;
    for (int d = 0; d < x.rank; d++)
        count *= d == CHANNELS ? 1 : x.size[d]; /* no overflow: of the factors of the count, or 0 */
    return count;
}

/* A running statistic fits x. */
static bl_status check_state(bl_infer_call *call, const bl_parameter *state)
{
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    bl_shape want = BL_SHAPE(bl__shape_in(call, 0).size[CHANNELS]);
    if (state->context != call->graph->context)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s belongs to another context", state->name);
    if (state->dtype != dtype)
        return bl_infer_fail(call, BL_ERR_DTYPE, "%s is %s, x is %s", state->name,
                             bl_dtype_name(state->dtype), bl_dtype_name(dtype));
    if (!bl_shape_equal(state->shape, want))
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s is %s, not %s", state->name,
                             BL__SHAPE_TEXT(state->shape), BL__SHAPE_TEXT(want));
    return BL_OK;
}

static bl_status check_states(bl_infer_call *call)
{
    const bl__batch_norm_attributes *norm = call->attributes;
    if (!norm->running_mean != !norm->running_var)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "one of the running statistics is NULL");
    if (!norm->running_mean)
        return norm->training ? BL_OK
                              : bl_infer_fail(call, BL_ERR_ARGUMENT,
                                              "the running statistics are NULL, but not in training");
    if (norm->running_mean == norm->running_var)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "both running statistics are %s",
                             norm->running_mean->name);
    bl_status status = check_state(call, norm->running_mean);
    return status == BL_OK ? check_state(call, norm->running_var) : status;
}

static bl_status infer(bl_infer_call *call)
{
    const bl__batch_norm_attributes *norm = call->attributes;
    bl_shape shape = bl__shape_in(call, 0);
    bl_status status = bl__check_channels(call, 2);
    if (status == BL_OK)
        status = bl__check_eps(call, norm->eps);
    if (status != BL_OK)
        return status;
    int64_t channels = shape.size[CHANNELS];
    status = bl__check_affine(call, BL_SHAPE(channels), norm->weighted);
    if (status == BL_OK)
        status = check_states(call);
    if (status == BL_OK && norm->training && channel_count(shape) == 1)
        status = bl_infer_fail(call, BL_ERR_SHAPE, "%s has one element for each channel, and no variance",
                               BL__SHAPE_TEXT(shape));
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), shape) : status;
}

bl_batch_norm_options bl_batch_norm_defaults(void)
{
    return (bl_batch_norm_options){.momentum = 0.1, .eps = 1e-5};
}

bl_tensor *bl_batch_norm(bl_tensor *x, bl_parameter *running_mean, bl_parameter *running_var,
                         bl_tensor *weight, bl_tensor *bias, bool training)
{
    return bl_batch_norm_with(x, running_mean, running_var, weight, bias, training, NULL);
}

bl_tensor *bl_batch_norm_with(bl_tensor *x, bl_parameter *running_mean, bl_parameter *running_var,
                              bl_tensor *weight, bl_tensor *bias, bool training,
                              const bl_batch_norm_options *options)
{
    bl_batch_norm_options chosen = options ? *options : bl_batch_norm_defaults();
    bl__batch_norm_attributes attributes = {.running_mean = running_mean,
                                            .running_var = running_var,
                                            .training = training,
                                            .momentum = chosen.momentum,
                                            .eps = chosen.eps};
    return bl__apply_affine(&bl__op_batch_norm, x, weight, bias, &attributes, &attributes.weighted,
                            &attributes.biased);
}

/* Asks for state = (1 - momentum) state + momentum statistic, wherever something is made from `source`. */
static void update(bl_parameter *state, bl_tensor *source, bl_tensor *statistic, double momentum)
{
    bl_tensor *before = bl__pending_value(bl__graph_of(source), state);
    bl_tensor *old = bl_mul_scalar(before, 1 - momentum);
    bl_tensor *part = bl_mul_scalar(bl_reshape(statistic, state->shape), momentum);
    bl__pending_add(state, source, bl_add(old, part));
}

/* The mean and variance of the batch, kept as axes of size 1, and x less the mean. */
static void batch_statistics(bl_tensor *x, bl_tensor **centered, bl_tensor **variance,
                             const bl__batch_norm_attributes *norm)
{
    bl_shape shape = bl_tensor_shape(x);
    int64_t count = channel_count(shape);
    bl_axes axes = {.count = 0};
    for (int d = 0; d < shape.rank; d++)
        if (d != CHANNELS)
            axes.axis[axes.count++] = d;
    if (count == 0) { /* no numbers, so that weight and bias get no NaN either */
        *centered = x;
        *variance = bl__number_like(x, 1);
        return;
    }
    bl_tensor *mean = bl_mean(x, axes, true);
    *centered = bl_sub(x, mean);
    *variance = bl_mean(bl_square(*centered), axes, true);
    if (!norm->running_mean)
        return;
    double unbiased = (double)count / (double)(count - 1);
    update(norm->running_mean, mean, mean, norm->momentum);
    update(norm->running_var, mean, bl_mul_scalar(*variance, unbiased), norm->momentum);
}

static void decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *attributes,
                      bl_tensor **outputs)
{
    const bl__batch_norm_attributes *norm = attributes;
    bl_tensor *x = inputs[0], *centered, *variance;
    bl_shape channels = bl__channel_shape(bl_tensor_shape(x));
    (void)input_count;
    if (norm->training)
        batch_statistics(x, &centered, &variance, norm);
    else {
        centered = bl_sub(x, bl_reshape(bl_use(graph, norm->running_mean), channels));
        variance = bl_reshape(bl_use(graph, norm->running_var), channels);
    }
    bl_tensor *scale = bl_scalar_div(1, bl_sqrt(bl_add_scalar(variance, norm->eps)));
    if (norm->weighted) /* one product of x's size, not two */
        scale = bl_mul(scale, bl_reshape(inputs[1], channels));
    outputs[0] = bl__affine(bl_mul(centered, scale), norm->weighted ? inputs + 1 : inputs, channels, false,
                            norm->biased);
}

/* Buffers hold zeros: out of training eps alone is the scale. */
static bl_tensor *sample(bl_sampler *sampler)
{
    bl_batch_norm_options options = {.momentum = bl__sample_number(sampler, 0, 1), .eps = 0.5};
    bl_shape shape = bl_sample_shape(sampler, 2, 5);
    bool training = bl__sample_chance(sampler, 2), tracked = !training || bl__sample_chance(sampler, 2);
    if (channel_count(shape) == 1)
        shape.size[0] = 2;
    bl_shape channels = BL_SHAPE(shape.size[CHANNELS]);
    bl_dtype dtype = bl__sampler_dtype(sampler);
    bl_tensor *x = bl_sample_real(sampler, shape, -2, 2);
    bl_tensor *weight = bl__sample_affine(sampler, channels), *bias = bl__sample_affine(sampler, channels);
    bl_parameter *mean = tracked ? bl__sample_buffer(sampler, dtype, channels) : NULL;
    bl_parameter *variance = tracked ? bl__sample_buffer(sampler, dtype, channels) : NULL;
    return bl_batch_norm_with(x, mean, variance, weight, bias, training, &options);
}

const bl_op bl__op_batch_norm = {BL__OP_BETWEEN(batch_norm, 1, 3),
                                 .flags = BL__OP_COMPOSITE,
                                 .attributes_size = sizeof(bl__batch_norm_attributes),
                                 .infer = infer,
                                 .decompose = decompose,
                                 .sample = sample};
