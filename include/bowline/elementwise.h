/* Ops: element-wise arithmetic, functions, comparisons and logic.
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
/* The smaller of a and b, NaN when either is. Numbers; at a tie each gets half of the cotangent. PyTorch:
 * torch.minimum. */
BL_API bl_tensor *bl_minimum(bl_tensor *a, bl_tensor *b);
/* a - q b, q being a / b rounded towards zero: the sign is that of a. Numbers; the derivatives are 1 and -q.
 * fmod(x, 0) and fmod(inf, x) are NaN, fmod(x, inf) is x. Errors: an integer divided by zero is
 * BL_ERR_ARGUMENT when the program runs. PyTorch: torch.fmod. */
BL_API bl_tensor *bl_fmod(bl_tensor *a, bl_tensor *b);
/* a - q b, q being a / b rounded down: the sign is that of b, as Python's %. Numbers; the derivatives are 1
 * and -q. NaN and errors as bl_fmod; by an infinite b it is a, or b where the signs differ. PyTorch:
 * torch.remainder. */
BL_API bl_tensor *bl_remainder(bl_tensor *a, bl_tensor *b);
/* The angle of the point (b, a), in -pi .. pi; signs of zeros count. Reals; the derivatives at (0, 0) are
 * NaN. PyTorch: torch.atan2. */
BL_API bl_tensor *bl_atan2(bl_tensor *a, bl_tensor *b);
/* a log(b), and 0 for a == 0 whatever b but NaN. Reals; NaN for b < 0 elsewhere. The derivative in a is
 * log(b), or 0 for a == 0; that in b is a / b. PyTorch: torch.xlogy. */
BL_API bl_tensor *bl_xlogy(bl_tensor *a, bl_tensor *b);
/* sqrt(a^2 + b^2), not overflowing on the way; inf when either is infinite. Reals; the derivatives at (0, 0)
 * are NaN. PyTorch: torch.hypot. */
BL_API bl_tensor *bl_hypot(bl_tensor *a, bl_tensor *b);

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
/* The smaller of x and c, NaN where x is. Numbers; at a tie x gets half of the cotangent. PyTorch:
 * torch.clamp. */
BL_API bl_tensor *bl_minimum_scalar(bl_tensor *x, double c);
/* min(max(x, least), most), NaN where x is; -INFINITY and INFINITY are no bounds, of integers too. Numbers;
 * derivative 1 between the bounds and at them, else 0. With least > most all becomes `most`. Errors:
 * BL_ERR_ARGUMENT also when a bound is NaN. PyTorch: torch.clamp. */
BL_API bl_tensor *bl_clamp(bl_tensor *x, double least, double most);
/* bl_fmod by a number. Numbers; c == 0 gives NaN. Errors: BL_ERR_ARGUMENT also when an integer tensor is
 * divided by 0. PyTorch: torch.fmod. */
BL_API bl_tensor *bl_fmod_scalar(bl_tensor *x, double c);
/* bl_remainder by a number. Numbers; c == 0 gives NaN. Errors: as bl_fmod_scalar. PyTorch: torch.remainder.
 */
BL_API bl_tensor *bl_remainder_scalar(bl_tensor *x, double c);
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
/* e^x - 1, exact to the last bits near 0. Reals. PyTorch: torch.expm1. */
BL_API bl_tensor *bl_expm1(bl_tensor *x);
/* 2^x. Reals. PyTorch: torch.exp2. */
BL_API bl_tensor *bl_exp2(bl_tensor *x);
/* log(1 + x), exact to the last bits near 0. Reals; log1p(-1) = -inf, NaN below. PyTorch: torch.log1p. */
BL_API bl_tensor *bl_log1p(bl_tensor *x);
/* Logarithm to base 2. Reals; log2(0) = -inf, NaN below. PyTorch: torch.log2. */
BL_API bl_tensor *bl_log2(bl_tensor *x);
/* Logarithm to base 10. Reals; log10(0) = -inf, NaN below. PyTorch: torch.log10. */
BL_API bl_tensor *bl_log10(bl_tensor *x);
/* 1 / sqrt(x). Reals; inf at 0, NaN below. PyTorch: torch.rsqrt. */
BL_API bl_tensor *bl_rsqrt(bl_tensor *x);
/* 1 / x. Reals; an infinity at 0. PyTorch: torch.reciprocal. */
BL_API bl_tensor *bl_reciprocal(bl_tensor *x);
/* Error function, 2 / sqrt(pi) times the integral of e^-t^2 from 0 to x. Reals; -1 and 1 at the infinities.
 * PyTorch: torch.erf. */
