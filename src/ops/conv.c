/* The convolutions that programs record: conv1d .. conv3d and their transposes, batched or not, with a bias.
 * They are made of the ops of convolution.c. */
#include "bowline/ops.h"
#include "ops/convolution_sample.h"
#include "ops/convolution_shape.h"
#include "ops/rules.h"

#include <string.h>

enum {
    X,
    WEIGHT,
    BIAS
};

bl_conv_options bl_conv_defaults(void)
{
    return (bl_conv_options){.stride = {1, 1, 1}, .dilation = {1, 1, 1}, .groups = 1};
}

/* ---- shapes ---- */

/* A shape without a batch, as a batch of one. */
static bl_shape batched(bl_shape x)
{
    bl_shape one = {.rank = x.rank + 1, .size = {1}};
    memcpy(&one.size[1], x.size, (size_t)x.rank * sizeof(x.size[0]));
    return one;
}

static bl_shape unbatched(bl_shape x)
{
    bl_shape single = {.rank = x.rank - 1};
    memcpy(single.size, &x.size[1], (size_t)single.rank * sizeof(x.size[0]));
    return single;
}

static bl_status check_inputs(bl_infer_call *call)
{
    const bl__convolution_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, X);
    for (size_t i = 0; i < call->input_count; i++) {
        bl_status status = bl__require(call, i, BL__REALS);
        if (status == BL_OK)
            status = bl__require_same(call, X, i);
        if (status != BL_OK)
            return status;
    }
    if (x.rank != attributes->spatial + 1 && x.rank != attributes->spatial + 2)
        return bl_infer_fail(call, BL_ERR_SHAPE,
                             "x is %s: it takes %lld spatial axes after channels, or batch and channels",
                             BL__SHAPE_TEXT(x), (long long)attributes->spatial);
    return BL_OK;
}

typedef bl_status shape_rule(bl_infer_call *call, bl_shape x, bl_shape weight,
                             const bl__convolution_attributes *attributes, bl_shape *out);

static bl_status infer(bl_infer_call *call, shape_rule *rule)
{
    const bl__convolution_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, X), weight = bl__shape_in(call, WEIGHT), y;
    bl_status status = check_inputs(call);
    bool single = x.rank == attributes->spatial + 1;
    if (status == BL_OK)
        status = rule(call, single ? batched(x) : x, weight, attributes, &y);
    if (status != BL_OK)
        return status;
    if (call->input_count > BIAS && !bl_shape_equal(bl__shape_in(call, BIAS), BL_SHAPE(y.size[1])))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the bias is %s for %lld output channels",
                             BL__SHAPE_TEXT(bl__shape_in(call, BIAS)), (long long)y.size[1]);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), single ? unbatched(y) : y);
}

static bl_status conv_infer(bl_infer_call *call)
{
    return infer(call, bl__convolution_shape);
}

static bl_status conv_transpose_infer(bl_infer_call *call)
{
    return infer(call, bl__convolution_transposed_shape);
}

/* ---- what they are made of ---- */

static bl_tensor *as_batch(bl_tensor *x, const bl__convolution_attributes *attributes)
{
    bl_shape shape = bl_tensor_shape(x);
    return shape.rank == attributes->spatial + 1 ? bl_reshape(x, batched(shape)) : x;
}

/* y [N, out, ..] with the bias, and without the batch where x has none. */
static bl_tensor *finish(bl_tensor *y, bl_tensor *const *inputs, size_t input_count, int spatial)
{
    bl_shape column = {.rank = spatial + 1, .size = {0, 1, 1, 1}};
    if (!bl_tensor_valid(y))
        return y;
    column.size[0] = bl_tensor_shape(y).size[1];
    if (input_count > BIAS)
        y = bl_add(y, bl_reshape(inputs[BIAS], column));
    bool single = bl_tensor_shape(inputs[X]).rank == spatial + 1;
    return single && bl_tensor_valid(y) ? bl_reshape(y, unbatched(bl_tensor_shape(y))) : y;
}

static void conv_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    const bl__convolution_attributes *settings = attributes;
    bl_tensor *y =
        bl__apply_2(&bl__op_convolution, as_batch(inputs[X], settings), inputs[WEIGHT], attributes);
    (void)graph;
    outputs[0] = finish(y, inputs, input_count, (int)settings->spatial);
}

/* y, longer by `more` zeros along an axis. */
static bl_tensor *lengthen(bl_tensor *y, int axis, int64_t more)
{
    if (!bl_tensor_valid(y) || more <= 0)
        return y;
    int64_t size = bl_tensor_shape(y).size[axis];
    bl__slice_attributes whole = {.axis = axis, .start = 0, .stop = size, .step = 1, .size = size + more};
    return bl__apply_1(&bl__op_slice_backward, y, &whole);
}

/* The convolution of an axis of some size, and of those up to stride - 1 longer, has as many places. Output
 * padding beyond that, which a dilation allows, is reached by no place of x. */
