/* Kernels of triangles: tril and triu copy a part of each row, of any dtype, and leave zeros. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

struct plan {
    bl__loop matrices; /* over the input; the output is contiguous over it */
    int64_t rows, columns;
    int64_t down, right; /* strides of the input */
    size_t bytes;
};

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[0];
    int rank = x->rank;
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    *scratch_bytes = 0;
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.rows = x->size[rank - 2],
                          .columns = x->size[rank - 1],
                          .down = x->stride[rank - 2],
                          .right = x->stride[rank - 1],
                          .bytes = bl_dtype_size(x->dtype)};
    bl__loop_init(&plan->matrices, 1);
    for (int d = 0; d < rank - 2; d++)
        bl__loop_push(&plan->matrices, x->size[d], &x->stride[d]);
    call->plan = plan;
    return BL_OK;
}

static int64_t clamp(int64_t column, int64_t columns)
{
    return column < 0 ? 0 : column > columns ? columns : column;
}

/* One matrix: of row i, the columns up to i + diagonal, or those from it on. */
static void run_matrix(const struct plan *plan, int64_t diagonal, bool upper, const char *x, char *y)
{
    for (int64_t i = 0; i < plan->rows; i++) {
        int64_t first = upper ? clamp(i + diagonal, plan->columns) : 0;
        int64_t end = upper ? plan->columns : clamp(i + diagonal + 1, plan->columns);
        char *row = bl__at(y, plan->bytes, i * plan->columns);
        bl__zero(row, (size_t)first * plan->bytes);
        bl__copy_elements(plan->bytes, end - first, bl__at(row, plan->bytes, first), 1,
                          bl__at_const(x, plan->bytes, i * plan->down + first * plan->right), plan->right);
        bl__zero(bl__at(row, plan->bytes, end), (size_t)(plan->columns - end) * plan->bytes);
    }
}

static bl_status run(const bl__call *call, bool upper)
{
    const struct plan *plan = call->plan;
    const bl__triangle_attributes *attributes = call->attributes;
    const char *x = call->inputs[0]->data;
    char *y = call->outputs[0]->data;
    int64_t row = bl__loop_row(&plan->matrices), step = bl__loop_step(&plan->matrices, 0);
    bl__place place = {{0}, {0}};
    if (call->outputs[0]->count == 0)
        return BL_OK;
    do {
        for (int64_t k = 0; k < row; k++, y = bl__at(y, plan->bytes, plan->rows * plan->columns))
            run_matrix(plan, attributes->diagonal, upper,
                       bl__at_const(x, plan->bytes, place.offset[0] + k * step), y);
    } while (bl__loop_next(&plan->matrices, &place));
    return BL_OK;
}

static bl_status run_tril(const bl__call *call)
{
    return run(call, false);
}

static bl_status run_triu(const bl__call *call)
{
    return run(call, true);
}

const bl__kernel bl__kernel_tril = {BL__STRIDED, prepare, run_tril, bl__flops_none};
const bl__kernel bl__kernel_triu = {BL__STRIDED, prepare, run_triu, bl__flops_none};
