/* Programs on several threads: the same bits as on one. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(threads, .init = open_all, .fini = close_all);

static const int counts[] = {1, 2, 3, 4, 8};

/* Values that are not exact, so that another order of a sum would show. */
static bl_tensor *noise(const char *name, bl_shape shape)
{
    return bl_input(graph, name, BL_F32, shape);
}

static void fill(bl_program *program, const bl_tensor *input, unsigned seed)
{
    size_t count = (size_t)bl_tensor_count(input);
    float *values = malloc(count * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) / (float)(1 << 24) - 0.5f;
    }
    cr_assert_eq(bl_set_input(program, input, values, count * sizeof(*values)), BL_OK);
    free(values);
}

/* Runs what computes `outputs` on each number of threads, several times, and compares the bits. */
static void expect_same_bits(bl_tensor *const *inputs, int input_count, bl_tensor *const *outputs,
                             size_t output_count)
{
    void *first[8] = {NULL};
    for (size_t t = 0; t < sizeof(counts) / sizeof(counts[0]); t++) {
        bl_compile_options options = bl_compile_defaults();
        options.threads = counts[t];
        bl_program *program = bl_compile_list(context, outputs, output_count, &options);
        for (int i = 0; i < input_count; i++)
            fill(program, inputs[i], (unsigned)i + 1);
        for (int repeat = 0; repeat < 4; repeat++) {
            cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
            for (size_t o = 0; o < output_count; o++) {
                size_t bytes =
                    (size_t)bl_tensor_count(outputs[o]) * bl_dtype_size(bl_tensor_dtype(outputs[o]));
                const void *data = bl_output_data(program, outputs[o]);
                if (!first[o])
                    first[o] = memcpy(malloc(bytes), data, bytes);
                cr_assert_eq(memcmp(first[o], data, bytes), 0, "output %zu on %d threads", o, counts[t]);
            }
        }
        bl_program_free(program);
    }
    for (size_t o = 0; o < output_count; o++)
        free(first[o]);
}

Test(threads, large_products)
{
    static const int64_t sizes[][3] = {{300, 270, 310}, {257, 1030, 700}, {1200, 64, 90}, {128, 1024, 784}};
    for (int i = 0; i < 4; i++) {
        bl_graph_reset(graph);
        int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
        bl_tensor *a = noise("a", BL_SHAPE(m, k)), *b = noise("b", BL_SHAPE(k, n));
        bl_tensor *inputs[] = {a, b};
        bl_tensor *c = bl_matmul(a, b), *square = bl_square(c), *gradients[2];
        cr_assert_eq(bl_grad(&square, 1, NULL, inputs, 2, gradients), BL_OK);
        bl_tensor *outputs[] = {c, gradients[0], gradients[1]};
        expect_same_bits(inputs, 2, outputs, 3);
    }
}

Test(threads, batches_of_products)
{
    static const int64_t sizes[][4] = {{64, 70, 33, 40}, {200, 8, 8, 8}, {5, 300, 260, 270}};
    for (int i = 0; i < 3; i++) {
        bl_graph_reset(graph);
        int64_t batch = sizes[i][0], m = sizes[i][1], n = sizes[i][2], k = sizes[i][3];
        bl_tensor *a = noise("a", BL_SHAPE(batch, 3, m, k)), *b = noise("b", BL_SHAPE(batch, 1, k, n));
        bl_tensor *inputs[] = {a, b}, *outputs[] = {bl_matmul(a, b)};
        expect_same_bits(inputs, 2, outputs, 1);
    }
}

/* Groups and single ops over long rows, short rows, broadcasts, turned inputs, and more elements than a part
 * has. */
Test(threads, element_wise)
{
    static const int64_t sizes[][2] = {{3, 100000}, {50000, 5}, {900, 301}, {1, 300001}};
    for (int i = 0; i < 4; i++) {
        bl_graph_reset(graph);
        int64_t rows = sizes[i][0], columns = sizes[i][1];
        bl_tensor *a = noise("a", BL_SHAPE(rows, columns)), *b = noise("b", BL_SHAPE(columns, rows));
        bl_tensor *row = noise("row", BL_SHAPE(columns)), *column = noise("column", BL_SHAPE(rows, 1));
        bl_tensor *inputs[] = {a, b, row, column};
        bl_tensor *t = bl_add(bl_mul(a, bl_transpose(b, 0, 1)), bl_mul(row, column));
        bl_tensor *sum = bl_sum(bl_square(bl_sin(a)), BL_ALL_AXES, false); /* ends a group */
        bl_tensor *outputs[] = {bl_tanh(bl_mul_scalar(t, 0.7)), bl_exp(a), bl_add(a, row), t, sum};
        expect_same_bits(inputs, 4, outputs, 5);
    }
}

