/* softmax and log_softmax along an axis of any strides:
 *
 *     softmax(x)_i     = exp(x_i - m) / s         m = max_i x_i
 *     log_softmax(x)_i = (x_i - m) - log s        s = sum_i exp(x_i - m)
 *
 * The exponents are <= 0, so nothing overflows; a NaN anywhere in a row makes m or s, hence the row, NaN. */
#include "cpu/log_sum.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

enum {
    TO,
    FROM,
    WALKED,
    TOGETHER = 4,
    PACKED = 16 /* neighbouring rows that are brought into scratch together where they are not contiguous */
};

/* Rows of n >= 1 contiguous elements, some steps from one to the next; out may be x. */
typedef void rows_function(int64_t rows, int64_t n, void *out, int64_t y_step, const void *x, int64_t x_step);

struct plan {
    rows_function *rows_of;
    bl__loop rows; /* over all axes but one */
    int64_t size;  /* of that axis */
    int64_t step[WALKED];
    bool packed;
    bool shared; /* rows lie one step apart and are shared out among threads */
    bl__row_parts parts;
    size_t bytes;
};

/* Short rows are loaded some at a time before any of them is stored: what a masked store leaves alone cannot
 * be loaded until that is through. */
#define ROW_FUNCTIONS(name, type)                                                                        \
    static void short_softmax_##name(int64_t rows, int64_t n, type *y, int64_t y_step, const type *x,    \
                                     int64_t x_step)                                                     \
    {                                                                                                    \
        for (int64_t r = 0; r < rows; r += TOGETHER) {                                                   \
            int64_t some = rows - r < TOGETHER ? rows - r : TOGETHER;                                    \
            bl__vector_##name row[TOGETHER][BL__SUMS / BL__LANES_##name];                                \
            for (int64_t k = 0; k < some; k++)                                                           \
                bl__load_short_##name(n, x + (r + k) * x_step, (type)-INFINITY, row[k]);                 \
            for (int64_t k = 0; k < some; k++) {                                                         \
                bl__vector_##name sum = bl__splat_##name((type)bl__short_power_sum_##name(row[k]));      \
                for (int64_t i = 0, v = 0; i < n; i += BL__LANES_##name, v++)                            \
                    bl__store_##name(y + (r + k) * y_step + i, n - i, row[k][v] / sum);                  \
            }                                                                                            \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static void softmax_##name(int64_t rows, int64_t n, void *out, int64_t y_step, const void *data,     \
                               int64_t x_step)                                                           \
    {                                                                                                    \
        const type *x = data;                                                                            \
        type *y = out, most;                                                                             \
        if (BL__LANES_##name > 1 && n <= BL__SUMS) {                                                     \
            short_softmax_##name(rows, n, y, y_step, x, x_step);                                         \
            return;                                                                                      \
        }                                                                                                \
        for (int64_t r = 0; r < rows; r++, x += x_step, y += y_step) {                                   \
            type sum = (type)bl__power_sum_##name(n, x, y, &most);                                       \
            for (int64_t i = 0; i < n; i++)                                                              \
                y[i] /= sum;                                                                             \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static void log_softmax_##name(int64_t rows, int64_t n, void *out, int64_t y_step, const void *data, \
                                   int64_t x_step)                                                       \
    {                                                                                                    \
        const type *x = data;                                                                            \
        type *y = out, most;                                                                             \
        for (int64_t r = 0; r < rows; r++, x += x_step, y += y_step) {                                   \
            type log_sum = (type)log(bl__power_sum_##name(n, x, NULL, &most));                           \
            BL__EACH_ALONE                                                                               \
            for (int64_t i = 0; i < n; i++)                                                              \
                y[i] = (x[i] - most) - log_sum;                                                          \
        }                                                                                                \
    }

ROW_FUNCTIONS(f32, float)
ROW_FUNCTIONS(f64, double)

/* Elements between packed rows: a little more than a row, so that they do not compete for one cache line. */
static int64_t pitch(const struct plan *plan)
{
    return plan->size + PACKED;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, rows_function *f32,
                         rows_function *f64)
{
    const bl__operand *x = call->inputs[0], *y = call->outputs[0];
    const bl__axis_attributes *attributes = call->attributes;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->rows_of = x->dtype == BL_F32 ? f32 : f64;
    plan->bytes = bl_dtype_size(x->dtype);
    bl__loop_init(&plan->rows, WALKED);
    for (int d = 0; d < x->rank; d++) {
        int64_t strides[WALKED] = {y->stride[d], x->stride[d]};
        if (d != attributes->axis) {
            bl__loop_push(&plan->rows, x->size[d], strides);
            continue;
        }
        plan->size = x->size[d];
        memcpy(plan->step, strides, sizeof(strides));
    }
    plan->packed = plan->size > 1 && (plan->step[TO] != 1 || plan->step[FROM] != 1);
    plan->shared = !plan->packed && plan->rows.rank <= 1 && y->count > 0;
    if (plan->shared)
        plan->parts = bl__row_parts_of(call, plan->rows.count, plan->size, 4);
    *scratch_bytes = plan->packed ? (size_t)(PACKED * pitch(plan)) * plan->bytes : 0;
    call->plan = plan;
    return BL_OK;
}

/* n neighbouring rows, through scratch: element i of all of them, then element i + 1. */
static void run_packed(const struct plan *plan, int64_t n, char *y, int64_t y_step, const char *x,
                       int64_t x_step, void *scratch)
{
    for (int64_t i = 0; i < plan->size; i++)
        bl__copy_elements(plan->bytes, n, bl__at(scratch, plan->bytes, i), pitch(plan),
                          bl__at_const(x, plan->bytes, i * plan->step[FROM]), x_step);
    plan->rows_of(n, plan->size, scratch, pitch(plan), scratch, pitch(plan));
    for (int64_t i = 0; i < plan->size; i++)
        bl__copy_elements(plan->bytes, n, bl__at(y, plan->bytes, i * plan->step[TO]), y_step,
                          bl__at(scratch, plan->bytes, i), pitch(plan));
}

static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t y_step = bl__loop_step(&plan->rows, TO), x_step = bl__loop_step(&plan->rows, FROM);
    (void)worker;
    int64_t first = bl__part_first(&plan->parts, part), end = bl__part_end(&plan->parts, part);
    plan->rows_of(end - first, plan->size, bl__at(call->outputs[0]->data, plan->bytes, first * y_step),
                  y_step, bl__at_const(call->inputs[0]->data, plan->bytes, first * x_step), x_step);
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    if (plan->shared) {
        bl__do_row_parts(call, &plan->parts, do_rows, plan);
        return BL_OK;
    }
    bl__place place = {{0}, {0}};
    int64_t rows = bl__loop_row(&plan->rows), together = plan->packed ? PACKED : 1;
    int64_t y_step = bl__loop_step(&plan->rows, TO), x_step = bl__loop_step(&plan->rows, FROM);
    if (call->outputs[0]->count == 0)
        return BL_OK;
    do {
        for (int64_t r = 0; r < rows; r += together) {
            char *y = bl__at(call->outputs[0]->data, plan->bytes, place.offset[TO] + r * y_step);
            const char *x = bl__at_const(call->inputs[0]->data, plan->bytes, place.offset[FROM] + r * x_step);
            if (plan->packed)
                run_packed(plan, rows - r < together ? rows - r : together, y, y_step, x, x_step,
                           call->environment->scratch);
            else
                plan->rows_of(1, plan->size, y, 0, x, 0);
        }
    } while (bl__loop_next(&plan->rows, &place));
    return BL_OK;
}

/* For each element the maximum, the difference, exp, the sum, and at last a quotient or a difference. */
static int64_t flops(const bl__call *call)
{
    return bl__times(5, call->outputs[0]->count);
}

#define KERNEL(op)                                                                         \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        return prepare(call, arena, scratch_bytes, op##_f32, op##_f64);                    \
    }                                                                                      \
    const bl__kernel BL__KERNEL(op) = {BL__STRIDED | BL__IN_PLACE, prepare_##op, run, flops};

KERNEL(softmax)
KERNEL(log_softmax)
