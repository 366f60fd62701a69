/* Means over windows, and powers of sums: avg_pool, adaptive_avg_pool, lp_pool, all made of resample. */
#include "bowline/ops.h"
#include "ops/pooling_window.h"
#include "ops/rules.h"

#include <math.h>

bl_avg_pool_options bl_avg_pool_defaults(int64_t kernel)
{
    return (bl_avg_pool_options){.kernel = {kernel, kernel, kernel}, .count_include_pad = true};
}

static bool take_options(const char *op, bl_tensor *x, const bl_avg_pool_options *options,
                         bl__window_attributes *attributes)
{
    if (!options) {
        bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "the options, which name the kernel, are NULL");
        return false;
    }
    attributes->divisor = options->divisor_override;
    attributes->count_padding = options->count_include_pad;
    for (int d = 0; d < (int)attributes->spatial; d++) {
        attributes->kernel[d] = options->kernel[d];
        attributes->stride[d] = options->stride[d];
        attributes->padding[d] = options->padding[d];
        attributes->dilation[d] = 1;
    }
    return bl__pool_windows(op, x, options->ceil_mode, attributes);
}

static bl_tensor *avg_pool(const char *op, bl_tensor *x, int spatial, const bl_avg_pool_options *options)
{
    bl__window_attributes attributes = {.method = BL__WINDOW_POOL};
    if (!bl__spatial_axes(op, x, BL__REALS, spatial, &attributes) ||
        !take_options(op, x, options, &attributes))
        return bl__refused(x);
    return bl__apply_1(&bl__op_resample, x, &attributes);
}

#define AVG_POOL(name, spatial)                                                   \
    bl_tensor *bl_##name(bl_tensor *x, int64_t kernel)                            \
    {                                                                             \
        bl_avg_pool_options options = bl_avg_pool_defaults(kernel);               \
        return avg_pool(#name, x, spatial, &options);                             \
    }                                                                             \
    bl_tensor *bl_##name##_with(bl_tensor *x, const bl_avg_pool_options *options) \
    {                                                                             \
        return avg_pool(#name, x, spatial, options);                              \
    }

AVG_POOL(avg_pool1d, 1)
AVG_POOL(avg_pool2d, 2)
AVG_POOL(avg_pool3d, 3)

/* ---- adaptive windows ---- */

static bl_tensor *adaptive_avg_pool(const char *op, bl_tensor *x, int spatial, const int64_t *size)
{
    bl__window_attributes attributes = {.method = BL__WINDOW_ADAPTIVE};
    if (!bl__spatial_axes(op, x, BL__REALS, spatial, &attributes) ||
        !bl__resized_axes(op, x, size, 0, &attributes))
        return bl__refused(x);
    return bl__apply_1(&bl__op_resample, x, &attributes);
}

bl_tensor *bl_adaptive_avg_pool1d(bl_tensor *x, int64_t size)
{
    return adaptive_avg_pool("adaptive_avg_pool1d", x, 1, &size);
}

bl_tensor *bl_adaptive_avg_pool2d(bl_tensor *x, int64_t height, int64_t width)
{
    return adaptive_avg_pool("adaptive_avg_pool2d", x, 2, (const int64_t[]){height, width});
}

/* ---- lp_pool: a root of sums. A sum of 0 is kept from the root, whose slope is infinite there. ---- */

static bl_tensor *lp_pool(const char *op, bl_tensor *x, double p, int64_t kernel, int spatial)
{
    bl__window_attributes attributes = {.method = BL__WINDOW_POOL};
    bl_avg_pool_options options = bl_avg_pool_defaults(kernel);
    options.divisor_override = 1;
    if (!bl__spatial_axes(op, x, BL__REALS, spatial, &attributes))
        return bl__refused(x);
    if (!(p > 0) || isinf(p))
        return bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "the power %g is not positive and finite", p);
    if (!take_options(op, x, &options, &attributes))
        return bl__refused(x);
    bl_tensor *sums = bl__apply_1(&bl__op_resample, bl_pow_scalar(x, p), &attributes);
    bl_tensor *none = bl_equal(sums, bl__number_like(x, 0));
    bl_tensor *roots = bl_pow_scalar(bl_where(none, bl__number_like(x, 1), sums), 1 / p);
    return bl_where(none, bl__number_like(x, 0), roots);
}

bl_tensor *bl_lp_pool1d(bl_tensor *x, double p, int64_t kernel)
{
    return lp_pool("lp_pool1d", x, p, kernel, 1);
}

bl_tensor *bl_lp_pool2d(bl_tensor *x, double p, int64_t kernel)
{
    return lp_pool("lp_pool2d", x, p, kernel, 2);
}
