/* The kernel of max_pool against plain loops: lines longer than what it does side by side, windows at the
 * edges, dilated and overlapping ones, many planes, and NaN among the elements. */
#include "call.h"
#include "cpu/windows.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* Windows over the last two axes of x [planes, height, width]. */
typedef struct geometry {
    int64_t planes, size[2], kernel[2], stride[2], padding[2], dilation[2], ceil[2];
} geometry;

static bl__window_attributes attributes_of(const geometry *g, bool adaptive)
{
    bl__window_attributes a = {.spatial = 2, .method = adaptive ? BL__WINDOW_ADAPTIVE : BL__WINDOW_POOL};
    for (int d = 0; d < 2; d++) {
        int64_t span = g->size[d] + 2 * g->padding[d] - g->dilation[d] * (g->kernel[d] - 1) - 1;
        a.in[d] = g->size[d];
        a.out[d] = adaptive ? g->kernel[d] : (span + (g->ceil[d] ? g->stride[d] - 1 : 0)) / g->stride[d] + 1;
        a.kernel[d] = g->kernel[d];
        a.stride[d] = g->stride[d];
        a.padding[d] = g->padding[d];
        a.dilation[d] = g->dilation[d];
    }
    return a;
}

/* The first of the largest, the last NaN, -1 of none. */
static int64_t best_of(const tensor *x, const bl__window_attributes *a, int64_t plane, int64_t i, int64_t j)
{
    int64_t best = -1, step[2];
    for (int d = 0; d < 2; d++)
        step[d] = a->method == BL__WINDOW_POOL ? a->dilation[d] : 1;
    bl__window rows = bl__window_at(a, 0, i), columns = bl__window_at(a, 1, j);
    for (int64_t r = 0; r < rows.count; r++) {
        for (int64_t c = 0; c < columns.count; c++) {
            int64_t at = (rows.start + r * step[0]) * a->in[1] + columns.start + c * step[1];
            double value = get(x, plane * a->in[0] * a->in[1] + at);
            if (best < 0 || isnan(value) || value > get(x, plane * a->in[0] * a->in[1] + best))
                best = at;
        }
    }
    return best;
}

static void check(const geometry *g, bl_dtype dtype, bool adaptive, int64_t nan_period)
{
    bl__window_attributes a = attributes_of(g, adaptive);
    bl_shape shape = BL_SHAPE(g->planes, a.in[0], a.in[1]), places = BL_SHAPE(g->planes, a.out[0], a.out[1]);
    tensor *x = new_tensor(dtype, shape, PLAIN), *y = new_tensor(dtype, places, PLAIN);
    tensor *indices = new_tensor(BL_I64, places, PLAIN), *outputs[] = {y, indices};
    set_all(x, 97);
    for (int64_t i = 0; nan_period > 0 && i < x->operand.count; i += nan_period)
        set(x, i, NAN);
    cr_assert_eq(call_kernel_of_many(BL__KEY_max_pool, &x, 1, outputs, 2, &a), BL_OK);
    int64_t plane = a.in[0] * a.in[1], each = a.out[0] * a.out[1];
    for (int64_t i = 0; i < y->operand.count; i++) {
        int64_t best = best_of(x, &a, i / each, i % each / a.out[1], i % a.out[1]);
        double value = best < 0 ? -INFINITY : get(x, i / each * plane + best);
        cr_assert_eq((int64_t)get(indices, i), best, "element %d: %d, not %d", (int)i, (int)get(indices, i),
                     (int)best);
        cr_assert(same(get(y, i), value), "element %d: %g, not %g", (int)i, get(y, i), value);
    }
    free_tensor(x);
    free_tensor(y);
    free_tensor(indices);
}

Test(max_pool, windows)
{
    const geometry all[] = {
        {3, {8, 8}, {2, 2}, {2, 2}, {0, 0}, {1, 1}, {0, 0}},
        {2, {5, 150}, {2, 3}, {2, 1}, {1, 1}, {1, 1}, {1, 0}},
        {1, {7, 301}, {3, 2}, {1, 2}, {1, 1}, {2, 3}, {0, 1}},
        {700, {6, 10}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
        {2, {9, 400}, {1, 5}, {1, 5}, {0, 2}, {1, 1}, {0, 0}},
        {2, {3, 1}, {2, 1}, {1, 1}, {1, 0}, {2, 1}, {0, 0}},
        {4, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {3, 3}, {0, 0}}, /* windows in the padding alone */
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        for (int64_t nan_period = 0; nan_period <= 14; nan_period += 7) {
            check(&all[i], BL_F32, false, nan_period);
            check(&all[i], BL_F64, false, nan_period);
        }
    }
}

Test(max_pool, adaptive)
{
    static const int64_t sizes[][4] = {{8, 8, 2, 4}, {7, 100, 3, 70}, {5, 130, 5, 65}, {3, 4, 6, 9}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        geometry g = {3,     {sizes[i][0], sizes[i][1]}, {sizes[i][2], sizes[i][3]}, {1, 1}, {0, 0}, {1, 1},
                      {0, 0}};
        check(&g, BL_F32, true, 0);
        check(&g, BL_F64, true, 5);
    }
}
