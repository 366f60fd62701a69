/* Numbers in a row, as constants: arange and linspace. */
#include "bowline/ops.h"
#include "ops/rules.h"

#include <math.h>

/* Beyond this, 8 bytes each cannot be counted. */
#define MOST ((uint64_t)1 << 59)

/* Memory for a constant of `count` numbers in the graph's arena; NULL, reported, where there is none. */
static void *take(bl_graph *graph, const char *op, bl_dtype dtype, int64_t count)
{
    void *data = bl__arena_take_aligned(&graph->arena, (size_t)count * bl_dtype_size(dtype));
    if (!data)
        bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %lld numbers", (long long)count);
    return data;
}

/* A constant whose numbers stand in the arena. */
static bl_tensor *constant(bl_graph *graph, bl_dtype dtype, int64_t count, const void *data)
{
    bl__constant_attributes attributes = {.data = data};
    return bl__append_leaf(graph, &bl__op_constant, &attributes, dtype, BL_SHAPE(count));
}

static void store(bl_dtype dtype, void *data, int64_t i, double value)
{
    if (dtype == BL_F32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}

/* ---- arange ---- */

/* start, start + step, ..; integers are counted as such, modulo 2^64, as i * step alone may be too large. */
static void fill(bl_dtype dtype, void *data, int64_t count, double start, double step)
{
    bool counts = bl__is_one_of(dtype, BL__INTEGERS);
    uint64_t first = counts ? (uint64_t)(int64_t)start : 0, by = counts ? (uint64_t)(int64_t)step : 0;
    for (int64_t i = 0; i < count; i++) {
        if (dtype == BL_I32)
            ((int32_t *)data)[i] = (int32_t)(int64_t)(first + (uint64_t)i * by);
        else if (dtype == BL_I64)
            ((int64_t *)data)[i] = (int64_t)(first + (uint64_t)i * by);
        else
            store(dtype, data, i, start + (double)i * step);
    }
}

/* Whether arange can be made; reported when not. */
static bool check_range(bl_graph *graph, bl_dtype dtype, double start, double stop, double step)
{
    if (!bl__is_one_of(dtype, BL__NUMBERS))
        bl__fail(graph, BL_ERR_DTYPE, "arange", "it makes no %s: cast afterwards", bl_dtype_name(dtype));
    else if (!isfinite(start) || !isfinite(stop) || !isfinite(step))
        bl__fail(graph, BL_ERR_ARGUMENT, "arange", "%g, %g and %g are not all finite", start, stop, step);
    else if (!bl__holds(dtype, start) || !bl__holds(dtype, stop) || !bl__holds(dtype, step))
        bl__fail(graph, BL_ERR_ARGUMENT, "arange", "%s cannot hold all of %.17g, %.17g and %.17g",
                 bl_dtype_name(dtype), start, stop, step);
    else if (step == 0 || (step > 0 ? stop < start : stop > start))
        bl__fail(graph, BL_ERR_ARGUMENT, "arange", "steps of %g do not lead from %g to %g", step, start,
                 stop);
    else
        return true;
    return false;
}

/* How many numbers there are before stop; -1 when they are too many. Integers are counted without rounding.
 */
static int64_t count_steps(bl_dtype dtype, double start, double stop, double step)
{
    if (bl__is_one_of(dtype, BL__INTEGERS)) {
        uint64_t a = (uint64_t)(int64_t)start, b = (uint64_t)(int64_t)stop, by = (uint64_t)(int64_t)step;
        uint64_t span = step > 0 ? b - a : a - b, size = step > 0 ? by : 0 - by;
        uint64_t count = span / size + (span % size != 0);
        return count < MOST ? (int64_t)count : -1;
    }
    double count = ceil((stop - start) / step);
    return count < (double)MOST ? (int64_t)count : -1;
}

bl_tensor *bl_arange(bl_graph *graph, bl_dtype dtype, double start, double stop, double step)
{
    if (!graph)
        return NULL;
    if (!check_range(graph, dtype, start, stop, step))
        return &graph->invalid;
    int64_t count = count_steps(dtype, start, stop, step);
    if (count < 0)
        return bl__fail(graph, BL_ERR_OVERFLOW, "arange", "the numbers from %g to %g by %g cannot be counted",
                        start, stop, step);
    void *data = take(graph, "arange", dtype, count);
    if (!data)
        return &graph->invalid;
    fill(dtype, data, count, start, step);
    return constant(graph, dtype, count, data);
}

/* ---- linspace ---- */

bl_tensor *bl_linspace(bl_graph *graph, bl_dtype dtype, double start, double stop, int64_t count)
{
    if (!graph)
        return NULL;
    if (!bl__is_one_of(dtype, BL__REALS))
        return bl__fail(graph, BL_ERR_DTYPE, "linspace", "it makes no %s, only f32 and f64",
                        bl_dtype_name(dtype));
    if (count < 0 || (uint64_t)count >= MOST)
        return bl__fail(graph, BL_ERR_ARGUMENT, "linspace", "there are no %lld numbers", (long long)count);
    void *data = take(graph, "linspace", dtype, count);
    if (!data)
        return &graph->invalid;
    double step = count > 1 ? (stop - start) / (double)(count - 1) : 0;
    for (int64_t i = 0; i < count; i++) { /* from both ends, so that both are exact */
        bool near_start = i < count / 2 || count == 1;
        store(dtype, data, i, near_start ? start + (double)i * step : stop - (double)(count - 1 - i) * step);
    }
    return constant(graph, dtype, count, data);
}
