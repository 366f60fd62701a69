/* What is computed from A = P L U: inverse, solve, det, slogdet, logdet. Only where LAPACK is built in
 * (cpu/lapack.h). */
#include "bowline/ops.h"
#include "ops/linalg.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#if BL__LAPACK

enum {
    A,
    B
};

static bl_status require_matrices(bl_infer_call *call)
{
    bl_status status = bl__require_reals(call);
    return status == BL_OK ? bl__require_square(call, A) : status;
}

/* A shape [.., n, n] of a sample. */
static bl_shape sample_square(bl_sampler *sampler, int low, int high)
{
    bl_shape shape = bl_sample_shape(sampler, low, high);
    int64_t n = bl_sample_int(sampler, bl__sample_chance(sampler, 12) ? 0 : 1, 4);
    shape.size[shape.rank - 1] = shape.size[shape.rank - 2] = n;
    return shape;
}

/* Matrices far from singular: random ones with much on the diagonal, of either sign. */
static bl_tensor *sample_regular(bl_sampler *sampler, bl_shape shape)
{
    int64_t n = shape.size[shape.rank - 1];
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *identity = bl_eye(bl_sampler_graph(sampler), bl_tensor_dtype(x), n, n);
    return bl_add(x, bl_mul_scalar(identity, bl__sample_chance(sampler, 2) ? (double)n + 1 : -(double)n - 1));
}

/* ---- inverse: da = -Y^T g Y^T ---- */

static bl_status inverse_infer(bl_infer_call *call)
{
    bl_status status = require_matrices(call);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), bl__shape_in(call, A))
                           : status;
}

bl_tensor *bl_inverse(bl_tensor *a)
{
    return bl__apply_1(&bl__op_inverse, a, NULL);
}

static void inverse_vjp(bl_vjp_call *call)
{
    bl_tensor *turned = bl__turned(call->outputs[0]);
    call->gradients[A] = bl_neg(bl_matmul(turned, bl_matmul(call->cotangents[0], turned)));
}

static bl_tensor *inverse_sample(bl_sampler *sampler)
{
    return bl_inverse(sample_regular(sampler, sample_square(sampler, 2, 4)));
}

const bl_op bl__op_inverse = {BL__OP(inverse, 1), .infer = inverse_infer, .vjp = inverse_vjp,
                              .sample = inverse_sample};

/* ---- solve: AX = B; db = A^-T g, da = -db X^T ---- */

static bl_status solve_infer(bl_infer_call *call)
{
    bl_shape a = bl__shape_in(call, A), b = bl__shape_in(call, B), out;
    bl_status status = require_matrices(call);
    if (status != BL_OK)
        return status;
    if (b.rank < 2 || b.size[b.rank - 2] != a.size[a.rank - 1])
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s does not fit a right-hand side of %s", BL__SHAPE_TEXT(a),
                             BL__SHAPE_TEXT(b));
    if (!bl_shape_broadcast(bl__leading(a, 2), bl__leading(b, 2), &out))
        return bl_infer_fail(call, BL_ERR_SHAPE, "leading dimensions do not broadcast: %s and %s",
                             BL__SHAPE_TEXT(a), BL__SHAPE_TEXT(b));
    out.size[out.rank++] = b.size[b.rank - 2];
    out.size[out.rank++] = b.size[b.rank - 1];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), out);
}

/* Whether b is a vector, or a vector for each matrix of a. */
static bool are_vectors(bl_shape a, bl_shape b)
{
    return b.rank == 1 || (b.rank + 1 == a.rank && bl_shape_equal(b, bl__leading(a, 1)));
}

bl_tensor *bl_solve(bl_tensor *a, bl_tensor *b)
{
    if (!bl_tensor_valid(a) || !bl_tensor_valid(b) || !are_vectors(bl_tensor_shape(a), bl_tensor_shape(b)) ||
        bl_tensor_graph(a) != bl_tensor_graph(b))
        return bl__apply_2(&bl__op_solve, a, b, NULL);
    bl_shape column = bl_tensor_shape(b);
    column.size[column.rank++] = 1;
    bl_tensor *x = bl__apply_2(&bl__op_solve, a, bl_reshape(b, column), NULL);
    return bl_tensor_valid(x) ? bl_reshape(x, bl__leading(bl_tensor_shape(x), 1)) : x;
}

static void solve_vjp(bl_vjp_call *call)
{
    bl_tensor *by_b = bl_solve(bl__turned(call->inputs[A]), call->cotangents[0]);
    if (call->needed[B])
        call->gradients[B] = by_b;
    if (call->needed[A])
        call->gradients[A] = bl_neg(bl_matmul(by_b, bl__turned(call->outputs[0])));
}