/* Few results of many elements, and many of few, along rows and across them. */
Test(threads, reductions)
{
    static const int64_t sizes[][2] = {{1, 200000}, {70000, 3}, {40000, 20}, {300, 700}, {3, 70000}};
    for (int i = 0; i < 5; i++) {
        bl_graph_reset(graph);
        bl_tensor *x = noise("x", BL_SHAPE(sizes[i][0], sizes[i][1]));
        bl_tensor *outputs[] = {
            bl_sum(x, BL_ALL_AXES, false),   bl_sum(x, BL_AXES(0), false),
            bl_sum(x, BL_AXES(1), true),     bl_max(x, BL_AXES(0), false),
            bl_argmax(x, BL_AXES(1), false), bl_sum(bl_transpose(x, 0, 1), BL_ALL_AXES, false)};
        expect_same_bits(&x, 1, outputs, 6);
    }
}

/* Blocks of rows and chunks of classes, several of each, and fewer chunks than parts. */
Test(threads, linear_and_cross_entropy)
{
    static const int64_t sizes[] = {3001, 1153, 600};
    int64_t classes[600];
    for (int i = 0; i < 3; i++) {
        bl_graph_reset(graph);
        bl_tensor *x = noise("x", BL_SHAPE(600, 48)), *w = noise("w", BL_SHAPE(sizes[i], 48)),
                  *b = noise("b", BL_SHAPE(sizes[i]));
        bl_tensor *inputs[] = {x, w, b}, *outputs[4];
        for (int r = 0; r < 600; r++)
            classes[r] = r % 7 == 2 ? -100 : r * 7919 % sizes[i];
        outputs[0] = bl_linear_cross_entropy(x, w, b, bl_constant(graph, BL_I64, BL_SHAPE(600), classes));
        cr_assert_eq(bl_grad(outputs, 1, NULL, inputs, 3, outputs + 1), BL_OK);
        expect_same_bits(inputs, 3, outputs, 4);
        expect_same_bits(inputs, 3, outputs, 1);
    }
}

/* Rows in blocks: forward and back. */
Test(threads, rows)
{
    bl_tensor *x = noise("x", BL_SHAPE(611, 257)), *w = noise("w", BL_SHAPE(257)),
              *b = noise("b", BL_SHAPE(257));
    bl_tensor *inputs[] = {x, w, b}, *outputs[8], *y;
    int64_t classes[611];
    for (int i = 0; i < 611; i++)
        classes[i] = i % 257;
    outputs[0] = bl_softmax(x, -1);
    outputs[1] = bl_log_softmax(x, 1);
    outputs[2] = bl_layer_norm(x, BL_SHAPE(257), w, b, 1e-5);
    outputs[3] = bl_cross_entropy(x, bl_constant(graph, BL_I64, BL_SHAPE(611), classes));
    for (int i = 0; i < 4; i++) {
        y = bl_sum(bl_square(outputs[i]), BL_ALL_AXES, false);
        outputs[4 + i] = bl_gradient(y, x);
    }
    expect_same_bits(inputs, 3, outputs, 8);
    bl_tensor *wrt[] = {w, b}, *loss = bl_sum(bl_square(outputs[2]), BL_ALL_AXES, false);
    cr_assert_eq(bl_grad(&loss, 1, NULL, wrt, 2, outputs), BL_OK);
    expect_same_bits(inputs, 3, outputs, 2);
}

/* Tiles within images and of several, with padding and without, groups, and DW as one sum and as many. */
Test(threads, convolutions)
{
    /* images, in, out, size, kernel, padding, groups */
    static const int64_t sizes[][7] = {{16, 1, 6, 28, 5, 2, 1},
                                       {40, 6, 16, 14, 5, 0, 1},
                                       {70, 8, 12, 7, 3, 1, 4},
                                       {2, 16, 8, 61, 3, 1, 2},
                                       {3, 200, 160, 9, 3, 1, 1}};
    for (int i = 0; i < 5; i++) {
        bl_graph_reset(graph);
        const int64_t *s = sizes[i];
        bl_conv_options options = bl_conv_defaults();
        options.padding[0] = options.padding[1] = s[5];
        options.groups = s[6];
        bl_tensor *x = noise("x", BL_SHAPE(s[0], s[1], s[3], s[3]));
        bl_tensor *weight = noise("weight", BL_SHAPE(s[2], s[1] / s[6], s[4], s[4]));
        bl_tensor *inputs[] = {x, weight}, *y = bl_conv2d_with(x, weight, NULL, &options);
        bl_tensor *square = bl_square(y), *gradients[2];
        cr_assert_eq(bl_grad(&square, 1, NULL, inputs, 2, gradients), BL_OK);
        bl_tensor *outputs[] = {y, gradients[0], gradients[1]};
        expect_same_bits(inputs, 2, outputs, 3);
    }
}

/* Windows that meet and that overlap, and the derivative of their derivative. */
Test(threads, max_pools)
{
    for (int64_t stride = 1; stride <= 2; stride++) {
        bl_graph_reset(graph);
        bl_max_pool_options options = bl_max_pool_defaults(3);
        options.stride[0] = options.stride[1] = stride;
        options.padding[0] = options.padding[1] = 1;
        bl_tensor *x = noise("x", BL_SHAPE(20, 10, 31, 37)), *y = bl_max_pool2d_with(x, &options);
        bl_tensor *once = bl_gradient(bl_square(y), x);
        bl_tensor *outputs[] = {y, bl_output(y, 1), once, bl_gradient(bl_square(once), x)};
        expect_same_bits(&x, 1, outputs, 4);
    }
}
