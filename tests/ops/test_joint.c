/* Cotangents that are put together: gradients are those of sums, programs are short, memory may run out. */
#include "check.h"
#include "support/failing_allocator.h"

#include <stdlib.h>
#include <string.h>

TestSuite(joint, .init = open_all, .fini = close_all);

/* Instructions of an op that compute a tensor, alone or with element-wise ops behind it. */
static size_t uses(bl_tensor *tensor, const char *op)
{
    static char text[1 << 16];
    size_t count = 0, length = strlen(op);
    bl_program *program = bl_compile(context, tensor);
    cr_assert_lt(bl_program_format(program, text, sizeof(text)), sizeof(text));
    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n')) {
        const char *name = line + 1 + strspn(line + 1, " 0123456789");
        count += strncmp(name, op, length) == 0 && (name[length] == ' ' || name[length] == '+');
    }
    bl_program_free(program);
    return count;
}

/* f = sum over the parts start .. stop of x of number * part^2, whose gradient is 2 number x. */
static bl_tensor *gradient_by_parts(bl_tensor *x, int axis, const int64_t (*parts)[2], int count)
{
    bl_tensor *sum = bl_full(graph, BL_F64, BL_SCALAR, 0);
    for (int i = 0; i < count; i++) {
        bl_tensor *part = bl_slice(x, axis, parts[i][0], parts[i][1], 1);
        sum = bl_add(sum, bl_mul_scalar(bl_sum(bl_square(part), BL_ALL_AXES, false), i + 1));
    }
    return bl_gradient(sum, x);
}

Test(joint, slices)
{
    bl_tensor *x = REAL(BL_SHAPE(6), 1, 2, 3, 4, 5, 6);
    bl_tensor *all = gradient_by_parts(x, 0, (const int64_t[][2]){{0, 1}, {1, 4}, {4, 6}}, 3);
    EXPECT(all, 2, 8, 12, 16, 30, 36);
    cr_expect_eq(uses(all, "concat"), 1);
    cr_expect_eq(uses(all, "slice_backward"), 0);
    /* recorded from the back; not all of the axis; with a gap; one over another; nothing */
    bl_tensor *turned = gradient_by_parts(x, 0, (const int64_t[][2]){{4, 6}, {1, 4}, {0, 1}}, 3);
    EXPECT(turned, 6, 8, 12, 16, 10, 12);
    cr_expect_eq(uses(turned, "slice_backward"), 0);
    bl_tensor *part = gradient_by_parts(x, 0, (const int64_t[][2]){{1, 2}, {2, 5}}, 2);
    EXPECT(part, 0, 4, 12, 16, 20, 0);
    cr_expect_eq(uses(part, "slice_backward"), 1);
    EXPECT(gradient_by_parts(x, 0, (const int64_t[][2]){{0, 2}, {3, 6}}, 2), 2, 4, 0, 16, 20, 24);
    EXPECT(gradient_by_parts(x, 0, (const int64_t[][2]){{0, 4}, {2, 6}}, 2), 2, 4, 18, 24, 20, 24);
    EXPECT(gradient_by_parts(x, 0, (const int64_t[][2]){{0, 3}, {3, 3}, {3, 6}}, 3), 2, 4, 6, 24, 30, 36);
}

/* Along different axes, with steps, and beside a cotangent of the whole; twice. */
Test(joint, slices_and_others)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
    bl_tensor *parts[] = {bl_slice(x, 0, 0, 1, 1), bl_slice(x, 0, 1, 2, 1), bl_slice(x, 1, 0, 1, 1),
                          bl_slice(x, 1, 1, 2, 1), bl_slice(x, 1, 0, 2, 2), x};
    bl_tensor *sum = bl_full(graph, BL_F64, BL_SCALAR, 0);
    for (int i = 0; i < 6; i++)
        sum = bl_add(sum, bl_mul_scalar(bl_sum(bl_pow_scalar(parts[i], 3), BL_ALL_AXES, false), i + 1));
    bl_tensor *once = bl_gradient(sum, x);
    EXPECT(once, 3 * 15, 3 * 4 * 11, 3 * 9 * 16, 3 * 16 * 12);
    EXPECT(bl_gradient(once, x), 6 * 15, 6 * 2 * 11, 6 * 3 * 16, 6 * 4 * 12);
}

enum {
    WIDE = 32, /* a product over one or two rows is thin for a matrix of WIDE x WIDE */
    STEPS = 70 /* more rows than wait at a time */
};

/* y = x W^T or x W applied over and over; its gradient by W is a sum of thin products. */
static bl_tensor *recurrence(bl_tensor *w, bl_tensor *x, int steps, bool linear)
{
    for (int i = 0; i < steps; i++)
        x = bl_tanh(linear ? bl_linear(x, w, NULL) : bl_matmul(x, w));
    return bl_sum(x, BL_ALL_AXES, false);
}

static bl_tensor *small_matrix(int64_t rows, int64_t columns)
{
    bl_tensor *count = bl_cast(bl_arange(graph, BL_I64, 0, (double)(rows * columns), 1), BL_F64);
    return bl_reshape(bl_mul_scalar(bl_sin(count), 0.2), BL_SHAPE(rows, columns));
}

/* The derivative along v, by differences. */
static double slope(bl_tensor *w, bl_tensor *v, bl_tensor *x, int steps, bool linear)
{
    double up, down, step = 1e-5;
    bl_tensor *ahead = recurrence(bl_add(w, bl_mul_scalar(v, step)), x, steps, linear);
    bl_tensor *behind = recurrence(bl_sub(w, bl_mul_scalar(v, step)), x, steps, linear);
    cr_assert_eq(bl_eval(ahead, &up, sizeof(up)), BL_OK);
    cr_assert_eq(bl_eval(behind, &down, sizeof(down)), BL_OK);
    return (up - down) / (2 * step);
}

