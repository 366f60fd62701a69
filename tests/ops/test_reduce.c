/* sum, mean, max, argmax, and bl_reduce_to. */
#include "check.h"

TestSuite(reduce, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 3, 3, 2, 5, 4);
}

Test(reduce, values)
{
    bl_tensor *x = matrix();
    EXPECT(bl_sum(x, BL_ALL_AXES, false), 18);
    EXPECT(bl_sum(x, BL_AXES(0), false), 3, 8, 7);
    EXPECT(bl_sum(x, BL_AXES(-1), false), 7, 11);
    EXPECT(bl_mean(x, BL_AXES(1), false), 7.0 / 3, 11.0 / 3);
    EXPECT(bl_mean(x, BL_AXES(1, -2), false), 3);
    EXPECT(bl_max(x, BL_AXES(0), false), 2, 5, 4);
    EXPECT(bl_max(x, BL_ALL_AXES, false), 5);
    EXPECT(bl_argmax(x, BL_AXES(1), false), 1, 1);
    EXPECT(bl_argmax(x, BL_ALL_AXES, false), 4);
    EXPECT(bl_sum(x, (bl_axes){.count = 0}, false), 1, 3, 3, 2, 5, 4);
    EXPECT(bl_sum(bl_scalar(graph, BL_F64, 4), BL_ALL_AXES, false), 4);
}

Test(reduce, shapes_and_dtypes)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(2, 3, 4), 1), *n = bl_cast(x, BL_I32);
    EXPECT_TYPE(bl_sum(x, BL_AXES(1), true), BL_F32, BL_SHAPE(2, 1, 4));
    EXPECT_TYPE(bl_mean(x, BL_AXES(0, 2), false), BL_F32, BL_SHAPE(3));
    EXPECT_TYPE(bl_max(n, BL_ALL_AXES, true), BL_I32, BL_SHAPE(1, 1, 1));
    EXPECT_TYPE(bl_argmax(x, BL_AXES(0), true), BL_I64, BL_SHAPE(1, 3, 4));
    EXPECT_TYPE(bl_argmax(n, BL_ALL_AXES, false), BL_I64, BL_SCALAR);
    EXPECT(bl_sum(n, BL_ALL_AXES, false), 24);
}

/* The index is counted row by row over the reduced axes. */
Test(reduce, argmax_over_several_axes)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2, 2), 0, 1, 7, 2, 3, 9, 4, 5);
    EXPECT(bl_argmax(x, BL_AXES(0, 2), false), 3, 0);
    EXPECT(bl_argmax(x, BL_AXES(2, 0), false), 3, 0);
}

Test(reduce, derivatives)
{
    bl_tensor *x = matrix(), *w = REAL(BL_SHAPE(2), 10, 100);
    EXPECT(bl_gradient(bl_mul(bl_sum(x, BL_AXES(1), false), w), x), 10, 10, 10, 100, 100, 100);
    EXPECT(bl_gradient(bl_mul(bl_mean(x, BL_AXES(0), true), x), x), 3, 8, 7, 3, 8, 7);
}

Test(reduce, ties_share)
{
    bl_tensor *x = matrix(), *y = bl_max(x, BL_AXES(1), false);
    EXPECT(y, 3, 5);
    EXPECT(bl_gradient(y, x), 0, 0.5, 0.5, 0, 1, 0);
    bl_tensor *same = REAL(BL_SHAPE(4), 7, 7, 7, 7);
    EXPECT(bl_gradient(bl_max(same, BL_ALL_AXES, true), same), 0.25, 0.25, 0.25, 0.25);
}

Test(reduce, nan_and_infinity)
{
    bl_tensor *x = REAL(BL_SHAPE(3, 2), 1, nan_, inf, 2, -inf, -inf);
    EXPECT(bl_sum(x, BL_AXES(1), false), nan_, inf, -inf);
    EXPECT(bl_mean(x, BL_AXES(0), false), nan_, nan_);
    EXPECT(bl_max(x, BL_AXES(1), false), nan_, inf, -inf);
    EXPECT(bl_argmax(x, BL_AXES(1), false), 1, 0, 0);
    EXPECT(bl_argmax(x, BL_ALL_AXES, false), 1);
}

