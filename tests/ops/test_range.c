/* arange and linspace, and the makers of one value. */
#include "check.h"

TestSuite(range, .init = open_all, .fini = close_all);

Test(range, arange)
{
    EXPECT(bl_arange(graph, BL_F64, 0, 4, 1), 0, 1, 2, 3);
    EXPECT(bl_arange(graph, BL_F64, 1, 2, 0.25), 1, 1.25, 1.5, 1.75);
    EXPECT(bl_arange(graph, BL_F32, 1, 2.1, 0.25), 1, 1.25, 1.5, 1.75, 2);
    EXPECT(bl_arange(graph, BL_I32, 5, 0, -2), 5, 3, 1);
    EXPECT(bl_arange(graph, BL_I64, -1, 6, 3), -1, 2, 5);
    EXPECT_TYPE(bl_arange(graph, BL_I64, 2, 2, 1), BL_I64, BL_SHAPE(0));
    EXPECT_TYPE(bl_arange(graph, BL_I32, INT32_MIN, INT32_MAX, INT32_MAX), BL_I32, BL_SHAPE(3));
    EXPECT(bl_arange(graph, BL_I32, INT32_MIN, INT32_MAX, INT32_MAX), INT32_MIN, -1, INT32_MAX - 1);
}

/* Recorded again on a graph that was reset, with another last element: what is the same is taken over, and
 * this is not. */
Test(range, recorded_again)
{
    EXPECT(bl_linspace(graph, BL_F64, 0, 1, 2), 0, 1);
    bl_graph_reset(graph);
    EXPECT(bl_linspace(graph, BL_F64, 0, 2, 2), 0, 2);
    bl_graph_reset(graph);
    EXPECT(bl_linspace(graph, BL_F64, 0, 4, 2), 0, 4);
}

/* Integers beyond those that a double counts one by one. */
Test(range, arange_counts_integers)
{
    int64_t values[3];
    bl_tensor *x = bl_arange(graph, BL_I64, 0x1p62, 0x1p62 + 0x1p11, 0x1p10);
    EXPECT_TYPE(x, BL_I64, BL_SHAPE(2));
    cr_assert_eq(bl_eval(x, values, 2 * sizeof(*values)), BL_OK);
    cr_assert_eq(values[1], ((int64_t)1 << 62) + 1024);
    EXPECT_TYPE(bl_arange(graph, BL_I64, -0x1p63, 0x1p62 - 0x1p10, 0x1p61), BL_I64, BL_SHAPE(6));
    EXPECT(bl_arange(graph, BL_I64, -0x1p63, 0x1p62, 0x1p62), -0x1p63, -0x1p62, 0);
    EXPECT_TYPE(bl_arange(graph, BL_I64, 0x1p62, -0x1p63, -0x1p62), BL_I64, BL_SHAPE(3));
    EXPECT_TYPE(bl_arange(graph, BL_I64, 0x1p62, -0x1p63, -0x1p63), BL_I64, BL_SHAPE(2));
    EXPECT_ERROR(bl_arange(graph, BL_I64, -0x1p63, 0x1p62, 1), BL_ERR_OVERFLOW, "cannot be counted");
}

Test(range, linspace)
{
    EXPECT(bl_linspace(graph, BL_F64, 0, 1, 5), 0, 0.25, 0.5, 0.75, 1);
    EXPECT(bl_linspace(graph, BL_F32, 3, -3, 4), 3, 1, -1, -3);
    EXPECT(bl_linspace(graph, BL_F64, 2, 5, 1), 2);
    EXPECT_TYPE(bl_linspace(graph, BL_F32, 2, 5, 0), BL_F32, BL_SHAPE(0));
    bl_tensor *x = bl_linspace(graph, BL_F64, 0.1, 0.3, 7);
    double values[7];
    cr_assert_eq(bl_eval(x, values, sizeof(values)), BL_OK);
    cr_assert_eq(values[0], 0.1);
    cr_assert_eq(values[6], 0.3);
}

/* A program in f64 takes the constants as they are in f32. */
Test(range, in_the_precision_of_the_program)
{
    bl_tensor *y = bl_square(bl_linspace(graph, BL_F32, 0, 0.3, 3));
    bl_compile_options options = bl_compile_defaults();
    options.precision = BL_PRECISION_F64;
    bl_program *program = bl_compile_list(context, &y, 1, &options);
    cr_assert_eq(bl_run(program), BL_OK);
    const double *values = bl_output_data(program, y);
    cr_assert_eq(values[2], (double)0.3f * (double)0.3f);
    bl_program_free(program);
}

