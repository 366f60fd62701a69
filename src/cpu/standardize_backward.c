/* standardize_backward: from the cotangent g of y, y and r of standardize, over rows of n elements,
 *
 *     dx = r (g - mean(g) - y mean(g y))
 *
 * without mean(g) where it was not centered. Sums are taken in f64, element i in lane i mod LANES. */
#include "cpu/flops.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

enum {
    LANES = 8,
    G = 0,
    Y,
    SCALE
};

typedef void row_function(int64_t n, void *out, const void *g, const void *y, const void *scale,
                          bool centered);

struct plan {
    bl__row_parts parts;
    row_function *row;
    int64_t n;
    size_t bytes;
    bool centered;
};

#define ROW(name, type)                                                                                      \
    static void row_##name(int64_t n, void *out, const void *cotangent, const void *value,                   \
                           const void *scale, bool centered)                                                 \
    {                                                                                                        \
        const type *g = cotangent, *y = value;                                                               \
        double lane[LANES] = {0}, lane_y[LANES] = {0}, sum = 0, sum_y = 0, r = (double)*(const type *)scale; \
        type *dx = out;                                                                                      \
        int64_t whole = n - n % LANES;                                                                       \
        for (int64_t i = 0; i < whole; i += LANES)                                                           \
            for (int k = 0; k < LANES; k++) {                                                                \
                lane[k] += (double)g[i + k];                                                                 \
                lane_y[k] += (double)g[i + k] * (double)y[i + k];                                            \
            }                                                                                                \
        for (int64_t i = whole; i < n; i++) {                                                                \
            lane[i - whole] += (double)g[i];                                                                 \
            lane_y[i - whole] += (double)g[i] * (double)y[i];                                                \
        }                                                                                                    \
        for (int k = 0; k < LANES; k++) {                                                                    \
            sum += lane[k];                                                                                  \
            sum_y += lane_y[k];                                                                              \
        }                                                                                                    \
        type m = centered ? (type)(sum / (double)n) : 0, c = (type)(sum_y / (double)n), s = (type)r;         \
        BL__EACH_ALONE                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                      \
            dx[i] = (g[i] - y[i] * c - m) * s;                                                               \
    }

ROW(f32, float)
ROW(f64, double)

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *g = call->inputs[G];
    const bl__standardize_attributes *attributes = call->attributes;
    *scratch_bytes = 0;
    if (g->dtype != BL_F32 && g->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name((bl_dtype)g->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.row = g->dtype == BL_F32 ? row_f32 : row_f64,
                          .n = 1,
                          .bytes = bl_dtype_size((bl_dtype)g->dtype),
                          .centered = attributes->centered};
    for (int d = g->rank - (int)attributes->axes; d < g->rank; d++)
        plan->n *= g->size[d];
    plan->parts = bl__row_parts_of(call, plan->n > 0 ? g->count / plan->n : 0, plan->n, 1.5);
    call->plan = plan;
    return BL_OK;
}

static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    (void)worker;
    for (int64_t r = bl__part_first(&plan->parts, part); r < bl__part_end(&plan->parts, part); r++)
        plan->row(plan->n, bl__at(call->outputs[0]->data, plan->bytes, r * plan->n),
                  bl__at_const(call->inputs[G]->data, plan->bytes, r * plan->n),
                  bl__at_const(call->inputs[Y]->data, plan->bytes, r * plan->n),
                  bl__at_const(call->inputs[SCALE]->data, plan->bytes, r), plan->centered);
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl__do_row_parts(call, &plan->parts, do_rows, plan);
    return BL_OK;
}

/* For each element two products and a sum, then a product, a difference and a product; where it was centered,
 * a sum and a difference more. */
static int64_t flops(const bl__call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    return bl__times(attributes->centered ? 7 : 5, call->inputs[G]->count);
}

const bl__kernel BL__KERNEL(standardize_backward) = {BL__IN_PLACE, prepare, run, flops};
