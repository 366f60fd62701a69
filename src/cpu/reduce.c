/* Reductions over any axes of any strides: sum, max, argmax.
 *
 * The reduced elements of one result are counted row by row, j = 0, 1, ... Element j goes to lane j mod
 * LANES, and the lanes are combined in order: so the result depends on the shape alone, not on strides nor on
 * which of the two loops is taken. Up to LANES elements are simply taken in order, which is the same. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

#include <math.h>

enum {
    LANES = 8,
    COLUMNS = 128, /* results that are accumulated side by side */
    FEW = 8,       /* a row shorter than this is not worth a call */
    LARGEST = 16   /* bytes of an accumulator */
};

/* How one op reduces one dtype. `lanes` are accumulators; `mask` is LANES - 1, or 0 where there is one lane.
 */
struct reducer {
    size_t bytes; /* of an accumulator */
    bool ordered; /* one lane only: the order of elements matters */
    void (*start)(int64_t n, void *lanes);
    /* n elements of one result, the first of which is element j. */
    void (*across)(void *lanes, int64_t mask, int64_t n, const void *x, int64_t stride, int64_t j);
    /* Element j of n results, whose accumulators stand side by side. */
    void (*down)(void *lane, int64_t n, const void *x, int64_t stride, int64_t j);
    /* n results; the lanes of each are `pitch` accumulators apart. */
    void (*finish)(int64_t n, void *out, const void *lanes, int64_t count, int64_t pitch);
};

struct plan {
    const struct reducer *reducer;
    bl__loop kept, reduced;
    bool columns; /* rows of kept elements rather than of reduced ones: they lie closer, or are longer */
    int64_t mask;
    size_t input_bytes, output_bytes;
};

/* ---- the arithmetic ---- */

