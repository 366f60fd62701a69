/* Which element-wise ops run together, and that they compute the same alone. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(fuse, .init = open_all, .fini = close_all);

enum {
    ROWS = 37,
    COLUMNS = 90,
    COUNT = ROWS * COLUMNS
};

static bl_tensor *numbers(bl_shape shape, double phase)
{
    static float data[COUNT];
    for (int64_t i = 0; i < bl_shape_count(shape); i++)
        data[i] = (float)((double)((i * 37 + 11) % 101) / 50 - phase);
    return bl_constant(graph, BL_F32, shape, data);
}

static size_t instructions(bl_tensor *const *outputs, size_t count, bool fused)
{
    bl_compile_options options = bl_compile_defaults();
    options.fuse = fused;
    bl_program *program = bl_compile_list(context, outputs, count, &options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    size_t found = bl_program_instruction_count(program);
    bl_program_free(program);
    return found;
}

/* Fused and alone, in the recorded precision and in f64, an output has the same bits. */
static void expect_same_bits(bl_tensor *output)
{
    for (int wide = 0; wide < 2; wide++) {
        bl_compile_options options = bl_compile_defaults();
        options.precision = wide ? BL_PRECISION_F64 : BL_PRECISION_RECORDED;
        bl_program *together = bl_compile_list(context, &output, 1, &options);
        options.fuse = false;
        bl_program *alone = bl_compile_list(context, &output, 1, &options);
        cr_assert_eq(bl_run(together), BL_OK, "%s", error_text(bl_program_error(together)));
        cr_assert_eq(bl_run(alone), BL_OK, "%s", error_text(bl_program_error(alone)));
        bl_dtype dtype = wide && bl_tensor_dtype(output) == BL_F32 ? BL_F64 : bl_tensor_dtype(output);
        size_t bytes = (size_t)bl_tensor_count(output) * bl_dtype_size(dtype);
        cr_assert(bytes == 0 ||
                  memcmp(bl_output_data(together, output), bl_output_data(alone, output), bytes) == 0);
        bl_program_free(together);
        bl_program_free(alone);
    }
}

/* Inputs of every kind: whole, a row, a column, one element, turned, every second; bools and casts in
 * between. */
static bl_tensor *mixture(void)
{
    bl_tensor *x = numbers(BL_SHAPE(ROWS, COLUMNS), 1), *row = numbers(BL_SHAPE(COLUMNS), 0.5);
    bl_tensor *column = numbers(BL_SHAPE(ROWS, 1), 0.7), *one = numbers(BL_SCALAR, 2);
    bl_tensor *turned = bl_transpose(numbers(BL_SHAPE(COLUMNS, ROWS), 0.3), 0, 1);
    bl_tensor *second = bl_slice(bl_expand(numbers(BL_SHAPE(2 * COLUMNS), 1.1), BL_SHAPE(ROWS, 2 * COLUMNS)),
                                 1, 0, 2 * COLUMNS, 2);
    bl_tensor *y = bl_add(bl_mul(x, row), bl_sub(column, bl_mul(turned, one)));
    bl_tensor *chosen = bl_where(bl_greater(y, second), bl_tanh(y), bl_square(y));
    return bl_cast(bl_add(bl_cast(bl_cast(chosen, BL_I32), BL_F64), bl_cast(bl_exp(chosen), BL_F64)), BL_F32);
}

Test(fuse, bits_are_the_same)
{
    bl_tensor *y = mixture();
    cr_assert_eq(instructions(&y, 1, true), 1);
    cr_assert_gt(instructions(&y, 1, false), 10);
    expect_same_bits(y);
    bl_tensor *few[] = {
        bl_tanh(bl_mul(numbers(BL_SHAPE(3), 1), numbers(BL_SCALAR, 1))), /* shorter than a tile */
        bl_neg(bl_exp(numbers(BL_SCALAR, 1))),                           /* rank 0 */
        bl_neg(bl_exp(numbers(BL_SHAPE(2, 0), 1))),                      /* nothing */
        bl_neg(bl_mul(bl_transpose(numbers(BL_SHAPE(5, 7), 1), 0, 1), numbers(BL_SHAPE(5), 0)))};
    for (size_t i = 0; i < sizeof(few) / sizeof(few[0]); i++) {
        cr_assert_eq(instructions(&few[i], 1, true), 1);
        expect_same_bits(few[i]);
    }
}

Test(fuse, what_closes_a_group)
{
    bl_tensor *x = numbers(BL_SHAPE(6, 6), 1);
    bl_tensor *a = bl_exp(x), *b = bl_neg(a);
    bl_tensor *product = bl_matmul(b, b), *after = bl_add(bl_tanh(product), b);
    cr_assert_eq(instructions(&after, 1, true), 2); /* exp+neg, matmul+tanh+add */
    bl_tensor *view = bl_add(b, bl_transpose(b, 0, 1));
    cr_assert_eq(instructions(&view, 1, true), 2); /* add cannot join what it sees a view of */
    bl_tensor *other = bl_add(bl_reshape(b, BL_SHAPE(36)), numbers(BL_SHAPE(36), 0));
    cr_assert_eq(instructions(&other, 1, true), 2); /* another shape */
    bl_tensor *both[] = {a, bl_square(b)};
    cr_assert_eq(instructions(both, 2, true), 1); /* one that is an output too */
    expect_same_bits(after);
    expect_same_bits(view);
    expect_same_bits(other);
}

