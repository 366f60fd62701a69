/* Ops: pooling, and resampling to other sizes.
 * What ops.h says of all ops holds for all of them.
 *
 * They act on the last axes, the spatial ones, of x [.., L], [.., H, W] or [.., D, H, W], whatever stands in
 * front of those (PyTorch takes batch and channels, or channels). Reals unless said otherwise. */
#ifndef BOWLINE_POOLING_H
#define BOWLINE_POOLING_H

#include "convolution.h"

BL_BEGIN_DECLS

/* ---- windows: a kernel that steps along the axes. Its places on an axis of size L are
 *
 *     (L + 2 padding - dilation (kernel - 1) - 1) / stride + 1
 *
 * rounded down, or with ceil_mode up, but for a last window that would begin behind x and its padding in
 * front of it. No place at all, a padding above half of the kernel, or an axis without elements is an error.
 * ---- */

/* One entry a spatial axis, in their order; entries beyond the op's axes are not looked at. */
typedef struct bl_max_pool_options {
    int64_t kernel[BL_MAX_SPATIAL];
    int64_t stride[BL_MAX_SPATIAL];   /* default 0: the kernel */
    int64_t padding[BL_MAX_SPATIAL];  /* places of -infinity on both sides; default 0 */
    int64_t dilation[BL_MAX_SPATIAL]; /* distance of the window's elements; default 1 */
    bool ceil_mode;                   /* default false */
} bl_max_pool_options;

typedef struct bl_avg_pool_options {
    int64_t kernel[BL_MAX_SPATIAL];
    int64_t stride[BL_MAX_SPATIAL];  /* default 0: the kernel */
    int64_t padding[BL_MAX_SPATIAL]; /* places of 0 on both sides; default 0 */
    int64_t divisor_override; /* divides the sums of all windows; default 0: their own number of places */
    bool count_include_pad;   /* whether places in the padding count; default true */
    bool ceil_mode;           /* default false; places behind the padding never count */
} bl_avg_pool_options;

/* A kernel of one size along every axis, and the defaults named above. Returns: the options. Errors: none.
 * Ownership: a value. Threads: any. */
BL_API bl_max_pool_options bl_max_pool_defaults(int64_t kernel);
/* The same for bl_avg_pool. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_avg_pool_options bl_avg_pool_defaults(int64_t kernel);

/* Largest element of each window, NaN if there is one. bl_output(y, 1) is its i64 index along the axis.
 * Unlike bl_max, which shares it, the whole cotangent goes to the first of several largest elements, as in
 * PyTorch (and to the last of several NaN). A window that a dilation lets stand in the padding alone is
 * -infinity, and its index -1. PyTorch: torch.nn.functional.max_pool1d. */
BL_API bl_tensor *bl_max_pool1d(bl_tensor *x, int64_t kernel);
/* bl_max_pool1d with options. PyTorch: torch.nn.functional.max_pool1d. */
BL_API bl_tensor *bl_max_pool1d_with(bl_tensor *x, const bl_max_pool_options *options);
/* bl_max_pool1d over the last two axes, which the indices count through row by row.
 * PyTorch: torch.nn.functional.max_pool2d. */
BL_API bl_tensor *bl_max_pool2d(bl_tensor *x, int64_t kernel);
/* bl_max_pool2d with options. PyTorch: torch.nn.functional.max_pool2d. */
BL_API bl_tensor *bl_max_pool2d_with(bl_tensor *x, const bl_max_pool_options *options);
/* bl_max_pool2d over the last three axes. PyTorch: torch.nn.functional.max_pool3d. */
BL_API bl_tensor *bl_max_pool3d(bl_tensor *x, int64_t kernel);
/* bl_max_pool3d with options. PyTorch: torch.nn.functional.max_pool3d. */
BL_API bl_tensor *bl_max_pool3d_with(bl_tensor *x, const bl_max_pool_options *options);

/* Mean of each window. f32 sums are accumulated in f64. PyTorch: torch.nn.functional.avg_pool1d. */
BL_API bl_tensor *bl_avg_pool1d(bl_tensor *x, int64_t kernel);
/* bl_avg_pool1d with options. PyTorch: torch.nn.functional.avg_pool1d. */
BL_API bl_tensor *bl_avg_pool1d_with(bl_tensor *x, const bl_avg_pool_options *options);
/* bl_avg_pool1d over the last two axes. PyTorch: torch.nn.functional.avg_pool2d. */
BL_API bl_tensor *bl_avg_pool2d(bl_tensor *x, int64_t kernel);
/* bl_avg_pool2d with options. PyTorch: torch.nn.functional.avg_pool2d. */
BL_API bl_tensor *bl_avg_pool2d_with(bl_tensor *x, const bl_avg_pool_options *options);
/* bl_avg_pool1d over the last three axes. PyTorch: torch.nn.functional.avg_pool3d. */
BL_API bl_tensor *bl_avg_pool3d(bl_tensor *x, int64_t kernel);
/* bl_avg_pool3d with options. PyTorch: torch.nn.functional.avg_pool3d. */
BL_API bl_tensor *bl_avg_pool3d_with(bl_tensor *x, const bl_avg_pool_options *options);

