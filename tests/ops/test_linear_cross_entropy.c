/* linear_cross_entropy: what linear and cross_entropy give, over several blocks and chunks; where the two
 * become it; and its memory. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

TestSuite(linear_cross_entropy, .init = open_all, .fini = close_all);

static const double nan_ = (double)NAN;

enum {
    ROWS = 300, /* two blocks */
    CLASSES = 1100,
    WIDTH = 20
};

static bl_tensor *numbers(bl_dtype dtype, bl_shape shape, double phase)
{
    int64_t count = bl_shape_count(shape);
    double *values = malloc((size_t)(count + 1) * sizeof(*values));
    for (int64_t i = 0; i < count; i++)
        values[i] = (double)(float)sin((double)i * 1.7 + phase);
    bl_tensor *made = bl_constant(graph, BL_F64, shape, values);
    free(values);
    return bl_cast(bl_mul_scalar(made, 1), dtype);
}

/* Every ninth one is ignored. */
static bl_tensor *targets(bl_shape shape, int64_t classes)
{
    int64_t values[2048], count = bl_shape_count(shape);
    for (int64_t i = 0; i < count; i++)
        values[i] = i % 9 == 4 ? -100 : i * 7919 % classes;
    return bl_constant(graph, BL_I64, shape, values);
}

static bool uses(bl_tensor *const *outputs, size_t count, const char *name)
{
    static char text[1 << 16];
    bl_program *program = bl_compile_list(context, outputs, count, NULL);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    bl_program_format(program, text, sizeof(text));
    bl_program_free(program);
    return strstr(text, name) != NULL;
}

static bool is_fused(bl_tensor *output)
{
    return uses(&output, 1, "linear_cross_entropy");
}

/* Values of outputs that belong together. */
static void run(bl_tensor *const *outputs, size_t count, double **values)
{
    bl_program *program = bl_compile_list(context, outputs, count, NULL);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    for (size_t i = 0; i < count; i++) {
        size_t elements = (size_t)bl_tensor_count(outputs[i]);
        values[i] = malloc((elements + 1) * sizeof(double));
        to_doubles(bl_tensor_dtype(outputs[i]), bl_output_data(program, outputs[i]), elements, values[i]);
    }
    bl_program_free(program);
}

static void expect_alike(bl_tensor *const *a, bl_tensor *const *b, size_t count, double tolerance)
{
    double *x[8], *y[8];
    run(a, count, x);
    run(b, count, y);
    for (size_t i = 0; i < count; i++) {
        cr_assert(bl_shape_equal(bl_tensor_shape(a[i]), bl_tensor_shape(b[i])));
        for (int64_t k = 0; k < bl_tensor_count(a[i]); k++)
            cr_assert(fabs(x[i][k] - y[i][k]) <= tolerance || (isnan(x[i][k]) && isnan(y[i][k])),
                      "output %zu, element %lld: %.17g, not %.17g", i, (long long)k, x[i][k], y[i][k]);
        free(x[i]);
        free(y[i]);
    }
}

/* The loss and its gradients by x, weight and bias, weighted where there are several losses. */
static void differentiate(bl_tensor *loss, bl_tensor *const *wrt, bl_tensor **outputs)
{
    bl_shape shape = bl_tensor_shape(loss);
    bl_tensor *g = shape.rank > 0 ? numbers(bl_tensor_dtype(loss), shape, 2) : NULL;
    outputs[0] = loss;
    cr_assert_eq(bl_grad(&loss, 1, &g, wrt, 3, outputs + 1), BL_OK, "%s", error_text(bl_graph_error(graph)));
}

Test(linear_cross_entropy, is_linear_and_cross_entropy)
{
    for (int i = 0; i < 24; i++) {
        bl_graph_reset(graph);
        bl_dtype dtype = i % 2 ? BL_F32 : BL_F64;
        bl_cross_entropy_options options = bl_cross_entropy_defaults();
        options.reduction = (bl_reduction)(i / 2 % 3);
        options.label_smoothing = i / 6 % 2 ? 0.2 : 0;
        if (i >= 12)
            options.weight = bl_abs(numbers(dtype, BL_SHAPE(CLASSES), 4));
        bl_tensor *wrt[] = {numbers(dtype, BL_SHAPE(2, ROWS / 2, WIDTH), 0),
                            numbers(dtype, BL_SHAPE(CLASSES, WIDTH), 1),
                            numbers(dtype, BL_SHAPE(CLASSES), 3)};
        bl_tensor *classes = targets(BL_SHAPE(2, ROWS / 2), CLASSES), *fused[4], *recorded[4];
        differentiate(bl_linear_cross_entropy_with(wrt[0], wrt[1], wrt[2], classes, &options), wrt, fused);
        cr_assert_eq(is_fused(fused[0]), !options.weight || options.label_smoothing == 0);
        bl_graph_set_rewriting(graph, false);
        differentiate(bl_cross_entropy_with(bl_linear(wrt[0], wrt[1], wrt[2]), classes, &options), wrt,
                      recorded);
        cr_assert_not(uses(recorded, 4, "linear_cross_entropy"));
        expect_alike(fused, recorded, 4, dtype == BL_F32 ? 2e-4 : 1e-11);
        bl_graph_set_rewriting(graph, true);
    }
}

