/* Kernels of max_pool, and of reading and adding at indices of planes, which its derivatives are. Parts are
 * planes. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"
#include "cpu/windows.h"

#include <math.h>

enum {
    SPATIAL = 3,
    LAST = SPATIAL - 1,
    BLOCK = 64,             /* places of a line that are worked on side by side */
    PART_ELEMENTS = 1 << 14 /* read in a part, about */
};

/* Axes d = 0 .. 2 of a plane, leading ones of one place where there are fewer. Places low .. high - 1 of a
 * line have windows of the same number of elements, each beginning `stride` elements after the last one's. */
struct plan {
    int64_t planes, part_planes;
    int64_t size[SPATIAL], places[SPATIAL], step[SPATIAL];
    const bl__window *window[SPATIAL];
    int64_t low, high, stride;
    bool pays;
};

/* As many planes as have about PART_ELEMENTS. */
static int64_t planes_of_part(int64_t size)
{
    return size < PART_ELEMENTS ? PART_ELEMENTS / (size > 0 ? size : 1) : 1;
}

/* ---- max_pool ---- */

/* The largest elements of n windows with elements, `stride` apart: the first of several, the last of several
 * NaN. `shift` is where an element stands behind the first of its window. */
#define MAX_POOL(name, type, integer)                                                                      \
    static inline void better_by_##name(int64_t n, int64_t stride, const type *restrict x, integer shift,  \
                                        type *restrict best, integer *restrict at)                         \
    {                                                                                                      \
        for (int64_t p = 0; p < n; p++) {                                                                  \
            type element = x[p * stride];                                                                  \
            bool better = (element > best[p]) | (element != element);                                      \
            best[p] = better ? element : best[p];                                                          \
            at[p] = better ? shift : at[p];                                                                \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    static void better_##name(int64_t n, int64_t stride, const type *x, integer shift, type *best,         \
                              integer *at)                                                                 \
    {                                                                                                      \
        if (stride == 1)                                                                                   \
            better_by_##name(n, 1, x, shift, best, at);                                                    \
        else if (stride == 2)                                                                              \
            better_by_##name(n, 2, x, shift, best, at);                                                    \
        else                                                                                               \
            better_by_##name(n, stride, x, shift, best, at);                                               \
    }                                                                                                      \
                                                                                                           \
    static void best_##name(const struct plan *plan, const type *x, const bl__window *const *w, int64_t n, \
                            type *value, int64_t *index)                                                   \
    {                                                                                                      \
        type best[BLOCK];                                                                                  \
        integer at[BLOCK];                                                                                 \
        int64_t first = (w[0]->start * plan->size[1] + w[1]->start) * plan->size[LAST] + w[LAST]->start;   \
        for (int64_t p = 0; p < n; p++) {                                                                  \
            best[p] = x[first + p * plan->stride];                                                         \
            at[p] = 0;                                                                                     \
        }                                                                                                  \
        for (int64_t i = 0; i < w[0]->count; i++) {                                                        \
            for (int64_t j = 0; j < w[1]->count; j++) {                                                    \
                int64_t line = (i * plan->step[0] * plan->size[1] + j * plan->step[1]) * plan->size[LAST]; \
                for (int64_t k = i + j > 0 ? 0 : 1; k < w[LAST]->count; k++) {                             \
                    int64_t shift = line + k * plan->step[LAST];                                           \
                    better_##name(n, plan->stride, &x[first + shift], (integer)shift, best, at);           \
                }                                                                                          \
            }                                                                                              \
        }                                                                                                  \
        for (int64_t p = 0; p < n; p++) {                                                                  \
            value[p] = best[p];                                                                            \
            index[p] = first + p * plan->stride + (int64_t)at[p];                                          \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    /* The windows of a line; -infinity and -1 of one without elements. */                                 \
    static void line_##name(const struct plan *plan, const type *x, const bl__window *slice,               \
                            const bl__window *row, type *value, int64_t *index)                            \
    {                                                                                                      \
        for (int64_t k = 0, n; k < plan->places[LAST]; k += n) {                                           \
            const bl__window *const windows[SPATIAL] = {slice, row, &plan->window[LAST][k]};               \
            n = k < plan->low || k >= plan->high ? 1 : plan->high - k;                                     \
            n = n > BLOCK ? BLOCK : n;                                                                     \
            if (slice->count > 0 && row->count > 0 && windows[LAST]->count > 0) {                          \
                best_##name(plan, x, windows, n, &value[k], &index[k]);                                    \
                continue;                                                                                  \
            }                                                                                              \
            for (int64_t p = k; p < k + n; p++) {                                                          \
                value[p] = -(type)INFINITY;                                                                \
                index[p] = -1;                                                                             \
            }                                                                                              \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    static void max_pool_##name(const struct plan *plan, const void *x, void *values, int64_t *indices)    \
    {                                                                                                      \
        type *y = values;                                                                                  \
        for (int64_t i = 0; i < plan->places[0]; i++)                                                      \
            for (int64_t j = 0; j < plan->places[1]; j++) {                                                \
                line_##name(plan, x, &plan->window[0][i], &plan->window[1][j], y, indices);                \
                y += plan->places[LAST];                                                                   \
                indices += plan->places[LAST];                                                             \
            }                                                                                              \
    }

MAX_POOL(f32, float, int32_t)
MAX_POOL(f64, double, int64_t)
MAX_POOL(long_f32, float, int64_t) /* planes of 2^31 elements and more */

static const bl__window whole = {0, 1};

static bool take_windows(bl__arena *arena, const bl__window_attributes *attributes, int from, int d,
                         struct plan *plan)
{
    int64_t places = attributes->out[from];
    if (places > INT64_MAX / (int64_t)sizeof(bl__window))
        return false;
    bl__window *window = bl__arena_take(arena, (size_t)places * sizeof(*window));
    for (int64_t i = 0; window && i < places; i++)
        window[i] = bl__window_at(attributes, from, i);
    plan->window[d] = window;
    return window != NULL;
}

/* Finds the places along the last axis whose windows are alike, around the middle one. */
static void find_alike(struct plan *plan)
{
    const bl__window *w = plan->window[LAST];
    int64_t places = plan->places[LAST], middle = places / 2;
    plan->stride = middle + 1 < places ? w[middle + 1].start - w[middle].start : 1;
    for (plan->low = middle; plan->low > 0; plan->low--) {
        if (w[plan->low - 1].count != w[middle].count ||
            w[plan->low].start - w[plan->low - 1].start != plan->stride)
            break;
    }
    for (plan->high = middle + 1; plan->high < places; plan->high++) {
        if (w[plan->high].count != w[middle].count ||
            w[plan->high].start - w[plan->high - 1].start != plan->stride)
            break;
    }
}

static double max_pool_nanoseconds(const struct plan *plan, const bl__operand *values)
{
    double window = 1;
    for (int d = 0; d < SPATIAL && plan->planes > 0; d++)
        window *= (double)plan->window[d][plan->places[d] / 2].count;
    return (double)values->count * (1 + window / 2);
}

static bl_status prepare_max_pool(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__window_attributes *attributes = call->attributes;
    const bl__operand *x = call->inputs[0];
    int missing = SPATIAL - (int)attributes->spatial;
    *scratch_bytes = 0;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    call->plan = plan;
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.planes = call->outputs[0]->count > 0 ? 1 : 0};
    for (int d = 0; d < x->rank - (int)attributes->spatial; d++)
        plan->planes *= x->size[d];
    for (int d = 0; d < SPATIAL && plan->planes > 0; d++) {
        int from = d - missing;
        bool real = from >= 0;
        plan->size[d] = real ? attributes->in[from] : 1;
        plan->places[d] = real ? attributes->out[from] : 1;
        plan->step[d] = real && attributes->method == BL__WINDOW_POOL ? attributes->dilation[from] : 1;
        plan->window[d] = &whole;
        if (real && !take_windows(arena, attributes, from, d, plan))
            return BL_ERR_MEMORY;
    }
    if (plan->planes > 0)
        find_alike(plan);
    plan->part_planes = planes_of_part(plan->size[0] * plan->size[1] * plan->size[2]);
    plan->pays = bl__pays_for_threads(call, max_pool_nanoseconds(plan, call->outputs[0]));
    return BL_OK;
}

static void max_pool_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    bool f32 = call->inputs[0]->dtype == BL_F32;
    size_t bytes = bl_dtype_size(call->inputs[0]->dtype);
    int64_t size = plan->size[0] * plan->size[1] * plan->size[LAST];
    int64_t places = plan->places[0] * plan->places[1] * plan->places[LAST];
    int64_t first = part * plan->part_planes, left = plan->planes - first;
    (void)worker;
    for (int64_t i = first; i < first + (left < plan->part_planes ? left : plan->part_planes); i++)
        (f32 && size <= INT32_MAX ? max_pool_f32
         : f32                    ? max_pool_long_f32
                                  : max_pool_f64)(plan, bl__at_const(call->inputs[0]->data, bytes, i * size),
                               bl__at(call->outputs[0]->data, bytes, i * places),
                               (int64_t *)call->outputs[1]->data + i * places);
}

static bl_status run_max_pool(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl__parallel(call, plan->pays, (plan->planes + plan->part_planes - 1) / plan->part_planes, max_pool_part,
                 plan);
    return BL_OK;
}

/* A comparison for each element of each window. */
static int64_t flops_max_pool(const bl__call *call)
{
    const struct plan *plan = call->plan;
    int64_t flops = plan->planes;
    for (int d = 0; d < SPATIAL && plan->planes > 0; d++) {
        int64_t elements = 0;
        for (int64_t i = 0; i < plan->places[d]; i++)
            elements += plan->window[d][i].count;
        flops = bl__times(flops, elements);
    }
    return flops;
}

const bl__kernel bl__kernel_max_pool = {0, prepare_max_pool, run_max_pool, flops_max_pool};

/* ---- plane_gather, plane_scatter ---- */

enum {
    VALUES,
    INDICES
};

#define PLANES(name, type)                                                                         \
    static void gather_##name(int64_t n, const int64_t *indices, const void *plane, void *values)  \
    {                                                                                              \
        const type *x = plane;                                                                     \
        type *y = values;                                                                          \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = indices[i] < 0 ? 0 : x[indices[i]];                                             \
    }                                                                                              \
                                                                                                   \
    static void scatter_##name(int64_t n, const int64_t *indices, const void *values, void *plane) \
    {                                                                                              \
        const type *x = values;                                                                    \
        type *y = plane;                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                          \
            if (indices[i] >= 0)                                                                   \
                y[indices[i]] += x[i];                                                             \
        }                                                                                          \
    }