/* (sum of x^p over each window)^(1/p), windows side by side: NaN where the sum is negative; 0, with a
 * gradient of 0, where it is 0. A p that is not above 0 is BL_ERR_ARGUMENT. PyTorch:
 * torch.nn.functional.lp_pool1d. */
BL_API bl_tensor *bl_lp_pool1d(bl_tensor *x, double p, int64_t kernel);
/* bl_lp_pool1d over the last two axes. PyTorch: torch.nn.functional.lp_pool2d. */
BL_API bl_tensor *bl_lp_pool2d(bl_tensor *x, double p, int64_t kernel);

/* ---- adaptive windows: `size` of them cover an axis of L places; window i is
 * floor(i L / size) .. ceil((i + 1) L / size) - 1. An axis without elements is BL_ERR_SHAPE. ---- */

/* Largest element of each window; indices, ties and NaN as bl_max_pool1d.
 * PyTorch: torch.nn.functional.adaptive_max_pool1d. */
BL_API bl_tensor *bl_adaptive_max_pool1d(bl_tensor *x, int64_t size);
/* bl_adaptive_max_pool1d over the last two axes. PyTorch: torch.nn.functional.adaptive_max_pool2d. */
BL_API bl_tensor *bl_adaptive_max_pool2d(bl_tensor *x, int64_t height, int64_t width);
/* Mean of each window. PyTorch: torch.nn.functional.adaptive_avg_pool1d. */
BL_API bl_tensor *bl_adaptive_avg_pool1d(bl_tensor *x, int64_t size);
/* bl_adaptive_avg_pool1d over the last two axes. PyTorch: torch.nn.functional.adaptive_avg_pool2d. */
BL_API bl_tensor *bl_adaptive_avg_pool2d(bl_tensor *x, int64_t height, int64_t width);

/* ---- upsampling, and as well downsampling, an axis from `in` to `out` places, both at least 1. The scale is
 * in / out, as PyTorch has it for a size, and for a scale factor with recompute_scale_factor; with
 * align_corners it is (in - 1) / (out - 1), and 0 for out = 1. ---- */

/* y[i] = x[floor(i in / out)]; PyTorch computes this scale in f32, and so do we. Any dtype.
 * PyTorch: torch.nn.functional.interpolate. */
BL_API bl_tensor *bl_upsample_nearest1d(bl_tensor *x, int64_t size);
/* bl_upsample_nearest1d over the last two axes. PyTorch: torch.nn.functional.interpolate. */
BL_API bl_tensor *bl_upsample_nearest(bl_tensor *x, int64_t height, int64_t width);
/* Linear between the two elements next to the place s = scale (i + 1/2) - 1/2, at least 0, or with
 * align_corners s = scale i. PyTorch: torch.nn.functional.interpolate. */
BL_API bl_tensor *bl_upsample_linear(bl_tensor *x, int64_t size, bool align_corners);
/* bl_upsample_linear along each of the last two axes. PyTorch: torch.nn.functional.interpolate. */
BL_API bl_tensor *bl_upsample_bilinear(bl_tensor *x, int64_t height, int64_t width, bool align_corners);
/* Along each of the last two axes the cubic convolution (a = -3/4) of the four elements around the place s of
 * bl_upsample_linear, not cut off at 0; beyond the ends the outermost element. Source: Keys 1981, "Cubic
 * convolution interpolation for digital image processing". PyTorch: torch.nn.functional.interpolate. */
BL_API bl_tensor *bl_upsample_bicubic(bl_tensor *x, int64_t height, int64_t width, bool align_corners);

/* [.., C r r, H, W] -> [.., C, H r, W r]: channel c r r + i r + j holds the places (i, j) of blocks of r x r.
 * Any dtype. PyTorch: torch.nn.functional.pixel_shuffle. */
BL_API bl_tensor *bl_pixel_shuffle(bl_tensor *x, int64_t factor);
/* The inverse of bl_pixel_shuffle: [.., C, H r, W r] -> [.., C r r, H, W]. Any dtype.
 * PyTorch: torch.nn.functional.pixel_unshuffle. */
BL_API bl_tensor *bl_pixel_unshuffle(bl_tensor *x, int64_t factor);

BL_END_DECLS

#endif
