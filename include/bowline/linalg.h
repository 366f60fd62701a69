/* Ops: linear algebra.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_LINALG_H
#define BOWLINE_LINALG_H

#include "graph.h"

BL_BEGIN_DECLS

/* Matrix product over the last two axes, [.., m, k] x [.., k, n] -> [.., m, n]; leading axes broadcast; a
 * rank-1 operand is a row (left) or column (right) whose axis goes from the result. Reals. PyTorch:
 * torch.matmul. */
BL_API bl_tensor *bl_matmul(bl_tensor *a, bl_tensor *b);
/* x . weight^T + bias: [.., in], weight [out, in], bias [out] or NULL -> [.., out]. Reals. PyTorch:
 * torch.nn.functional.linear. */
BL_API bl_tensor *bl_linear(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);

/* ---- einsum ---- */

/* Sums of products over named indices: "bij,bjk->bik" names the axes of each operand by a letter (upper and
 * lower case differ) and those of the result. An index that the result lacks is summed over; one that an
 * operand has twice stands for its diagonal; "..." stands for any axes, which broadcast; sizes of 1 broadcast
 * too. Without "->" the result has the axes of "...", then the indices that occur once, in the order of their
 * letters' codes. Spaces may stand between all of these. Operands are multiplied two at a time, the two with
 * the smallest product first, by bl_matmul where an index is summed. The text is not kept. Reals. Errors:
 * BL_ERR_ARGUMENT for subscripts that are NULL or malformed, with their place. PyTorch: torch.einsum. */
BL_API bl_tensor *bl_einsum(const char *subscripts, bl_tensor *const *operands, size_t count);

/* ---- products of vectors ---- */

/* sum_i a_i b_i: [n], [n] -> []. Reals. PyTorch: torch.dot. */
BL_API bl_tensor *bl_dot(bl_tensor *a, bl_tensor *b);
/* The same, as no number here is complex. Reals. PyTorch: torch.vdot. */
BL_API bl_tensor *bl_vdot(bl_tensor *a, bl_tensor *b);
/* a_i b_j: [m], [n] -> [m, n]. Reals. PyTorch: torch.outer. */
BL_API bl_tensor *bl_outer(bl_tensor *a, bl_tensor *b);
/* Matrix by vector: [m, n] x [n] -> [m]. Reals. PyTorch: torch.mv. */
BL_API bl_tensor *bl_mv(bl_tensor *matrix, bl_tensor *vector);
/* The vector product along an axis of size 3, of tensors of one rank whose other axes broadcast. Reals.
 * PyTorch: torch.linalg.cross. */
BL_API bl_tensor *bl_cross(bl_tensor *a, bl_tensor *b, int axis);

/* ---- products of matrices ---- */

/* [b, m, k] x [b, k, n] -> [b, m, n], without broadcasting. Reals. PyTorch: torch.bmm. */
BL_API bl_tensor *bl_bmm(bl_tensor *a, bl_tensor *b);
/* beta input + alpha (a b): a [m, k], b [k, n], input broadcasts to [m, n]. With beta = 0 the input does not
 * count, NaN in it neither. PyTorch's defaults are beta = alpha = 1. Reals. PyTorch: torch.addmm. */
BL_API bl_tensor *bl_addmm(bl_tensor *input, bl_tensor *a, bl_tensor *b, double beta, double alpha);
/* The same with matrix [m, n], vector [n], input broadcasts to [m]. Reals. PyTorch: torch.addmv. */
BL_API bl_tensor *bl_addmv(bl_tensor *input, bl_tensor *matrix, bl_tensor *vector, double beta, double alpha);
/* The same with a [b, m, k], b [b, k, n], input broadcasts to [b, m, n]. Reals. PyTorch: torch.baddbmm. */
BL_API bl_tensor *bl_baddbmm(bl_tensor *input, bl_tensor *a, bl_tensor *b, double beta, double alpha);
/* The sum of the diagonal: [m, n] -> []. Reals. PyTorch: torch.trace. */
BL_API bl_tensor *bl_trace(bl_tensor *x);
/* Every element of a times all of b, in its place: axis d of the result is as long as both axes d together
 * multiply to, ranks aligned from the right and at most 4. Reals. PyTorch: torch.kron. */
