/* The ops: builders that check their arguments and append a node. No arithmetic happens here.
 *
 * What holds for all of them. Returns: the new tensor, or the graph's invalid tensor, which flows through
 * later builders like a NaN (NULL only when no argument knows a graph). Errors, kept by the graph:
 * BL_ERR_ARGUMENT (a NULL or foreign tensor, an axis outside the rank), BL_ERR_SHAPE, BL_ERR_DTYPE,
 * BL_ERR_OVERFLOW, BL_ERR_MEMORY. Ownership: tensors are the graph's. Threads: the context's. "real" is f32
 * or f64; "number" adds i32 and i64; tensors that meet have one dtype, there is no promotion; shapes that
 * meet broadcast as in NumPy. NaN and infinity propagate. Each block says only what is particular. */
#ifndef BOWLINE_OPS_H
#define BOWLINE_OPS_H

#include "graph.h"

BL_BEGIN_DECLS

/* ---- element-wise: two tensors ---- */

/* a + b. Numbers; integers wrap. */
BL_API bl_tensor *bl_add(bl_tensor *a, bl_tensor *b);
/* a - b. Numbers; integers wrap. */
BL_API bl_tensor *bl_sub(bl_tensor *a, bl_tensor *b);
/* a * b. Numbers; integers wrap. */
BL_API bl_tensor *bl_mul(bl_tensor *a, bl_tensor *b);
/* a / b. Reals; x/0 is an infinity, 0/0 NaN. */
BL_API bl_tensor *bl_div(bl_tensor *a, bl_tensor *b);
/* a ^ b. Reals, by C's pow; the derivative in b is 0 where a == 0 and b >= 0. */
BL_API bl_tensor *bl_pow(bl_tensor *a, bl_tensor *b);
/* The larger of a and b, NaN when either is. Numbers; at a tie each gets half of the cotangent. */
BL_API bl_tensor *bl_maximum(bl_tensor *a, bl_tensor *b);

/* ---- element-wise: a tensor and a number, taken in the tensor's dtype ----
 * Errors: BL_ERR_ARGUMENT when an integer tensor meets a number that it cannot hold exactly. */

/* x + c. Numbers. */
BL_API bl_tensor *bl_add_scalar(bl_tensor *x, double c);
/* x - c. Numbers. */
BL_API bl_tensor *bl_sub_scalar(bl_tensor *x, double c);
/* x * c. Numbers. */
BL_API bl_tensor *bl_mul_scalar(bl_tensor *x, double c);
/* x / c. Reals. */
BL_API bl_tensor *bl_div_scalar(bl_tensor *x, double c);
/* x ^ c. Reals; the derivative is c x^(c-1), and 0 for c == 0. */
BL_API bl_tensor *bl_pow_scalar(bl_tensor *x, double c);
/* The larger of x and c, NaN where x is. Numbers; at a tie x gets half of the cotangent. */
BL_API bl_tensor *bl_maximum_scalar(bl_tensor *x, double c);
/* c - x. Numbers. */
BL_API bl_tensor *bl_scalar_sub(double c, bl_tensor *x);
/* c / x. Reals. */
BL_API bl_tensor *bl_scalar_div(double c, bl_tensor *x);

/* ---- element-wise: one tensor ---- */

/* -x. Numbers. */
BL_API bl_tensor *bl_neg(bl_tensor *x);
/* e^x. Reals. */
BL_API bl_tensor *bl_exp(bl_tensor *x);
/* Natural logarithm. Reals; log 0 = -inf, NaN below. */
BL_API bl_tensor *bl_log(bl_tensor *x);
/* Square root. Reals; NaN below 0. */
BL_API bl_tensor *bl_sqrt(bl_tensor *x);
/* x * x. Numbers. */
BL_API bl_tensor *bl_square(bl_tensor *x);
/* |x|. Numbers; derivative sign(x). */
BL_API bl_tensor *bl_abs(bl_tensor *x);
/* -1, 0 or 1; NaN for NaN. Numbers; derivative 0. */
BL_API bl_tensor *bl_sign(bl_tensor *x);
/* max(x, 0), NaN for NaN. Numbers; derivative 1 for x > 0, else 0. */
BL_API bl_tensor *bl_relu(bl_tensor *x);
/* Hyperbolic tangent. Reals. */
BL_API bl_tensor *bl_tanh(bl_tensor *x);
/* 1 / (1 + e^-x). Reals; does not overflow. */
BL_API bl_tensor *bl_sigmoid(bl_tensor *x);
/* x as another dtype: to an integer, towards zero (NaN gives 0, values outside are clamped); to bool, x != 0;
 * to bf16 and f16, to nearest even. All dtypes; the derivative between floats is the cast back. */
BL_API bl_tensor *bl_cast(bl_tensor *x, bl_dtype dtype);

/* ---- comparisons: bool results, not differentiable (zero gradient) ---- */

/* a == b. Numbers and bool; false with NaN. */
BL_API bl_tensor *bl_equal(bl_tensor *a, bl_tensor *b);
/* a != b. Numbers and bool; true with NaN. */
BL_API bl_tensor *bl_not_equal(bl_tensor *a, bl_tensor *b);
/* a < b. Numbers. */
BL_API bl_tensor *bl_less(bl_tensor *a, bl_tensor *b);
/* a <= b. Numbers. */
BL_API bl_tensor *bl_less_equal(bl_tensor *a, bl_tensor *b);
/* a > b. Numbers. */
BL_API bl_tensor *bl_greater(bl_tensor *a, bl_tensor *b);
/* a >= b. Numbers. */
BL_API bl_tensor *bl_greater_equal(bl_tensor *a, bl_tensor *b);
/* a where condition is true, b elsewhere; all three broadcast. condition bool; a and b numbers or bool. What
 * is not chosen does not count, NaN or not. */