static bl_tensor *solve_sample(bl_sampler *sampler)
{
    bl_shape a, b;
    do
        bl_sample_broadcast(sampler, &a, &b);
    while (a.rank > 2 || b.rank > 2);
    int64_t n = bl_sample_int(sampler, bl__sample_chance(sampler, 8) ? 0 : 1, 4);
    a.size[a.rank++] = n;
    a.size[a.rank++] = n;
    b.size[b.rank++] = n;
    b.size[b.rank++] = bl_sample_int(sampler, bl__sample_chance(sampler, 8) ? 0 : 1, 3);
    bl_tensor *matrix = sample_regular(sampler, a);
    return bl_solve(matrix, bl_sample_real(sampler, b, -1, 1));
}

const bl_op bl__op_solve = {BL__OP(solve, 2), .infer = solve_infer, .vjp = solve_vjp, .sample = solve_sample};

/* ---- det: da = g det(A) A^-T ---- */

static bl_status det_infer(bl_infer_call *call)
{
    bl_status status = require_matrices(call);
    return status == BL_OK
               ? bl__infer_as(call, bl_tensor_dtype(call->inputs[A]), bl__leading(bl__shape_in(call, A), 2))
               : status;
}

bl_tensor *bl_det(bl_tensor *a)
{
    return bl__apply_1(&bl__op_det, a, NULL);
}

static void det_vjp(bl_vjp_call *call)
{
    bl_tensor *factor = bl__as_matrices(bl_mul(call->cotangents[0], call->outputs[0]));
    call->gradients[A] = bl_mul(factor, bl__turned(bl_inverse(call->inputs[A])));
}

static bl_tensor *det_sample(bl_sampler *sampler)
{
    return bl_det(bl_mul_scalar(sample_regular(sampler, sample_square(sampler, 2, 4)), 0.25));
}

const bl_op bl__op_det = {BL__OP(det, 1), .infer = det_infer, .vjp = det_vjp, .sample = det_sample};

/* ---- slogdet: the sign of the determinant, and the logarithm of its absolute value ---- */

enum {
    SIGN,
    LOG
};

static bl_status slogdet_infer(bl_infer_call *call)
{
    bl_status status = det_infer(call);
    call->dtype[LOG] = call->dtype[SIGN];
    call->shape[LOG] = call->shape[SIGN];
    return status;
}

static bl_tensor *slogdet(bl_tensor *a)
{
    return bl__apply_1(&bl__op_slogdet, a, NULL);
}

bl_status bl_slogdet(bl_tensor *a, bl_tensor **sign, bl_tensor **logarithm)
{
    bl_graph *graph = bl__graph_of(a);
    bl_tensor *both = slogdet(a);
    bool valid = bl_tensor_valid(both);
    if (sign)
        *sign = both;
    if (logarithm)
        *logarithm = valid ? bl_output(both, LOG) : both;
    if (valid)
        return BL_OK;
    return graph ? graph->error.code : BL_ERR_ARGUMENT;
}

/* log|det|: det(A)' / det(A) = A^-T; the sign is constant wherever it has a derivative. */
static void slogdet_vjp(bl_vjp_call *call)
{
    if (call->cotangents[LOG])
        call->gradients[A] =
            bl_mul(bl__as_matrices(call->cotangents[LOG]), bl__turned(bl_inverse(call->inputs[A])));
}

static bl_tensor *slogdet_sample(bl_sampler *sampler)
{
    bl_tensor *both = slogdet(sample_regular(sampler, sample_square(sampler, 2, 4)));
    return bl__sample_chance(sampler, 4) ? both : bl_output(both, LOG);
}

const bl_op bl__op_slogdet = {.size = sizeof(bl_op),
                              .name = "slogdet",
                              .key = BL__KEY_slogdet,
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .output_count = 2,
                              .infer = slogdet_infer,
                              .vjp = slogdet_vjp,
                              .sample = slogdet_sample};

/* ---- logdet: NaN for a negative determinant, -infinity for 0 ---- */

bl_tensor *bl_logdet(bl_tensor *a)
{
    return bl__apply_1(&bl__op_logdet, a, NULL);
}

static void logdet_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                             const void *attributes, bl_tensor **outputs)
{
    bl_tensor *sign = slogdet(inputs[A]);
    (void)graph;
    (void)input_count;
    (void)attributes;
    outputs[0] = bl_add(bl_log(sign), bl_tensor_valid(sign) ? bl_output(sign, LOG) : sign);
}

/* A square, so that the determinant is positive. */
static bl_tensor *logdet_sample(bl_sampler *sampler)
{
    bl_tensor *x = sample_regular(sampler, sample_square(sampler, 2, 4));
    return bl_logdet(bl_matmul(x, x));
}

const bl_op bl__op_logdet = {BL__OP(logdet, 1), .flags = BL__OP_COMPOSITE, .infer = det_infer,
                             .decompose = logdet_decompose, .sample = logdet_sample};

#endif