static void conv_transpose_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                     const void *attributes, bl_tensor **outputs)
{
    bl__convolution_attributes settings = *(const bl__convolution_attributes *)attributes;
    bl_tensor *x = as_batch(inputs[X], &settings), *weight = inputs[WEIGHT];
    int64_t beyond[3] = {0};
    (void)graph;
    for (int d = 0; bl_tensor_valid(x) && d < (int)settings.spatial; d++) {
        int64_t reach = settings.dilation[d] * (weight->size[d + 2] - 1) + 1;
        int64_t size = (x->size[d + 2] - 1) * settings.stride[d] + (reach - 2 * settings.padding[d]);
        int64_t padding = settings.output_padding[d], most = settings.stride[d] - 1;
        beyond[d] = padding > most ? padding - most : 0;
        settings.size[d] = size + padding - beyond[d];
        settings.output_padding[d] = 0;
    }
    bl_tensor *y = bl__apply_2(&bl__op_convolution_input, x, weight, &settings);
    for (int d = 0; d < (int)settings.spatial; d++)
        y = lengthen(y, d + 2, beyond[d]);
    outputs[0] = finish(y, inputs, input_count, (int)settings.spatial);
}

/* ---- builders ---- */

static bl_tensor *record(const bl_op *op, int spatial, bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                         const bl_conv_options *options)
{
    bl_conv_options chosen = options ? *options : bl_conv_defaults();
    bl__convolution_attributes attributes = {.spatial = spatial, .groups = chosen.groups};
    bl_tensor *inputs[] = {x, weight, bias};
    for (int d = 0; d < spatial; d++) {
        attributes.stride[d] = chosen.stride[d];
        attributes.padding[d] = chosen.padding[d];
        attributes.dilation[d] = chosen.dilation[d];
        attributes.output_padding[d] = chosen.output_padding[d];
    }
    return bl__apply(op, inputs, bias ? 3 : 2, &attributes);
}

/* ---- samples ---- */

static bl_conv_options options_of(const bl__convolution_attributes *attributes)
{
    bl_conv_options options = bl_conv_defaults();
    for (int d = 0; d < (int)attributes->spatial; d++) {
        options.stride[d] = attributes->stride[d];
        options.padding[d] = attributes->padding[d];
        options.dilation[d] = attributes->dilation[d];
    }
    options.groups = attributes->groups;
    return options;
}

static bl_tensor *sample(bl_sampler *sampler, const bl_op *op, int spatial)
{
    bl__convolution_sample s = bl__sample_convolution(sampler, spatial);
    bl_conv_options options = options_of(&s.attributes);
    bl_shape bias = BL_SHAPE(s.weight.size[0]);
    bl_tensor *x = bl_sample_real(sampler, bl__sample_chance(sampler, 3) ? unbatched(s.x) : s.x, -1, 1);
    bl_tensor *weight = bl_sample_real(sampler, s.weight, -1, 1);
    bool biased = bl__sample_chance(sampler, 2);
    return record(op, spatial, x, weight, biased ? bl_sample_real(sampler, bias, -1, 1) : NULL, &options);
}

/* The sample's x is long enough for its kernel; spread over a stride it is long enough for its padding. */
static bl_tensor *sample_transposed(bl_sampler *sampler, const bl_op *op, int spatial)
{
    bl__convolution_sample s = bl__sample_convolution(sampler, spatial);
    bl_conv_options options = options_of(&s.attributes);
    int64_t in = s.x.size[1], out = s.weight.size[0];
    s.weight.size[0] = in;
    s.weight.size[1] = out / options.groups;
    for (int d = 0; d < spatial; d++) {
        int64_t stride = options.stride[d], dilation = options.dilation[d];
        options.output_padding[d] = bl_sample_int(sampler, 0, (stride > dilation ? stride : dilation) - 1);
        if (s.x.size[d + 2] == 0)
            s.x.size[d + 2] = 1;
        while ((s.x.size[d + 2] - 1) * stride + dilation * (s.weight.size[d + 2] - 1) <
               2 * options.padding[d])
            options.padding[d]--;
    }
    bl_tensor *x = bl_sample_real(sampler, bl__sample_chance(sampler, 3) ? unbatched(s.x) : s.x, -1, 1);
    bl_tensor *weight = bl_sample_real(sampler, s.weight, -1, 1);
    bl_tensor *bias = bl__sample_chance(sampler, 2) ? bl_sample_real(sampler, BL_SHAPE(out), -1, 1) : NULL;
    return record(op, spatial, x, weight, bias, &options);
}

/* ---- an op for each number of spatial axes ---- */

#define CONVOLUTION(op, kind, axes, sampled)                                          \
    bl_tensor *bl_##op(bl_tensor *x, bl_tensor *weight, bl_tensor *bias)              \
    {                                                                                 \
        return bl_##op##_with(x, weight, bias, NULL);                                 \
    }                                                                                 \
    bl_tensor *bl_##op##_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,       \
                              const bl_conv_options *options)                         \
    {                                                                                 \
        return record(&bl__op_##op, axes, x, weight, bias, options);                  \
    }                                                                                 \
    static bl_tensor *op##_sample(bl_sampler *sampler)                                \
    {                                                                                 \
        return sampled(sampler, &bl__op_##op, axes);                                  \
    }                                                                                 \
    const bl_op bl__op_##op = {BL__OP_BETWEEN(op, 2, 3),                              \
                               .flags = BL__OP_COMPOSITE,                             \
                               .attributes_size = sizeof(bl__convolution_attributes), \
                               .infer = kind##_infer,                                 \
                               .decompose = kind##_decompose,                         \
                               .sample = op##_sample};

CONVOLUTION(conv1d, conv, 1, sample)
CONVOLUTION(conv2d, conv, 2, sample)
CONVOLUTION(conv3d, conv, 3, sample)
CONVOLUTION(conv_transpose1d, conv_transpose, 1, sample_transposed)
CONVOLUTION(conv_transpose2d, conv_transpose, 2, sample_transposed)
CONVOLUTION(conv_transpose3d, conv_transpose, 3, sample_transposed)
