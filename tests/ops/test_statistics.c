/* var, std, nansum. Values at the edges are PyTorch 1.13's. */
#include "check.h"

TestSuite(statistics, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 3, 3, 2, 5, 4);
}

Test(statistics, values)
{
    bl_tensor *x = matrix();
    EXPECT(bl_var(x, BL_AXES(1), 1, false), 4.0 / 3, 7.0 / 3);
    EXPECT(bl_var(x, BL_AXES(-1), 0, false), 8.0 / 9, 14.0 / 9);
    EXPECT(bl_var(x, BL_AXES(1), -1, false), 2.0 / 3, 7.0 / 6);
    EXPECT(bl_var(x, BL_AXES(1), 0.5, false), 16.0 / 15, 28.0 / 15);
    EXPECT(bl_var(x, BL_AXES(0), 1, false), 0.5, 2, 0.5);
    EXPECT(bl_var(x, BL_ALL_AXES, 0, false), 5.0 / 3);
    EXPECT(bl_std(x, BL_AXES(1), 1, false), sqrt(4.0 / 3), sqrt(7.0 / 3));
    EXPECT(bl_std(x, BL_AXES(0), 0, false), 0.5, 1, 0.5);
    EXPECT_TYPE(bl_var(bl_cast(x, BL_F32), BL_AXES(1), 1, true), BL_F32, BL_SHAPE(2, 1));
    EXPECT_TYPE(bl_std(x, BL_ALL_AXES, 1, true), BL_F64, BL_SHAPE(1, 1));
    EXPECT(bl_std(bl_scalar(graph, BL_F64, 4), BL_ALL_AXES, 0, false), 0);
    bl_tensor *eight = bl_reshape(x, BL_SHAPE(1, 2, 1, 1, 3, 1, 1, 1));
    EXPECT(bl_var(eight, BL_AXES(1, 2), 1, false), 0.5, 2, 0.5);
}

Test(statistics, derivatives)
{
    bl_tensor *x = matrix();
    double a = sqrt(4.0 / 3), b = sqrt(7.0 / 3);
    EXPECT(bl_gradient(bl_var(x, BL_AXES(1), 1, false), x), -4.0 / 3, 2.0 / 3, 2.0 / 3, -5.0 / 3, 4.0 / 3,
           1.0 / 3);
    EXPECT(bl_gradient(bl_std(x, BL_AXES(1), 1, true), x), -2 / a / 3, 1 / a / 3, 1 / a / 3, -5 / b / 6,
           4 / b / 6, 1 / b / 6);
    bl_tensor *same = REAL(BL_SHAPE(2), 5, 5);
    EXPECT(bl_std(same, BL_AXES(0), 1, false), 0);
    bl_tensor *first = bl_gradient(bl_std(same, BL_AXES(0), 1, false), same);
    EXPECT(first, 0, 0);
    EXPECT(bl_gradient(first, same), 0, 0);
}

/* A large mean does not swallow the variance. */
Test(statistics, stable)
{
    bl_tensor *x = bl_add_scalar(matrix(), 1e9);
    EXPECT(bl_var(x, BL_ALL_AXES, 0, false), 5.0 / 3);
    bl_tensor *narrow = bl_cast(bl_add_scalar(matrix(), 1e6), BL_F32);
    EXPECT_NEAR(bl_var(narrow, BL_AXES(1), 0, false), 1e-7, 8.0 / 9, 14.0 / 9);
    EXPECT_NEAR(bl_var(bl_full(graph, BL_F32, BL_SHAPE(1000), 0.1), BL_AXES(0), 1, false), 0, 0);
}

Test(statistics, too_few_elements)
{
    bl_tensor *one = REAL(BL_SHAPE(1), 1), *two = REAL(BL_SHAPE(2), 1, 3), *none = EMPTY(BL_SHAPE(2, 0));
    EXPECT(bl_var(one, BL_AXES(0), 1, false), nan_);
    EXPECT(bl_std(one, BL_AXES(0), 1, false), nan_);
    EXPECT(bl_gradient(bl_std(one, BL_AXES(0), 1, false), one), nan_);
    EXPECT(bl_var(two, BL_AXES(0), 2, false), inf);
    EXPECT(bl_var(two, BL_AXES(0), 3, false), inf);
    EXPECT(bl_gradient(bl_var(two, BL_AXES(0), 2, false), two), -inf, inf);
    EXPECT(bl_var(none, BL_AXES(1), 1, false), nan_, nan_);
    EXPECT(bl_std(none, BL_AXES(1), -1, false), nan_, nan_);
    EXPECT_TYPE(bl_var(none, BL_AXES(0), 1, false), BL_F64, BL_SHAPE(0));
    EXPECT_TYPE(bl_gradient(bl_var(none, BL_AXES(1), 1, false), none), BL_F64, BL_SHAPE(2, 0));
    EXPECT(bl_var(REAL(BL_SHAPE(2, 2), 1, nan_, inf, 2), BL_AXES(1), 1, false), nan_, nan_);
}

Test(statistics, nansum)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, nan_, 3, nan_, nan_, inf), *y = bl_nansum(x, BL_AXES(1), false);
    EXPECT(y, 4, inf);
    EXPECT(bl_nansum(x, BL_AXES(0), true), 1, 0, inf);
    EXPECT(bl_gradient(y, x), 1, 0, 1, 0, 0, 1);
    EXPECT(bl_nansum(EMPTY(BL_SHAPE(0)), BL_ALL_AXES, false), 0);
    EXPECT_TYPE(bl_nansum(bl_cast(x, BL_F32), BL_AXES(0), true), BL_F32, BL_SHAPE(1, 3));
}

Test(statistics, refuses)
{
    bl_tensor *x = matrix();
    EXPECT_ERROR(bl_var(x, BL_AXES(2), 1, false), BL_ERR_ARGUMENT,
                 "bl_var: axis 2 is outside the rank of [2,3]", "test_statistics.c");
    EXPECT_ERROR(bl_std(x, BL_AXES(0, 0), 1, false), BL_ERR_ARGUMENT, "bl_std: axis 0 is given twice");
    EXPECT_ERROR(bl_var(x, BL_ALL_AXES, nan_, false), BL_ERR_ARGUMENT, "bl_var: the correction",
                 "is not finite");
    EXPECT_ERROR(bl_std(x, BL_ALL_AXES, inf, false), BL_ERR_ARGUMENT,
                 "bl_std: the correction inf is not finite");
    EXPECT_ERROR(bl_var(bl_cast(x, BL_I32), BL_ALL_AXES, 1, false), BL_ERR_DTYPE,
                 "bl_var: the operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_nansum(bl_cast(x, BL_I32), BL_ALL_AXES, false), BL_ERR_DTYPE,
                 "bl_nansum: the operand is i32");
    cr_assert_null(bl_var(NULL, BL_ALL_AXES, 1, false));
    cr_assert_null(bl_std(NULL, BL_ALL_AXES, 1, false));
    cr_assert_null(bl_nansum(NULL, BL_ALL_AXES, false));
}
