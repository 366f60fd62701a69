/* What flows back through softmax, log_softmax and cross_entropy along the last axis, row by row:
 *
 *     softmax_backward(g, y)       = y (g - sum g y)
 *     log_softmax_backward(g, y)   = g - exp(y) sum g
 *     cross_entropy_backward(x, t, c) = c (softmax(x) - one_hot(t)), 0 in rows whose target does not count
 *
 * Sums are taken in f64, of products in the type, element i in lane i mod BL__SUMS; they begin at 0, so that
 * none is -0. */
#include "bowline/ops.h"
#include "cpu/flops.h"
#include "cpu/indices.h"
#include "cpu/log_sum.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

enum {
    TOGETHER = 4, /* short rows that are loaded before any is stored, as in softmax.c */
    G = 0,        /* of softmax and log_softmax */
    Y,
    LOGITS = 0, /* of cross_entropy */
    TARGETS,
    COTANGENT
};

/* Rows of n elements, one after the other. */
typedef void rows_function(int64_t rows, int64_t n, void *out, const void *g, const void *y,
                           bl__tile exp_tile);
typedef void loss_function(int64_t n, void *out, const void *logits, int64_t target, double share);

struct plan {
    bl__row_parts parts;
    rows_function *rows;
    loss_function *loss;
    bl__tile exp_tile;
    int64_t n;
    size_t bytes;
};