BL_API bl_tensor *bl_where(bl_tensor *condition, bl_tensor *a, bl_tensor *b);

/* ---- reductions over axes (BL_ALL_AXES, BL_AXES(0, -1)); keepdim leaves sizes of 1 ---- */

/* Sum; 0 over no elements. Numbers; f32 sums are accumulated in f64, in an order fixed by the shape. */
BL_API bl_tensor *bl_sum(bl_tensor *x, bl_axes axes, bool keepdim);
/* Mean; NaN over no elements. Reals. */
BL_API bl_tensor *bl_mean(bl_tensor *x, bl_axes axes, bool keepdim);
/* Largest element, NaN if there is one; an axis of size 0 is BL_ERR_SHAPE. Numbers; ties share the cotangent.
 */
BL_API bl_tensor *bl_max(bl_tensor *x, bl_axes axes, bool keepdim);
/* i64 index of the first largest element (the first NaN, if any) along the given axes, counted row by row
 * over them; an axis of size 0 is BL_ERR_SHAPE. Numbers; not differentiable. */
BL_API bl_tensor *bl_argmax(bl_tensor *x, bl_axes axes, bool keepdim);

/* ---- shape: views where the layout allows, any dtype ---- */

/* The same elements, row by row, in another shape of the same count; one size may be -1, to be worked out. */
BL_API bl_tensor *bl_reshape(bl_tensor *x, bl_shape shape);
/* Axis d of the result is axis axes[d] of x; a permutation of all axes. */
BL_API bl_tensor *bl_permute(bl_tensor *x, bl_axes axes);
/* Two axes exchanged. */
BL_API bl_tensor *bl_transpose(bl_tensor *x, int axis_a, int axis_b);
/* Broadcast to a shape, without a copy; sizes of 1 grow, leading axes are added. */
BL_API bl_tensor *bl_expand(bl_tensor *x, bl_shape shape);
/* x[.., start : stop : step, ..] along an axis; 0 <= start <= stop <= size, step >= 1. */
BL_API bl_tensor *bl_slice(bl_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
/* Tensors one after the other along an axis; all other sizes equal; count >= 1. */
BL_API bl_tensor *bl_concat(bl_tensor *const *tensors, size_t count, int axis);
/* Consecutive slices of the given sizes along an axis, which they must cover, into parts[0..count-1].
 * Returns: BL_OK or the graph's error, with every part the invalid tensor. */
BL_API bl_status bl_split(bl_tensor *x, const int64_t *sizes, size_t count, int axis, bl_tensor **parts);

/* ---- linear algebra ---- */

/* Matrix product over the last two axes, [.., m, k] x [.., k, n] -> [.., m, n]; leading axes broadcast; a
 * rank-1 operand is a row (left) or column (right) whose axis goes from the result. Reals. */
BL_API bl_tensor *bl_matmul(bl_tensor *a, bl_tensor *b);
/* x . weight^T + bias: [.., in], weight [out, in], bias [out] or NULL -> [.., out]. Reals. */
BL_API bl_tensor *bl_linear(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);

/* ---- rows ---- */

/* weight[indices]: weight [rows, width], indices i32 or i64 of any shape -> [.., width]. The gradient adds up
 * the cotangents of each row. An index outside 0..rows-1 is BL_ERR_INDEX at run. */
BL_API bl_tensor *bl_embedding(bl_tensor *weight, bl_tensor *indices);
/* bl_embedding whose row `padding_index` gets no gradient (-1: none). */
BL_API bl_tensor *bl_embedding_padded(bl_tensor *weight, bl_tensor *indices, int64_t padding_index);
/* dtype 1 at the index and 0 elsewhere: indices i32 or i64 [..] -> [.., classes]. An index outside
 * 0..classes-1 is BL_ERR_INDEX at run. Not differentiable. */
BL_API bl_tensor *bl_one_hot(bl_tensor *indices, int64_t classes, bl_dtype dtype);

/* ---- softmax and losses ---- */

/* exp(x - max) / sum exp(x - max) along an axis. Reals. */
BL_API bl_tensor *bl_softmax(bl_tensor *x, int axis);
/* x - max - log sum exp(x - max) along an axis. Reals. */
BL_API bl_tensor *bl_log_softmax(bl_tensor *x, int axis);

typedef enum bl_reduction {
    BL_REDUCE_NONE,
    BL_REDUCE_MEAN,
    BL_REDUCE_SUM
} bl_reduction;

/* Mean of (prediction - target)^2 over all elements. Equal shapes, reals. */
BL_API bl_tensor *bl_mse_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_mse_loss with another reduction. */
BL_API bl_tensor *bl_mse_loss_reduced(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction);

typedef struct bl_cross_entropy_options {
    int64_t ignore_index;   /* targets of this value do not count; default -100 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN, over the targets that count */
} bl_cross_entropy_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_cross_entropy_options bl_cross_entropy_defaults(void);

/* Mean of -log softmax(logits)[target] over the targets: logits [.., classes] (the last axis), targets i32 or
 * i64
 * [..]. No target that counts: NaN with zero gradient. A target outside 0..classes-1 that is not ignore_index
 * is BL_ERR_INDEX at run. */
BL_API bl_tensor *bl_cross_entropy(bl_tensor *logits, bl_tensor *targets);
/* bl_cross_entropy with options; NULL: the defaults. */
BL_API bl_tensor *bl_cross_entropy_with(bl_tensor *logits, bl_tensor *targets,
                                        const bl_cross_entropy_options *options);

BL_END_DECLS

#endif
