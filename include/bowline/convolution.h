/* Ops: convolutions.
 * What ops.h says of all ops holds for all of them.
 *
 * x is [batch, channels, spatial axes ..], or without a batch [channels, spatial axes ..], and so is the
 * result. Groups cut the channels: each part of `out / groups` output channels sees `in / groups` input
 * channels only. As everywhere in the field, a convolution is a correlation: the kernel is not turned around.
 * f32 sums are kept in f32, in an order fixed by the shapes. */
#ifndef BOWLINE_CONVOLUTION_H
#define BOWLINE_CONVOLUTION_H

#include "graph.h"

BL_BEGIN_DECLS

#define BL_MAX_SPATIAL 3

/* One entry a spatial axis, in their order; entries beyond the op's axes are not looked at. */
typedef struct bl_conv_options {
    int64_t stride[BL_MAX_SPATIAL];         /* default 1 */
    int64_t padding[BL_MAX_SPATIAL];        /* zeros on both sides; default 0 */
    int64_t dilation[BL_MAX_SPATIAL];       /* distance of the kernel's elements; default 1 */
    int64_t output_padding[BL_MAX_SPATIAL]; /* bl_conv_transpose only: more places at the end; default 0 */
    int64_t groups;                         /* default 1 */
} bl_conv_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_conv_options bl_conv_defaults(void);

/* y[o, p] = bias[o] + sum_{c, k} weight[o, c, k] x[c, stride p + dilation k - padding] over one spatial axis:
 * x [N, in, L] or [in, L], weight [out, in / groups, K], bias [out] or NULL -> [N, out, L'] with
 * L' = (L + 2 padding - dilation (K - 1) - 1) / stride + 1. Reals. L' below 1 is BL_ERR_SHAPE.
 * PyTorch: torch.nn.functional.conv1d. */
BL_API bl_tensor *bl_conv1d(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);
/* bl_conv1d with options; NULL: the defaults. PyTorch: torch.nn.functional.conv1d. */
BL_API bl_tensor *bl_conv1d_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                 const bl_conv_options *options);
/* bl_conv1d over two spatial axes: x [N, in, H, W] or [in, H, W], weight [out, in / groups, KH, KW].
 * PyTorch: torch.nn.functional.conv2d. */
BL_API bl_tensor *bl_conv2d(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);
/* bl_conv2d with options; NULL: the defaults. PyTorch: torch.nn.functional.conv2d. */
BL_API bl_tensor *bl_conv2d_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                 const bl_conv_options *options);
/* bl_conv1d over three spatial axes: x [N, in, D, H, W] or [in, D, H, W], weight
 * [out, in / groups, KD, KH, KW]. PyTorch: torch.nn.functional.conv3d. */
BL_API bl_tensor *bl_conv3d(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);
/* bl_conv3d with options; NULL: the defaults. PyTorch: torch.nn.functional.conv3d. */
BL_API bl_tensor *bl_conv3d_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                 const bl_conv_options *options);

/* The transpose of bl_conv1d, which spreads what that gathers: each x[c, p] adds x[c, p] weight[c, o, k] to
 * y[o, stride p + dilation k - padding], and then bias[o] is added. x [N, in, L] or [in, L], weight
 * [in, out / groups, K], bias [out] or NULL -> [N, out, L'] with
 * L' = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1. Reals. L or L' below 1 is
 * BL_ERR_SHAPE; output_padding must be less than the stride or the dilation.
 * PyTorch: torch.nn.functional.conv_transpose1d. */
BL_API bl_tensor *bl_conv_transpose1d(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);
/* bl_conv_transpose1d with options; NULL: the defaults. PyTorch: torch.nn.functional.conv_transpose1d. */
BL_API bl_tensor *bl_conv_transpose1d_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                           const bl_conv_options *options);
/* bl_conv_transpose1d over two spatial axes: x [N, in, H, W] or [in, H, W], weight [in, out / groups, KH,
 * KW]. PyTorch: torch.nn.functional.conv_transpose2d. */
BL_API bl_tensor *bl_conv_transpose2d(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);
/* bl_conv_transpose2d with options; NULL: the defaults. PyTorch: torch.nn.functional.conv_transpose2d. */
BL_API bl_tensor *bl_conv_transpose2d_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                           const bl_conv_options *options);
/* bl_conv_transpose1d over three spatial axes: x [N, in, D, H, W] or [in, D, H, W], weight
 * [in, out / groups, KD, KH, KW]. PyTorch: torch.nn.functional.conv_transpose3d. */
BL_API bl_tensor *bl_conv_transpose3d(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);
/* bl_conv_transpose3d with options; NULL: the defaults. PyTorch: torch.nn.functional.conv_transpose3d. */
BL_API bl_tensor *bl_conv_transpose3d_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                           const bl_conv_options *options);

BL_END_DECLS

#endif
