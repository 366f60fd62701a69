/* sort and topk along an axis of any strides: a stable merge sort of elements with their places.
 *
 * The first k of a row are found a chunk at a time: each chunk is sorted and merged with the best k so far,
 * of which those that came earlier go first among equals. A chunk has k elements or more, so that all takes
 * no more than n log k steps and memory for a few k; sort has one chunk, the row. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    TO,
    FROM,
    WALKED,
    SHORTEST_CHUNK = 64,
    RUN = 8,   /* elements that are sorted by insertion before any are merged */
    PAIR = 16, /* bytes of an element with its place */
    VALUES = 0,
    PLACES /* the outputs */
};

/* One row: n elements at x, the first k of which in order go to values and places. */
struct row {
    int64_t n, k, chunk; /* chunk elements are sorted at a time */
    int64_t x_step, y_step;
};
typedef void order(const struct row *row, void *values, int64_t *places, const void *x, void *scratch);

struct plan {
    order *order;
    bl__loop rows; /* over all axes but one */
    struct row row;
    size_t bytes;
};

/* ---- one row; scratch: two chunks, and where one is not all, two times k elements ----
 *
 * before(a, b): a stands before b. Equal elements stand before each other neither way. */

#define ASCENDING(a, b)  ((a) < (b) || ((b) != (b) && (a) == (a)))
#define DESCENDING(a, b) ((a) > (b) || ((a) != (a) && (b) == (b)))

