/* Kernels of elements chosen one by one along an axis: gather, scatter, scatter_add. All walk the index
 * tensor in the order of its rows, which is the order of writes and of sums. */
#include "cpu/indices.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    X,
    INDEX,
    SOURCE
};

/* ---- one row of the index tensor ---- */

/* Element i of a row has its index at data[at + i * step]; the steps are those of the fixed side, which has
 * an element for each index, and of the chosen side, where an index of k stands `along` * k further on. */
struct row {
    int64_t n;
    const bl__operand *index;
    int64_t at, step;
    void *chosen;
    int64_t chosen_step, along;
    void *fixed;
    int64_t fixed_step;
};

static inline int64_t place_of(const struct row *row, int64_t i)
{
    return i * row->chosen_step + bl__index_at(row->index, row->at + i * row->step) * row->along;
}

/* The number of bytes is a constant in each of these, so that a memcpy is one move. */
#define MOVES(bytes)                                                                          \
    static void take_##bytes(const struct row *row)                                           \
    {                                                                                         \
        char *to = row->fixed;                                                                \
        const char *from = row->chosen;                                                       \
        for (int64_t i = 0; i < row->n; i++)                                                  \
            memcpy(to + (bytes)*i * row->fixed_step, from + (bytes)*place_of(row, i), bytes); \
    }                                                                                         \
                                                                                              \
    static void put_##bytes(const struct row *row)                                            \
    {                                                                                         \
        char *to = row->chosen;                                                               \
        const char *from = row->fixed;                                                        \
        for (int64_t i = 0; i < row->n; i++)                                                  \
            memcpy(to + (bytes)*place_of(row, i), from + (bytes)*i * row->fixed_step, bytes); \
    }

MOVES(1)
MOVES(2)
MOVES(4)
MOVES(8)

#define ADDS(name, type)                                       \
    static void add_##name(const struct row *row)              \
    {                                                          \
        type *to = row->chosen;                                \
        const type *from = row->fixed;                         \
        for (int64_t i = 0; i < row->n; i++)                   \
            to[place_of(row, i)] += from[i * row->fixed_step]; \
    }

ADDS(f32, float)
ADDS(f64, double)
ADDS(i32, uint32_t) /* wraps around */
ADDS(i64, uint64_t)

typedef void (*row_function)(const struct row *row);

static const row_function take_by_size[] = {[1] = take_1, [2] = take_2, [4] = take_4, [8] = take_8};
static const row_function put_by_size[] = {[1] = put_1, [2] = put_2, [4] = put_4, [8] = put_8};
static const row_function add_by_dtype[BL_DTYPE_COUNT] = {
    [BL_F32] = add_f32, [BL_F64] = add_f64, [BL_I32] = add_i32, [BL_I64] = add_i64};

/* ---- all rows ---- */

enum {
    AT, /* the index */
    CHOSEN,
    FIXED,
    WALKED
};

struct plan {
    bl__loop loop; /* over WALKED; along the axis the chosen side stands still */
    bl__loop copy; /* scatter: from x to the output */
    row_function run_row;
    int64_t along, limit; /* the axis of the chosen side: its stride and size */
    size_t bytes;
};

static bl_status prepare(bl__call *call, bl__arena *arena, row_function run_row, const bl__operand *chosen,
                         const bl__operand *fixed)
{
    const bl__operand *index = call->inputs[INDEX];
    int64_t axis = ((const bl__axis_attributes *)call->attributes)->axis;
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->run_row = run_row;
    plan->along = chosen->stride[axis];
    plan->limit = chosen->size[axis];
    plan->bytes = bl_dtype_size(chosen->dtype);
    bl__loop_init(&plan->loop, WALKED);
    for (int d = 0; d < index->rank; d++) {
        int64_t strides[WALKED] = {index->stride[d], d == axis ? 0 : chosen->stride[d], fixed->stride[d]};
        bl__loop_push(&plan->loop, index->size[d], strides);
    }
    call->plan = plan;
    return bl__indices_prepare(call, index);
}

static void run_rows(const bl__call *call, void *chosen, void *fixed)
{
    const struct plan *plan = call->plan;
    bl__place place = {{0}, {0}};
    struct row row = {.n = bl__loop_row(&plan->loop),
                      .index = call->inputs[INDEX],
                      .step = bl__loop_step(&plan->loop, AT),
                      .chosen_step = bl__loop_step(&plan->loop, CHOSEN),
                      .along = plan->along,
                      .fixed_step = bl__loop_step(&plan->loop, FIXED)};
    if (plan->loop.count == 0)
        return;
    do {
        row.at = place.offset[AT];
        row.chosen = bl__at(chosen, plan->bytes, place.offset[CHOSEN]);
        row.fixed = bl__at(fixed, plan->bytes, place.offset[FIXED]);
        plan->run_row(&row);
    } while (bl__loop_next(&plan->loop, &place));
}

/* ---- gather: the output has an element for each index ---- */

static bl_status prepare_gather(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[X], *y = call->outputs[0];
    *scratch_bytes = 0;
    return prepare(call, arena, take_by_size[bl_dtype_size(x->dtype)], x, y);
}

static bl_status run_gather(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl_status status = bl__indices_check_strided(call, call->inputs[INDEX], plan->limit, "index");
    if (status == BL_OK)
        run_rows(call, call->inputs[X]->data, call->outputs[0]->data);
    return status;
}

const bl__kernel bl__kernel_gather = {BL__STRIDED | BL__CAN_FAIL | BL__PICKS, prepare_gather, run_gather,
                                      bl__flops_none};

/* ---- scatter, scatter_add: the source has one, and the output begins as x ---- */

static bl_status prepare_onto(bl__call *call, bl__arena *arena, row_function run_row)
{
    const bl__operand *x = call->inputs[X], *y = call->outputs[0];
    if (!run_row)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    bl_status status = prepare(call, arena, run_row, y, call->inputs[SOURCE]);
    if (status != BL_OK)
        return status;
    struct plan *plan = call->plan;
    bl__loop_init(&plan->copy, 2);
    for (int d = 0; d < x->rank; d++)
        bl__loop_push(&plan->copy, x->size[d], (int64_t[]){y->stride[d], x->stride[d]});
    return BL_OK;
}

static bl_status prepare_scatter(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    *scratch_bytes = 0;
    return prepare_onto(call, arena, put_by_size[bl_dtype_size(call->inputs[X]->dtype)]);
}

static bl_status prepare_scatter_add(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    *scratch_bytes = 0;
    return prepare_onto(call, arena, add_by_dtype[call->inputs[X]->dtype]);
}

static bl_status run_onto(const bl__call *call)
{
    const struct plan *plan = call->plan;
    char *out = call->outputs[0]->data;
    bl_status status = bl__indices_check_strided(call, call->inputs[INDEX], plan->limit, "index");
    if (status != BL_OK)
        return status;
    if (call->inputs[X]->data != out)
        bl__copy_loop(&plan->copy, plan->bytes, out, call->inputs[X]->data);
    run_rows(call, out, call->inputs[SOURCE]->data);
    return BL_OK;
}

static int64_t flops_scatter_add(const bl__call *call)
{
    return call->inputs[INDEX]->count;
}

const bl__kernel bl__kernel_scatter = {BL__STRIDED | BL__CAN_FAIL, prepare_scatter, run_onto, bl__flops_none};
const bl__kernel bl__kernel_scatter_add = {BL__STRIDED | BL__CAN_FAIL | BL__IN_PLACE_OF(X),
                                           prepare_scatter_add, run_onto, flops_scatter_add};
