/* Ops: element-wise arithmetic, functions and comparisons.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_ELEMENTWISE_H
#define BOWLINE_ELEMENTWISE_H

#include "graph.h"

BL_BEGIN_DECLS

/* ---- element-wise: two tensors ---- */

/* a + b. Numbers; integers wrap. PyTorch: torch.add. */
BL_API bl_tensor *bl_add(bl_tensor *a, bl_tensor *b);
/* a - b. Numbers; integers wrap. PyTorch: torch.sub. */
BL_API bl_tensor *bl_sub(bl_tensor *a, bl_tensor *b);
/* a * b. Numbers; integers wrap. PyTorch: torch.mul. */
BL_API bl_tensor *bl_mul(bl_tensor *a, bl_tensor *b);
/* a / b. Reals; x/0 is an infinity, 0/0 NaN. PyTorch: torch.div. */
BL_API bl_tensor *bl_div(bl_tensor *a, bl_tensor *b);
/* a ^ b. Reals, by C's pow; the derivative in b is 0 where a == 0 and b >= 0. PyTorch: torch.pow. */
BL_API bl_tensor *bl_pow(bl_tensor *a, bl_tensor *b);
/* The larger of a and b, NaN when either is. Numbers; at a tie each gets half of the cotangent. PyTorch:
 * torch.maximum. */
BL_API bl_tensor *bl_maximum(bl_tensor *a, bl_tensor *b);

/* ---- element-wise: a tensor and a number, taken in the tensor's dtype ----
 * Errors: BL_ERR_ARGUMENT when an integer tensor meets a number that it cannot hold exactly. */

/* x + c. Numbers. PyTorch: torch.add. */
BL_API bl_tensor *bl_add_scalar(bl_tensor *x, double c);
/* x - c. Numbers. PyTorch: torch.sub. */
BL_API bl_tensor *bl_sub_scalar(bl_tensor *x, double c);
/* x * c. Numbers. PyTorch: torch.mul. */
BL_API bl_tensor *bl_mul_scalar(bl_tensor *x, double c);
/* x / c. Reals. PyTorch: torch.div. */
BL_API bl_tensor *bl_div_scalar(bl_tensor *x, double c);
/* x ^ c. Reals; the derivative is c x^(c-1), and 0 for c == 0. PyTorch: torch.pow. */
BL_API bl_tensor *bl_pow_scalar(bl_tensor *x, double c);
/* The larger of x and c, NaN where x is. Numbers; at a tie x gets half of the cotangent. PyTorch:
 * torch.clamp. */
BL_API bl_tensor *bl_maximum_scalar(bl_tensor *x, double c);
/* c - x. Numbers. PyTorch: torch.rsub. */
BL_API bl_tensor *bl_scalar_sub(double c, bl_tensor *x);
/* c / x. Reals. PyTorch: torch.div. */
BL_API bl_tensor *bl_scalar_div(double c, bl_tensor *x);

/* ---- element-wise: one tensor ---- */

/* -x. Numbers. PyTorch: torch.neg. */
BL_API bl_tensor *bl_neg(bl_tensor *x);
/* e^x. Reals. PyTorch: torch.exp. */
BL_API bl_tensor *bl_exp(bl_tensor *x);
/* Natural logarithm. Reals; log 0 = -inf, NaN below. PyTorch: torch.log. */
BL_API bl_tensor *bl_log(bl_tensor *x);
/* Square root. Reals; NaN below 0. PyTorch: torch.sqrt. */
BL_API bl_tensor *bl_sqrt(bl_tensor *x);
/* x * x. Numbers. PyTorch: torch.square. */
BL_API bl_tensor *bl_square(bl_tensor *x);
/* |x|. Numbers; derivative sign(x). PyTorch: torch.abs. */
BL_API bl_tensor *bl_abs(bl_tensor *x);
/* -1, 0 or 1; NaN for NaN. Numbers; derivative 0. PyTorch: torch.sign. */
BL_API bl_tensor *bl_sign(bl_tensor *x);
/* Hyperbolic tangent. Reals. PyTorch: torch.tanh. */
BL_API bl_tensor *bl_tanh(bl_tensor *x);
/* 1 / (1 + e^-x). Reals; does not overflow. PyTorch: torch.sigmoid. */
BL_API bl_tensor *bl_sigmoid(bl_tensor *x);
/* x as another dtype: to an integer, towards zero (NaN gives 0, values outside are clamped); to bool, x !=
 * 0; to bf16 and f16, to nearest even. All dtypes; the derivative between floats is the cast back. PyTorch:
 * torch.Tensor.to. */
BL_API bl_tensor *bl_cast(bl_tensor *x, bl_dtype dtype);

/* ---- comparisons: bool results, not differentiable (zero gradient) ---- */

/* a == b. Numbers and bool; false with NaN. PyTorch: torch.eq. */
BL_API bl_tensor *bl_equal(bl_tensor *a, bl_tensor *b);
/* a != b. Numbers and bool; true with NaN. PyTorch: torch.ne. */
BL_API bl_tensor *bl_not_equal(bl_tensor *a, bl_tensor *b);
/* a < b. Numbers. PyTorch: torch.lt. */
BL_API bl_tensor *bl_less(bl_tensor *a, bl_tensor *b);
/* a <= b. Numbers. PyTorch: torch.le. */
BL_API bl_tensor *bl_less_equal(bl_tensor *a, bl_tensor *b);
/* a > b. Numbers. PyTorch: torch.gt. */
BL_API bl_tensor *bl_greater(bl_tensor *a, bl_tensor *b);
/* a >= b. Numbers. PyTorch: torch.ge. */
BL_API bl_tensor *bl_greater_equal(bl_tensor *a, bl_tensor *b);
/* a where condition is true, b elsewhere; all three broadcast. condition bool; a and b numbers or bool. What
 * is not chosen does not count, NaN or not. PyTorch: torch.where. */
BL_API bl_tensor *bl_where(bl_tensor *condition, bl_tensor *a, bl_tensor *b);

BL_END_DECLS

#endif
