/* standardize: each row x over the last axes, of any strides,
 *
 *     y_i = (x_i - m) r w_i + b_i        r = 1 / sqrt(v + eps)        v = mean (x_i - m)^2
 *
 * with m the mean, or 0 where it is not centered, and without the w or b that is not there. Sums are taken in
 * f64, the second after the first, in an order that the length of the row fixes: element i goes to lane
 * i mod LANES. */
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

#include <math.h>

enum {
    LANES = 8,
    RESULT = 0, /* outputs: y, m, r */
    MEAN,
    SCALE
};

/* Where a row's elements stand. All but x may be NULL: outputs that nothing uses, what there is not. */
struct row {
    void *y, *mean, *scale;
    const void *x, *weight, *bias;
};

typedef void row_function(int64_t n, const struct row *row, const bl__standardize_attributes *attributes);

struct plan {
    row_function *row;
    bl__loop rows;    /* over the leading axes */
    bl__loop element; /* over those of a row */
    bool packed;      /* a row is not contiguous: it goes through scratch */
    bool shared;      /* rows lie one step apart and are shared out among threads */
    bl__row_parts parts;
    size_t bytes;
    size_t affine_at; /* where in scratch weight and bias are packed, if they are */
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

/* Called with constants for what is not there, so that the loop has no branches. */
#define FINISH(name, type)                                                                  \
    static inline void finish_##name(int64_t n, type *y, const type *x, double m, double r, \
                                     const type *weight, const type *bias)                  \
    {                                                                                       \
        BL__EACH_ALONE                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                   \
            type value = (type)(((double)x[i] - m) * r);                                    \
            value = weight ? value * weight[i] : value;                                     \
            y[i] = bias ? value + bias[i] : value;                                          \
        }                                                                                   \
    }

