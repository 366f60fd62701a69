/* Triangular systems over broadcast batches: the right-hand side is copied to the output, where BLIS solves.
 */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/trsm.h"
#include "ops/attributes.h"

enum {
    A,
    B,
    OPERANDS
};

struct plan {
    int64_t n, rows, columns; /* of A, and of B */
    bl__triangle_kind kind;
    bl__steps step[OPERANDS], solution;
    bl__loop batch; /* over the operands; the solutions stand one after the other */
    size_t bytes;
    bool spread; /* A has a stride of 0, which BLIS promises nothing about: copied into scratch */
};

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__solve_triangular_attributes *attributes = call->attributes;
    const bl__operand *a = call->inputs[A], *b = call->inputs[B], *x = call->outputs[0];
    if (a->dtype != BL_F32 && a->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(a->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){
        .n = a->size[a->rank - 1], .rows = b->size[b->rank - 2], .columns = b->size[b->rank - 1]};
    plan->kind = (bl__triangle_kind){attributes->upper, attributes->left, attributes->unitriangular};
    plan->bytes = bl_dtype_size(a->dtype);
    plan->step[A] = (bl__steps){a->stride[a->rank - 2], a->stride[a->rank - 1]};
    plan->step[B] = (bl__steps){b->stride[b->rank - 2], b->stride[b->rank - 1]};
    plan->solution = plan->columns == 1 ? (bl__steps){1, plan->rows} : (bl__steps){plan->columns, 1};
    if (plan->n == 1)
        plan->step[A] = (bl__steps){1, 1};
    bl__loop_init(&plan->batch, OPERANDS);
    for (int d = 0; d < x->rank - 2; d++) {
        int64_t strides[OPERANDS] = {bl__broadcast_stride(a, x->rank, d, x->size[d]),
                                     bl__broadcast_stride(b, x->rank, d, x->size[d])};
        bl__loop_push(&plan->batch, x->size[d], strides);
    }
    plan->spread = x->count > 0 && (plan->step[A].row == 0 || plan->step[A].column == 0);
    *scratch_bytes = plan->spread ? (size_t)(plan->n * plan->n) * plan->bytes : 0;
    if (x->count > 0)
        bl__trsm_warm();
    call->plan = plan;
    return BL_OK;
}

/* One system. */
static void solve(const struct plan *plan, char *a, const char *b, char *x, char *scratch)
{
    bl__steps a_steps = plan->step[A], b_steps = plan->step[B];
    if (plan->spread) {
        for (int64_t i = 0; i < plan->n; i++)
            bl__copy_elements(plan->bytes, plan->n, bl__at(scratch, plan->bytes, i * plan->n), 1,
                              bl__at(a, plan->bytes, i * a_steps.row), a_steps.column);
        a = scratch;
        a_steps = (bl__steps){plan->n, 1};
    }
    for (int64_t i = 0; i < plan->rows; i++)
        bl__copy_elements(plan->bytes, plan->columns, bl__at(x, plan->bytes, i * plan->columns), 1,
                          bl__at_const(b, plan->bytes, i * b_steps.row), b_steps.column);
    (plan->bytes == sizeof(float) ? bl__trsm_f32 : bl__trsm_f64)(plan->kind, plan->rows, plan->columns, a,
                                                                 a_steps, x, plan->solution);
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    char *x = call->outputs[0]->data;
    if (call->outputs[0]->count == 0)
        return BL_OK;
    bl__place place = {{0}, {0}};
    int64_t row = bl__loop_row(&plan->batch);
    do {
        for (int64_t i = 0; i < row; i++, x = bl__at(x, plan->bytes, plan->rows * plan->columns)) {
            int64_t at[OPERANDS] = {place.offset[A] + i * bl__loop_step(&plan->batch, A),
                                    place.offset[B] + i * bl__loop_step(&plan->batch, B)};
            solve(plan, bl__at(call->inputs[A]->data, plan->bytes, at[A]),
                  bl__at(call->inputs[B]->data, plan->bytes, at[B]), x, call->environment->scratch);
        }
    } while (bl__loop_next(&plan->batch, &place));
    return BL_OK;
}

/* n^2 for each right-hand side: a product and a sum for each entry of the triangle. */
static int64_t flops(const bl__call *call)
{
    const struct plan *plan = call->plan;
    return bl__times(plan->n, call->outputs[0]->count);
}

const bl__kernel bl__kernel_solve_triangular = {BL__STRIDED, prepare, run, flops};
