/* Shapes of convolutions: the sizes along an axis, and whether x, weight and result fit. */
#include "ops/convolution_shape.h"
#include "graph/memory.h"
#include "graph/text.h"

/* Strides, paddings and dilations lie below this: sums of a few of them and a size do not overflow. */
#define LARGEST INT32_MAX

bool bl__reach(int64_t count, int64_t step, int64_t *out)
{
    if (!bl__multiply(count - 1, step, out) || *out == INT64_MAX)
        return false;
    ++*out;
    return true;
}

static bl_status check_settings(bl_infer_call *call, const bl__convolution_attributes *attributes)
{
    for (int d = 0; d < (int)attributes->spatial; d++) {
        int64_t stride = attributes->stride[d], padding = attributes->padding[d];
        int64_t dilation = attributes->dilation[d];
        if (stride < 1 || stride > LARGEST)
            return bl_infer_fail(call, BL_ERR_ARGUMENT, "the stride %lld is not in 1..%d", (long long)stride,
                                 LARGEST);
        if (padding < 0 || padding > LARGEST)
            return bl_infer_fail(call, BL_ERR_ARGUMENT, "the padding %lld is not in 0..%d",
                                 (long long)padding, LARGEST);
        if (dilation < 1 || dilation > LARGEST)
            return bl_infer_fail(call, BL_ERR_ARGUMENT, "the dilation %lld is not in 1..%d",
                                 (long long)dilation, LARGEST);
    }
    if (attributes->groups < 1)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%lld groups are below 1", (long long)attributes->groups);
    return BL_OK;
}

/* The ranks, and a kernel with elements. */
static bl_status check_ranks(bl_infer_call *call, bl_shape x, bl_shape weight, int64_t spatial)
{
    if (x.rank != spatial + 2)
        return bl_infer_fail(call, BL_ERR_SHAPE,
                             "x is %s, without %lld spatial axes after batch and channels", BL__SHAPE_TEXT(x),
                             (long long)spatial);
    if (weight.rank != spatial + 2)
        return bl_infer_fail(call, BL_ERR_SHAPE, "the weight is %s, without %lld spatial axes",
                             BL__SHAPE_TEXT(weight), (long long)spatial);
    for (int d = 2; d < weight.rank; d++) {
        if (weight.size[d] < 1)
            return bl_infer_fail(call, BL_ERR_SHAPE, "the kernel of a weight of %s is empty",
                                 BL__SHAPE_TEXT(weight));
    }
    return BL_OK;
}

/* Places of a kernel in a padded axis; below 1 where it does not fit. False when a size overflows. */
static bool count_places(int64_t size, int64_t kernel, const bl__convolution_attributes *attributes, int d,
                         int64_t *places)
{
    int64_t reach, padding = 2 * attributes->padding[d];
    if (size > INT64_MAX - padding || !bl__reach(kernel, attributes->dilation[d], &reach))
        return false;
    int64_t free_places = size + padding - reach;
    *places = free_places < 0 ? 0 : free_places / attributes->stride[d] + 1;
    return true;
}

bl_status bl__convolution_shape(bl_infer_call *call, bl_shape x, bl_shape weight,
                                const bl__convolution_attributes *attributes, bl_shape *out)
{
    int64_t in, groups = attributes->groups;
    bl_status status = check_settings(call, attributes);
    if (status == BL_OK)
        status = check_ranks(call, x, weight, attributes->spatial);
    if (status != BL_OK)
        return status;
    if (!bl__multiply(weight.size[1], groups, &in) || in != x.size[1] || weight.size[0] % groups != 0)
        return bl_infer_fail(call, BL_ERR_SHAPE,
                             "x of %s and a weight [out, in / groups, ..] of %s do not fit in %lld group(s)",
                             BL__SHAPE_TEXT(x), BL__SHAPE_TEXT(weight), (long long)groups);
    *out = x;
    out->size[1] = weight.size[0];
    for (int d = 0; d < (int)attributes->spatial; d++) {
        if (!count_places(x.size[d + 2], weight.size[d + 2], attributes, d, &out->size[d + 2]))
            return bl_infer_fail(call, BL_ERR_OVERFLOW, "sizes overflow: x %s, weight %s", BL__SHAPE_TEXT(x),
                                 BL__SHAPE_TEXT(weight));
        if (out->size[d + 2] < 1)
            return bl_infer_fail(call, BL_ERR_SHAPE,
                                 "the kernel of %s with its dilation is larger than x of %s with its padding",
                                 BL__SHAPE_TEXT(weight), BL__SHAPE_TEXT(x));
    }
    return BL_OK;
}

/* (size - 1) stride + dilation (kernel - 1) + output_padding + 1 - 2 padding. False when it overflows. */
static bool spread_size(int64_t size, int64_t kernel, const bl__convolution_attributes *attributes, int d,
                        int64_t *out)
{
    int64_t places, reach;
    if (!bl__reach(size, attributes->stride[d], &places) ||
        !bl__reach(kernel, attributes->dilation[d], &reach) || reach > INT64_MAX - LARGEST)
        return false;
    reach += attributes->output_padding[d] - 1 - 2 * attributes->padding[d];
    if (reach > 0 && places > INT64_MAX - reach)
        return false;
    *out = places + reach;
    return true;
}

static bl_status check_output_padding(bl_infer_call *call, const bl__convolution_attributes *attributes)
{
    for (int d = 0; d < (int)attributes->spatial; d++) {
        int64_t padding = attributes->output_padding[d];
        if (padding < 0 || (padding >= attributes->stride[d] && padding >= attributes->dilation[d]))
            return bl_infer_fail(
                call, BL_ERR_ARGUMENT,
                "the output padding %lld is negative, or not less than the stride or the dilation",
                (long long)padding);
    }
    return BL_OK;
}

bl_status bl__convolution_transposed_shape(bl_infer_call *call, bl_shape x, bl_shape weight,
                                           const bl__convolution_attributes *attributes, bl_shape *out)
{
    int64_t groups = attributes->groups;
    bl_status status = check_settings(call, attributes);
    if (status == BL_OK)
        status = check_output_padding(call, attributes);
    if (status == BL_OK)
        status = check_ranks(call, x, weight, attributes->spatial);
    if (status != BL_OK)
        return status;
    *out = x;
    if (weight.size[0] != x.size[1] || weight.size[0] % groups != 0)
        return bl_infer_fail(call, BL_ERR_SHAPE,
                             "x of %s and a weight [in, out / groups, ..] of %s do not fit in %lld group(s)",
                             BL__SHAPE_TEXT(x), BL__SHAPE_TEXT(weight), (long long)groups);
    bool fits = bl__multiply(weight.size[1], groups, &out->size[1]);
    for (int d = 0; d < (int)attributes->spatial; d++) {
        if (x.size[d + 2] < 1)
            return bl_infer_fail(call, BL_ERR_SHAPE, "x of %s has a spatial axis without elements",
                                 BL__SHAPE_TEXT(x));
        fits = fits && spread_size(x.size[d + 2], weight.size[d + 2], attributes, d, &out->size[d + 2]);
        if (fits && out->size[d + 2] < 1)
            return bl_infer_fail(call, BL_ERR_SHAPE,
                                 "padding leaves nothing of x %s spread by a weight of %s", BL__SHAPE_TEXT(x),
                                 BL__SHAPE_TEXT(weight));
    }
    return fits ? BL_OK
                : bl_infer_fail(call, BL_ERR_OVERFLOW, "sizes overflow: x %s, weight %s", BL__SHAPE_TEXT(x),
                                BL__SHAPE_TEXT(weight));
}
