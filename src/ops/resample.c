/* Resampling: each spatial axis is multiplied by a fixed sparse matrix, whose rows are windows with weights
 * (cpu/windows.h). Means over windows, adaptive or not, and interpolation to another size differ in nothing
 * else; the transpose multiplies by the transposed matrices. */
#include "bowline/ops.h"
#include "ops/pooling_window.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    ANY_DTYPE = (1u << BL_DTYPE_COUNT) - 1
};

/* From axes of `from` to axes of `to` places. */
static bl_status infer(bl_infer_call *call, unsigned dtypes, const int64_t *from, const int64_t *to)
{
    const bl__window_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, dtypes);
    if (status != BL_OK)
        return status;
    if (!bl__has_spatial(x, attributes->spatial, from))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the windows are not those of %s", BL__SHAPE_TEXT(x));
    for (int d = 0; d < (int)attributes->spatial; d++) {
        if (attributes->in[d] < 1)
            return bl_infer_fail(call, BL_ERR_SHAPE, "an axis without elements has no windows");
    }
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__with_spatial(x, attributes->spatial, to));
}

/* ---- upsampling ---- */

static bl_tensor *upsample(const char *op, bl_tensor *x, int64_t method, int spatial, const int64_t *size,
                           bool align_corners)
{
    bl__window_attributes attributes = {.method = method, .align_corners = align_corners};
    unsigned dtypes = method == BL__WINDOW_NEAREST ? ANY_DTYPE : BL__REALS;
    if (!bl__spatial_axes(op, x, dtypes, spatial, &attributes) ||
        !bl__resized_axes(op, x, size, 1, &attributes))
        return bl__refused(x);
    return bl__apply_1(&bl__op_resample, x, &attributes);
}

bl_tensor *bl_upsample_nearest1d(bl_tensor *x, int64_t size)
{
    return upsample("upsample_nearest1d", x, BL__WINDOW_NEAREST, 1, &size, false);
}

bl_tensor *bl_upsample_nearest(bl_tensor *x, int64_t height, int64_t width)
{
    const int64_t size[] = {height, width};
    return upsample("upsample_nearest", x, BL__WINDOW_NEAREST, 2, size, false);
}

bl_tensor *bl_upsample_linear(bl_tensor *x, int64_t size, bool align_corners)
{
    return upsample("upsample_linear", x, BL__WINDOW_LINEAR, 1, &size, align_corners);
}

bl_tensor *bl_upsample_bilinear(bl_tensor *x, int64_t height, int64_t width, bool align_corners)
{
    const int64_t size[] = {height, width};
    return upsample("upsample_bilinear", x, BL__WINDOW_LINEAR, 2, size, align_corners);
}

bl_tensor *bl_upsample_bicubic(bl_tensor *x, int64_t height, int64_t width, bool align_corners)
{
    const int64_t size[] = {height, width};
    return upsample("upsample_bicubic", x, BL__WINDOW_CUBIC, 2, size, align_corners);
}

/* ---- samples ---- */

/* Windows of any kind on the last axes of a shape. */
static bl_shape sample_windows(bl_sampler *sampler, bl__window_attributes *attributes)
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    attributes->spatial = bl_sample_int(sampler, 1, shape.rank < 3 ? shape.rank : 3);
    attributes->method = bl_sample_int(sampler, BL__WINDOW_POOL, BL__WINDOW_CUBIC);
    attributes->align_corners = bl__sample_chance(sampler, 2);
    attributes->count_padding = bl__sample_chance(sampler, 2);
    attributes->divisor = bl__sample_chance(sampler, 3) ? bl_sample_int(sampler, 1, 3) : 0;
    for (int d = 0; d < (int)attributes->spatial; d++) {
        int64_t size = shape.size[shape.rank - (int)attributes->spatial + d];
        int64_t kernel = bl_sample_int(sampler, 1, size < 3 ? size : 3);
        int64_t stride = bl_sample_int(sampler, 1, 3), padding = bl_sample_int(sampler, 0, kernel / 2);
        attributes->in[d] = size;
        attributes->kernel[d] = kernel;
        attributes->stride[d] = stride;
        attributes->padding[d] = padding;
        attributes->dilation[d] = 1;
        attributes->out[d] = attributes->method == BL__WINDOW_POOL
                                 ? (size + 2 * padding - kernel) / stride + 1
                                 : bl_sample_int(sampler, 1, 5);
    }
    if (shape.rank > attributes->spatial && bl__sample_chance(sampler, 12))
        shape.size[0] = 0;
    return shape;
}

/* ---- resample ---- */

static bl_status resample_infer(bl_infer_call *call)
{
    const bl__window_attributes *attributes = call->attributes;
    unsigned dtypes = attributes->method == BL__WINDOW_NEAREST ? ANY_DTYPE : BL__REALS;
    return infer(call, dtypes, attributes->in, attributes->out);
}

static void resample_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(&bl__op_resample_backward, call->cotangents[0], call->attributes);
}

static bl_tensor *resample_sample(bl_sampler *sampler)
{
    bl__window_attributes attributes = {0};
    bl_shape shape = sample_windows(sampler, &attributes);
    return bl__apply_1(&bl__op_resample, bl_sample_real(sampler, shape, -1, 1), &attributes);
}

const bl_op bl__op_resample = {BL__OP(resample, 1), .attributes_size = sizeof(bl__window_attributes),
                               .infer = resample_infer, .vjp = resample_vjp, .sample = resample_sample};

/* ---- resample_backward: the transpose, from axes with windows to those without ---- */

static bl_status resample_backward_infer(bl_infer_call *call)
{
    const bl__window_attributes *attributes = call->attributes;
    return infer(call, BL__REALS, attributes->out, attributes->in);
}

static void resample_backward_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(&bl__op_resample, call->cotangents[0], call->attributes);
}

static bl_tensor *resample_backward_sample(bl_sampler *sampler)
{
    bl__window_attributes attributes = {0};
    bl_shape shape = sample_windows(sampler, &attributes);
    bl_shape resampled = bl__with_spatial(shape, attributes.spatial, attributes.out);
    return bl__apply_1(&bl__op_resample_backward, bl_sample_real(sampler, resampled, -1, 1), &attributes);
}

const bl_op bl__op_resample_backward = {
    BL__OP(resample_backward, 1), .attributes_size = sizeof(bl__window_attributes),
    .infer = resample_backward_infer, .vjp = resample_backward_vjp, .sample = resample_backward_sample};
