/* Reductions over any axes of any strides: the walk over elements and results.
 *
 * The reduced elements of one result are counted row by row, j = 0, 1, ... Element j goes to lane j mod
 * BL__LANES of its block, BL__REDUCE_BLOCK elements long; the lanes of blocks are joined in order, and then
 * the lanes are combined in order: so the result depends on the shape alone, not on strides, nor on which of
 * the two loops is taken, nor on the number of threads. Up to BL__LANES elements are simply taken in order,
 * which is the same. */
#include "cpu/reduce.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"
#include "ops/attributes.h"

enum {
    COLUMNS = 128,   /* results that are accumulated side by side */
    FEW = 8,         /* a row shorter than this is not worth a call */
    SMALL = 1 << 14, /* bytes that stay in the nearest cache however often they are read */
    LARGEST = 16     /* bytes of an accumulator */
};

#define ELEMENT_NANOSECONDS 0.3

/* A unit is what is accumulated at a time: one result, or up to COLUMNS side by side. */
struct plan {
    const bl__reducer *reducer;
    bl__loop kept, reduced;
    bool columns; /* rows of kept elements rather than of reduced ones: they lie closer, or are longer */
    bool pays;    /* for threads */
    bool at_once; /* the reducer has a way for all of it */
    bool rows;    /* or for rows of it */
    int64_t mask;
    int64_t units, blocks; /* blocks of each unit */
    int64_t block;         /* elements of each result in a block */
    int64_t part;          /* units in a part; where there are several blocks, a part is one of them */
    size_t input_bytes, output_bytes;
    size_t unit_bytes; /* of its accumulators */
};

/* ---- prepare ---- */

static void share_out(struct plan *plan, const bl__call *call)
{
    int64_t row = bl__loop_row(&plan->kept), across = plan->columns ? (row + COLUMNS - 1) / COLUMNS : row;
    int64_t width = plan->columns ? (row < COLUMNS ? row : COLUMNS) : 1;
    plan->units = row > 0 ? plan->kept.count / row * across : 0;
    plan->block = bl__reduce_block(plan->reduced.count);
    plan->blocks = plan->reduced.count > 0 ? (plan->reduced.count - 1) / plan->block + 1 : 0;
    plan->unit_bytes = (size_t)(width * (plan->mask + 1)) * plan->reducer->bytes;
    int64_t elements = width * plan->reduced.count;
    plan->part = elements > 0 && elements < BL__REDUCE_BLOCK ? BL__REDUCE_BLOCK / elements : 1;
    plan->pays = bl__pays_for_threads(call, (double)plan->kept.count * (double)plan->reduced.count *
                                                ELEMENT_NANOSECONDS);
}

bl_status bl__reduce_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes,
                             const bl__reducer *const *reducers)
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
    share_out(plan, call);
    plan->at_once = plan->columns && reducer->columns && plan->units == 1 && plan->reduced.rank == 1 &&
                    bl__loop_step(&plan->kept, 0) == 1 &&
                    plan->kept.count * plan->reduced.count <= SMALL / (int64_t)plan->input_bytes;
    plan->rows = !plan->columns && reducer->rows && plan->blocks == 1 && plan->reduced.rank <= 1 &&
                 (plan->reduced.rank == 0 || bl__loop_step(&plan->reduced, 0) == 1);
    *scratch_bytes = plan->blocks > 1 ? (size_t)(plan->units * plan->blocks) * plan->unit_bytes : 0;
    call->plan = plan;
    return BL_OK;
}

/* ---- run ---- */

/* Where a unit is: its first element, and how many results it has. */
struct unit {
    bl__place kept;
    int64_t at, count; /* in the row of kept elements */
};

static void set_count(const struct plan *plan, struct unit *unit)
{
    int64_t left = bl__loop_row(&plan->kept) - unit->at;
    unit->count = !plan->columns ? 1 : left < COLUMNS ? left : COLUMNS;
}

/* The number of the unit's first result. */
static int64_t go_to_unit(const struct plan *plan, int64_t index, struct unit *unit)
{
    int64_t row = bl__loop_row(&plan->kept), width = plan->columns ? COLUMNS : 1,
            across = (row + width - 1) / width;
    unit->at = index > 0 ? index % across * width : 0;
    int64_t result = index > 0 ? index / across * row + unit->at : 0;
    bl__loop_place(&plan->kept, result, &unit->kept);
    set_count(plan, unit);
    return result;
}

/* Goes on to the unit after so many results. */
static void next_unit(const struct plan *plan, struct unit *unit, int64_t results)
{
    unit->at += results;
    if (unit->at == bl__loop_row(&plan->kept)) {
        bl__loop_next(&plan->kept, &unit->kept);
        unit->at = 0;
    }
    set_count(plan, unit);
}

static const char *start_of(const struct plan *plan, const struct unit *unit, const char *x)
{
    return bl__at_const(x, plan->input_bytes,
                        unit->kept.offset[0] + unit->at * bl__loop_step(&plan->kept, 0));
}

/* Elements j .. end-1 of one result, into its lanes. */
static void reduce_row(const struct plan *plan, const char *x, int64_t j, int64_t end, void *lanes)
{
    int64_t row = bl__loop_row(&plan->reduced), step = bl__loop_step(&plan->reduced, 0),
            at = j > 0 ? j % row : 0;
    bl__place place;
    bl__loop_place(&plan->reduced, j, &place);
    plan->reducer->start(plan->mask + 1, lanes);
    for (int64_t n; j < end; j += n, at = 0) {
        n = row - at < end - j ? row - at : end - j;
        plan->reducer->across(lanes, plan->mask, n,
                              bl__at_const(x, plan->input_bytes, place.offset[0] + at * step), step, j);
        bl__loop_next(&plan->reduced, &place);
    }
}