/* Over no elements both sums are 0 / 0, NaN. m and r come last, since they may stand where x does. */
#define ROW(name, type)                                                                                    \
    SUM(sum, name, type, value)                                                                            \
    SUM(sum_squares, name, type, value *value)                                                             \
    FINISH(name, type)                                                                                     \
    static void row_##name(int64_t n, const struct row *row, const bl__standardize_attributes *attributes) \
    {                                                                                                      \
        const type *x = row->x, *w = row->weight, *b = row->bias;                                          \
        double m = attributes->centered ? sum_##name(n, x, 0) / (double)n : 0;                             \
        double r = 1 / sqrt(sum_squares_##name(n, x, m) / (double)n + attributes->eps);                    \
        if (row->y && w && b)                                                                              \
            finish_##name(n, row->y, x, m, r, w, b);                                                       \
        else if (row->y && w)                                                                              \
            finish_##name(n, row->y, x, m, r, w, NULL);                                                    \
        else if (row->y && b)                                                                              \
            finish_##name(n, row->y, x, m, r, NULL, b);                                                    \
        else if (row->y)                                                                                   \
            finish_##name(n, row->y, x, m, r, NULL, NULL);                                                 \
        if (row->mean)                                                                                     \
            *(type *)row->mean = (type)m;                                                                  \
        if (row->scale)                                                                                    \
            *(type *)row->scale = (type)r;                                                                 \
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
    plan->affine_at = plan->packed ? (size_t)element->count * plan->bytes : 0;
    *scratch_bytes = plan->affine_at;
    for (size_t i = 1; i < call->input_count; i++)
        *scratch_bytes += call->inputs[i]->contiguous ? 0 : (size_t)element->count * plan->bytes;
    call->plan = plan;
    return BL_OK;
}

/* A row's elements one after the other. */
static void pack(const bl__loop *element, size_t bytes, void *scratch, const char *row)
{
    bl__place place = {{0}, {0}};
    int64_t n = bl__loop_row(element), step = bl__loop_step(element, 0), done = 0;
    do {
        bl__copy_elements(bytes, n, bl__at(scratch, bytes, done), 1,
                          bl__at_const(row, bytes, place.offset[0]), step);
        done += n;
    } while (bl__loop_next(element, &place));
}

/* What all rows are multiplied by or added to, at *scratch where it is not contiguous. */
static const void *affine(const bl__operand *operand, size_t bytes, char **scratch)
{
    if (operand->contiguous || operand->count == 0)
        return operand->data;
    bl__loop element;
    bl__loop_init(&element, 1);
    for (int d = 0; d < operand->rank; d++)
        bl__loop_push(&element, operand->size[d], &operand->stride[d]);
    void *packed = *scratch;
    pack(&element, bytes, packed, operand->data);
    *scratch += (size_t)operand->count * bytes;
    return packed;
}

/* Weight and bias of all rows. */
static struct row common(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__standardize_attributes *attributes = call->attributes;
    char *scratch = call->environment->scratch;
    struct row row = {NULL};
    if (plan->element.count == 0)
        return row;
    scratch = plan->affine_at > 0 ? scratch + plan->affine_at : scratch;
    if (attributes->weighted)
        row.weight = affine(call->inputs[1], plan->bytes, &scratch);
    if (attributes->biased)
        row.bias = affine(call->inputs[attributes->weighted ? 2 : 1], plan->bytes, &scratch);
    return row;
}

/* Row number r of the outputs. */
static void set_outputs(const bl__call *call, int64_t r, struct row *row)
{
    const struct plan *plan = call->plan;
    bl__operand *const *out = call->outputs;
    int64_t n = plan->element.count;
    row->y = n > 0 && !out[RESULT]->unused ? bl__at(out[RESULT]->data, plan->bytes, r * n) : NULL;
    row->mean = out[MEAN]->unused ? NULL : bl__at(out[MEAN]->data, plan->bytes, r);
    row->scale = out[SCALE]->unused ? NULL : bl__at(out[SCALE]->data, plan->bytes, r);
}

static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = call->plan;
    struct row row = *(const struct row *)work;
    int64_t n = plan->element.count, step = bl__loop_step(&plan->rows, 0);
    (void)worker;
    for (int64_t r = bl__part_first(&plan->parts, part); r < bl__part_end(&plan->parts, part); r++) {
        set_outputs(call, r, &row);
        row.x = bl__at_const(call->inputs[0]->data, plan->bytes, r * step);
        plan->row(n, &row, call->attributes);
    }
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    struct row row = common(call);
    if (plan->shared) {
        bl__do_row_parts(call, &plan->parts, do_rows, &row);
        return BL_OK;
    }
    int64_t n = plan->element.count, rows = bl__loop_row(&plan->rows), step = bl__loop_step(&plan->rows, 0);
    int64_t done = 0;
    bl__place place = {{0}, {0}};
    if (plan->rows.count == 0)
        return BL_OK;
    do {
        for (int64_t i = 0; i < rows; i++, done++) {
            set_outputs(call, done, &row);
            row.x = NULL; /* where there are no elements, there may be no memory */
            if (n > 0)
                row.x = bl__at_const(call->inputs[0]->data, plan->bytes, place.offset[0] + i * step);
            if (plan->packed) {
                pack(&plan->element, plan->bytes, call->environment->scratch, row.x);
                row.x = call->environment->scratch;
            }
            plan->row(n, &row, call->attributes);
        }
    } while (bl__loop_next(&plan->rows, &place));
    return BL_OK;
}

/* For each element a square, a sum and a product; where it is centered, a sum and two differences more; and
 * one for weight and bias each. */
static int64_t flops(const bl__call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    int64_t affine = (attributes->weighted != 0) + (attributes->biased != 0);
    return bl__times((attributes->centered ? 6 : 3) + affine, call->inputs[0]->count);
}

const bl__kernel BL__KERNEL(standardize) = {BL__STRIDED | BL__IN_PLACE_OF(0) | BL__OPTIONAL_OUTPUTS, prepare,
                                            run, flops};
