/* The windows of pools: settings checked, and how many places they have on each axis. */
#include "ops/pooling_window.h"
#include "ops/rules.h"

/* Kernels, strides and dilations lie below this: sums of a few of them and a size do not overflow. */
#define LARGEST INT32_MAX

bl_shape bl__with_spatial(bl_shape shape, int64_t spatial, const int64_t *size)
{
    for (int d = 0; d < (int)spatial; d++)
        shape.size[shape.rank - (int)spatial + d] = size[d];
    return shape;
}

bool bl__has_spatial(bl_shape shape, int64_t spatial, const int64_t *size)
{
    return shape.rank >= spatial && bl_shape_equal(shape, bl__with_spatial(shape, spatial, size));
}

bool bl__spatial_axes(const char *op, const bl_tensor *x, unsigned dtypes, int spatial,
                      bl__window_attributes *attributes)
{
    if (!bl__known(op, x))
        return false;
    bl_graph *graph = bl__graph_of(x);
    bl_shape shape = bl_tensor_shape(x);
    attributes->spatial = spatial;
    if (!bl__is_one_of(bl_tensor_dtype(x), dtypes)) {
        bl__fail(graph, BL_ERR_DTYPE, op, "the operand is %s, not f32 or f64: cast it first",
                 bl_dtype_name(bl_tensor_dtype(x)));
        return false;
    }
    if (shape.rank < spatial) {
        bl__fail(graph, BL_ERR_SHAPE, op, "%s has no %d spatial axes", BL__SHAPE_TEXT(shape), spatial);
        return false;
    }
    for (int d = 0; d < spatial; d++) {
        attributes->in[d] = shape.size[shape.rank - spatial + d];
        if (attributes->in[d] == 0) {
            bl__fail(graph, BL_ERR_SHAPE, op, "a spatial axis of %s has no elements", BL__SHAPE_TEXT(shape));
            return false;
        }
    }
    return true;
}

static bool check_settings(const char *op, const bl_tensor *x, const bl__window_attributes *attributes, int d)
{
    bl_graph *graph = bl__graph_of(x);
    int64_t kernel = attributes->kernel[d], stride = attributes->stride[d];
    int64_t dilation = attributes->dilation[d], padding = attributes->padding[d];
    if (kernel < 1 || kernel > LARGEST)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the kernel %lld is not in 1..%d", (long long)kernel, LARGEST);
    else if (stride < 1 || stride > LARGEST)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the stride %lld is not in 1..%d", (long long)stride, LARGEST);
    else if (dilation < 1 || dilation > LARGEST)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the dilation %lld is not in 1..%d", (long long)dilation,
                 LARGEST);
    else if (padding < 0 || padding > kernel / 2)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the padding %lld is not in 0..%lld, half of the kernel",
                 (long long)padding, (long long)(kernel / 2));
    else
        return true;
    return false;
}

/* Places of windows on an axis; 0 where the first does not fit. */
static int64_t count_places(const bl__window_attributes *attributes, int d, bool ceil_mode)
{
    int64_t in = attributes->in[d], padding = attributes->padding[d], stride = attributes->stride[d];
    int64_t reach = attributes->dilation[d] * (attributes->kernel[d] - 1) + 1; /* of two below 2^31 */
    int64_t last = in + 2 * padding - reach;                                   /* where a window may begin */
    if (last < 0 && !(ceil_mode && last > -stride))
        return 0;
    int64_t places = last < 0 ? 1 : last / stride + 1 + (ceil_mode && last % stride != 0);
    return (places - 1) * stride >= in + padding ? places - 1 : places;
}

bool bl__pool_windows(const char *op, const bl_tensor *x, bool ceil_mode, bl__window_attributes *attributes)
{
    for (int d = 0; d < (int)attributes->spatial; d++) {
        if (attributes->stride[d] == 0)
            attributes->stride[d] = attributes->kernel[d];
        if (!check_settings(op, x, attributes, d))
            return false;
        if (attributes->in[d] > INT64_MAX - 2 * (int64_t)LARGEST) {
            bl__fail(bl__graph_of(x), BL_ERR_OVERFLOW, op, "sizes overflow: an axis of %s with its padding",
                     BL__SHAPE_TEXT(bl_tensor_shape(x)));
            return false;
        }
        attributes->out[d] = count_places(attributes, d, ceil_mode);
        if (attributes->out[d] < 1) {
            bl__fail(bl__graph_of(x), BL_ERR_SHAPE, op, "a kernel of %lld does not fit into %s",
                     (long long)attributes->kernel[d], BL__SHAPE_TEXT(bl_tensor_shape(x)));
            return false;
        }
    }
    return true;
}

bool bl__resized_axes(const char *op, const bl_tensor *x, const int64_t *size, int64_t least,
                      bl__window_attributes *attributes)
{
    for (int d = 0; d < (int)attributes->spatial; d++) {
        if (size[d] < least) {
            bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "the size %lld is below %lld", (long long)size[d],
                     (long long)least);
            return false;
        }
        attributes->out[d] = size[d];
    }
    return true;
}
