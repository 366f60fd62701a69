/* Normalisation of each image by itself: groups of channels, single channels, neighbouring channels. */
#include "ops/norms.h"

enum {
    CHANNELS = 1 /* the axis */
};

bl_status bl__check_channels(bl_infer_call *call, int rank)
{
    bl_shape shape = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK && shape.rank < rank)
        status = bl_infer_fail(call, BL_ERR_SHAPE, "%s has fewer than %d axes", BL__SHAPE_TEXT(shape), rank);
    return status;
}

bl_shape bl__channel_shape(bl_shape x)
{
    bl_shape shape = {.rank = x.rank - CHANNELS};
    for (int d = 1; d < shape.rank; d++)
        shape.size[d] = 1;
    shape.size[0] = x.size[CHANNELS];
    return shape;
}

/* ---- group_norm and instance_norm: each group of neighbouring channels standardised ---- */

static bl_status infer(bl_infer_call *call, int rank)
{
    const bl__group_norm_attributes *attributes = call->attributes;
    bl_shape shape = bl__shape_in(call, 0);
    bl_status status = bl__check_channels(call, rank);
    if (status == BL_OK)
        status = bl__check_eps(call, attributes->eps);
    if (status != BL_OK)
        return status;
    int64_t channels = shape.size[CHANNELS];
    status = bl__check_affine(call, BL_SHAPE(channels), attributes->weighted);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), shape) : status;
}

static bl_status group_norm_infer(bl_infer_call *call)
{
    int64_t groups = ((const bl__group_norm_attributes *)call->attributes)->groups;
    bl_status status = infer(call, 2);
    if (status != BL_OK)
        return status;
    if (groups < 1 || bl__shape_in(call, 0).size[CHANNELS] % groups != 0)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the channels of %s do not make %lld groups",
                             BL__SHAPE_TEXT(bl__shape_in(call, 0)), (long long)groups);
    return BL_OK;
}

static bl_status instance_norm_infer(bl_infer_call *call)
{
    return infer(call, 3);
}

/* groups < 0: as many as channels. */
static void decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *attributes,
                      bl_tensor **outputs)
{
    const bl__group_norm_attributes *norm = attributes;
    bl_shape shape = bl_tensor_shape(inputs[0]);
    int64_t channels = shape.size[CHANNELS], groups = norm->groups < 0 ? channels : norm->groups;
    int64_t row = groups > 0 ? channels / groups : 0;
    for (int d = CHANNELS + 1; d < shape.rank; d++)
        row *= shape.size[d]; /* no overflow: of the factors of the count, or 0 */
    (void)graph, (void)input_count;
    bl_tensor *rows = bl_reshape(inputs[0], BL_SHAPE(shape.size[0], groups, row));
    bl_tensor *whole = bl_reshape(bl__standardize(rows, 1, true, norm->eps), shape);
    outputs[0] = bl__affine(whole, inputs, bl__channel_shape(shape), norm->weighted, norm->biased);
}

bl_tensor *bl_group_norm(bl_tensor *x, int64_t groups, bl_tensor *weight, bl_tensor *bias, double eps)
{
    bl__group_norm_attributes attributes = {.groups = groups, .eps = eps};
    return bl__apply_affine(&bl__op_group_norm, x, weight, bias, &attributes, &attributes.weighted,
                            &attributes.biased);
}

bl_tensor *bl_instance_norm(bl_tensor *x, bl_tensor *weight, bl_tensor *bias, double eps)
{
    bl__group_norm_attributes attributes = {.groups = -1, .eps = eps};
    return bl__apply_affine(&bl__op_instance_norm, x, weight, bias, &attributes, &attributes.weighted,
                            &attributes.biased);
}

static bl_tensor *group_norm_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 2, 4);
    int64_t groups = bl_sample_int(sampler, 1, 3);
    shape.size[CHANNELS] = groups * bl_sample_int(sampler, 0, 2);
    bl_shape channels = BL_SHAPE(shape.size[CHANNELS]);
    bl_tensor *x = bl_sample_real(sampler, shape, -2, 2);
    bl_tensor *weight = bl__sample_affine(sampler, channels), *bias = bl__sample_affine(sampler, channels);
    return bl_group_norm(x, groups, weight, bias, bl__sample_number(sampler, 0.1, 0.5));
}

static bl_tensor *instance_norm_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 3, 5);
    bl_shape channels = BL_SHAPE(shape.size[CHANNELS]);
    bl_tensor *x = bl_sample_real(sampler, shape, -2, 2);
    bl_tensor *weight = bl__sample_affine(sampler, channels), *bias = bl__sample_affine(sampler, channels);
    return bl_instance_norm(x, weight, bias, bl__sample_number(sampler, 0.1, 0.5));
}