PLANES(f32, float)
PLANES(f64, double)

/* How many planes there are, of `size` elements, and how many indices into each. */
struct planes {
    int64_t count, size, indices;
    int64_t part_planes;
    bool pays;
};

static bl_status prepare_planes(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__plane_attributes *attributes = call->attributes;
    const bl__operand *values = call->inputs[VALUES], *indices = call->inputs[INDICES];
    *scratch_bytes = 0;
    if (values->dtype != BL_F32 && values->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(values->dtype));
    struct planes *plan = bl__arena_take(arena, sizeof(*plan));
    call->plan = plan;
    if (!plan)
        return BL_ERR_MEMORY;
    int leading = indices->rank - (int)attributes->spatial;
    *plan = (struct planes){.count = 1, .size = 1, .indices = 1};
    for (int d = 0; d < indices->rank; d++) {
        *(d < leading ? &plan->count : &plan->indices) *= indices->size[d];
        plan->size *= d < leading ? 1 : attributes->size[d - leading];
    }
    plan->part_planes = planes_of_part(plan->size);
    plan->pays = bl__pays_for_threads(call, (double)values->count + (double)call->outputs[0]->count / 4);
    return BL_OK;
}

/* How many planes a part has, from its first on. */
static int64_t planes_in(const struct planes *plan, int64_t part)
{
    int64_t left = plan->count - part * plan->part_planes;
    return left < plan->part_planes ? left : plan->part_planes;
}