/* lane = combine(lane, x), of elements of `type` and accumulators of type `wide` that begin at `begin`. */
#define REDUCER(op, name, type, wide, begin, combine)                                                      \
    static void op##_start_##name(int64_t n, void *lanes)                                                  \
    {                                                                                                      \
        wide *lane = lanes;                                                                                \
        for (int64_t i = 0; i < n; i++)                                                                    \
            lane[i] = (begin);                                                                             \
    }                                                                                                      \
                                                                                                           \
    static void op##_across_##name(void *lanes, int64_t mask, int64_t n, const void *data, int64_t stride, \
                                   int64_t j)                                                              \
    {                                                                                                      \
        const type *x = data;                                                                              \
        wide *lane = lanes, local[LANES];                                                                  \
        int64_t i = 0;                                                                                     \
        for (; i < n && (mask == 0 || stride != 1 || ((j + i) & mask) != 0); i++)                          \
            lane[(j + i) & mask] = combine(lane[(j + i) & mask], (wide)x[i * stride]);                     \
        if (n - i >= LANES) {                                                                              \
            memcpy(local, lane, sizeof(local));                                                            \
            for (; i + LANES <= n; i += LANES)                                                             \
                for (int k = 0; k < LANES; k++)                                                            \
                    local[k] = combine(local[k], (wide)x[i + k]);                                          \
            memcpy(lane, local, sizeof(local));                                                            \
        }                                                                                                  \
        for (; i < n; i++)                                                                                 \
            lane[(j + i) & mask] = combine(lane[(j + i) & mask], (wide)x[i]);                              \
    }                                                                                                      \
                                                                                                           \
    static void op##_down_##name(void *lanes, int64_t n, const void *data, int64_t stride, int64_t j)      \
    {                                                                                                      \
        const type *x = data;                                                                              \
        wide *lane = lanes;                                                                                \
        (void)j;                                                                                           \
        if (stride == 1)                                                                                   \
            for (int64_t i = 0; i < n; i++)                                                                \
                lane[i] = combine(lane[i], (wide)x[i]);                                                    \
        else                                                                                               \
            for (int64_t i = 0; i < n; i++)                                                                \
                lane[i] = combine(lane[i], (wide)x[i * stride]);                                           \
    }                                                                                                      \
                                                                                                           \
    static void op##_finish_##name(int64_t n, void *out, const void *lanes, int64_t count, int64_t pitch)  \
    {                                                                                                      \
        const wide *lane = lanes;                                                                          \
        type *y = out;                                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                                  \
            wide total = lane[i];                                                                          \
            for (int64_t k = 1; k < count; k++)                                                            \
                total = combine(total, lane[k * pitch + i]);                                               \
            y[i] = (type)total;                                                                            \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    static const struct reducer op##_##name = {                                                            \
        sizeof(wide), false, op##_start_##name, op##_across_##name, op##_down_##name, op##_finish_##name};

#define ADD(a, x) ((a) + (x))
/* The accumulator last: at a tie it stays, and a NaN in it does, since x > a is false. */
#define LARGER(a, x) BL__LARGER(x, a)

REDUCER(sum, f32, float, double, 0, ADD)
REDUCER(sum, f64, double, double, 0, ADD)
REDUCER(sum, i32, int32_t, uint32_t, 0, ADD)
REDUCER(sum, i64, int64_t, uint64_t, 0, ADD)
REDUCER(max, f32, float, float, -INFINITY, LARGER)
REDUCER(max, f64, double, double, -(double)INFINITY, LARGER)
REDUCER(max, i32, int32_t, int32_t, INT32_MIN, LARGER)
REDUCER(max, i64, int64_t, int64_t, INT64_MIN, LARGER)

/* The first largest element or the first NaN: what comes later must be larger, or a NaN before there is one.
 */
#define ARGMAX(name, type, least)                                                                            \
    struct best_##name {                                                                                     \
        type value;                                                                                          \
        int64_t index;                                                                                       \
    };                                                                                                       \
                                                                                                             \
    static inline void argmax_take_##name(struct best_##name *best, type x, int64_t j)                       \
    {                                                                                                        \
        if (x > best->value || ((x) != (x) && (best->value) == (best->value)))                               \
            *best = (struct best_##name){x, j};                                                              \
    }                                                                                                        \
                                                                                                             \
    static void argmax_start_##name(int64_t n, void *lanes)                                                  \
    {                                                                                                        \
        struct best_##name *best = lanes;                                                                    \
        for (int64_t i = 0; i < n; i++)                                                                      \
            best[i] = (struct best_##name){(least), 0};                                                      \
    }                                                                                                        \
                                                                                                             \
    static void argmax_across_##name(void *lanes, int64_t mask, int64_t n, const void *data, int64_t stride, \
                                     int64_t j)                                                              \
    {                                                                                                        \
        const type *x = data;                                                                                \
        (void)mask;                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                                      \
            argmax_take_##name(lanes, x[i * stride], j + i);                                                 \
    }                                                                                                        \
                                                                                                             \
    static void argmax_down_##name(void *lanes, int64_t n, const void *data, int64_t stride, int64_t j)      \
    {                                                                                                        \
        const type *x = data;                                                                                \
        struct best_##name *best = lanes;                                                                    \
        for (int64_t i = 0; i < n; i++)                                                                      \
            argmax_take_##name(&best[i], x[i * stride], j);                                                  \
    }                                                                                                        \
                                                                                                             \
    static void argmax_finish_##name(int64_t n, void *out, const void *lanes, int64_t count, int64_t pitch)  \
    {                                                                                                        \
        const struct best_##name *best = lanes;                                                              \
        int64_t *y = out;                                                                                    \
        (void)count;                                                                                         \
        (void)pitch;                                                                                         \
        for (int64_t i = 0; i < n; i++)                                                                      \
            y[i] = best[i].index;                                                                            \
    }                                                                                                        \
                                                                                                             \
    static const struct reducer argmax_##name = {sizeof(struct best_##name), true,                           \
                                                 argmax_start_##name,        argmax_across_##name,           \
                                                 argmax_down_##name,         argmax_finish_##name};

ARGMAX(f32, float, -INFINITY)
ARGMAX(f64, double, -(double)INFINITY)
ARGMAX(i32, int32_t, INT32_MIN)
ARGMAX(i64, int64_t, INT64_MIN)

/* ---- prepare ---- */

static bl_status prepare(bl__call *call, bl__arena *arena, const struct reducer *const *reducers)
{
    const bl__operand *x = call->inputs[0];
    const bl__reduce_attributes *attributes = call->attributes;
    const struct reducer *reducer = reducers[x->dtype];
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
    plan->mask = !reducer->ordered && plan->reduced.count > LANES ? LANES - 1 : 0;
    call->plan = plan;
    return BL_OK;
}

/* ---- run ---- */

/* One result after the other, each from rows of reduced elements. */
static void run_rows(const struct plan *plan, const char *x, char *y)
{
    const struct reducer *reducer = plan->reducer;
    _Alignas(64) unsigned char lanes[LANES * LARGEST];
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
    const struct reducer *reducer = plan->reducer;
    _Alignas(64) unsigned char
        lanes[LANES * COLUMNS * 8 > COLUMNS * LARGEST ? LANES * COLUMNS * 8 : COLUMNS * LARGEST];
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

static bl_status run(const bl__call *call)
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

/* A row an op: they differ in how they reduce each dtype. */
#define KERNEL(op)                                                                                   \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes)           \
    {                                                                                                \
        static const struct reducer *const reducers[BL_DTYPE_COUNT] = {                              \
            [BL_F32] = &op##_f32, [BL_F64] = &op##_f64, [BL_I32] = &op##_i32, [BL_I64] = &op##_i64}; \
        *scratch_bytes = 0;                                                                          \
        return prepare(call, arena, reducers);                                                       \
    }                                                                                                \
    const bl__kernel bl__kernel_##op = {BL__STRIDED, prepare_##op, run};

KERNEL(sum)
KERNEL(max)
KERNEL(argmax)