/* Rows about where a block ends, and classes about where there is a chunk, or a part, more. */
Test(linear_cross_entropy, any_numbers_of_rows_and_classes)
{
    static const int64_t rows[] = {1, 17, 255, 257, 513}, classes[] = {1, 11, 49, 145, 385, 1009, 1153};
    for (int i = 0; i < 5 * 7; i++) {
        bl_graph_reset(graph);
        int64_t n = rows[i % 5], count = classes[i / 5], width = i % 3 ? 3 : 65;
        bl_dtype dtype = i % 2 ? BL_F32 : BL_F64;
        bl_tensor *wrt[] = {numbers(dtype, BL_SHAPE(n, width), 0), numbers(dtype, BL_SHAPE(count, width), 1),
                            numbers(dtype, BL_SHAPE(count), 3)};
        bl_tensor *hot = targets(BL_SHAPE(n), count), *fused[4], *recorded[4];
        differentiate(bl_linear_cross_entropy(wrt[0], wrt[1], wrt[2], hot), wrt, fused);
        bl_graph_set_rewriting(graph, false);
        differentiate(bl_cross_entropy(bl_linear(wrt[0], wrt[1], wrt[2]), hot), wrt, recorded);
        expect_alike(fused, recorded, 4, dtype == BL_F32 ? 2e-5 : 1e-12);
        bl_graph_set_rewriting(graph, true);
    }
}

/* A cotangent of 1 is what the gradients were computed for; another one counts, whatever made it. */
Test(linear_cross_entropy, cotangents)
{
    bl_tensor *x = numbers(BL_F64, BL_SHAPE(7, 3), 0), *w = numbers(BL_F64, BL_SHAPE(5, 3), 1);
    bl_tensor *loss = bl_linear_cross_entropy(x, w, NULL, targets(BL_SHAPE(7), 5));
    bl_tensor *once[2], *twice[2], *wrt[] = {x, w};
    cr_assert_eq(bl_grad(&loss, 1, NULL, wrt, 2, once), BL_OK);
    bl_tensor *two[] = {bl_full(graph, BL_F64, BL_SCALAR, 2),
                        bl_add_scalar(bl_full(graph, BL_F64, BL_SCALAR, 1), 1)};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(bl_grad(&loss, 1, &two[i], wrt, 2, twice), BL_OK);
        bl_tensor *doubled[] = {bl_mul_scalar(once[0], 2), bl_mul_scalar(once[1], 2)};
        expect_alike(twice, doubled, 2, 1e-14);
    }
}

Test(linear_cross_entropy, comes_of_linear_and_cross_entropy)
{
    bl_tensor *wrt[] = {numbers(BL_F64, BL_SHAPE(3, ROWS / 3, WIDTH), 0),
                        numbers(BL_F64, BL_SHAPE(CLASSES, WIDTH), 1), numbers(BL_F64, BL_SHAPE(CLASSES), 3)};
    bl_tensor *classes = targets(BL_SHAPE(3, ROWS / 3), CLASSES), *found[4], *recorded[4];
    for (int reduction = 0; reduction < 3; reduction++) {
        bl_cross_entropy_options options = bl_cross_entropy_defaults();
        options.reduction = (bl_reduction)reduction;
        bl_tensor *loss = bl_cross_entropy_with(bl_linear(wrt[0], wrt[1], wrt[2]), classes, &options);
        cr_assert(is_fused(loss)); /* for the compiler */
        differentiate(loss, wrt, found);
        cr_assert_not(uses(found, 4, "softmax"));
        bl_graph_set_rewriting(graph, false);
        loss = bl_cross_entropy_with(bl_linear(wrt[0], wrt[1], wrt[2]), classes, &options);
        cr_assert_not(is_fused(loss));
        differentiate(loss, wrt, recorded);
        bl_graph_set_rewriting(graph, true);
        expect_alike(found, recorded, 4, 1e-11);
    }
    /* As PyTorch's users write it: logits and targets in one long row. */
    bl_tensor *flat = bl_reshape(bl_linear(wrt[0], wrt[1], NULL), BL_SHAPE(ROWS, CLASSES));
    cr_assert(is_fused(bl_cross_entropy(flat, bl_reshape(classes, BL_SHAPE(ROWS)))));
}

