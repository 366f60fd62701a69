/* Ops: reductions over axes, and scans along one.
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
/* Sum of the elements that are no NaN; 0 over none. Reals; the others get no cotangent. PyTorch:
 * torch.nansum. */
BL_API bl_tensor *bl_nansum(bl_tensor *x, bl_axes axes, bool keepdim);
/* Product; 1 over no elements. Numbers; integers wrap, f32 products are accumulated in f64. Derivatives of
 * any order are exact with zeros among the elements too. PyTorch: torch.prod. */
BL_API bl_tensor *bl_prod(bl_tensor *x, bl_axes axes, bool keepdim);
/* Largest element, NaN if there is one; an axis of size 0 is BL_ERR_SHAPE. Numbers; ties share the
 * cotangent. PyTorch: torch.amax. */
BL_API bl_tensor *bl_max(bl_tensor *x, bl_axes axes, bool keepdim);
/* Smallest element, NaN if there is one; an axis of size 0 is BL_ERR_SHAPE. Numbers; ties share the
 * cotangent. PyTorch: torch.amin. */
BL_API bl_tensor *bl_min(bl_tensor *x, bl_axes axes, bool keepdim);
/* i64 index of the first largest element (the first NaN, if any) along the given axes, counted row by row
 * over them; an axis of size 0 is BL_ERR_SHAPE. Numbers; not differentiable. PyTorch: torch.argmax. */
BL_API bl_tensor *bl_argmax(bl_tensor *x, bl_axes axes, bool keepdim);
/* i64 index of the first smallest element (the first NaN, if any), as bl_argmax. Numbers; not differentiable.
 * PyTorch: torch.argmin. */
BL_API bl_tensor *bl_argmin(bl_tensor *x, bl_axes axes, bool keepdim);
/* Whether any element is true; false over none. bool; not differentiable. PyTorch: torch.any. */
BL_API bl_tensor *bl_any(bl_tensor *x, bl_axes axes, bool keepdim);
/* Whether all elements are true; true over none. bool; not differentiable. PyTorch: torch.all. */
BL_API bl_tensor *bl_all(bl_tensor *x, bl_axes axes, bool keepdim);
/* i64 number of elements that are not 0 (NaN is not). Numbers and bool; not differentiable. PyTorch:
 * torch.count_nonzero. */
BL_API bl_tensor *bl_count_nonzero(bl_tensor *x, bl_axes axes, bool keepdim);

/* sum (x - mean x)^2 / max(0, n - correction) over n elements: 1 as correction gives the unbiased estimate, 0
 * the mean square. Reals, in two passes, with f64 inside; n <= correction gives 0/0 = NaN, or inf where the
 * elements differ; NaN over no elements. A correction that is not finite is BL_ERR_ARGUMENT. PyTorch:
 * torch.var. */
BL_API bl_tensor *bl_var(bl_tensor *x, bl_axes axes, double correction, bool keepdim);
/* Square root of bl_var, whose derivative is 0 where the elements are equal. Reals. PyTorch: torch.std. */
BL_API bl_tensor *bl_std(bl_tensor *x, bl_axes axes, double correction, bool keepdim);
/* log sum exp(x), without overflow; -inf over no elements. Reals; the derivative is 0, not NaN, where all
 * elements are -inf. PyTorch: torch.logsumexp. */
BL_API bl_tensor *bl_logsumexp(bl_tensor *x, bl_axes axes, bool keepdim);
/* (sum |x|^p)^(1/p); for p = 0 the number of elements that are not 0, for p = inf the largest |x|, for p =
 * -inf the smallest, whose ties share the cotangent. Reals; f32 sums are accumulated in f64. 0 over no
 * elements, for p < 0 and p = inf BL_ERR_SHAPE; p = NaN is BL_ERR_ARGUMENT. The derivative is 0 where x is,
 * and where the norm is. PyTorch: torch.linalg.vector_norm. */
BL_API bl_tensor *bl_norm(bl_tensor *x, double p, bl_axes axes, bool keepdim);

/* ---- scans along an axis: as many results as elements; rank at least 1 ---- */

/* y_i = x_0 + .. + x_i. Numbers; integers wrap, f32 sums are accumulated in f64. PyTorch: torch.cumsum. */
BL_API bl_tensor *bl_cumsum(bl_tensor *x, int axis);
/* y_i = x_0 * .. * x_i. Numbers, as bl_cumsum; derivatives of any order are exact with zeros among the
 * elements too. PyTorch: torch.cumprod. */
BL_API bl_tensor *bl_cumprod(bl_tensor *x, int axis);

BL_END_DECLS

#endif