static void gather_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct planes *plan = work;
    size_t bytes = bl_dtype_size(call->inputs[VALUES]->dtype);
    const int64_t *indices = call->inputs[INDICES]->data;
    (void)worker;
    for (int64_t i = part * plan->part_planes, n = planes_in(plan, part); n > 0; n--, i++)
        (bytes == sizeof(float) ? gather_f32
                                : gather_f64)(plan->indices, indices + i * plan->indices,
                                              bl__at_const(call->inputs[VALUES]->data, bytes, i * plan->size),
                                              bl__at(call->outputs[0]->data, bytes, i * plan->indices));
}

/* In the order of the indices: the first comes first in each sum. */
static void scatter_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct planes *plan = work;
    size_t bytes = bl_dtype_size(call->inputs[VALUES]->dtype);
    const int64_t *indices = call->inputs[INDICES]->data;
    (void)worker;
    for (int64_t i = part * plan->part_planes, n = planes_in(plan, part); n > 0; n--, i++) {
        char *plane = bl__at(call->outputs[0]->data, bytes, i * plan->size);
        bl__zero(plane, (size_t)plan->size * bytes);
        (bytes == sizeof(float) ? scatter_f32 : scatter_f64)(
            plan->indices, indices + i * plan->indices,
            bl__at_const(call->inputs[VALUES]->data, bytes, i * plan->indices), plane);
    }
}

static bl_status run_planes(const bl__call *call, bl__part *part)
{
    const struct planes *plan = call->plan;
    if (call->outputs[0]->count > 0)
        bl__parallel(call, plan->pays, (plan->count + plan->part_planes - 1) / plan->part_planes, part, plan);
    return BL_OK;
}

static bl_status run_plane_gather(const bl__call *call)
{
    return run_planes(call, gather_part);
}

static bl_status run_plane_scatter(const bl__call *call)
{
    return run_planes(call, scatter_part);
}

const bl__kernel bl__kernel_plane_gather = {BL__PICKS, prepare_planes, run_plane_gather, bl__flops_none};
const bl__kernel bl__kernel_plane_scatter = {0, prepare_planes, run_plane_scatter, bl__flops_input};