/* A product with a weight that is not turned over is no linear layer of this op. */
Test(linear_cross_entropy, leaves_other_products)
{
    bl_tensor *x = numbers(BL_F64, BL_SHAPE(ROWS, WIDTH), 0), *classes = targets(BL_SHAPE(ROWS), CLASSES);
    bl_tensor *w = numbers(BL_F64, BL_SHAPE(WIDTH, CLASSES), 1);
    bl_tensor *weights[] = {w, bl_permute(w, BL_AXES(0, 1)), bl_mul_scalar(w, 2)};
    for (int i = 0; i < 3; i++)
        cr_expect_not(is_fused(bl_cross_entropy(bl_matmul(x, weights[i]), classes)));
}

Test(linear_cross_entropy, leaves_logits_that_are_wanted)
{
    bl_tensor *x = numbers(BL_F64, BL_SHAPE(ROWS, WIDTH), 0),
              *w = numbers(BL_F64, BL_SHAPE(CLASSES, WIDTH), 1);
    bl_tensor *classes = targets(BL_SHAPE(ROWS), CLASSES), *logits = bl_linear(x, w, NULL);
    bl_tensor *both[] = {bl_cross_entropy(logits, classes), logits};
    cr_assert_not(uses(both, 2, "linear_cross_entropy"));
    both[1] = bl_argmax(logits, BL_AXES(-1), false);
    cr_assert_not(uses(both, 2, "linear_cross_entropy"));
    cr_assert(is_fused(both[0]));
    /* Asked for later, when the loss has become one op. */
    logits = bl_linear(x, w, NULL);
    bl_tensor *loss = bl_cross_entropy(logits, classes), *by_w = bl_gradient(loss, w);
    cr_assert(is_fused(by_w));
    bl_tensor *found = bl_gradient(loss, logits);
    cr_assert_not(bl_is_unreached(found));
    bl_tensor *again = bl_linear(x, w, NULL),
              *recorded = bl_gradient(bl_cross_entropy(again, classes), again);
    expect_alike(&found, &recorded, 1, 1e-12);
    /* Small logits are in the cache anyway. */
    cr_assert_not(is_fused(bl_cross_entropy(bl_linear(numbers(BL_F64, BL_SHAPE(9, WIDTH), 0), w, NULL),
                                            targets(BL_SHAPE(9), CLASSES))));
}

Test(linear_cross_entropy, over_nothing)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, nan_, 3, 4), *w = REAL(BL_SHAPE(3, 2), 1, 2, 3, 4, 5, 6);
    bl_tensor *loss = bl_linear_cross_entropy(x, w, NULL, CONSTANT(BL_I64, BL_SHAPE(2), -100, -100));
    EXPECT(loss, nan_);
    EXPECT(bl_gradient(loss, x), 0, 0, 0, 0);
    EXPECT(bl_gradient(loss, w), 0, 0, 0, 0, 0, 0);
    bl_tensor *none = bl_constant(graph, BL_I64, BL_SHAPE(0), NULL);
    loss = bl_linear_cross_entropy(EMPTY(BL_SHAPE(0, 2)), w, NULL, none);
    EXPECT(loss, nan_);
    EXPECT(bl_gradient(loss, w), 0, 0, 0, 0, 0, 0);
    bl_tensor *narrow = EMPTY(BL_SHAPE(3, 0)), *zero = CONSTANT(BL_I64, BL_SHAPE(2), 0, 2);
    EXPECT(bl_linear_cross_entropy(EMPTY(BL_SHAPE(2, 0)), narrow, NULL, zero), log(3));
}

