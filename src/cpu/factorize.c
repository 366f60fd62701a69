/* Kernels of factorizations, a matrix after the other: cholesky, and from A = L U P inverse, solve, det and
 * slogdet. Only where LAPACK is built in. */
#include "cpu/kernels.h"
#include "cpu/lapack.h"
#include "cpu/loop.h"
#include "cpu/trsm.h"

#include <math.h>

#if BL__LAPACK

enum {
    A,
    B,
    OPERANDS
};

struct plan {
    int64_t n, columns; /* of A, and of the right-hand side */
    bl__steps step[OPERANDS], solution;
    bl__loop batch; /* over the operands; the results stand one after the other */
    int64_t result; /* elements of one */
    size_t bytes;
    size_t matrix_bytes; /* of the scratch: a matrix and a margin, then pivots */
};

/* ---- prepare ---- */

/* Results of `result_rank` axes beside those of the batch, [n, columns]. The right-hand side may be absent.
 */
static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, int result_rank)
{
    const bl__operand *a = call->inputs[A], *x = call->outputs[0];
    const bl__operand *b = call->inputs[call->input_count - 1];
    if (a->dtype != BL_F32 && a->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(a->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    int batch_rank = x->rank - result_rank;
    *plan = (struct plan){.n = a->size[a->rank - 1], .bytes = bl_dtype_size(a->dtype)};
    plan->columns = b->size[b->rank - 1];
    plan->result = result_rank == 0 ? 1 : plan->n * plan->columns;
    plan->step[A] = (bl__steps){a->stride[a->rank - 2], a->stride[a->rank - 1]};
    plan->step[B] = (bl__steps){b->stride[b->rank - 2], b->stride[b->rank - 1]};
    plan->solution = plan->columns == 1 ? (bl__steps){1, plan->n} : (bl__steps){plan->columns, 1};
    bl__loop_init(&plan->batch, OPERANDS);
    for (int d = 0; d < batch_rank; d++) {
        int64_t strides[OPERANDS] = {bl__broadcast_stride(a, batch_rank + 2, d, x->size[d]),
                                     bl__broadcast_stride(b, batch_rank + 2, d, x->size[d])};
        bl__loop_push(&plan->batch, x->size[d], strides);
    }
    call->plan = plan;
    *scratch_bytes = 0;
    if (x->count == 0)
        return BL_OK;
    bl__trsm_warm();
    plan->matrix_bytes = (size_t)(plan->n * plan->n) * plan->bytes + BL__LAPACK_MARGIN;
    *scratch_bytes = plan->matrix_bytes + (size_t)plan->n * sizeof(int32_t);
    return BL_OK;
}

static bl_status prepare_matrix(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return prepare(call, arena, scratch_bytes, 2);
}

static bl_status prepare_number(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return prepare(call, arena, scratch_bytes, 0);
}

/* ---- parts ---- */

/* Rows of any strides to contiguous ones. */
static void copy_matrix(const struct plan *plan, int64_t columns, char *to, const char *from, bl__steps steps)
{
    for (int64_t i = 0; i < plan->n; i++)
        bl__copy_elements(plan->bytes, columns, bl__at(to, plan->bytes, i * columns), 1,
                          bl__at_const(from, plan->bytes, i * steps.row), steps.column);
}

static int32_t *pivots_of(const struct plan *plan, void *scratch)
{
    return (int32_t *)(void *)((char *)scratch + plan->matrix_bytes);
}

/* A = L U P in scratch: 0, or where L's diagonal has a 0. */
static int64_t factorize(const struct plan *plan, const char *a, void *scratch)
{
    copy_matrix(plan, plan->n, scratch, a, plan->step[A]);
    return plan->bytes == sizeof(float) ? bl__getrf_f32(plan->n, scratch, pivots_of(plan, scratch))
                                        : bl__getrf_f64(plan->n, scratch, pivots_of(plan, scratch));
}

/* From L U P X = B in the place of X: two triangular systems, then P^T, the exchanges in reverse. */
static void substitute(const struct plan *plan, void *factors, const int32_t *pivots, char *x)
{
    void (*solve)(bl__triangle_kind, int64_t, int64_t, void *, bl__steps, void *, bl__steps) =
        plan->bytes == sizeof(float) ? bl__trsm_f32 : bl__trsm_f64;
    const bl__triangle_kind lower = {.left = true}, upper = {.left = true, .upper = true, .unit = true};
    bl__steps steps = {plan->n, 1};
    size_t row = (size_t)plan->columns * plan->bytes;
    solve(lower, plan->n, plan->columns, factors, steps, x, plan->solution);
    solve(upper, plan->n, plan->columns, factors, steps, x, plan->solution);
    for (int64_t i = plan->n - 1; i >= 0; i--) {
        char *a = bl__at(x, row, i), *b = bl__at(x, row, pivots[i] - 1);
        for (size_t k = 0; a != b && k < row; k++) {
            char byte = a[k];
            a[k] = b[k];
            b[k] = byte;
        }
    }
}

/* ---- run ---- */

/* Makes the results number `index` of a matrix a (and b) at x (and behind it, in further outputs). */
typedef bl_status step(const bl__call *call, int64_t index, const char *a, const char *b, char *x);

static bl_status run(const bl__call *call, step *take)
{
    const struct plan *plan = call->plan;
    bl_status status = BL_OK;
    if (call->outputs[0]->count == 0)
        return BL_OK;
    bl__place place = {{0}, {0}};
    int64_t row = bl__loop_row(&plan->batch), index = 0;
    const bl__operand *last = call->inputs[call->input_count - 1];
    do {
        for (int64_t i = 0; i < row && status == BL_OK; i++, index++) {
            int64_t at[OPERANDS] = {place.offset[A] + i * bl__loop_step(&plan->batch, A),
                                    place.offset[B] + i * bl__loop_step(&plan->batch, B)};
            status = take(call, index, bl__at_const(call->inputs[A]->data, plan->bytes, at[A]),
                          bl__at_const(last->data, plan->bytes, at[B]),
                          bl__at(call->outputs[0]->data, plan->bytes, index * plan->result));
        }
    } while (status == BL_OK && bl__loop_next(&plan->batch, &place));
    return status;
}

/* ---- operations ---- */

/* So many times n^3 for each matrix. */
static int64_t cubes(const bl__call *call, int64_t many)
{
    const struct plan *plan = call->plan;
    int64_t square = bl__times(plan->n, plan->n);
    return call->outputs[0]->count > 0
               ? bl__times(bl__times(many, plan->batch.count), bl__times(square, plan->n))
               : 0;
}

/* Of L U P: 2/3 n^3 a matrix. */
static int64_t flops_factors(const bl__call *call)
{
    return cubes(call, 2) / 3;
}

/* Of L U P and of two triangular systems, n^2 each for each column. */
static int64_t flops_solution(const bl__call *call)
{
    const struct plan *plan = call->plan;
    return bl__plus(flops_factors(call), bl__times(bl__times(2, plan->n), call->outputs[0]->count));
}

/* ---- cholesky ---- */

static bl_status take_cholesky(const bl__call *call, int64_t index, const char *a, const char *b, char *x)
{
    const struct plan *plan = call->plan;
    char *factor = call->environment->scratch;
    (void)b;
    copy_matrix(plan, plan->n, factor, a, plan->step[A]);
    int64_t minor = plan->bytes == sizeof(float) ? bl__potrf_f32(plan->n, call->environment->scratch)
                                                 : bl__potrf_f64(plan->n, call->environment->scratch);
    if (minor != 0)
        return bl__kernel_fail(call, BL_ERR_ARGUMENT,
                               "matrix %lld is not positive definite: its leading minor of order %lld is not "
                               "positive",
                               (long long)index, (long long)minor);
    for (int64_t i = 0; i < plan->n; i++) {
        size_t below = (size_t)(i + 1) * plan->bytes, width = (size_t)plan->n * plan->bytes;
        memcpy(x + (size_t)i * width, factor + (size_t)i * width, below);
        bl__zero(x + (size_t)i * width + below, width - below);
    }
    return BL_OK;
}

static bl_status run_cholesky(const bl__call *call)
{
    return run(call, take_cholesky);
}

/* n^3 / 3 a matrix. */
static int64_t flops_cholesky(const bl__call *call)
{
    return cubes(call, 1) / 3;
}

const bl__kernel bl__kernel_cholesky = {BL__STRIDED | BL__CAN_FAIL, prepare_matrix, run_cholesky,
                                        flops_cholesky};

/* ---- inverse and solve ---- */

/* factorize, where L must be regular. */
static bl_status factorize_regular(const bl__call *call, int64_t index, const char *a)
{
    int64_t pivot = factorize(call->plan, a, call->environment->scratch);
    if (pivot == 0)
        return BL_OK;
    return bl__kernel_fail(call, BL_ERR_ARGUMENT, "matrix %lld is singular: its pivot %lld is 0",
                           (long long)index, (long long)pivot);
}

static bl_status take_inverse(const bl__call *call, int64_t index, const char *a, const char *b, char *x)
{
    const struct plan *plan = call->plan;
    bl_status status = factorize_regular(call, index, a);
    (void)b;
    if (status != BL_OK)
        return status;
    bl__zero(x, (size_t)(plan->n * plan->n) * plan->bytes);
    for (int64_t i = 0; i < plan->n; i++) {
        if (plan->bytes == sizeof(float))
            ((float *)(void *)x)[i * (plan->n + 1)] = 1;
        else
            ((double *)(void *)x)[i * (plan->n + 1)] = 1;
    }
    substitute(plan, call->environment->scratch, pivots_of(plan, call->environment->scratch), x);
    return BL_OK;
}

static bl_status run_inverse(const bl__call *call)
{
    return run(call, take_inverse);
}

const bl__kernel bl__kernel_inverse = {BL__STRIDED | BL__CAN_FAIL, prepare_matrix, run_inverse,
                                       flops_solution};

static bl_status take_solve(const bl__call *call, int64_t index, const char *a, const char *b, char *x)
{
    const struct plan *plan = call->plan;
    bl_status status = factorize_regular(call, index, a);
    if (status != BL_OK)
        return status;
    copy_matrix(plan, plan->columns, x, b, plan->step[B]);
    substitute(plan, call->environment->scratch, pivots_of(plan, call->environment->scratch), x);
    return BL_OK;
}

static bl_status run_solve(const bl__call *call)
{
    return run(call, take_solve);
}

const bl__kernel bl__kernel_solve = {BL__STRIDED | BL__CAN_FAIL, prepare_matrix, run_solve, flops_solution};

/* ---- det and slogdet: the product of L's diagonal, with a minus sign for every exchange ---- */

static double diagonal(const struct plan *plan, const void *factors, int64_t i)
{
    int64_t at = i * (plan->n + 1);
    return plan->bytes == sizeof(float) ? (double)((const float *)factors)[at]
                                        : ((const double *)factors)[at];
}

static void store(const struct plan *plan, void *x, double value)
{
    if (plan->bytes == sizeof(float))
        *(float *)x = (float)value;
    else
        *(double *)x = value;
}

static bl_status take_det(const bl__call *call, int64_t index, const char *a, const char *b, char *x)
{
    const struct plan *plan = call->plan;
    double product = 1;
    (void)index;
    (void)b;
    factorize(plan, a, call->environment->scratch);
    for (int64_t i = 0; i < plan->n; i++) {
        bool exchanged = pivots_of(plan, call->environment->scratch)[i] != i + 1;
        product *= exchanged ? -diagonal(plan, call->environment->scratch, i)
                             : diagonal(plan, call->environment->scratch, i);
    }
    store(plan, x, product);
    return BL_OK;
}

static bl_status run_det(const bl__call *call)
{
    return run(call, take_det);
}

const bl__kernel bl__kernel_det = {BL__STRIDED, prepare_number, run_det, flops_factors};

static bl_status take_slogdet(const bl__call *call, int64_t index, const char *a, const char *b, char *x)
{
    const struct plan *plan = call->plan;
    double sign = 1, sum = 0;
    (void)b;
    factorize(plan, a, call->environment->scratch);
    for (int64_t i = 0; i < plan->n; i++) {
        double d = diagonal(plan, call->environment->scratch, i);
        if (pivots_of(plan, call->environment->scratch)[i] != i + 1)
            sign = -sign;
        sign *= isnan(d) ? d : (double)((d > 0) - (d < 0));
        sum += log(fabs(d));
    }
    store(plan, x, sign);
    store(plan, bl__at(call->outputs[1]->data, plan->bytes, index), sum);
    return BL_OK;
}

static bl_status run_slogdet(const bl__call *call)
{
    return run(call, take_slogdet);
}

const bl__kernel bl__kernel_slogdet = {BL__STRIDED, prepare_number, run_slogdet, flops_factors};

#endif
