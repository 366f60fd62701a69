/* standardize_backward: from the cotangent g of y, and x, m, r and w of standardize, over rows of n elements,
 *
 *     dx = r (h - mean(h) - z mean(h z))        h = g w        z = (x - m) r
 *
 * without mean(h) and m where it was not centered, and with h = g where there was no w; and over all rows
 *
 *     dw = sum of g z        db = sum of g
 *
 * All of it in one pass. Sums are taken in f64: those of a row with element i in lane i mod LANES, those over
 * rows block after block of them, which shapes alone cut. */
#include "cpu/flops.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

enum {
    LANES = 8,
    BLOCKS = 32, /* at most, where there are sums over rows, each of which is kept for each block */
    G = 0,       /* inputs */
    X,
    MEAN,
    SCALE,
    WEIGHT,
    BY_X = 0, /* outputs */
    BY_WEIGHT,
    BY_BIAS
};

/* Where the elements of a row stand, and sums over rows of as many; NULL is nothing. */
struct row {
    void *dx;
    const void *g, *x, *mean, *scale, *weight;
    double *dw, *db;
};

typedef void row_function(int64_t n, const struct row *row, bool centered);

struct plan {
    bl__row_parts parts;
    row_function *row;
    int64_t n;
    size_t bytes;
    bool sums; /* there are any over rows */
};

/* What one row adds to sums over rows. */
#define ADD_ROW(name, type)                                                                                \
    static inline void add_row_##name(int64_t n, const type *g, const type *x, type m, type r, double *dw, \
                                      double *db)                                                          \
    {                                                                                                      \
        BL__EACH_ALONE                                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                                  \
            type z = (x[i] - m) * r;                                                                       \
            if (dw)                                                                                        \
                dw[i] += (double)g[i] * (double)z;                                                         \
            if (db)                                                                                        \
                db[i] += (double)g[i];                                                                     \
        }                                                                                                  \
    }

/* dx; w is NULL or not by a constant. */
#define FLOW(name, type)                                                                                     \
    static inline void flow_##name(int64_t n, type *dx, const type *g, const type *x, const type *w, type m, \
                                   type r, bool centered)                                                    \
    {                                                                                                        \
        double lane[LANES] = {0}, lane_z[LANES] = {0}, sum = 0, sum_z = 0;                                   \
        int64_t whole = n - n % LANES;                                                                       \
        for (int64_t i = 0; i < whole; i += LANES)                                                           \
            for (int k = 0; k < LANES; k++) {                                                                \
                type h = w ? g[i + k] * w[i + k] : g[i + k], z = (x[i + k] - m) * r;                         \
                lane[k] += (double)h;                                                                        \
                lane_z[k] += (double)h * (double)z;                                                          \
            }                                                                                                \
        for (int64_t i = whole; i < n; i++) {                                                                \
            type h = w ? g[i] * w[i] : g[i], z = (x[i] - m) * r;                                             \
            lane[i - whole] += (double)h;                                                                    \
            lane_z[i - whole] += (double)h * (double)z;                                                      \
        }                                                                                                    \
        for (int k = 0; k < LANES; k++) {                                                                    \
            sum += lane[k];                                                                                  \
            sum_z += lane_z[k];                                                                              \
        }                                                                                                    \
        type mean = centered ? (type)(sum / (double)n) : 0, mean_z = (type)(sum_z / (double)n);              \
        BL__EACH_ALONE                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            type h = w ? g[i] * w[i] : g[i], z = (x[i] - m) * r;                                             \
            dx[i] = (h - z * mean_z - mean) * r;                                                             \
        }                                                                                                    \
    }

/* dx comes last, since it may stand where the row does. */
#define ROW(name, type)                                                                  \
    ADD_ROW(name, type)                                                                  \
    FLOW(name, type)                                                                     \
    static void row_##name(int64_t n, const struct row *row, bool centered)              \
    {                                                                                    \
        const type *g = row->g, *x = row->x, *w = row->weight;                           \
        type m = centered ? *(const type *)row->mean : 0, r = *(const type *)row->scale; \
        if (row->dw && row->db)                                                          \
            add_row_##name(n, g, x, m, r, row->dw, row->db);                             \
        else if (row->dw)                                                                \
            add_row_##name(n, g, x, m, r, row->dw, NULL);                                \
        else if (row->db)                                                                \
            add_row_##name(n, g, x, m, r, NULL, row->db);                                \
        if (row->dx && w)                                                                \
            flow_##name(n, row->dx, g, x, w, m, r, centered);                            \
        else if (row->dx)                                                                \
            flow_##name(n, row->dx, g, x, NULL, m, r, centered);                         \
    }

ROW(f32, float)
ROW(f64, double)

