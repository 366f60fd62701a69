/* max, min, argmax, argmin: what test_reduce.c does not say of max and argmax. */
#include "check.h"

TestSuite(extremes, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 3, 1, 1, 2, 5, 4);
}

Test(extremes, values)
{
    bl_tensor *x = matrix();
    EXPECT(bl_min(x, BL_AXES(0), false), 2, 1, 1);
    EXPECT(bl_min(x, BL_AXES(-1), false), 1, 2);
    EXPECT(bl_min(x, BL_ALL_AXES, false), 1);
    EXPECT(bl_min(x, (bl_axes){.count = 0}, false), 3, 1, 1, 2, 5, 4);
    EXPECT(bl_argmin(x, BL_AXES(1), false), 1, 0);
    EXPECT(bl_argmin(x, BL_ALL_AXES, false), 1);
    EXPECT(bl_argmin(REAL(BL_SHAPE(2, 2, 2), 9, 8, 2, 7, 6, 0, 5, 4), BL_AXES(0, 2), false), 3, 0);
    EXPECT(bl_min(bl_scalar(graph, BL_F64, 4), BL_ALL_AXES, true), 4);
    EXPECT_TYPE(bl_min(bl_cast(x, BL_I32), BL_AXES(1), true), BL_I32, BL_SHAPE(2, 1));
    EXPECT_TYPE(bl_argmin(bl_cast(x, BL_F32), BL_AXES(0), true), BL_I64, BL_SHAPE(1, 3));
    EXPECT(bl_min(bl_cast(bl_neg(x), BL_I64), BL_ALL_AXES, false), -5);
}

Test(extremes, ties_share)
{
    bl_tensor *x = matrix(), *y = bl_min(x, BL_AXES(1), false);
    EXPECT(bl_gradient(y, x), 0, 0.5, 0.5, 1, 0, 0);
    bl_tensor *same = REAL(BL_SHAPE(2, 2), 7, 7, 7, 7), *w = REAL(BL_SHAPE(1, 2), 1, 10);
    EXPECT(bl_gradient(bl_mul(bl_min(same, BL_AXES(0), true), w), same), 0.5, 5, 0.5, 5);
}

Test(extremes, nan_and_infinity)
{
    bl_tensor *x = REAL(BL_SHAPE(3, 2), 1, nan_, inf, 2, inf, inf);
    EXPECT(bl_min(x, BL_AXES(1), false), nan_, 2, inf);
    EXPECT(bl_argmin(x, BL_AXES(1), false), 1, 1, 0);
    EXPECT(bl_argmin(x, BL_ALL_AXES, false), 1);
    EXPECT(bl_min(REAL(BL_SHAPE(3), -inf, 0, inf), BL_ALL_AXES, false), -inf);
}

Test(extremes, over_nothing_and_of_many_axes)
{
    bl_tensor *x = EMPTY(BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_min(x, BL_AXES(0), false), BL_F64, BL_SHAPE(0));
    EXPECT_ERROR(bl_min(x, BL_AXES(1), false), BL_ERR_SHAPE, "bl_min: axis 1 of [2,0] has no elements");
    EXPECT_ERROR(bl_argmin(x, BL_ALL_AXES, false), BL_ERR_SHAPE,
                 "bl_argmin: axis 1 of [2,0] has no elements");
    bl_tensor *eight = bl_reshape(matrix(), BL_SHAPE(1, 2, 1, 1, 3, 1, 1, 1));
    EXPECT_TYPE(bl_min(eight, BL_AXES(1, 7), true), BL_F64, BL_SHAPE(1, 1, 1, 1, 3, 1, 1, 1));
    EXPECT(bl_min(eight, BL_AXES(1, 7), true), 2, 1, 1);
}

Test(extremes, refuses)
{
    bl_tensor *x = matrix(), *bools = bl_cast(x, BL_BOOL);
    EXPECT_ERROR(bl_min(x, BL_AXES(2), false), BL_ERR_ARGUMENT, "bl_min: axis 2 is outside the rank of [2,3]",
                 "test_extremes.c");
    EXPECT_ERROR(bl_argmin(x, BL_AXES(0, 0), false), BL_ERR_ARGUMENT, "bl_argmin: axis 0 is given twice");
    EXPECT_ERROR(bl_min(bools, BL_ALL_AXES, false), BL_ERR_DTYPE, "bl_min: the operand is bool");
    EXPECT_ERROR(bl_argmin(bools, BL_ALL_AXES, false), BL_ERR_DTYPE, "bl_argmin: the operand is bool");
    cr_assert_null(bl_min(NULL, BL_ALL_AXES, false));
    cr_assert_null(bl_argmin(NULL, BL_ALL_AXES, false));
}