BL_API bl_tensor *bl_erf(bl_tensor *x);
/* 1 - erf(x), which keeps its digits where that is small. Reals; 2 and 0 at the infinities. PyTorch:
 * torch.erfc. */
BL_API bl_tensor *bl_erfc(bl_tensor *x);

/* Sine, of radians. Reals; NaN at the infinities. PyTorch: torch.sin. */
BL_API bl_tensor *bl_sin(bl_tensor *x);
/* Cosine, of radians. Reals; NaN at the infinities. PyTorch: torch.cos. */
BL_API bl_tensor *bl_cos(bl_tensor *x);
/* Tangent, of radians. Reals; NaN at the infinities. PyTorch: torch.tan. */
BL_API bl_tensor *bl_tan(bl_tensor *x);
/* Arc sine, in -pi/2 .. pi/2. Reals; NaN outside -1 .. 1, where it ends with an infinite derivative. PyTorch:
 * torch.asin. */
BL_API bl_tensor *bl_asin(bl_tensor *x);
/* Arc cosine, in 0 .. pi. Reals; outside -1 .. 1 as bl_asin. PyTorch: torch.acos. */
BL_API bl_tensor *bl_acos(bl_tensor *x);
/* Arc tangent, in -pi/2 .. pi/2, its values at the infinities. Reals. PyTorch: torch.atan. */
BL_API bl_tensor *bl_atan(bl_tensor *x);
/* Hyperbolic sine. Reals. PyTorch: torch.sinh. */
BL_API bl_tensor *bl_sinh(bl_tensor *x);
/* Hyperbolic cosine. Reals. PyTorch: torch.cosh. */
BL_API bl_tensor *bl_cosh(bl_tensor *x);
/* Inverse hyperbolic sine. Reals. PyTorch: torch.asinh. */
BL_API bl_tensor *bl_asinh(bl_tensor *x);
/* Inverse hyperbolic cosine. Reals; NaN below 1, where it begins with an infinite derivative. PyTorch:
 * torch.acosh. */
BL_API bl_tensor *bl_acosh(bl_tensor *x);
/* Inverse hyperbolic tangent. Reals; infinities at -1 and 1, NaN outside. PyTorch: torch.atanh. */
BL_API bl_tensor *bl_atanh(bl_tensor *x);

/* The largest whole number not above x. Numbers; derivative 0; infinities stay. PyTorch: torch.floor. */
BL_API bl_tensor *bl_floor(bl_tensor *x);
/* The smallest whole number not below x. Numbers; derivative 0; infinities stay. PyTorch: torch.ceil. */
BL_API bl_tensor *bl_ceil(bl_tensor *x);
/* The whole number next to x, the even one of two. Numbers; derivative 0; infinities stay. PyTorch:
 * torch.round. */
BL_API bl_tensor *bl_round(bl_tensor *x);
/* x without its fraction. Numbers; derivative 0; infinities stay. PyTorch: torch.trunc. */
BL_API bl_tensor *bl_trunc(bl_tensor *x);

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

/* ---- logic: bools, not differentiable; numbers are cast to bool by bl_cast, which is x != 0 ---- */

/* Whether a and b are true. bool. PyTorch: torch.logical_and. */
BL_API bl_tensor *bl_logical_and(bl_tensor *a, bl_tensor *b);
/* Whether a or b or both are true. bool. PyTorch: torch.logical_or. */
BL_API bl_tensor *bl_logical_or(bl_tensor *a, bl_tensor *b);
/* Whether one of a and b is true and the other is not. bool. PyTorch: torch.logical_xor. */
BL_API bl_tensor *bl_logical_xor(bl_tensor *a, bl_tensor *b);
/* Whether x is false. bool. PyTorch: torch.logical_not. */
BL_API bl_tensor *bl_logical_not(bl_tensor *x);
/* Whether x is NaN, as a bool. Numbers; false for integers. PyTorch: torch.isnan. */
BL_API bl_tensor *bl_isnan(bl_tensor *x);
/* Whether x is an infinity, as a bool. Numbers; false for integers. PyTorch: torch.isinf. */
BL_API bl_tensor *bl_isinf(bl_tensor *x);
/* Whether x is neither NaN nor an infinity, as a bool. Numbers; true for integers. PyTorch: torch.isfinite.
 */
BL_API bl_tensor *bl_isfinite(bl_tensor *x);

BL_END_DECLS

#endif