Test(joint, products)
{
    for (int linear = 0; linear < 2; linear++) {
        bl_tensor *w = small_matrix(WIDE, WIDE), *x = small_matrix(2, WIDE), *v = bl_cos(w);
        bl_tensor *few = bl_gradient(recurrence(w, x, 5, linear), w);
        EXPECT_NEAR(bl_sum(bl_mul(few, v), BL_ALL_AXES, false), 1e-8, slope(w, v, x, 5, linear));
        cr_expect_eq(uses(few, "matmul"), 5 + 4 + 1);
        cr_expect_eq(uses(few, "concat"), 2);
        bl_tensor *many = bl_gradient(recurrence(w, x, STEPS, linear), w);
        EXPECT_NEAR(bl_sum(bl_mul(many, v), BL_ALL_AXES, false), 1e-8, slope(w, v, x, STEPS, linear));
        cr_expect_lt(uses(many, "matmul"), 2 * STEPS + 8);
        cr_expect_gt(uses(many, "concat"), 2);
    }
}

/* The left factor lies as it is recorded, not turned over: W x_1, W x_2, .. of columns. */
Test(joint, products_of_columns)
{
    bl_tensor *w = small_matrix(WIDE, WIDE), *sum = bl_full(graph, BL_F64, BL_SCALAR, 0);
    double expected[2] = {0, 0};
    for (int i = 1; i <= 4; i++) {
        bl_tensor *x = bl_full(graph, BL_F64, BL_SHAPE(WIDE, 1), i);
        bl_tensor *rows = bl_reshape(bl_arange(graph, BL_F64, 0, WIDE, 1), BL_SHAPE(WIDE, 1));
        sum = bl_add(sum, bl_sum(bl_mul(bl_matmul(w, x), bl_add_scalar(rows, i)), BL_ALL_AXES, false));
        expected[0] += i * i;
        expected[1] += i * (1 + i);
    }
    bl_tensor *gradient = bl_gradient(sum, w); /* row r: sum of i (r + i) */
    EXPECT(bl_slice(bl_slice(gradient, 0, 0, 2, 1), 1, 5, 6, 1), expected[0], expected[1]);
    cr_expect_eq(uses(gradient, "matmul"), 1);
    cr_expect_eq(uses(gradient, "concat"), 2);
}

/* The left factors are inputs, of which nothing else is known. */
Test(joint, products_of_inputs)
{
    bl_tensor *w = small_matrix(WIDE, WIDE), *y[3], *g[3], *gradient;
    const char *names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        y[i] = bl_matmul(w, bl_full(graph, BL_F64, BL_SHAPE(WIDE, 1), i + 1));
        g[i] = bl_input(graph, names[i], BL_F64, BL_SHAPE(WIDE, 1));
    }
    cr_assert_eq(bl_grad(y, 3, g, &w, 1, &gradient), BL_OK);
    bl_program *program = bl_compile(context, gradient);
    for (int i = 0; i < 3; i++) {
        double values[WIDE];
        for (int r = 0; r < WIDE; r++)
            values[r] = r + i;
        cr_assert_eq(bl_set_input(program, g[i], values, sizeof(values)), BL_OK);
    }
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    for (int64_t r = 0; r < WIDE; r++) /* sum of (i + 1) (r + i) */
        cr_expect_float_eq(bl_item_at(program, gradient, BL_SHAPE(r, 7)), 6.0 * (double)r + 8, 1e-12);
    bl_program_free(program);
    cr_expect_eq(uses(gradient, "matmul"), 1);
}

/* Products that are not thin are added as ever. */
Test(joint, thick_products)
{
    bl_tensor *w = small_matrix(4, 4), *x = small_matrix(3, 4), *v = bl_cos(w);
    bl_tensor *gradient = bl_gradient(recurrence(w, x, 3, true), w);
    EXPECT_NEAR(bl_sum(bl_mul(gradient, v), BL_ALL_AXES, false), 1e-8, slope(w, v, x, 3, true));
    cr_expect_eq(uses(gradient, "concat"), 0);
}

/* Every allocation fails once: an error of the graph, and no harm. */
Test(joint, out_of_memory)
{
    failing_allocator allocator;
    char complaint[256];
    failing_allocator_init(&allocator);
    bool failed = true;
    for (long k = 1; failed; k++) {
        bl_context *own = failing_allocator_context(&allocator);
        bl_graph *g = bl_graph_new(own);
        bl_tensor *w = bl_input(g, "w", BL_F32, BL_SHAPE(WIDE, WIDE));
        bl_tensor *h = bl_input(g, "x", BL_F32, BL_SHAPE(1, WIDE)), *gradient;
        for (int i = 0; i < STEPS; i++) {
            bl_tensor *y = bl_linear(h, w, NULL);
            bl_tensor *halves[] = {bl_slice(y, 1, 0, WIDE / 2, 1), bl_slice(y, 1, WIDE / 2, WIDE, 1)};
            h = bl_concat((bl_tensor *[]){bl_tanh(halves[1]), halves[0]}, 2, 1);
        }
        failing_allocator_fail(&allocator, k, false);
        bl_status status = bl_grad(&h, 1, NULL, &w, 1, &gradient);
        failed = failing_allocator_has_failed(&allocator);
        failing_allocator_relent(&allocator);
        cr_assert_eq(status, failed ? BL_ERR_MEMORY : BL_OK, "allocation %ld", k);
        bl_graph_free(g);
        bl_context_free(own);
        cr_assert(failing_allocator_clean(&allocator, complaint, sizeof(complaint)), "%s", complaint);
    }
}