/* Logits of -infinity, over a whole chunk or a whole row; and NaN. */
Test(linear_cross_entropy, infinite_logits)
{
    double bias[CLASSES];
    for (int i = 0; i < CLASSES; i++)
        bias[i] = i < 600 ? -(double)INFINITY : 0;
    bl_tensor *x = numbers(BL_F64, BL_SHAPE(3, WIDTH), 0), *w = numbers(BL_F64, BL_SHAPE(CLASSES, WIDTH), 1);
    bl_tensor *b = bl_constant(graph, BL_F64, BL_SHAPE(CLASSES), bias);
    bl_tensor *classes = CONSTANT(BL_I64, BL_SHAPE(3), 700, 1000, 1099), *wrt[] = {x, w, b};
    bl_tensor *fused[4], *recorded[4];
    for (int i = 0; i < 2; i++) {
        differentiate(bl_linear_cross_entropy(x, w, wrt[2], classes), wrt, fused);
        differentiate(bl_cross_entropy(bl_linear(x, w, wrt[2]), classes), wrt, recorded);
        expect_alike(fused, recorded, 4, 1e-12);
        wrt[2] = i == 0 ? bl_full(graph, BL_F64, BL_SHAPE(CLASSES), -(double)INFINITY) : NULL;
    }
}

/* A target whose logit is -infinity, with smoothing: the loss is infinite. */
Test(linear_cross_entropy, infinite_logits_and_smoothing)
{
    double bias[CLASSES];
    for (int i = 0; i < CLASSES; i++)
        bias[i] = i < 600 ? -(double)INFINITY : 0;
    bl_tensor *x = numbers(BL_F64, BL_SHAPE(2, WIDTH), 0), *w = numbers(BL_F64, BL_SHAPE(CLASSES, WIDTH), 1);
    bl_tensor *b = bl_constant(graph, BL_F64, BL_SHAPE(CLASSES), bias);
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.label_smoothing = 0.1;
    options.reduction = BL_REDUCE_NONE;
    EXPECT(bl_linear_cross_entropy_with(x, w, b, CONSTANT(BL_I64, BL_SHAPE(2), 5, 700), &options),
           (double)INFINITY, (double)INFINITY);
}

/* One class that is all there is, with a bias of which its logit has no room for all digits. */
Test(linear_cross_entropy, the_logit_of_the_target_is_rounded_like_the_others)
{
    for (int i = 0; i < 2; i++) {
        bl_tensor *w = bl_cast(CONSTANT(BL_F64, BL_SHAPE(2, 1), i ? 1e6 : 1000, -1000), BL_F32);
        bl_tensor *b = bl_cast(CONSTANT(BL_F64, BL_SHAPE(2), 0.30001, 0), BL_F32);
        bl_tensor *x = bl_cast(CONSTANT(BL_F64, BL_SHAPE(1, 1), 1), BL_F32);
        EXPECT(bl_linear_cross_entropy(x, w, b, CONSTANT(BL_I64, BL_SHAPE(1), 0)), 0);
    }
}

/* More chunks than parts, and more rows than a block has: each chunk's largest logit is beyond that of the
 * chunks before it, or below: by so much that what is kept of those comes to nothing, by as much as counts,
 * or by so little that the powers go on from the largest of the chunks before. In f32, powers that did so
 * where it rises by much would be infinite. */
Test(linear_cross_entropy, logits_that_rise_and_fall)
{
    int64_t rows = 300, classes = 2500, width = 7;
    double bias[2500];
    bl_tensor *hot = targets(BL_SHAPE(rows), classes), *fused[4], *recorded[4];
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    const double steepness[] = {2, -2, 0.05, -0.05, 0.002, -0.002, 1, -1};
    for (int i = 0; i < 16; i++) {
        bl_dtype dtype = i % 8 < 6 ? BL_F64 : BL_F32;
        for (int c = 0; c < classes; c++)
            bias[c] = c * steepness[i % 8];
        options.label_smoothing = i / 8 ? 0.3 : 0;
        bl_tensor *b = bl_cast(bl_constant(graph, BL_F64, BL_SHAPE(classes), bias), dtype);
        bl_tensor *wrt[] = {numbers(dtype, BL_SHAPE(rows, width), 0),
                            numbers(dtype, BL_SHAPE(classes, width), 1), b};
        bl_graph_set_rewriting(graph, true);
        differentiate(bl_linear_cross_entropy_with(wrt[0], wrt[1], b, hot, &options), wrt, fused);
        cr_assert(is_fused(fused[0]));
        bl_graph_set_rewriting(graph, false);
        differentiate(bl_cross_entropy_with(bl_linear(wrt[0], wrt[1], b), hot, &options), wrt, recorded);
        expect_alike(fused, recorded, 4, dtype == BL_F32 ? 5e-4 : 1e-11);
        bl_graph_reset(graph);
        hot = targets(BL_SHAPE(rows), classes);
    }
}