BL_API bl_tensor *bl_kron(bl_tensor *a, bl_tensor *b);
/* Euclidean distances between points: [.., p, m], [.., r, m] -> [.., p, r], leading axes broadcast; the
 * derivative of a distance of 0 is 0. Reals. PyTorch: torch.cdist. */
BL_API bl_tensor *bl_cdist(bl_tensor *a, bl_tensor *b);
/* x multiplied by itself: [.., n, n]; the identity for an exponent of 0, powers of the inverse below. Reals.
 * PyTorch: torch.linalg.matrix_power. */
BL_API bl_tensor *bl_matrix_power(bl_tensor *x, int64_t exponent);

/* ---- triangular systems ---- */

typedef struct bl_solve_triangular_options {
    bool upper;         /* the upper triangle of a counts, else the lower; the other is not read */
    bool left;          /* AX = B, else XA = B */
    bool unitriangular; /* the diagonal counts as ones and is not read */
} bl_solve_triangular_options;

/* The lower triangle, AX = B, with a diagonal of its own.
 * Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_solve_triangular_options bl_solve_triangular_defaults(void);

/* X of AX = B for a triangle A: a [.., n, n], b [.., n, k] -> [.., n, k], leading axes broadcast. A diagonal
 * with a zero gives infinities and NaN. Reals. PyTorch: torch.linalg.solve_triangular. */
BL_API bl_tensor *bl_solve_triangular(bl_tensor *a, bl_tensor *b, bool upper);
/* The same with all options (NULL: the defaults); b is [.., k, n] where A stands on the right. Reals.
 * PyTorch: torch.linalg.solve_triangular. */
BL_API bl_tensor *bl_solve_triangular_with(bl_tensor *a, bl_tensor *b,
                                           const bl_solve_triangular_options *options);

/* ---- factorizations ----
 *
 * They need LAPACK when the library is built; without it, BL_ERR_UNSUPPORTED. */

/* L, lower, of A = L L^T: [.., n, n], of which only the lower triangle is read; the derivative is symmetric.
 * Reals. A run fails with BL_ERR_ARGUMENT for a matrix that is not positive definite. PyTorch:
 * torch.linalg.cholesky. */
BL_API bl_tensor *bl_cholesky(bl_tensor *a);
/* A^-1: [.., n, n]. Reals. A run fails with BL_ERR_ARGUMENT for a matrix that is exactly singular. PyTorch:
 * torch.linalg.inv. */
BL_API bl_tensor *bl_inverse(bl_tensor *a);
/* X of AX = B: a [.., n, n], b [.., n, k] -> [.., n, k], leading axes broadcast; b may be a vector [n], or
 * one for each matrix, as are the results then. Reals. A run fails as bl_inverse's. PyTorch:
 * torch.linalg.solve. */
BL_API bl_tensor *bl_solve(bl_tensor *a, bl_tensor *b);
/* The determinant: [.., n, n] -> [..]. The derivative is det(A) A^-T, which fails as bl_inverse where A is
 * singular. Reals. PyTorch: torch.linalg.det. */
BL_API bl_tensor *bl_det(bl_tensor *a);
/* The determinant's sign (0 for a singular matrix) and the logarithm of its absolute value (then -infinity):
 * [.., n, n] -> [..], into what the pointers point to; either may be NULL. The derivative is as bl_det's.
 * Reals. Returns: BL_OK or the graph's error, with both the invalid tensor. PyTorch: torch.linalg.slogdet. */
BL_API bl_status bl_slogdet(bl_tensor *a, bl_tensor **sign, bl_tensor **logarithm);
/* The logarithm of the determinant, NaN where it is negative. Reals. PyTorch: torch.logdet. */
BL_API bl_tensor *bl_logdet(bl_tensor *a);

BL_END_DECLS

#endif
