/* Ops: reductions over axes.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_REDUCTIONS_H
#define BOWLINE_REDUCTIONS_H

#include "graph.h"

BL_BEGIN_DECLS

/* ---- reductions over axes (BL_ALL_AXES, BL_AXES(0, -1)); keepdim leaves sizes of 1 ---- */

/* Sum; 0 over no elements. Numbers; f32 sums are accumulated in f64, in an order fixed by the shape.
 * PyTorch: torch.sum. */
BL_API bl_tensor *bl_sum(bl_tensor *x, bl_axes axes, bool keepdim);
/* Mean; NaN over no elements. Reals. PyTorch: torch.mean. */
BL_API bl_tensor *bl_mean(bl_tensor *x, bl_axes axes, bool keepdim);
/* Largest element, NaN if there is one; an axis of size 0 is BL_ERR_SHAPE. Numbers; ties share the
 * cotangent. PyTorch: torch.amax. */
BL_API bl_tensor *bl_max(bl_tensor *x, bl_axes axes, bool keepdim);
/* i64 index of the first largest element (the first NaN, if any) along the given axes, counted row by row
 * over them; an axis of size 0 is BL_ERR_SHAPE. Numbers; not differentiable. PyTorch: torch.argmax. */
BL_API bl_tensor *bl_argmax(bl_tensor *x, bl_axes axes, bool keepdim);

BL_END_DECLS

#endif