Test(linear_cross_entropy, errors)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4), *w = REAL(BL_SHAPE(3, 2), 1, 2, 3, 4, 5, 6);
    bl_tensor *loss = bl_linear_cross_entropy(x, w, NULL, CONSTANT(BL_I64, BL_SHAPE(2), 0, 3));
    bl_program *program = bl_compile_list(context, &loss, 1, NULL);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert(error_says(bl_program_error(program), BL_ERR_INDEX, "target 3", "0..2", NULL));
    bl_program_free(program);
    bl_tensor *classes = CONSTANT(BL_I64, BL_SHAPE(2), 0, 1);
    EXPECT_ERROR(bl_linear_cross_entropy(x, REAL(BL_SHAPE(1, 3), 1, 2, 3), NULL, classes), BL_ERR_SHAPE,
                 "[2,2]", "[1,3]");
    EXPECT_ERROR(bl_linear_cross_entropy(x, w, REAL(BL_SHAPE(2), 1, 2), classes), BL_ERR_SHAPE, "bias",
                 "[2]");
    EXPECT_ERROR(bl_linear_cross_entropy(x, w, NULL, CONSTANT(BL_I64, BL_SHAPE(3), 0, 1, 1)), BL_ERR_SHAPE,
                 "bl_linear_cross_entropy: x of [2,2]", "[3]");
    EXPECT_ERROR(bl_linear_cross_entropy(REAL(BL_SCALAR, 1), w, NULL, classes), BL_ERR_SHAPE,
                 "bl_linear_cross_entropy: x is a scalar");
    EXPECT_ERROR(bl_linear_cross_entropy(x, w, NULL, NULL), BL_ERR_ARGUMENT, "NULL");
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.label_smoothing = 2;
    EXPECT_ERROR(bl_linear_cross_entropy_with(x, w, NULL, classes, &options), BL_ERR_ARGUMENT, "smoothing");
}

/* A weight that is both embedding and head: one gradient, the sum of both, in one array. */
Test(linear_cross_entropy, of_a_tied_weight)
{
    bl_tensor *w = numbers(BL_F64, BL_SHAPE(CLASSES, WIDTH), 1),
              *copy = numbers(BL_F64, BL_SHAPE(CLASSES, WIDTH), 1);
    bl_tensor *tokens = bl_abs(targets(BL_SHAPE(ROWS), CLASSES)), *classes = targets(BL_SHAPE(ROWS), CLASSES);
    bl_tensor *loss = bl_cross_entropy(bl_linear(bl_tanh(bl_embedding(w, tokens)), w, NULL), classes);
    bl_tensor *tied = bl_gradient(loss, w), *wrt[] = {w, copy}, *parts[2];
    bl_tensor *apart = bl_cross_entropy(bl_linear(bl_tanh(bl_embedding(w, tokens)), copy, NULL), classes);
    cr_assert_eq(bl_grad(&apart, 1, NULL, wrt, 2, parts), BL_OK);
    bl_tensor *sum = bl_add(bl_mul_scalar(parts[0], 1), parts[1]);
    expect_alike(&tied, &sum, 1, 1e-12);
    bl_program *program = bl_compile_list(context, &tied, 1, NULL);
    char text[4096];
    bl_program_format(program, text, sizeof(text));
    cr_assert_not(strstr(text, " add ") != NULL, "%s", text);
    bl_program_free(program);
}

/* The head of a language model: beside the weight's gradient, 12 MiB. */
Test(linear_cross_entropy, memory)
{
    int64_t vocabulary = 50257, width = 256, rows = 1024;
    bl_tensor *w = bl_input(graph, "w", BL_F32, BL_SHAPE(vocabulary, width));
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(rows, width));
    bl_tensor *classes = bl_input(graph, "classes", BL_I64, BL_SHAPE(rows));
    bl_tensor *wrt[] = {w, x}, *outputs[3] = {bl_cross_entropy(bl_linear(x, w, NULL), classes)};
    cr_assert_eq(bl_grad(outputs, 1, NULL, wrt, 2, outputs + 1), BL_OK);
    bl_compile_options options = bl_compile_defaults();
    for (options.threads = 1; options.threads <= 4; options.threads++) {
        bl_program *program = bl_compile_list(context, outputs, 3, &options);
        size_t gradient = (size_t)(vocabulary * width) * sizeof(float);
        cr_assert_lt(bl_program_workspace_bytes(program), gradient + (12 << 20));
        bl_program_free(program);
    }
}