/* How many of so many rows of kept elements, `step` apart, can be reduced at once. */
static int64_t many_rows(const struct plan *plan, int64_t left)
{
    if (!plan->reducer->down_rows || bl__loop_step(&plan->kept, 0) != 1)
        return 0;
    return left - left % (BL__ROWS_AT_ONCE * (plan->mask + 1));
}

/* The same of n results side by side. */
static void reduce_columns(const struct plan *plan, const char *x, int64_t n, int64_t j, int64_t end,
                           void *lanes)
{
    const bl__reducer *reducer = plan->reducer;
    int64_t row = bl__loop_row(&plan->reduced), step = bl__loop_step(&plan->reduced, 0),
            at = j > 0 ? j % row : 0;
    int64_t kept_step = bl__loop_step(&plan->kept, 0);
    bl__place place;
    bl__loop_place(&plan->reduced, j, &place);
    reducer->start(n * (plan->mask + 1), lanes);
    for (int64_t rows; j < end; j += rows) {
        const char *from = bl__at_const(x, plan->input_bytes, place.offset[0] + at * step);
        rows = many_rows(plan, row - at < end - j ? row - at : end - j);
        if (rows > 0)
            reducer->down_rows(lanes, plan->mask, n, from, step, rows, j);
        else
            reducer->down(bl__at(lanes, reducer->bytes, (j & plan->mask) * n), n, from, kept_step, j);
        rows = rows > 0 ? rows : 1;
        at += rows;
        if (at == row) {
            bl__loop_next(&plan->reduced, &place);
            at = 0;
        }
    }
}

static void reduce_unit(const struct plan *plan, const struct unit *unit, const char *x, int64_t j,
                        int64_t end, void *lanes)
{
    if (plan->columns)
        reduce_columns(plan, start_of(plan, unit, x), unit->count, j, end, lanes);
    else
        reduce_row(plan, start_of(plan, unit, x), j, end, lanes);
}

/* Some units, each of one block. */
static void reduce_units(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    _Alignas(64) unsigned char
        lanes[BL__LANES * COLUMNS * 8 > COLUMNS * LARGEST ? BL__LANES * COLUMNS * 8 : COLUMNS * LARGEST];
    int64_t first = part * plan->part,
            last = first + plan->part < plan->units ? first + plan->part : plan->units;
    struct unit unit;
    char *y = bl__at(call->outputs[0]->data, plan->output_bytes, go_to_unit(plan, first, &unit));
    (void)worker;
    for (int64_t u = first, n; u < last; u += plan->rows ? n : 1) {
        n = unit.count;
        if (plan->rows) {
            int64_t row = bl__loop_row(&plan->kept) - unit.at;
            n = row < last - u ? row : last - u;
            plan->reducer->rows(n, y, start_of(plan, &unit, call->inputs[0]->data), plan->reduced.count,
                                bl__loop_step(&plan->kept, 0), plan->mask);
        } else {
            reduce_unit(plan, &unit, call->inputs[0]->data, 0, plan->reduced.count, lanes);
            plan->reducer->finish(n, y, lanes, plan->mask + 1, n);
        }
        y = bl__at(y, plan->output_bytes, n);
        next_unit(plan, &unit, n);
    }
}

/* One block of a unit, into scratch. */
static void reduce_block(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t j = part % plan->blocks * plan->block, end = j + plan->block;
    struct unit unit;
    go_to_unit(plan, part / plan->blocks, &unit);
    (void)worker;
    reduce_unit(plan, &unit, call->inputs[0]->data, j, end < plan->reduced.count ? end : plan->reduced.count,
                bl__at(call->environment->scratch, plan->unit_bytes, part));
}

/* Joins the blocks of every unit. */
static void join_blocks(const bl__call *call, const struct plan *plan)
{
    for (int64_t u = 0; u < plan->units; u++) {
        struct unit unit;
        char *y = bl__at(call->outputs[0]->data, plan->output_bytes, go_to_unit(plan, u, &unit));
        char *lanes = bl__at(call->environment->scratch, plan->unit_bytes, u * plan->blocks);
        for (int64_t b = 1; b < plan->blocks; b++)
            plan->reducer->join(unit.count * (plan->mask + 1), lanes, bl__at(lanes, plan->unit_bytes, b));
        plan->reducer->finish(unit.count, y, lanes, plan->mask + 1, unit.count);
    }
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
    if (plan->at_once) {
        plan->reducer->columns(plan->kept.count, call->outputs[0]->data, call->inputs[0]->data,
                               plan->reduced.count, bl__loop_step(&plan->reduced, 0), plan->mask);
        return BL_OK;
    }
    if (plan->kept.count == 0)
        return BL_OK;
    if (plan->reduced.count == 0)
        run_empty(plan, call->outputs[0]->data);
    else if (plan->blocks == 1)
        bl__parallel(call, plan->pays, (plan->units + plan->part - 1) / plan->part, reduce_units, plan);
    else {
        bl__parallel(call, plan->pays, plan->units * plan->blocks, reduce_block, plan);
        join_blocks(call, plan);
    }
    return BL_OK;
}
