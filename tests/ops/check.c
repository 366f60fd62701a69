/* What the tests of ops share: see check.h. */
#include "check.h"
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>

bl_tensor *constant(bl_dtype dtype, bl_shape shape, const double *values, size_t count)
{
    union {
        float f32[64];
        double f64[64];
        int32_t i32[64];
        int64_t i64[64];
        uint8_t boolean[64];
    } data = {{0}};
    cr_assert_eq((int64_t)count, bl_shape_count(shape), "%zu values for another shape", count);
    cr_assert_leq(count, 64);
    for (size_t i = 0; i < count; i++) {
        if (dtype == BL_F32)
            data.f32[i] = (float)values[i];
        else if (dtype == BL_F64)
            data.f64[i] = values[i];
        else if (dtype == BL_I32)
            data.i32[i] = (int32_t)values[i];
        else if (dtype == BL_I64)
            data.i64[i] = (int64_t)values[i];
        else
            data.boolean[i] = values[i] != 0;
    }
    return bl_constant(graph, dtype, shape, &data);
}

int count_nodes(int key)
{
    int count = 0;
    for (int64_t id = 0; id < graph->node_count; id++)
        count += graph->nodes[id]->op->key == key;
    return count;
}

/* Whether two numbers are within the tolerance of each other. */
static bool close_to(double a, double b, double tolerance)
{
    double scale = fabs(b) > 1 ? fabs(b) : 1;
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * scale;
}

const char *differs(bl_tensor *tensor, double tolerance, const double *values, size_t count)
{
    static char text[800];
    static double raw[256], got[256];
    size_t bytes = (size_t)bl_tensor_count(tensor) * bl_dtype_size(bl_tensor_dtype(tensor));
    if (!bl_tensor_valid(tensor))
        return error_text(bl_graph_error(graph));
    if (bl_tensor_count(tensor) != (int64_t)count || bytes > sizeof(raw)) {
        snprintf(text, sizeof(text), "%lld values, not %zu", (long long)bl_tensor_count(tensor), count);
        return text;
    }
    if (bl_eval(tensor, raw, bytes) != BL_OK)
        return error_text(bl_context_error(context));
    to_doubles(bl_tensor_dtype(tensor), raw, count, got);
    for (size_t i = 0; i < count; i++) {
        if (close_to(got[i], values[i], tolerance))
            continue;
        snprintf(text, sizeof(text), "element %zu is %.17g, not %.17g", i, got[i], values[i]);
        return text;
    }
    return NULL;
}
