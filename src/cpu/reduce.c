/* Reductions over any axes of any strides: the walk over elements and results.
 *
 * The reduced elements of one result are counted row by row, j = 0, 1, ... Element j goes to lane j mod
 * BL__LANES, and the lanes are combined in order: so the result depends on the shape alone, not on strides
 * nor on which of the two loops is taken. Up to BL__LANES elements are simply taken in order, which is the
 * same. */
#include "cpu/reduce.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    COLUMNS = 128, /* results that are accumulated side by side */
    FEW = 8,       /* a row shorter than this is not worth a call */
    LARGEST = 16   /* bytes of an accumulator */
};

struct plan {
    const bl__reducer *reducer;
    bl__loop kept, reduced;
    bool columns; /* rows of kept elements rather than of reduced ones: they lie closer, or are longer */
    int64_t mask;
    size_t input_bytes, output_bytes;
};

/* ---- prepare ---- */

bl_status bl__reduce_prepare(bl__call *call, bl__arena *arena, const bl__reducer *const *reducers)
{
    const bl__operand *x = call->inputs[0];
    const bl__reduce_attributes *attributes = call->attributes;
    const bl__reducer *reducer = reducers[x->dtype];
    if (!reducer)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->reducer = reducer;
    plan->input_bytes = bl_dtype_size(x->dtype);
    plan->output_bytes = bl_dtype_size(call->outputs[0]->dtype);
    bl__loop_init(&plan->kept, 1);
    bl__loop_init(&plan->reduced, 1);
    for (int d = 0; d < x->rank; d++)
        bl__loop_push(attributes->axes >> d & 1u ? &plan->reduced : &plan->kept, x->size[d], &x->stride[d]);
    plan->columns = bl__loop_row(&plan->kept) >= FEW && plan->reduced.rank > 0 &&
                    (bl__loop_step(&plan->kept, 0) < bl__loop_step(&plan->reduced, 0) ||
                     bl__loop_row(&plan->reduced) < FEW);
    plan->mask = !reducer->ordered && plan->reduced.count > BL__LANES ? BL__LANES - 1 : 0;
    call->plan = plan;
    return BL_OK;
}

/* ---- run ---- */

/* One result after the other, each from rows of reduced elements. */
static void run_rows(const struct plan *plan, const char *x, char *y)
{
    const bl__reducer *reducer = plan->reducer;
    _Alignas(64) unsigned char lanes[BL__LANES * LARGEST];
    int64_t row = bl__loop_row(&plan->reduced), step = bl__loop_step(&plan->reduced, 0);
    int64_t kept_row = bl__loop_row(&plan->kept), kept_step = bl__loop_step(&plan->kept, 0);
    bl__place kept = {{0}, {0}}, reduced = {{0}, {0}};
    do {
        for (int64_t i = 0; i < kept_row; i++, y += plan->output_bytes) {
            const char *base = bl__at_const(x, plan->input_bytes, kept.offset[0] + i * kept_step);
            int64_t j = 0;
            reducer->start(plan->mask + 1, lanes);
            do {
                const char *from = bl__at_const(base, plan->input_bytes, reduced.offset[0]);
                reducer->across(lanes, plan->mask, row, from, step, j);
                j += row;
            } while (bl__loop_next(&plan->reduced, &reduced));
            reducer->finish(1, y, lanes, plan->mask + 1, 1);
        }
    } while (bl__loop_next(&plan->kept, &kept));
}

/* n <= COLUMNS neighbouring results from rows of kept elements. */
static void run_column_block(const struct plan *plan, const char *x, char *y, int64_t n)
{
    const bl__reducer *reducer = plan->reducer;
    _Alignas(64) unsigned char
        lanes[BL__LANES * COLUMNS * 8 > COLUMNS * LARGEST ? BL__LANES * COLUMNS * 8 : COLUMNS * LARGEST];
    int64_t row = bl__loop_row(&plan->reduced), step = bl__loop_step(&plan->reduced, 0), j = 0;
    int64_t kept_step = bl__loop_step(&plan->kept, 0);
    bl__place reduced = {{0}, {0}};
    reducer->start(n * (plan->mask + 1), lanes);
    do {
        for (int64_t i = 0; i < row; i++, j++) {
            const char *from = bl__at_const(x, plan->input_bytes, reduced.offset[0] + i * step);
            reducer->down(bl__at(lanes, reducer->bytes, (j & plan->mask) * n), n, from, kept_step, j);
        }
    } while (bl__loop_next(&plan->reduced, &reduced));
    reducer->finish(n, y, lanes, plan->mask + 1, n);
}

static void run_columns(const struct plan *plan, const char *x, char *y)
{
    int64_t row = bl__loop_row(&plan->kept), step = bl__loop_step(&plan->kept, 0);
    bl__place kept = {{0}, {0}};
    do {
        for (int64_t i = 0; i < row; i += COLUMNS) {
            int64_t n = row - i < COLUMNS ? row - i : COLUMNS;
            run_column_block(plan, bl__at_const(x, plan->input_bytes, kept.offset[0] + i * step), y, n);
            y = bl__at(y, plan->output_bytes, n);
        }
    } while (bl__loop_next(&plan->kept, &kept));
}

/* What a reduction over no elements leaves: 0 for a sum. */
static void run_empty(const struct plan *plan, char *y)
{
    _Alignas(16) unsigned char lane[LARGEST];
    plan->reducer->start(1, lane);
    for (int64_t i = 0; i < plan->kept.count; i++, y += plan->output_bytes)
        plan->reducer->finish(1, y, lane, 1, 1);
}

bl_status bl__reduce_run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const char *x = call->inputs[0]->data;
    char *y = call->outputs[0]->data;
    if (plan->kept.count == 0)
        return BL_OK;
    if (plan->reduced.count == 0)
        run_empty(plan, y);
    else
        (plan->columns ? run_columns : run_rows)(plan, x, y);
    return BL_OK;
}