const bl_op bl__op_group_norm = {BL__OP_BETWEEN(group_norm, 1, 3),
                                 .flags = BL__OP_COMPOSITE,
                                 .attributes_size = sizeof(bl__group_norm_attributes),
                                 .infer = group_norm_infer,
                                 .decompose = decompose,
                                 .sample = group_norm_sample};

const bl_op bl__op_instance_norm = {BL__OP_BETWEEN(instance_norm, 1, 3),
                                    .flags = BL__OP_COMPOSITE,
                                    .attributes_size = sizeof(bl__group_norm_attributes),
                                    .infer = instance_norm_infer,
                                    .decompose = decompose,
                                    .sample = instance_norm_sample};

/* ---- local_response_norm: x / (k + alpha / size sum of the squares of `size` neighbouring channels)^beta
 * ---- */

static bl_status local_response_norm_infer(bl_infer_call *call)
{
    const bl__local_response_norm_attributes *attributes = call->attributes;
    bl_status status = bl__check_channels(call, 3);
    if (status == BL_OK && attributes->size < 1)
        status = bl_infer_fail(call, BL_ERR_ARGUMENT, "%lld neighbouring channels are too few",
                               (long long)attributes->size);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__shape_in(call, 0))
                           : status;
}

bl_local_response_norm_options bl_local_response_norm_defaults(void)
{
    return (bl_local_response_norm_options){.alpha = 1e-4, .beta = 0.75, .k = 1};
}

bl_tensor *bl_local_response_norm(bl_tensor *x, int64_t size)
{
    return bl_local_response_norm_with(x, size, NULL);
}

bl_tensor *bl_local_response_norm_with(bl_tensor *x, int64_t size,
                                       const bl_local_response_norm_options *options)
{
    bl_local_response_norm_options chosen = options ? *options : bl_local_response_norm_defaults();
    bl__local_response_norm_attributes attributes = {
        .size = size, .alpha = chosen.alpha, .beta = chosen.beta, .k = chosen.k};
    return bl__apply_1(&bl__op_local_response_norm, x, &attributes);
}

/* Sums over channels c - before .. c + after, with zeros where there is no channel. */
static bl_tensor *neighbour_sums(bl_tensor *x, int64_t before, int64_t after)
{
    bl_graph *graph = bl__graph_of(x);
    bl_shape shape = bl_tensor_shape(x);
    bl_dtype dtype = bl_tensor_dtype(x);
    int64_t channels = shape.size[CHANNELS];
    bl_tensor *parts[] = {bl_full(graph, dtype, bl__shape_with(shape, CHANNELS, before), 0), x,
                          bl_full(graph, dtype, bl__shape_with(shape, CHANNELS, after), 0)};
    bl_tensor *padded = bl_concat(parts, 3, CHANNELS);
    bl_tensor *sums = bl_slice(padded, CHANNELS, 0, channels, 1);
    for (int64_t k = 1; k <= before + after; k++)
        sums = bl_add(sums, bl_slice(padded, CHANNELS, k, k + channels, 1));
    return sums;
}

/* A window that is larger than the channels on one side holds no more than all of them. */
static void local_response_norm_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                          const void *attributes, bl_tensor **outputs)
{
    const bl__local_response_norm_attributes *norm = attributes;
    int64_t channels = bl_tensor_shape(inputs[0]).size[CHANNELS];
    int64_t before = norm->size / 2, after = (norm->size - 1) / 2;
    (void)graph, (void)input_count;
    bl_tensor *sums = neighbour_sums(bl_square(inputs[0]), before < channels ? before : channels,
                                     after < channels ? after : channels);
    bl_tensor *base = bl_add_scalar(bl_mul_scalar(sums, norm->alpha / (double)norm->size), norm->k);
    outputs[0] = bl_div(inputs[0], bl_pow_scalar(base, norm->beta));
}

static bl_tensor *local_response_norm_sample(bl_sampler *sampler)
{
    bl_local_response_norm_options options = {.alpha = bl__sample_number(sampler, 0.1, 1),
                                              .beta = bl__sample_number(sampler, 0.5, 2),
                                              .k = bl__sample_number(sampler, 0.5, 2)};
    bl_tensor *x = bl_sample_real(sampler, bl_sample_shape(sampler, 3, 5), -2, 2);
    return bl_local_response_norm_with(x, bl_sample_int(sampler, 1, 9), &options);
}

const bl_op bl__op_local_response_norm = {BL__OP(local_response_norm, 1),
                                          .flags = BL__OP_COMPOSITE,
                                          .attributes_size = sizeof(bl__local_response_norm_attributes),
                                          .infer = local_response_norm_infer,
                                          .decompose = local_response_norm_decompose,
                                          .sample = local_response_norm_sample};