Test(reduce, over_nothing)
{
    bl_tensor *x = EMPTY(BL_SHAPE(2, 0));
    EXPECT(bl_sum(x, BL_AXES(1), false), 0, 0);
    EXPECT(bl_sum(x, BL_ALL_AXES, false), 0);
    EXPECT(bl_mean(x, BL_AXES(1), false), nan_, nan_);
    EXPECT_TYPE(bl_mean(x, BL_AXES(0), true), BL_F64, BL_SHAPE(1, 0));
    EXPECT_TYPE(bl_max(x, BL_AXES(0), false), BL_F64, BL_SHAPE(0));
    EXPECT_TYPE(bl_gradient(bl_mean(x, BL_AXES(1), false), x), BL_F64, BL_SHAPE(2, 0));
    EXPECT_ERROR(bl_max(x, BL_AXES(1), false), BL_ERR_SHAPE, "bl_max: axis 1 of [2,0] has no elements");
    EXPECT_ERROR(bl_argmax(x, BL_ALL_AXES, false), BL_ERR_SHAPE,
                 "bl_argmax: axis 1 of [2,0] has no elements");
}

/* f32 sums are accumulated in f64: 2^24 + 1 + 1 + .. would stand still. */
Test(reduce, f32_sums_are_accurate)
{
    bl_tensor *x = bl_concat((bl_tensor *[]){bl_full(graph, BL_F32, BL_SHAPE(1), 16777216),
                                             bl_full(graph, BL_F32, BL_SHAPE(1000), 1)},
                             2, 0);
    EXPECT(bl_sum(x, BL_ALL_AXES, false), 16778216);
}

Test(reduce, reduce_to_undoes_a_broadcast)
{
    bl_tensor *x = matrix();
    cr_assert_eq(bl_reduce_to(x, BL_SHAPE(2, 3)), x);
    EXPECT(bl_reduce_to(x, BL_SHAPE(3)), 3, 8, 7);
    bl_tensor *column = bl_reduce_to(x, BL_SHAPE(2, 1));
    EXPECT_TYPE(column, BL_F64, BL_SHAPE(2, 1));
    EXPECT(column, 7, 11);
    EXPECT(bl_reduce_to(x, BL_SCALAR), 18);
    EXPECT(bl_reduce_to(bl_reshape(x, BL_SHAPE(1, 2, 3)), BL_SHAPE(2, 3)), 1, 3, 3, 2, 5, 4);
    EXPECT(bl_reduce_to(EMPTY(BL_SHAPE(0, 2)), BL_SHAPE(2)), 0, 0);
    EXPECT_ERROR(bl_reduce_to(x, BL_SHAPE(2)), BL_ERR_SHAPE, "bl_reduce_to: [2] does not broadcast to [2,3]");
    EXPECT_ERROR(bl_reduce_to(x, BL_SHAPE(1, 1, 3)), BL_ERR_SHAPE, "[1,1,3] does not broadcast to [2,3]");
    cr_assert_null(bl_reduce_to(NULL, BL_SCALAR));
}

Test(reduce, refuses)
{
    bl_tensor *x = matrix(), *n = bl_cast(x, BL_I32), *bools = bl_cast(x, BL_BOOL);
    EXPECT_ERROR(bl_sum(x, BL_AXES(2), false), BL_ERR_ARGUMENT, "bl_sum: axis 2 is outside the rank of [2,3]",
                 "test_reduce.c");
    EXPECT_ERROR(bl_max(x, BL_AXES(0, -3), false), BL_ERR_ARGUMENT, "bl_max: axis -3 is outside");
    EXPECT_ERROR(bl_argmax(x, BL_AXES(1, -1), false), BL_ERR_ARGUMENT, "bl_argmax: axis -1 is given twice");
    EXPECT_ERROR(bl_mean(x, (bl_axes){.count = 9}, false), BL_ERR_ARGUMENT, "bl_mean: 9 axes are too many");
    EXPECT_ERROR(bl_sum(bl_scalar(graph, BL_F64, 1), BL_AXES(0), false), BL_ERR_ARGUMENT, "axis 0", "[]");
    EXPECT_ERROR(bl_sum(bools, BL_ALL_AXES, false), BL_ERR_DTYPE, "bl_sum: the operand is bool");
    EXPECT_ERROR(bl_mean(n, BL_ALL_AXES, false), BL_ERR_DTYPE, "bl_mean: the operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_max(bl_cast(x, BL_BF16), BL_ALL_AXES, false), BL_ERR_DTYPE,
                 "bf16, which is storage only");
    EXPECT_ERROR(bl_argmax(bools, BL_ALL_AXES, false), BL_ERR_DTYPE, "bl_argmax: the operand is bool");
    cr_assert_null(bl_sum(NULL, BL_ALL_AXES, false));
}