Test(range, one_value)
{
    bl_tensor *x = bl_full(graph, BL_I32, BL_SHAPE(2, 2), 7);
    EXPECT(bl_zeros(graph, BL_F32, BL_SHAPE(3)), 0, 0, 0);
    EXPECT(bl_ones(graph, BL_BOOL, BL_SHAPE(2, 1)), 1, 1);
    EXPECT_TYPE(bl_full_like(x, 5), BL_I32, BL_SHAPE(2, 2));
    EXPECT(bl_full_like(x, 5), 5, 5, 5, 5);
    EXPECT(bl_zeros_like(x), 0, 0, 0, 0);
    EXPECT(bl_ones_like(x), 1, 1, 1, 1);
    EXPECT_TYPE(bl_ones_like(EMPTY(BL_SHAPE(0, 3))), BL_F64, BL_SHAPE(0, 3));
}

Test(range, refuses)
{
    EXPECT_ERROR(bl_arange(graph, BL_F32, 0, 4, 0), BL_ERR_ARGUMENT,
                 "bl_arange: steps of 0 do not lead from 0 to 4", "test_range.c");
    EXPECT_ERROR(bl_arange(graph, BL_F32, 0, 4, -1), BL_ERR_ARGUMENT, "steps of -1 do not lead from 0 to 4");
    EXPECT_ERROR(bl_arange(graph, BL_F32, 4, 0, 1), BL_ERR_ARGUMENT, "steps of 1 do not lead from 4 to 0");
    EXPECT_ERROR(bl_arange(graph, BL_F32, 0, INFINITY, 1), BL_ERR_ARGUMENT, "are not all finite");
    EXPECT_ERROR(bl_arange(graph, BL_F32, NAN, 1, 1), BL_ERR_ARGUMENT, "are not all finite");
    EXPECT_ERROR(bl_arange(graph, BL_I32, 0, 2.5, 1), BL_ERR_ARGUMENT,
                 "bl_arange: i32 cannot hold all of 0, 2.5 and 1");
    EXPECT_ERROR(bl_arange(graph, BL_I32, 0, 0x1p31, 1), BL_ERR_ARGUMENT, "i32 cannot hold");
    EXPECT_ERROR(bl_arange(graph, BL_BOOL, 0, 1, 1), BL_ERR_DTYPE, "bl_arange: it makes no bool");
    EXPECT_ERROR(bl_arange(graph, BL_BF16, 0, 1, 1), BL_ERR_DTYPE, "bl_arange: it makes no bf16");
    EXPECT_ERROR(bl_arange(graph, BL_F64, 0, 1e300, 1), BL_ERR_OVERFLOW,
                 "bl_arange: the numbers from 0 to 1e+300 by 1 cannot be counted");
    EXPECT_ERROR(bl_arange(graph, BL_F64, -1.7e308, 1.7e308, 1), BL_ERR_OVERFLOW,
                 "bl_arange: the numbers from");
    EXPECT_ERROR(bl_linspace(graph, BL_I32, 0, 1, 2), BL_ERR_DTYPE, "bl_linspace: it makes no i32");
    EXPECT_ERROR(bl_linspace(graph, BL_F32, 0, 1, -1), BL_ERR_ARGUMENT,
                 "bl_linspace: there are no -1 numbers");
    EXPECT_ERROR(bl_linspace(graph, BL_F32, 0, 1, INT64_MAX), BL_ERR_ARGUMENT, "bl_linspace: ");
    EXPECT_ERROR(bl_zeros(graph, BL_F16, BL_SHAPE(1)), BL_ERR_DTYPE, "bl_zeros: f16 is storage only");
    EXPECT_ERROR(bl_ones(graph, BL_F32, BL_SHAPE(-1)), BL_ERR_SHAPE, "bl_ones: the shape [-1]");
    EXPECT_ERROR(bl_full_like(bl_ones(graph, BL_I32, BL_SHAPE(1)), 0.5), BL_ERR_ARGUMENT,
                 "bl_full_like: i32 cannot hold 0.5");
    EXPECT_ERROR(bl_zeros_like(bl_cast(bl_ones(graph, BL_F32, BL_SHAPE(1)), BL_F16)), BL_ERR_DTYPE,
                 "bl_zeros_like: f16 is storage only");
    cr_assert_null(bl_arange(NULL, BL_F32, 0, 1, 1));
    cr_assert_null(bl_linspace(NULL, BL_F32, 0, 1, 1));
    cr_assert_null(bl_zeros(NULL, BL_F32, BL_SCALAR));
    cr_assert_null(bl_ones(NULL, BL_F32, BL_SCALAR));
    cr_assert_null(bl_full_like(NULL, 0));
    cr_assert_null(bl_zeros_like(NULL));
    cr_assert_null(bl_ones_like(NULL));
}
