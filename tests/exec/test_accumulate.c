/* Products that are computed into what they are added to. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(accumulate, .init = open_all, .fini = close_all);

enum {
    N = 40 /* products large enough to be packed, and N / 8 small enough not to be */
};

/* Whole numbers, so that sums are exact in any order. */
static bl_tensor *numbers(int64_t rows, int64_t columns, int start)
{
    float values[N * N];
    for (int i = 0; i < rows * columns; i++)
        values[i] = (float)((i * 7 + start) % 9 - 4);
    return bl_constant(graph, BL_F32, BL_SHAPE(rows, columns), values);
}

/* Compiles with and without fusing, compares the values, and says whether a product was joined with its sum.
 */
static bool is_joined(bl_tensor *output)
{
    bl_compile_options options = bl_compile_defaults();
    options.fuse = false;
    bl_program *apart = bl_compile_list(context, &output, 1, &options), *joined = bl_compile(context, output);
    cr_assert_eq(bl_run(apart), BL_OK, "%s", error_text(bl_program_error(apart)));
    cr_assert_eq(bl_run(joined), BL_OK, "%s", error_text(bl_program_error(joined)));
    for (int repeat = 0; repeat < 2; repeat++) {
        cr_assert_eq(memcmp(bl_output_data(apart, output), bl_output_data(joined, output),
                            (size_t)bl_tensor_count(output) * sizeof(float)),
                     0);
        cr_assert_eq(bl_run(joined), BL_OK, "a second run begins anew");
    }
    options.fuse = true;
    options.check = BL_CHECK_FINITE; /* then no other adds run together with products */
    bl_program *checked = bl_compile_list(context, &output, 1, &options);
    char text[4096];
    cr_assert_lt(bl_program_format(checked, text, sizeof(text)), sizeof(text));
    bl_program_free(checked);
    bl_program_free(apart);
    bl_program_free(joined);
    return strstr(text, "matmul+add") != NULL;
}

/* Something that is computed, and that only the sum uses. */
static bl_tensor *computed(int64_t rows, int64_t columns)
{
    return bl_cumsum(numbers(rows, columns, 5), 0);
}

Test(accumulate, either_side_large_and_small)
{
    for (int64_t n = N; n >= N / 8; n /= 8) {
        bl_tensor *a = numbers(n, n, 1), *b = numbers(n, n, 2);
        cr_expect(is_joined(bl_add(computed(n, n), bl_matmul(a, b))));
        cr_expect(is_joined(bl_add(bl_matmul(a, b), computed(n, n))));
        cr_expect(is_joined(bl_add(bl_matmul(a, b), bl_matmul(b, bl_transpose(a, 0, 1)))));
        bl_tensor *wide = bl_matmul(numbers(3, n, 1), numbers(n, n, 2));
        cr_expect(is_joined(bl_add(wide, bl_matmul(numbers(3, n, 4), b))));
    }
}

Test(accumulate, in_another_shape)
{
    bl_tensor *product = bl_matmul(numbers(20, N, 1), numbers(N, 6, 2));
    bl_tensor *shaped = bl_reshape(product, BL_SHAPE(4, 5, 6));
    bl_tensor *other = bl_reshape(computed(20, 6), BL_SHAPE(4, 5, 6));
    cr_expect(is_joined(bl_add(bl_square(other), shaped)));
}

Test(accumulate, sums_of_many_need_one_array)
{
    bl_tensor *a = numbers(N, N, 0), *sum = bl_matmul(a, a);
    for (int i = 1; i < 10; i++)
        sum = bl_add(sum, bl_matmul(a, numbers(N, N, i)));
    bl_program *program = bl_compile(context, sum);
    cr_expect_eq(bl_program_instruction_count(program), 10);
    cr_expect_lt(bl_program_workspace_bytes(program), (N * N + 4 * N * N + 4096) * sizeof(float),
                 "and scratch");
    bl_program_free(program);
    cr_expect(is_joined(sum));
}

Test(accumulate, not_where_a_term_is_needed_elsewhere)
{
    bl_tensor *a = numbers(N, N, 1), *b = numbers(N, N, 2), *product = bl_matmul(a, b),
              *term = computed(N, N);
    cr_expect_not(is_joined(bl_mul(bl_add(product, term), bl_flip(product, BL_AXES(0)))), "the product");
    cr_expect_not(is_joined(bl_cumsum(bl_mul(bl_add(product, term), bl_flip(term, BL_AXES(0))), 1)),
                  "the other term");
    cr_expect_not(is_joined(bl_add(product, numbers(N, N, 3))), "a constant");
    cr_expect_not(is_joined(bl_add(product, product)), "itself");
    cr_expect_not(is_joined(bl_add(bl_matmul(a, b), bl_cumsum(numbers(1, N, 1), 1))), "a broadcast term");
    bl_tensor *c = computed(N, N);
    cr_expect_not(is_joined(bl_add(bl_matmul(c, c), c)), "a factor");
}
