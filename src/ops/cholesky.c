/* cholesky: A = L L^T. Only where LAPACK is built in (cpu/lapack.h). */
#include "bowline/ops.h"
#include "ops/linalg.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#if BL__LAPACK

static bl_status cholesky_infer(bl_infer_call *call)
{
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = bl__require_square(call, 0);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__shape_in(call, 0))
                           : status;
}

bl_tensor *bl_cholesky(bl_tensor *a)
{
    return bl__apply_1(&bl__op_cholesky, a, NULL);
}

/* With P the lower triangle of L^T g: da = L^-T S L^-1 where S = (P + P^T without its diagonal) / 2, which is
 * symmetric as A is. Source: Murray 2016, "Differentiation of the Cholesky decomposition". */
static void cholesky_vjp(bl_vjp_call *call)
{
    bl_tensor *lower = call->outputs[0], *upper = bl__turned(lower);
    bl_tensor *product = bl_matmul(upper, call->cotangents[0]);
    bl_tensor *below = bl__triangle(product, false, true);
    bl_tensor *sum = bl_add(bl__triangle(product, false, false), bl__turned(below));
    bl_solve_triangular_options from_right = {.left = false};
    bl_tensor *half = bl_solve_triangular_with(lower, bl_mul_scalar(sum, 0.5), &from_right);
    call->gradients[0] = bl_solve_triangular(upper, half, true);
}

/* x x^T + n 1, which is symmetric and positive definite. */
static bl_tensor *cholesky_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 2, 4);
    int64_t n = bl_sample_int(sampler, bl__sample_chance(sampler, 12) ? 0 : 1, 4);
    shape.size[shape.rank - 1] = shape.size[shape.rank - 2] = n;
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *identity = bl_eye(bl_sampler_graph(sampler), bl_tensor_dtype(x), n, n);
    return bl_cholesky(bl_add(bl_matmul(x, bl__turned(x)), bl_mul_scalar(identity, (double)n)));
}

const bl_op bl__op_cholesky = {BL__OP(cholesky, 1), .infer = cholesky_infer, .vjp = cholesky_vjp,
                               .sample = cholesky_sample};

#endif