/* An assigned value does not end the group, and is committed with the others. */
Test(fuse, effects_come_last)
{
    bl_parameter *first = bl_params_add_buffer(params, "first", BL_F32, BL_SHAPE(4));
    bl_parameter *second = bl_params_add_buffer(params, "second", BL_F32, BL_SHAPE(4));
    float ones[] = {1, 1, 1, 1}, got[4];
    bl_parameter_write(first, ones, sizeof(ones));
    bl_tensor *m = bl_add_scalar(bl_use(graph, first), 1);
    bl_tensor *outputs[] = {bl_assign(first, m), NULL};
    outputs[1] = bl_assign(second, bl_mul_scalar(m, 3));
    cr_assert_eq(instructions(outputs, 2, true), 1);
    bl_program *program = bl_compile_list(context, outputs, 2, NULL);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    cr_assert_eq(bl_parameter_read(first, got, sizeof(got)), BL_OK);
    cr_assert_eq(got[3], 2);
    cr_assert_eq(bl_parameter_read(second, got, sizeof(got)), BL_OK);
    cr_assert_eq(got[3], 6);
    bl_program_free(program);
}

/* More than a group holds is cut, not refused. */
Test(fuse, large_groups)
{
    bl_tensor *sum = numbers(BL_SHAPE(10), 1), *chain = sum;
    for (int i = 0; i < 100; i++) {
        chain = bl_mul_scalar(bl_tanh(chain), 1.01);
        sum = bl_add(sum, numbers(BL_SHAPE(10), i)); /* each with an input of its own */
    }
    cr_assert_lt(instructions(&chain, 1, true), 10);
    cr_assert_lt(instructions(&sum, 1, true), 10);
    expect_same_bits(chain);
    expect_same_bits(sum);
}

/* A group may end in the sum of all elements of one of its values. */
Test(fuse, a_sum_ends_a_group)
{
    const int64_t sizes[] = {3, 9, 513, 32768, 32769, 100003};
    for (int i = 0; i < 6; i++) {
        bl_graph_reset(graph);
        bl_tensor *x = bl_div_scalar(bl_cast(bl_arange(graph, BL_I64, 0, (double)sizes[i], 1), BL_F32), 1000),
                  *wrt[] = {x};
        bl_tensor *y = bl_sub(bl_tanh(bl_mul_scalar(x, 2)), bl_square(x)),
                  *sum = bl_sum(y, BL_ALL_AXES, false);
        expect_same_bits(sum);
        bl_tensor *gradient;
        cr_assert_eq(bl_grad(&sum, 1, NULL, wrt, 1, &gradient), BL_OK);
        bl_tensor *outputs[] = {sum, gradient, bl_mul(y, sum)};
        for (int o = 0; o < 3; o++)
            expect_same_bits(outputs[o]);
        cr_expect_eq(instructions(outputs, 2, true), 1, "the derivative does not wait for the sum");
        cr_expect_eq(instructions(outputs, 3, true), 2, "what needs the sum does");
    }
}

/* The value that is summed stays until the end, whatever later steps need room. */
Test(fuse, later_steps_leave_what_is_summed)
{
    bl_tensor *x = numbers(BL_SHAPE(ROWS, COLUMNS), 1), *y = bl_tanh(x);
    bl_tensor *sum = bl_sum(y, BL_ALL_AXES, false), *z = bl_exp(bl_sin(bl_cos(bl_neg(y))));
    bl_tensor *outputs[] = {sum, z};
    float values[2];
    for (int fused = 0; fused < 2; fused++) {
        bl_compile_options options = bl_compile_defaults();
        options.fuse = fused;
        bl_program *program = bl_compile_list(context, outputs, 2, &options);
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
        values[fused] = *(const float *)bl_output_data(program, sum);
        bl_program_free(program);
    }
    cr_assert_eq(instructions(outputs, 2, true), 1);
    cr_assert_eq(values[1], values[0]);
}

Test(fuse, sums_that_stay_alone)
{
    bl_tensor *x = numbers(BL_SHAPE(ROWS, COLUMNS), 1), *row = numbers(BL_SHAPE(COLUMNS), 0.5);
    bl_tensor *with_row = bl_sum(bl_exp(bl_add(x, row)), BL_ALL_AXES, false);
    bl_tensor *turned = bl_sum(bl_exp(bl_transpose(x, 0, 1)), BL_ALL_AXES, true);
    bl_tensor *rows = bl_sum(bl_exp(bl_neg(x)), BL_AXES(1), false);
    bl_tensor *y = bl_exp(x),
              *two = bl_add(bl_sum(y, BL_ALL_AXES, false), bl_sum(bl_neg(y), BL_ALL_AXES, false));
    bl_tensor *of_full = bl_sum(bl_exp(bl_full(graph, BL_F32, BL_SHAPE(ROWS), 0.3)), BL_ALL_AXES, false);
    bl_tensor *mean = bl_mean(bl_square(bl_sub(x, bl_mean(x, BL_ALL_AXES, false))), BL_ALL_AXES, false);
    bl_tensor *outputs[] = {with_row, turned, rows, two, of_full, mean};
    for (int i = 0; i < 6; i++)
        expect_same_bits(outputs[i]);
    cr_expect_eq(instructions(&with_row, 1, true), 2);
    cr_expect_eq(instructions(&rows, 1, true), 2);
    bl_tensor *nothing = bl_sum(bl_exp(bl_neg(numbers(BL_SHAPE(0, 3), 0))), BL_ALL_AXES, false);
    expect_same_bits(nothing);
}