#define ROW_FUNCTIONS(name, type)                                                                        \
    static double product_sum_##name(int64_t n, const type *a, const type *b)                            \
    {                                                                                                    \
        double sum[BL__SUMS] = {0};                                                                      \
        int64_t i = 0;                                                                                   \
        for (; i + BL__SUMS <= n; i += BL__SUMS)                                                         \
            for (int k = 0; k < BL__SUMS; k++)                                                           \
                sum[k] += (double)(a[i + k] * (b ? b[i + k] : 1));                                       \
        for (int k = 0; i < n; i++, k++)                                                                 \
            sum[k] += (double)(a[i] * (b ? b[i] : 1));                                                   \
        bl__vector_f64 sums[BL__SUMS / BL__LANES_f64];                                                   \
        memcpy(sums, sum, sizeof(sums));                                                                 \
        return bl__sum_of_16_f64(sums);                                                                  \
    }                                                                                                    \
                                                                                                         \
    static void short_softmax_backward_##name(int64_t rows, int64_t n, type *dx, const type *g,          \
                                              const type *y)                                             \
    {                                                                                                    \
        for (int64_t r = 0; r < rows; r += TOGETHER) {                                                   \
            int64_t some = rows - r < TOGETHER ? rows - r : TOGETHER;                                    \
            bl__vector_##name gs[TOGETHER][BL__SUMS / BL__LANES_##name];                                 \
            bl__vector_##name ys[TOGETHER][BL__SUMS / BL__LANES_##name];                                 \
            bl__vector_##name products[BL__SUMS / BL__LANES_##name];                                     \
            for (int64_t k = 0; k < some; k++) {                                                         \
                bl__load_short_##name(n, g + (r + k) * n, 0, gs[k]);                                     \
                bl__load_short_##name(n, y + (r + k) * n, 0, ys[k]);                                     \
            }                                                                                            \
            for (int64_t k = 0; k < some; k++) {                                                         \
                for (int v = 0; v < BL__SUMS / BL__LANES_##name; v++)                                    \
                    products[v] = gs[k][v] * ys[k][v];                                                   \
                bl__vector_##name mean = bl__splat_##name((type)(bl__sum_of_16_##name(products) + 0.0)); \
                for (int64_t i = 0, v = 0; i < n; i += BL__LANES_##name, v++)                            \
                    bl__store_##name(dx + (r + k) * n + i, n - i, ys[k][v] * (gs[k][v] - mean));         \
            }                                                                                            \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static void softmax_backward_##name(int64_t rows, int64_t n, void *out, const void *cotangent,       \
                                        const void *value, bl__tile exp_tile)                            \
    {                                                                                                    \
        const type *g = cotangent, *y = value;                                                           \
        type *dx = out;                                                                                  \
        (void)exp_tile;                                                                                  \
        if (n <= BL__SUMS) {                                                                             \
            short_softmax_backward_##name(rows, n, dx, g, y);                                            \
            return;                                                                                      \
        }                                                                                                \
        for (int64_t r = 0; r < rows; r++, g += n, y += n, dx += n) {                                    \
            type mean = (type)product_sum_##name(n, g, y);                                               \
            BL__EACH_ALONE                                                                               \
            for (int64_t i = 0; i < n; i++)                                                              \
                dx[i] = y[i] * (g[i] - mean);                                                            \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static void log_softmax_backward_##name(int64_t rows, int64_t n, void *out, const void *cotangent,   \
                                            const void *value, bl__tile exp_tile)                        \
    {                                                                                                    \
        const type *g = cotangent;                                                                       \
        type *dx = out;                                                                                  \
        exp_tile(rows *n, dx, &value, NULL);                                                             \
        for (int64_t r = 0; r < rows; r++, g += n, dx += n) {                                            \
            type total = (type)product_sum_##name(n, g, NULL);                                           \
            BL__EACH_ALONE                                                                               \
            for (int64_t i = 0; i < n; i++)                                                              \
                dx[i] = g[i] - dx[i] * total;                                                            \
        }                                                                                                \
    }                                                                                                    \
                                                                                                         \
    static void cross_entropy_backward_##name(int64_t n, void *out, const void *logits, int64_t target,  \
                                              double share)                                              \
    {                                                                                                    \
        type *dx = out, most, c = (type)share, sum = (type)bl__power_sum_##name(n, logits, dx, &most);   \
        for (int64_t i = 0; i < n; i++)                                                                  \
            dx[i] = (dx[i] / sum - (type)(i == target)) * c;                                             \
    }

ROW_FUNCTIONS(f32, float)
ROW_FUNCTIONS(f64, double)

static struct plan *new_plan(bl__call *call, bl__arena *arena, double nanoseconds)
{
    const bl__operand *x = call->inputs[0];
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return NULL;
    bl_dtype dtype = (bl_dtype)x->dtype;
    *plan = (struct plan){
        .exp_tile = BL__TILES(exp)[dtype], .n = x->size[x->rank - 1], .bytes = bl_dtype_size(dtype)};
    plan->parts = bl__row_parts_of(call, plan->n > 0 ? x->count / plan->n : 0, plan->n, nanoseconds);
    return call->plan = plan;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, rows_function *f32,
                         rows_function *f64)
{
    bl_dtype dtype = (bl_dtype)call->inputs[G]->dtype;
    *scratch_bytes = 0;
    if (dtype != BL_F32 && dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(dtype));
    struct plan *plan = new_plan(call, arena, 2);
    if (plan)
        plan->rows = dtype == BL_F32 ? f32 : f64;
    return plan ? BL_OK : BL_ERR_MEMORY;
}

static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t first = bl__part_first(&plan->parts, part), at = first * plan->n;
    (void)worker;
    plan->rows(bl__part_end(&plan->parts, part) - first, plan->n,
               bl__at(call->outputs[0]->data, plan->bytes, at),
               bl__at_const(call->inputs[G]->data, plan->bytes, at),
               bl__at_const(call->inputs[Y]->data, plan->bytes, at), plan->exp_tile);
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl__do_row_parts(call, &plan->parts, do_rows, plan);
    return BL_OK;
}

/* For each element a product or exp, a sum, a difference and a product. */
static int64_t flops(const bl__call *call)
{
    return bl__times(4, call->outputs[0]->count);
}

#define KERNEL(op, its_flags)                                                              \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        return prepare(call, arena, scratch_bytes, op##_f32, op##_f64);                    \
    }                                                                                      \
    const bl__kernel BL__KERNEL(op) = {its_flags, prepare_##op, run, flops};

/* The second writes exp(y) where g is still wanted. */
KERNEL(softmax_backward, BL__IN_PLACE)
KERNEL(log_softmax_backward, BL__IN_PLACE_OF(Y))

/* ---- cross_entropy ---- */

static bl_status prepare_cross_entropy(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    bl_dtype dtype = (bl_dtype)call->inputs[LOGITS]->dtype;
    *scratch_bytes = 0;
    if (dtype != BL_F32 && dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(dtype));
    struct plan *plan = new_plan(call, arena, 4);
    if (!plan)
        return BL_ERR_MEMORY;
    plan->loss = dtype == BL_F32 ? cross_entropy_backward_f32 : cross_entropy_backward_f64;
    return bl__indices_prepare(call, call->inputs[TARGETS]);
}

static double cotangent_at(const bl__operand *g, int64_t row)
{
    int64_t at = g->count == 1 ? 0 : row;
    return g->dtype == BL_F32 ? (double)((const float *)g->data)[at] : ((const double *)g->data)[at];
}

/* What the parts need to know. */
struct losses {
    const struct plan *plan;
    double count; /* of targets, where their mean is taken; else 1 */
};

static void do_losses(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct losses *losses = work;
    const struct plan *plan = losses->plan;
    const bl__loss_attributes *attributes = call->attributes;
    (void)worker;
    for (int64_t r = bl__part_first(&plan->parts, part); r < bl__part_end(&plan->parts, part); r++) {
        int64_t target = bl__index_at(call->inputs[TARGETS], r);
        char *dx = bl__at(call->outputs[0]->data, plan->bytes, r * plan->n);
        if (target == attributes->ignore_index)
            bl__zero(dx, (size_t)plan->n * plan->bytes);
        else
            plan->loss(plan->n, dx, bl__at_const(call->inputs[LOGITS]->data, plan->bytes, r * plan->n),
                       target, cotangent_at(call->inputs[COTANGENT], r) / losses->count);
    }
}

static bl_status run_cross_entropy(const bl__call *call)
{
    const bl__loss_attributes *attributes = call->attributes;
    struct losses losses = {.plan = call->plan, .count = 1};
    const bl__operand *targets = call->inputs[TARGETS];
    bl_status status = bl__indices_check(call, targets, losses.plan->n, &attributes->ignore_index, "target");
    if (status != BL_OK)
        return status;
    if (attributes->reduction == BL_REDUCE_MEAN) {
        losses.count = 0;
        for (int64_t i = 0; i < targets->count; i++)
            losses.count += bl__index_at(targets, i) != attributes->ignore_index;
    }
    bl__do_row_parts(call, &losses.plan->parts, do_losses, &losses);
    return BL_OK;
}

/* For each logit the maximum, the difference, exp, the sum, a quotient, a difference and a product. */
static int64_t flops_cross_entropy(const bl__call *call)
{
    return bl__times(7, call->outputs[0]->count);
}

const bl__kernel BL__KERNEL(cross_entropy_backward) = {
    BL__CAN_FAIL | BL__IN_PLACE_OF(LOGITS), prepare_cross_entropy, run_cross_entropy, flops_cross_entropy};
