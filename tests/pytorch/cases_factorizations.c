/* PyTorch's cases of linear algebra that need LAPACK: a family only where that is built in. */
#include "cases.h"

#if BL__LAPACK

/* The identity that goes with a matrix, times a number. */
static bl_tensor *identity(bl_tensor *x, double factor)
{
    return bl_mul_scalar(bl_matrix_power(x, 0), factor);
}

static double size_of(bl_tensor *x)
{
    bl_shape shape = bl_tensor_shape(x);
    return (double)shape.size[shape.rank - 1];
}

/* As in cases_factorizations.py. */
static bl_tensor *regular(pytorch_case *c)
{
    return bl_add(c->input[0], identity(c->input[0], size_of(c->input[0]) + 1));
}

static bl_tensor *definite(pytorch_case *c)
{
    bl_tensor *x = c->input[0];
    return bl_add(bl_matmul(x, bl_transpose(x, -1, -2)), identity(x, size_of(x)));
}

DEFINE_BUILD(cholesky, bl_cholesky(definite(c)))
DEFINE_BUILD(cholesky_of_lower, bl_cholesky(c->input[0]))
DEFINE_BUILD(inverse, bl_inverse(regular(c)))
DEFINE_BUILD(inverse_power, bl_matrix_power(regular(c), -3))
DEFINE_BUILD(solve, bl_solve(regular(c), c->input[1]))
DEFINE_BUILD(det, bl_det(bl_div_scalar(regular(c), 2)))
DEFINE_BUILD(logdet, bl_logdet(regular(c)))

static void build_slogdet(pytorch_case *c)
{
    bl_slogdet(bl_neg(regular(c)), &c->output[0], &c->output[1]);
}

const pytorch_builder pytorch_factorizations[] = {
    ROW(cholesky), ROW(cholesky_of_lower), ROW(inverse), ROW(inverse_power), ROW(solve), ROW(det),
    ROW(logdet),   ROW(slogdet),           END_ROW};

#endif
