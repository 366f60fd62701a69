/* The three convolution kernels against plain loops, over one to three axes, in one tile and in several. */
#include "call.h"

#include <criterion/criterion.h>
#include <string.h>

/* x [N, in, ..], weight [out, in / groups, ..] and y [N, out, ..] of one convolution. */
typedef struct geometry {
    bl__convolution_attributes attributes;
    bl_shape x, weight, y;
} geometry;

static geometry make_geometry(int spatial, int64_t groups, int64_t images, int64_t in, int64_t out,
                              const int64_t *size, const int64_t *kernel, const int64_t *stride,
                              const int64_t *padding, const int64_t *dilation)
{
    geometry g = {.attributes = {.spatial = spatial, .groups = groups}};
    g.x = (bl_shape){.rank = spatial + 2, .size = {images, in}};
    g.weight = (bl_shape){.rank = spatial + 2, .size = {out, in / groups}};
    g.y = (bl_shape){.rank = spatial + 2, .size = {images, out}};
    for (int d = 0; d < spatial; d++) {
        g.attributes.stride[d] = stride[d];
        g.attributes.padding[d] = padding[d];
        g.attributes.dilation[d] = dilation[d];
        g.x.size[d + 2] = size[d];
        g.weight.size[d + 2] = kernel[d];
        g.y.size[d + 2] = (size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1;
    }
    return g;
}

/* Element number i of a shape, as an index an axis. */
static void unravel(bl_shape shape, int64_t i, int64_t *index)
{
    for (int d = shape.rank - 1; d >= 0; d--) {
        index[d] = i % shape.size[d];
        i /= shape.size[d];
    }
}

/* The element of x that output `at` meets under weight `k`; -1 in the padding or in another group. */
static int64_t met(const geometry *g, const int64_t *at, const int64_t *k)
{
    int64_t group = k[0] / (g->weight.size[0] / g->attributes.groups);
    int64_t offset = at[0] * g->x.size[1] + group * g->weight.size[1] + k[1];
    if (at[1] != k[0])
        return -1;
    for (int d = 2; d < g->x.rank; d++) {
        int64_t index = at[d] * g->attributes.stride[d - 2] + k[d] * g->attributes.dilation[d - 2] -
                        g->attributes.padding[d - 2];
        if (index < 0 || index >= g->x.size[d])
            return -1;
        offset = offset * g->x.size[d] + index;
    }
    return offset;
}

enum {
    X,
    WEIGHT,
    Y
};

/* Adds to each element of the `wanted` of the three what the other two make there. */
static void expect(const geometry *g, tensor *const *t, int wanted, double *sums)
{
    int64_t at[BL_MAX_RANK], k[BL_MAX_RANK], block = bl_shape_count(g->weight) / g->weight.size[0];
    for (int64_t i = 0; i < bl_shape_count(g->y); i++) {
        unravel(g->y, i, at);
        for (int64_t j = at[1] * block; j < (at[1] + 1) * block; j++) {
            unravel(g->weight, j, k);
            int64_t from = met(g, at, k);
            if (from < 0)
                continue;
            if (wanted == Y)
                sums[i] += get(t[X], from) * get(t[WEIGHT], j);
            else if (wanted == X)
                sums[from] += get(t[Y], i) * get(t[WEIGHT], j);
            else
                sums[j] += get(t[X], from) * get(t[Y], i);
        }
    }
}

static void check(const geometry *g, bl_dtype dtype, int wanted)
{
    static const int keys[] = {BL__KEY_convolution_input, BL__KEY_convolution_weight, BL__KEY_convolution};
    static const int operands[][2] = {{Y, WEIGHT}, {X, Y}, {X, WEIGHT}};
    tensor *t[] = {new_tensor(dtype, g->x, PLAIN), new_tensor(dtype, g->weight, PLAIN),
                   new_tensor(dtype, g->y, PLAIN)};
    tensor *sums = new_tensor(BL_F64, BL_SHAPE(t[wanted]->operand.count), PLAIN);
    for (int i = 0; i < 3; i++) {
        if (i != wanted)
            set_all(t[i], i == X ? 97 : 31);
    }
    memset(sums->memory, 0, (size_t)sums->operand.count * sizeof(double));
    expect(g, t, wanted, sums->memory);
    tensor *inputs[] = {t[operands[wanted][0]], t[operands[wanted][1]]};
    cr_assert_eq(call_kernel(keys[wanted], inputs, 2, t[wanted], &g->attributes), BL_OK);
    for (int64_t i = 0; i < sums->operand.count; i++)
        cr_assert_eq(get(t[wanted], i), get(sums, i), "axes %d, result %d, element %d: %g, not %g",
                     (int)g->attributes.spatial, wanted, (int)i, get(t[wanted], i), get(sums, i));
    free_tensor(sums);
    for (int i = 0; i < 3; i++)
        free_tensor(t[i]);
}

static void check_all(const geometry *g)
{
    for (int wanted = X; wanted <= Y; wanted++) {
        check(g, BL_F32, wanted);
        check(g, BL_F64, wanted);
    }
}

/* List of numbers, one a spatial axis. */
#define AXES(...) ((const int64_t[]){__VA_ARGS__})

Test(convolution, small)
{
    const geometry all[] = {
        make_geometry(1, 1, 2, 3, 4, AXES(7), AXES(3), AXES(1), AXES(1), AXES(1)),
        make_geometry(1, 2, 3, 4, 6, AXES(11), AXES(2), AXES(3), AXES(4), AXES(3)),
        make_geometry(1, 1, 1, 1, 1, AXES(1), AXES(5), AXES(1), AXES(4), AXES(1)),
        make_geometry(2, 1, 2, 3, 2, AXES(4, 0), AXES(3, 2), AXES(1, 1), AXES(1, 2), AXES(1, 1)),
        make_geometry(2, 1, 2, 2, 3, AXES(5, 6), AXES(3, 2), AXES(2, 1), AXES(1, 0), AXES(1, 2)),
        make_geometry(2, 3, 2, 3, 3, AXES(4, 5), AXES(2, 3), AXES(1, 3), AXES(1, 2), AXES(2, 1)),
        make_geometry(3, 2, 2, 4, 2, AXES(3, 4, 5), AXES(2, 1, 3), AXES(1, 2, 2), AXES(1, 0, 1),
                      AXES(1, 3, 1)),
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        check_all(&all[i]);
}

/* Tiles within an image, which begin and end inside lines. */
Test(convolution, several_tiles)
{
    geometry g = make_geometry(2, 1, 3, 20, 2, AXES(20, 33), AXES(3, 5), AXES(1, 1), AXES(1, 2), AXES(1, 1));
    check_all(&g);
    g = make_geometry(1, 2, 2, 300, 4, AXES(1500), AXES(3), AXES(2), AXES(1), AXES(1));
    check_all(&g);
    g = make_geometry(3, 1, 2, 60, 3, AXES(5, 9, 11), AXES(3, 2, 3), AXES(1, 1, 2), AXES(1, 1, 2),
                      AXES(1, 2, 1));
    check_all(&g);
}

/* One tile an image, and several images a tile, the last with fewer: with padding and without. */
Test(convolution, whole_images)
{
    for (int64_t padding = 0; padding < 3; padding++) {
        geometry g = make_geometry(2, 2, 5, 6, 4, AXES(12, 17), AXES(3, 5), AXES(1, 1),
                                   AXES(padding, padding), AXES(1, 2));
        check_all(&g);
        g = make_geometry(2, 1, 90, 3, 5, AXES(6, 7), AXES(3, 2), AXES(2, 1), AXES(padding, padding),
                          AXES(1, 1));
        check_all(&g);
        g = make_geometry(1, 3, 150, 3, 3, AXES(19), AXES(4), AXES(1), AXES(padding), AXES(2));
        check_all(&g);
    }
}

/* DW as several sums, with more elements than are added in a part, and as one sum. */
Test(convolution, sums)
{
    geometry g = make_geometry(1, 1, 20, 50, 40, AXES(70), AXES(3), AXES(1), AXES(1), AXES(1));
    check(&g, BL_F32, WEIGHT);
    check(&g, BL_F64, WEIGHT);
    g = make_geometry(1, 1, 3, 300, 300, AXES(70), AXES(3), AXES(1), AXES(0), AXES(1));
    check(&g, BL_F32, WEIGHT);
}

/* A kernel of one element, over images that are their own columns, and over ones that are too small. */
Test(convolution, one_element)
{
    geometry g = make_geometry(2, 2, 3, 4, 6, AXES(9, 8), AXES(1, 1), AXES(1, 1), AXES(0, 0), AXES(1, 1));
    check_all(&g);
    g = make_geometry(1, 1, 40, 3, 2, AXES(1), AXES(1), AXES(1), AXES(0), AXES(1));
    check_all(&g);
    g = make_geometry(1, 1, 2, 1, 1, AXES(64), AXES(1), AXES(1), AXES(0), AXES(1));
    check_all(&g);
}

Test(convolution, other_dtypes_are_refused)
{
    geometry g = make_geometry(1, 1, 1, 1, 1, AXES(2), AXES(1), AXES(1), AXES(0), AXES(1));
    tensor *x = new_tensor(BL_I32, g.x, PLAIN), *weight = new_tensor(BL_I32, g.weight, PLAIN);
    tensor *y = new_tensor(BL_I32, g.y, PLAIN), *inputs[] = {x, weight};
    cr_assert_eq(call_kernel(BL__KEY_convolution, inputs, 2, y, &g.attributes), BL_ERR_DTYPE);
    cr_assert_str_eq(reason, "no kernel for i32");
    free_tensor(x);
    free_tensor(weight);
    free_tensor(y);
}
