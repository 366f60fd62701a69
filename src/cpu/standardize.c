/* standardize: each row x over the last axes, of any strides,
 *
 *     y_i = (x_i - m) r        r = 1 / sqrt(v + eps)        v = mean (x_i - m)^2
 *
 * with m the mean, or 0 where it is not centered. Sums are taken in f64, the second after the first, in an
 * order that the length of the row fixes: element i goes to lane i mod LANES. */
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

#include <math.h>

enum {
    LANES = 8,
    ROWS = 0, /* outputs: y, r */
    SCALE = 1
};

typedef void row_function(int64_t n, void *y, void *scale, const void *x,
                          const bl__standardize_attributes *attributes);

struct plan {
    row_function *row;
    bl__loop rows;    /* over the leading axes */
    bl__loop element; /* over those of a row */
    bool packed;      /* a row is not contiguous: it goes through scratch */
    bool shared;      /* rows lie one step apart and are shared out among threads */
    bl__row_parts parts;
    size_t bytes;
};

/* The sum over x of `term`, an expression in the element `value` and the number `m`. */
#define SUM(op, name, type, term)                                 \
    static double op##_##name(int64_t n, const type *x, double m) \
    {                                                             \
        double lane[LANES] = {0}, sum = 0;                        \
        int64_t whole = n - n % LANES;                            \
        for (int64_t i = 0; i < whole; i += LANES)                \
            for (int k = 0; k < LANES; k++) {                     \
                double value = (double)x[i + k] - m;              \
                lane[k] += (term);                                \
            }                                                     \
        for (int64_t i = whole; i < n; i++) {                     \
            double value = (double)x[i] - m;                      \
            lane[i - whole] += (term);                            \
        }                                                         \
        for (int k = 0; k < LANES; k++)                           \
            sum += lane[k];                                       \
        return sum;                                               \
    }

/* Over no elements both sums are 0 / 0, NaN. */
#define ROW(name, type)                                                                 \
    SUM(sum, name, type, value)                                                         \
    SUM(sum_squares, name, type, value *value)                                          \
    static void row_##name(int64_t n, void *out, void *scale, const void *row,          \
                           const bl__standardize_attributes *attributes)                \
    {                                                                                   \
        const type *x = row;                                                            \
        type *y = out;                                                                  \
        double m = attributes->centered ? sum_##name(n, x, 0) / (double)n : 0;          \
        double r = 1 / sqrt(sum_squares_##name(n, x, m) / (double)n + attributes->eps); \
        for (int64_t i = 0; i < n; i++)                                                 \
            y[i] = (type)(((double)x[i] - m) * r);                                      \
        *(type *)scale = (type)r;                                                       \
    }

ROW(f32, float)
ROW(f64, double)

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[0];
    const bl__standardize_attributes *attributes = call->attributes;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->row = x->dtype == BL_F32 ? row_f32 : row_f64;
    plan->bytes = bl_dtype_size(x->dtype);
    bl__loop_init(&plan->rows, 1);
    bl__loop_init(&plan->element, 1);
    for (int d = 0; d < x->rank; d++)
        bl__loop_push(d < x->rank - attributes->axes ? &plan->rows : &plan->element, x->size[d],
                      &x->stride[d]);
    const bl__loop *element = &plan->element;
    plan->packed = element->count > 1 && (element->rank > 1 || bl__loop_step(element, 0) != 1);
    plan->shared = !plan->packed && plan->rows.rank <= 1 && element->count > 0;
    if (plan->shared)
        plan->parts = bl__row_parts_of(call, plan->rows.count, element->count, 1.5);
    *scratch_bytes = plan->packed ? (size_t)element->count * plan->bytes : 0;
    call->plan = plan;
    return BL_OK;
}

/* A row's elements one after the other. */
static void pack(const struct plan *plan, void *scratch, const char *row)
{
    const bl__loop *element = &plan->element;
    bl__place place = {{0}, {0}};
    int64_t n = bl__loop_row(element), step = bl__loop_step(element, 0), done = 0;
    do {
        bl__copy_elements(plan->bytes, n, bl__at(scratch, plan->bytes, done), 1,
                          bl__at_const(row, plan->bytes, place.offset[0]), step);
        done += n;
    } while (bl__loop_next(element, &place));
}

static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t n = plan->element.count, step = bl__loop_step(&plan->rows, 0);
    (void)worker;
    for (int64_t r = bl__part_first(&plan->parts, part); r < bl__part_end(&plan->parts, part); r++)
        plan->row(n, bl__at(call->outputs[ROWS]->data, plan->bytes, r * n),
                  bl__at(call->outputs[SCALE]->data, plan->bytes, r),
                  bl__at_const(call->inputs[0]->data, plan->bytes, r * step), call->attributes);
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    if (plan->shared) {
        bl__do_row_parts(call, &plan->parts, do_rows, plan);
        return BL_OK;
    }
    int64_t n = plan->element.count, rows = bl__loop_row(&plan->rows), step = bl__loop_step(&plan->rows, 0);
    char *y = call->outputs[ROWS]->data, *scale = call->outputs[SCALE]->data;
    bl__place place = {{0}, {0}};
    if (call->outputs[SCALE]->count == 0)
        return BL_OK;
    do {
        for (int64_t i = 0; i < rows; i++) {
            const char *row = NULL; /* where there are no elements, there may be no memory */
            if (n > 0)
                row = bl__at_const(call->inputs[0]->data, plan->bytes, place.offset[0] + i * step);
            if (plan->packed)
                pack(plan, call->environment->scratch, row);
            plan->row(n, y, scale, plan->packed ? call->environment->scratch : row, call->attributes);
            y = n > 0 ? y + (size_t)n * plan->bytes : y;
            scale += plan->bytes;
        }
    } while (bl__loop_next(&plan->rows, &place));
    return BL_OK;
}

/* For each element a square, a sum and a product; where it is centered, a sum and two differences more. */
static int64_t flops(const bl__call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    return bl__times(attributes->centered ? 6 : 3, call->inputs[0]->count);
}

const bl__kernel BL__KERNEL(standardize) = {BL__STRIDED, prepare, run, flops};
