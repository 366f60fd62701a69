/* PyTorch's cases of pooling and of resampling to other sizes. */
#include "cases.h"

/* clang-format off */
#define MAX_POOLS(X) X(max_pool1d) X(max_pool2d) X(max_pool3d)
#define AVG_POOLS(X) X(avg_pool1d) X(avg_pool2d) X(avg_pool3d)
/* clang-format on */

/* Kernel, stride, padding and dilation of each axis, and whether to round up. */
static bl_max_pool_options max_options(const pytorch_case *c)
{
    size_t axes = (c->attribute_count - 1) / 4;
    bl_max_pool_options options = bl_max_pool_defaults(1);
    for (size_t d = 0; d < axes; d++) {
        options.kernel[d] = integer_at(c, d);
        options.stride[d] = integer_at(c, axes + d);
        options.padding[d] = integer_at(c, 2 * axes + d);
        options.dilation[d] = integer_at(c, 3 * axes + d);
    }
    options.ceil_mode = integer_at(c, 4 * axes) != 0;
    return options;
}

/* Kernel, stride and padding of each axis, and then whether to round up, whether padding counts, the divisor.
 */
static bl_avg_pool_options avg_options(const pytorch_case *c)
{
    size_t axes = (c->attribute_count - 3) / 3;
    bl_avg_pool_options options = bl_avg_pool_defaults(1);
    for (size_t d = 0; d < axes; d++) {
        options.kernel[d] = integer_at(c, d);
        options.stride[d] = integer_at(c, axes + d);
        options.padding[d] = integer_at(c, 2 * axes + d);
    }
    options.ceil_mode = integer_at(c, 3 * axes) != 0;
    options.count_include_pad = integer_at(c, 3 * axes + 1) != 0;
    options.divisor_override = integer_at(c, 3 * axes + 2);
    return options;
}

/* A maximum and its indices. */
static void give_both(pytorch_case *c, bl_tensor *y)
{
    c->output[0] = y;
    c->output[1] = bl_output(y, 1);
}

#define BUILD_MAX(op)                                        \
    static void build_##op(pytorch_case *c)                  \
    {                                                        \
        bl_max_pool_options options = max_options(c);        \
        give_both(c, bl_##op##_with(c->input[0], &options)); \
    }
#define BUILD_AVG(op)                                         \
    static void build_##op(pytorch_case *c)                   \
    {                                                         \
        bl_avg_pool_options options = avg_options(c);         \
        c->output[0] = bl_##op##_with(c->input[0], &options); \
    }
MAX_POOLS(BUILD_MAX)
AVG_POOLS(BUILD_AVG)

static void build_adaptive_max_pool1d(pytorch_case *c)
{
    give_both(c, bl_adaptive_max_pool1d(c->input[0], integer_at(c, 0)));
}

static void build_adaptive_max_pool2d(pytorch_case *c)
{
    give_both(c, bl_adaptive_max_pool2d(c->input[0], integer_at(c, 0), integer_at(c, 1)));
}

DEFINE_BUILD(adaptive_avg_pool1d, bl_adaptive_avg_pool1d(c->input[0], integer_at(c, 0)))
DEFINE_BUILD(adaptive_avg_pool2d, bl_adaptive_avg_pool2d(c->input[0], integer_at(c, 0), integer_at(c, 1)))
DEFINE_BUILD(lp_pool1d, bl_lp_pool1d(c->input[0], c->attribute[0], integer_at(c, 1)))
DEFINE_BUILD(lp_pool2d, bl_lp_pool2d(c->input[0], c->attribute[0], integer_at(c, 1)))
DEFINE_BUILD(upsample_nearest1d, bl_upsample_nearest1d(c->input[0], integer_at(c, 0)))
DEFINE_BUILD(upsample_nearest, bl_upsample_nearest(c->input[0], integer_at(c, 0), integer_at(c, 1)))
DEFINE_BUILD(upsample_linear, bl_upsample_linear(c->input[0], integer_at(c, 0), integer_at(c, 1) != 0))
DEFINE_BUILD(upsample_bilinear,
             bl_upsample_bilinear(c->input[0], integer_at(c, 0), integer_at(c, 1), integer_at(c, 2) != 0))
DEFINE_BUILD(upsample_bicubic,
             bl_upsample_bicubic(c->input[0], integer_at(c, 0), integer_at(c, 1), integer_at(c, 2) != 0))
DEFINE_BUILD(pixel_shuffle, bl_pixel_shuffle(c->input[0], integer_at(c, 0)))
DEFINE_BUILD(pixel_unshuffle, bl_pixel_unshuffle(c->input[0], integer_at(c, 0)))

#define LIST(op) ROW(op),
/* clang-format off */
const pytorch_builder pytorch_pooling[] = {
    MAX_POOLS(LIST) AVG_POOLS(LIST)
    ROW(adaptive_max_pool1d), ROW(adaptive_max_pool2d), ROW(adaptive_avg_pool1d), ROW(adaptive_avg_pool2d),
    ROW(lp_pool1d), ROW(lp_pool2d),
    ROW(upsample_nearest1d), ROW(upsample_nearest), ROW(upsample_linear), ROW(upsample_bilinear),
    /* PyTorch computes the sixteen weights in f32. */
    {"upsample_bicubic", build_upsample_bicubic, .forward_f32 = 5e-6},
    ROW(pixel_shuffle), ROW(pixel_unshuffle), END_ROW};
/* clang-format on */