#define SORT(name, type, before)                                                                            \
    struct pair_##name {                                                                                    \
        type value;                                                                                         \
        int64_t place;                                                                                      \
    };                                                                                                      \
                                                                                                            \
    static void insert_##name(struct pair_##name *pair, int64_t n)                                          \
    {                                                                                                       \
        for (int64_t i = 1; i < n; i++) {                                                                   \
            struct pair_##name moved = pair[i];                                                             \
            int64_t k = i;                                                                                  \
            for (; k > 0 && before(moved.value, pair[k - 1].value); k--)                                    \
                pair[k] = pair[k - 1];                                                                      \
            pair[k] = moved;                                                                                \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    /* The first `most` of two ordered lists; those of a go first among equals. */                          \
    static void merge_##name(struct pair_##name *to, int64_t most, const struct pair_##name *a, int64_t as, \
                             const struct pair_##name *b, int64_t bs)                                       \
    {                                                                                                       \
        int64_t i = 0, k = 0;                                                                               \
        while (i + k < most) {                                                                              \
            bool second = i == as || (k < bs && before(b[k].value, a[i].value));                            \
            to[i + k] = second ? b[k] : a[i];                                                               \
            k += second;                                                                                    \
            i += !second;                                                                                   \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    /* Sorts n elements that stand in one of two buffers; returns the one in which they stand then. */      \
    static struct pair_##name *sort_##name(struct pair_##name *from, struct pair_##name *to, int64_t n)     \
    {                                                                                                       \
        for (int64_t i = 0; i < n; i += RUN)                                                                \
            insert_##name(from + i, n - i < RUN ? n - i : RUN);                                             \
        for (int64_t run = RUN; run < n; run *= 2) {                                                        \
            struct pair_##name *sorted = to;                                                                \
            for (int64_t i = 0; i < n; i += 2 * run) {                                                      \
                int64_t first = n - i < run ? n - i : run, both = n - i < 2 * run ? n - i : 2 * run;        \
                merge_##name(to + i, both, from + i, first, from + i + first, both - first);                \
            }                                                                                               \
            to = from;                                                                                      \
            from = sorted;                                                                                  \
        }                                                                                                   \
        return from;                                                                                        \
    }                                                                                                       \
                                                                                                            \
    static void order_##name(const struct row *row, void *values, int64_t *places, const void *x,           \
                             void *scratch)                                                                 \
    {                                                                                                       \
        struct pair_##name *chunk = scratch, *other = chunk + row->chunk, *sorted = chunk;                  \
        struct pair_##name *best = NULL, *merged = other + row->chunk;                                      \
        int64_t kept = 0;                                                                                   \
        for (int64_t start = 0; start < row->n; start += row->chunk) {                                      \
            int64_t m = row->n - start < row->chunk ? row->n - start : row->chunk;                          \
            for (int64_t i = 0; i < m; i++)                                                                 \
                chunk[i] = (struct pair_##name){((const type *)x)[(start + i) * row->x_step], start + i};   \
            sorted = sort_##name(chunk, other, m);                                                          \
            if (row->chunk == row->n)                                                                       \
                break;                                                                                      \
            int64_t all = kept + m < row->k ? kept + m : row->k;                                            \
            merge_##name(merged, all, best, kept, sorted, m);                                               \
            sorted = merged;                                                                                \
            merged = best ? best : merged + row->k;                                                         \
            best = sorted;                                                                                  \
            kept = all;                                                                                     \
        }                                                                                                   \
        for (int64_t i = 0; i < row->k; i++) {                                                              \
            ((type *)values)[i * row->y_step] = sorted[i].value;                                            \
            places[i * row->y_step] = sorted[i].place;                                                      \
        }                                                                                                   \
    }

SORT(f32_up, float, ASCENDING)
SORT(f64_up, double, ASCENDING)
SORT(i32_up, int32_t, ASCENDING)
SORT(i64_up, int64_t, ASCENDING)
SORT(f32_down, float, DESCENDING)
SORT(f64_down, double, DESCENDING)
SORT(i32_down, int32_t, DESCENDING)
SORT(i64_down, int64_t, DESCENDING)

static order *find_order(bl_dtype dtype, bool descending)
{
    static order *const orders[BL_DTYPE_COUNT][2] = {[BL_F32] = {order_f32_up, order_f32_down},
                                                     [BL_F64] = {order_f64_up, order_f64_down},
                                                     [BL_I32] = {order_i32_up, order_i32_down},
                                                     [BL_I64] = {order_i64_up, order_i64_down}};
    return orders[dtype][descending];
}

/* ---- all rows ---- */

/* How many pairs of scratch a row takes; false when they cannot be counted. */
static bool plan_chunks(struct row *row, size_t *bytes)
{
    int64_t chunk = row->k > SHORTEST_CHUNK ? row->k : SHORTEST_CHUNK;
    row->chunk = row->k > row->n / 2 || chunk > row->n ? row->n : chunk;
    int64_t pairs = row->chunk, rest = row->chunk < row->n ? row->k : 0;
    return bl__multiply_size((size_t)pairs + (size_t)rest, 2 * (size_t)PAIR, bytes);
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[0], *y = call->outputs[VALUES];
    const bl__sort_attributes *attributes = call->attributes;
    *scratch_bytes = 0;
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->order = find_order(x->dtype, attributes->descending != 0);
    if (!plan->order)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    plan->bytes = bl_dtype_size(x->dtype);
    bl__loop_init(&plan->rows, WALKED);
    for (int d = 0; d < x->rank; d++) {
        int64_t strides[WALKED] = {y->stride[d], x->stride[d]};
        if (d != attributes->axis)
            bl__loop_push(&plan->rows, x->size[d], strides);
        else
            plan->row = (struct row){
                .n = x->size[d], .k = attributes->count, .x_step = strides[FROM], .y_step = strides[TO]};
    }
    call->plan = plan;
    return plan_chunks(&plan->row, scratch_bytes) ? BL_OK : BL_ERR_MEMORY;
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    int64_t *places = call->outputs[PLACES]->data;
    int64_t rows = bl__loop_row(&plan->rows);
    int64_t y_step = bl__loop_step(&plan->rows, TO), x_step = bl__loop_step(&plan->rows, FROM);
    bl__place place = {{0}, {0}};
    if (call->outputs[VALUES]->count == 0)
        return BL_OK;
    do {
        for (int64_t r = 0; r < rows; r++) {
            int64_t to = place.offset[TO] + r * y_step, from = place.offset[FROM] + r * x_step;
            plan->order(&plan->row, bl__at(call->outputs[VALUES]->data, plan->bytes, to), places + to,
                        bl__at_const(call->inputs[0]->data, plan->bytes, from), call->environment->scratch);
        }
    } while (bl__loop_next(&plan->rows, &place));
    return BL_OK;
}

const bl__kernel bl__kernel_sort = {BL__STRIDED, prepare, run, bl__flops_none};
const bl__kernel bl__kernel_topk = {BL__STRIDED, prepare, run, bl__flops_none};
