/* Reductions over any axes of any strides by functions of whole rows: see row_reduce.h. */
#include "cpu/row_reduce.h"
#include "cpu/loop.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

enum {
    PACKED = 16,           /* neighbouring rows that are brought into scratch together */
    PACKED_BYTES = 1 << 16 /* as long as they are no more than this */
};

struct plan {
    bl__row_reduction *function;
    bl__column_reduction *by_columns; /* NULL: row by row */
    bl__loop kept, reduced;
    int64_t together; /* rows that are packed at a time; 0: they are contiguous as they stand */
    bool columns;     /* elements of neighbouring rows lie closer than those of one */
    bool shared;      /* rows lie one step apart and are shared out among threads */
    bl__row_parts parts;
    size_t bytes;
};

bl_status bl__row_reduce_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes,
                                 bl__row_reduction *f32, bl__row_reduction *f64)
{
    const bl__operand *x = call->inputs[0];
    const bl__reduce_attributes *attributes = call->attributes;
    *scratch_bytes = 0;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->function = x->dtype == BL_F32 ? f32 : f64;
    plan->by_columns = NULL;
    plan->bytes = bl_dtype_size(x->dtype);
    bl__loop_init(&plan->kept, 1);
    bl__loop_init(&plan->reduced, 1);
    for (int d = 0; d < x->rank; d++)
        bl__loop_push(attributes->axes >> d & 1u ? &plan->reduced : &plan->kept, x->size[d], &x->stride[d]);
    int64_t n = plan->reduced.count, row = bl__loop_row(&plan->kept), step = bl__loop_step(&plan->reduced, 0);
    plan->columns = bl__loop_step(&plan->kept, 0) < step;
    plan->together = 0;
    if (n > 1 && (plan->reduced.rank > 1 || step != 1)) {
        size_t row_bytes;
        if (!bl__multiply_size((size_t)n, plan->bytes, &row_bytes))
            return BL_ERR_MEMORY;
        int64_t most = row_bytes >= PACKED_BYTES ? 1 : (int64_t)(PACKED_BYTES / row_bytes);
        most = most < PACKED ? most : PACKED;
        plan->together = most < row ? most : row;
        *scratch_bytes = (size_t)plan->together * row_bytes; /* no more than PACKED_BYTES, or one row */
    }
    plan->shared = plan->together == 0 && plan->kept.rank <= 1;
    if (plan->shared)
        plan->parts = bl__row_parts_of(call, plan->kept.count, n, 1);
    call->plan = plan;
    return BL_OK;
}

void bl__row_reduce_by_columns(const bl__call *call, size_t *scratch_bytes, bl__column_reduction *f32,
                               bl__column_reduction *f64)
{
    struct plan *plan = call->plan;
    if (plan->together < 2 || plan->reduced.rank > 1 || bl__loop_step(&plan->kept, 0) != 1)
        return;
    plan->by_columns = call->inputs[0]->dtype == BL_F32 ? f32 : f64;
    plan->together = BL__COLUMNS;
    *scratch_bytes = 0;
}

/* Brings `rows` neighbouring rows into scratch, one after the other. */
static void pack(const struct plan *plan, int64_t rows, const char *x, void *scratch)
{
    int64_t n = plan->reduced.count, row = bl__loop_row(&plan->reduced);
    int64_t step = bl__loop_step(&plan->reduced, 0), kept_step = bl__loop_step(&plan->kept, 0), j = 0;
    bl__place place = {{0}, {0}};
    do {
        const char *from = bl__at_const(x, plan->bytes, place.offset[0]);
        if (plan->columns)
            for (int64_t i = 0; i < row; i++)
                bl__copy_elements(plan->bytes, rows, bl__at(scratch, plan->bytes, j + i), n,
                                  bl__at_const(from, plan->bytes, i * step), kept_step);
        else
            for (int64_t r = 0; r < rows; r++)
                bl__copy_elements(plan->bytes, row, bl__at(scratch, plan->bytes, r * n + j), 1,
                                  bl__at_const(from, plan->bytes, r * kept_step), step);
        j += row;
    } while (bl__loop_next(&plan->reduced, &place));
}

static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t step = bl__loop_step(&plan->kept, 0);
    (void)worker;
    for (int64_t r = bl__part_first(&plan->parts, part); r < bl__part_end(&plan->parts, part); r++)
        plan->function(plan->reduced.count, bl__at(call->outputs[0]->data, plan->bytes, r),
                       bl__at_const(call->inputs[0]->data, plan->bytes, r * step), call->attributes);
}

bl_status bl__row_reduce_run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    int64_t n = plan->reduced.count, kept_row = bl__loop_row(&plan->kept);
    int64_t kept_step = bl__loop_step(&plan->kept, 0), together = plan->together > 0 ? plan->together : 1;
    char *y = call->outputs[0]->data;
    bl__place kept = {{0}, {0}};
    if (plan->shared) {
        bl__do_row_parts(call, &plan->parts, do_rows, plan);
        return BL_OK;
    }
    if (plan->kept.count == 0)
        return BL_OK;
    do {
        for (int64_t i = 0; i < kept_row; i += together) {
            int64_t rows = kept_row - i < together ? kept_row - i : together;
            const char *x = bl__at_const(call->inputs[0]->data, plan->bytes, kept.offset[0] + i * kept_step);
            if (plan->by_columns) {
                plan->by_columns(n, bl__loop_step(&plan->reduced, 0), rows, y, x, call->attributes);
                y += (size_t)rows * plan->bytes;
                continue;
            }
            if (plan->together > 0) {
                pack(plan, rows, x, call->environment->scratch);
                x = call->environment->scratch;
            }
            for (int64_t r = 0; r < rows; r++, y += plan->bytes)
                plan->function(n, y, bl__at_const(x, plan->bytes, r * n), call->attributes);
        }
    } while (bl__loop_next(&plan->kept, &kept));
    return BL_OK;
}
