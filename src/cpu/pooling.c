/* Kernels of max_pool, and of reading and adding at indices of planes, which its derivatives are. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/windows.h"

#include <math.h>

enum {
    SPATIAL = 3
};

/* Axes d = 0 .. 2 of a plane, leading ones of one place where there are fewer. */
struct plan {
    int64_t planes;
    int64_t size[SPATIAL], places[SPATIAL], step[SPATIAL];
    const bl__window *window[SPATIAL];
};

/* ---- max_pool ---- */

/* The largest element of one window: the first of several, the last of several NaN; -infinity and -1 of none.
 */
#define MAX_POOL(name, type)                                                                                 \
    static void best_##name(const struct plan *plan, const type *x, const bl__window *const *w, type *value, \
                            int64_t *index)                                                                  \
    {                                                                                                        \
        type best = -(type)INFINITY;                                                                         \
        int64_t at = -1;                                                                                     \
        for (int64_t i = 0; i < w[0]->count; i++) {                                                          \
            int64_t slice = w[0]->start + i * plan->step[0];                                                 \
            for (int64_t j = 0; j < w[1]->count; j++) {                                                      \
                int64_t line = slice * plan->size[1] + w[1]->start + j * plan->step[1];                      \
                int64_t first = line * plan->size[2] + w[2]->start;                                          \
                for (int64_t k = 0; k < w[2]->count; k++) {                                                  \
                    type element = x[first + k * plan->step[2]];                                             \
                    if (element > best || at < 0 || isnan(element)) {                                        \
                        best = element;                                                                      \
                        at = first + k * plan->step[2];                                                      \
                    }                                                                                        \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
        *value = best;                                                                                       \
        *index = at;                                                                                         \
    }                                                                                                        \
                                                                                                             \
    static void max_pool_##name(const struct plan *plan, const void *data, void *values, int64_t *indices)   \
    {                                                                                                        \
        const type *x = data;                                                                                \
        type *y = values;                                                                                    \
        for (int64_t i = 0; i < plan->places[0]; i++)                                                        \
            for (int64_t j = 0; j < plan->places[1]; j++)                                                    \
                for (int64_t k = 0; k < plan->places[2]; k++) {                                              \
                    const bl__window *const windows[SPATIAL] = {&plan->window[0][i], &plan->window[1][j],    \
                                                                &plan->window[2][k]};                        \
                    best_##name(plan, x, windows, y++, indices++);                                           \
                }                                                                                            \
    }

MAX_POOL(f32, float)
MAX_POOL(f64, double)

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
    return BL_OK;
}

static bl_status run_max_pool(const bl__call *call)
{
    const struct plan *plan = call->plan;
    size_t bytes = bl_dtype_size(call->inputs[0]->dtype);
    const char *x = call->inputs[0]->data;
    char *values = call->outputs[0]->data;
    int64_t *indices = call->outputs[1]->data;
    int64_t size = plan->size[0] * plan->size[1] * plan->size[2];
    int64_t places = plan->places[0] * plan->places[1] * plan->places[2];
    for (int64_t i = 0; i < plan->planes; i++, indices += places) {
        (bytes == sizeof(float) ? max_pool_f32 : max_pool_f64)(plan, x, values, indices);
        x = bl__at_const(x, bytes, size);
        values = bl__at(values, bytes, places);
    }
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
    *plan = (struct planes){1, 1, 1};
    for (int d = 0; d < indices->rank; d++) {
        *(d < leading ? &plan->count : &plan->indices) *= indices->size[d];
        plan->size *= d < leading ? 1 : attributes->size[d - leading];
    }
    return BL_OK;
}

static bl_status run_plane_gather(const bl__call *call)
{
    const struct planes *plan = call->plan;
    size_t bytes = bl_dtype_size(call->inputs[VALUES]->dtype);
    const int64_t *indices = call->inputs[INDICES]->data;
    for (int64_t i = 0; i < plan->count && plan->indices > 0; i++)
        (bytes == sizeof(float) ? gather_f32
                                : gather_f64)(plan->indices, indices + i * plan->indices,
                                              bl__at_const(call->inputs[VALUES]->data, bytes, i * plan->size),
                                              bl__at(call->outputs[0]->data, bytes, i * plan->indices));
    return BL_OK;
}

/* In the order of the indices: the first comes first in each sum. */
static bl_status run_plane_scatter(const bl__call *call)
{
    const struct planes *plan = call->plan;
    size_t bytes = bl_dtype_size(call->inputs[VALUES]->dtype);
    const int64_t *indices = call->inputs[INDICES]->data;
    bl__zero(call->outputs[0]->data, (size_t)call->outputs[0]->count * bytes);
    for (int64_t i = 0; i < plan->count && plan->indices > 0; i++)
        (bytes == sizeof(float) ? scatter_f32 : scatter_f64)(
            plan->indices, indices + i * plan->indices,
            bl__at_const(call->inputs[VALUES]->data, bytes, i * plan->indices),
            bl__at(call->outputs[0]->data, bytes, i * plan->size));
    return BL_OK;
}

const bl__kernel bl__kernel_plane_gather = {BL__PICKS, prepare_planes, run_plane_gather, bl__flops_none};
const bl__kernel bl__kernel_plane_scatter = {0, prepare_planes, run_plane_scatter, bl__flops_input};
