/* Scans along an axis of any strides: cumsum, cumprod, recurrence. Each row is taken in order, with
 * accumulators of f64 for f32; where rows lie beside each other, many go forward together. */
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "ops/attributes.h"

enum {
    TO,
    A,
    B,
    TOGETHER = 64 /* rows that go forward together */
};

/* A scan of `rows` neighbouring rows. */
struct rows {
    int64_t size, rows;
    int64_t step[BL__LOOP_OPERANDS];     /* along a row, in the scan's direction */
    int64_t row_step[BL__LOOP_OPERANDS]; /* from row to row */
};
typedef void scan(const struct rows *rows, void *y, const void *a, const void *b);

struct plan {
    scan *scan;
    bl__loop loop; /* over all axes but one */
    struct rows rows;
    int64_t first[BL__LOOP_OPERANDS]; /* where in a row the scan begins */
    size_t bytes;
};

/* sum = next(sum, a, b), which begins at `begin`, of elements of `type`, in `wide`. */
#define SCAN(op, name, type, wide, begin, next)                                                        \
    static void op##_##name(const struct rows *rows, void *to, const void *from, const void *factors)  \
    {                                                                                                  \
        wide sum[TOGETHER];                                                                            \
        for (int64_t r = 0; r < rows->rows; r++)                                                       \
            sum[r] = (begin);                                                                          \
        for (int64_t i = 0; i < rows->size; i++) {                                                     \
            type *y = (type *)to + i * rows->step[TO];                                                 \
            const type *a = (const type *)from + i * rows->step[A];                                    \
            const type *b = (const type *)factors + i * rows->step[B];                                 \
            (void)b;                                                                                   \
            for (int64_t r = 0; r < rows->rows; r++) {                                                 \
                sum[r] = next(sum[r], (wide)a[r * rows->row_step[A]], (wide)b[r * rows->row_step[B]]); \
                y[r * rows->row_step[TO]] = (type)sum[r];                                              \
            }                                                                                          \
        }                                                                                              \
    }

#define ADD(sum, a, b)      ((sum) + (a))
#define MULTIPLY(sum, a, b) ((sum) * (a))
#define RECUR(sum, a, b)    ((a) + (b) * (sum))

SCAN(cumsum, f32, float, double, 0, ADD)
SCAN(cumsum, f64, double, double, 0, ADD)
SCAN(cumsum, i32, int32_t, uint32_t, 0, ADD)
SCAN(cumsum, i64, int64_t, uint64_t, 0, ADD)
SCAN(cumprod, f32, float, double, 1, MULTIPLY)
SCAN(cumprod, f64, double, double, 1, MULTIPLY)
SCAN(cumprod, i32, int32_t, uint32_t, 1, MULTIPLY)
SCAN(cumprod, i64, int64_t, uint64_t, 1, MULTIPLY)
SCAN(recurrence, f32, float, double, 0, RECUR)
SCAN(recurrence, f64, double, double, 0, RECUR)

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, scan *const *scans)
{
    const bl__operand *y = call->outputs[0], *a = call->inputs[0];
    const bl__operand *b = call->input_count > 1 ? call->inputs[1] : a;
    const bl__scan_attributes *attributes = call->attributes;
    *scratch_bytes = 0;
    if (!scans[y->dtype])
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(y->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->scan = scans[y->dtype];
    plan->bytes = bl_dtype_size(y->dtype);
    bl__loop_init(&plan->loop, BL__LOOP_OPERANDS);
    for (int d = 0; d < y->rank; d++) {
        int64_t strides[BL__LOOP_OPERANDS] = {y->stride[d], a->stride[d], b->stride[d]};
        if (d != attributes->axis) {
            bl__loop_push(&plan->loop, y->size[d], strides);
            continue;
        }
        plan->rows.size = y->size[d];
        for (int k = 0; k < BL__LOOP_OPERANDS; k++) {
            plan->first[k] = attributes->reverse && y->size[d] > 0 ? (y->size[d] - 1) * strides[k] : 0;
            plan->rows.step[k] = attributes->reverse ? -strides[k] : strides[k];
        }
    }
    /* Where the elements of a row are the closer ones, it goes alone. */
    plan->rows.rows = bl__loop_step(&plan->loop, TO) == 1 ? TOGETHER : 1;
    for (int k = 0; k < BL__LOOP_OPERANDS; k++)
        plan->rows.row_step[k] = bl__loop_step(&plan->loop, k);
    call->plan = plan;
    return BL_OK;
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const void *a = call->inputs[0]->data, *b = call->inputs[call->input_count > 1 ? 1 : 0]->data;
    int64_t count = bl__loop_row(&plan->loop), together = plan->rows.rows;
    struct rows rows = plan->rows;
    bl__place place = {{0}, {0}};
    if (call->outputs[0]->count == 0)
        return BL_OK;
    do {
        for (int64_t r = 0; r < count; r += together) {
            int64_t at[BL__LOOP_OPERANDS];
            for (int k = 0; k < BL__LOOP_OPERANDS; k++)
                at[k] = plan->first[k] + place.offset[k] + r * rows.row_step[k];
            rows.rows = count - r < together ? count - r : together;
            plan->scan(&rows, bl__at(call->outputs[0]->data, plan->bytes, at[TO]),
                       bl__at_const(a, plan->bytes, at[A]), bl__at_const(b, plan->bytes, at[B]));
        }
    } while (bl__loop_next(&plan->loop, &place));
    return BL_OK;
}

/* A sum or a product; both where there are factors. */
static int64_t flops(const bl__call *call)
{
    return bl__times(call->input_count, call->outputs[0]->count);
}

#define KERNEL(op, ...)                                                                    \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        static scan *const scans[BL_DTYPE_COUNT] = {__VA_ARGS__};                          \
        return prepare(call, arena, scratch_bytes, scans);                                 \
    }                                                                                      \
    const bl__kernel BL__KERNEL(op) = {BL__STRIDED | BL__IN_PLACE, prepare_##op, run, flops};
#define REALS(op)   [BL_F32] = op##_f32, [BL_F64] = op##_f64
#define NUMBERS(op) REALS(op), [BL_I32] = op##_i32, [BL_I64] = op##_i64

KERNEL(cumsum, NUMBERS(cumsum))
KERNEL(cumprod, NUMBERS(cumprod))
KERNEL(recurrence, REALS(recurrence))