/* Whether shapes ask for so many bytes of scratch as there may be. */
static bool scratch_of(const struct plan *plan, size_t *bytes)
{
    size_t blocks = (size_t)((plan->parts.rows + plan->parts.block - 1) / plan->parts.block);
    return bl__multiply_size(2 * sizeof(double) * blocks, (size_t)plan->n, bytes);
}

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
                          .sums = !call->outputs[BY_WEIGHT]->unused || !call->outputs[BY_BIAS]->unused};
    for (int d = g->rank - (int)attributes->axes; d < g->rank; d++)
        plan->n *= g->size[d];
    int64_t rows = plan->n > 0 ? g->count / plan->n : 0;
    plan->parts = bl__row_parts_of(call, rows, plan->n, 2);
    if (plan->sums && plan->parts.block < (rows + BLOCKS - 1) / BLOCKS)
        plan->parts.block = (rows + BLOCKS - 1) / BLOCKS;
    call->plan = plan;
    return !plan->sums || scratch_of(plan, scratch_bytes) ? BL_OK : BL_ERR_MEMORY;
}

/* A block's sums for weight or bias. */
static double *sums_of(const bl__call *call, int64_t part, int output)
{
    const struct plan *plan = call->plan;
    if (call->outputs[output]->unused)
        return NULL;
    return (double *)call->environment->scratch + (2 * part + (output == BY_BIAS)) * plan->n;
}

static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    const bl__standardize_attributes *attributes = call->attributes;
    struct row row = {.weight = attributes->weighted ? call->inputs[WEIGHT]->data : NULL,
                      .dw = sums_of(call, part, BY_WEIGHT),
                      .db = sums_of(call, part, BY_BIAS)};
    size_t row_bytes = (size_t)plan->n * plan->bytes;
    (void)worker;
    if (row.dw)
        bl__zero(row.dw, (size_t)plan->n * sizeof(double));
    if (row.db)
        bl__zero(row.db, (size_t)plan->n * sizeof(double));
    for (int64_t r = bl__part_first(&plan->parts, part); r < bl__part_end(&plan->parts, part); r++) {
        row.dx = call->outputs[BY_X]->unused ? NULL : bl__at(call->outputs[BY_X]->data, row_bytes, r);
        row.g = bl__at_const(call->inputs[G]->data, row_bytes, r);
        row.x = bl__at_const(call->inputs[X]->data, row_bytes, r);
        row.mean = bl__at_const(call->inputs[MEAN]->data, plan->bytes, r);
        row.scale = bl__at_const(call->inputs[SCALE]->data, plan->bytes, r);
        plan->row(plan->n, &row, attributes->centered);
    }
}

/* Adds up the blocks' sums in their order. */
static void join(const bl__call *call, int output)
{
    const struct plan *plan = call->plan;
    const bl__operand *out = call->outputs[output];
    int64_t blocks = (plan->parts.rows + plan->parts.block - 1) / plan->parts.block, n = plan->n;
    double *first = sums_of(call, 0, output);
    for (int64_t part = 1; part < blocks; part++) {
        const double *more = sums_of(call, part, output);
        for (int64_t i = 0; i < n; i++)
            first[i] += more[i];
    }
    if (blocks == 0)
        bl__zero(out->data, (size_t)n * plan->bytes);
    else if (plan->bytes == sizeof(double))
        memcpy(out->data, first, (size_t)n * sizeof(double));
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)out->data)[i] = (float)first[i];
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    if (plan->n == 0)
        return BL_OK;
    bl__do_row_parts(call, &plan->parts, do_rows, plan);
    for (int output = BY_WEIGHT; output <= BY_BIAS; output++) {
        if (!call->outputs[output]->unused)
            join(call, output);
    }
    return BL_OK;
}

/* For each element z, which is a product, and where it was centered a difference. For dx two products and a
 * sum, then a product, a difference and a product; where it was centered, a sum and a difference more, and a
 * product more for w. For dw a product and a sum, for db a sum. */
static int64_t flops(const bl__call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    int64_t centered = attributes->centered != 0, each = 0;
    if (!call->outputs[BY_X]->unused)
        each += 5 + 2 * centered + (attributes->weighted != 0);
    if (!call->outputs[BY_WEIGHT]->unused)
        each += 2;
    if (!call->outputs[BY_X]->unused || !call->outputs[BY_WEIGHT]->unused)
        each += 1 + centered;
    if (!call->outputs[BY_BIAS]->unused)
        each += 1;
    return bl__times(each, call->inputs[G]->count);
}

const bl__kernel BL__KERNEL(standardize_backward) = {
    BL__IN_PLACE_OF(G) | BL__IN_PLACE_OF(X) | BL__OPTIONAL_OUTPUTS, prepare, run, flops};
