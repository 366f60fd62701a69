/* norm. Values at the edges are PyTorch 1.13's. */
#include "check.h"

TestSuite(norm, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(norm, values)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 3, 0, -4, 1, -2, 2);
    EXPECT(bl_norm(x, 2, BL_AXES(1), false), 5, 3);
    EXPECT(bl_norm(x, 1, BL_AXES(-1), false), 7, 5);
    EXPECT(bl_norm(x, 0, BL_AXES(1), false), 2, 3);
    EXPECT(bl_norm(x, inf, BL_AXES(1), false), 4, 2);
    EXPECT(bl_norm(x, -inf, BL_AXES(1), false), 0, 1);
    EXPECT(bl_norm(x, 3, BL_AXES(1), false), pow(91, 1.0 / 3), pow(17, 1.0 / 3));
    EXPECT(bl_norm(x, 0.5, BL_AXES(0), false), pow(sqrt(3) + 1, 2), 2, pow(2 + sqrt(2), 2));
    EXPECT(bl_norm(x, -1, BL_AXES(1), false), 0, 0.5);
    EXPECT(bl_norm(x, 2, BL_ALL_AXES, false), sqrt(34));
    EXPECT(bl_norm(x, 2, (bl_axes){.count = 0}, false), 3, 0, 4, 1, 2, 2);
    EXPECT_TYPE(bl_norm(bl_cast(x, BL_F32), 2, BL_AXES(0), true), BL_F32, BL_SHAPE(1, 3));
    bl_tensor *eight = bl_reshape(x, BL_SHAPE(1, 2, 1, 1, 3, 1, 1, 1));
    EXPECT(bl_norm(eight, 1, BL_AXES(1, 7), false), 4, 2, 6);
}

Test(norm, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 3, 0, -4), *tie = REAL(BL_SHAPE(3), 3, 0, -3);
    EXPECT(bl_gradient(bl_norm(x, 2, BL_AXES(0), false), x), 0.6, 0, -0.8);
    EXPECT(bl_gradient(bl_norm(x, 1, BL_AXES(0), true), x), 1, 0, -1);
    EXPECT(bl_gradient(bl_norm(x, 0, BL_AXES(0), true), x), 0, 0, 0);
    EXPECT(bl_gradient(bl_norm(tie, inf, BL_AXES(0), false), tie), 0.5, 0, -0.5);
    EXPECT(bl_gradient(bl_norm(tie, -inf, BL_AXES(0), false), tie), 0, 0, 0);
    EXPECT(bl_gradient(bl_norm(tie, 3, BL_AXES(0), false), tie), 0.6299605249474367, 0, -0.6299605249474367);
    EXPECT(bl_gradient(bl_norm(tie, 1.5, BL_AXES(0), false), tie), 0.7937005259840998, 0,
           -0.7937005259840998);
    EXPECT(bl_gradient(bl_norm(tie, 0.5, BL_AXES(0), false), tie), 2, 0, -2);
    EXPECT(bl_gradient(bl_norm(tie, -1, BL_AXES(0), false), tie), 0, 0, 0);
}

Test(norm, of_zeros)
{
    static const double each[] = {0, 0.5, 1, 1.5, 2, 3, -1, (double)INFINITY, -(double)INFINITY};
    bl_tensor *x = REAL(BL_SHAPE(3), 0, 0, 0);
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        bl_tensor *y = bl_norm(x, each[i], BL_AXES(0), false), *first = bl_gradient(y, x);
        EXPECT(y, 0);
        EXPECT(first, 0, 0, 0);
        EXPECT(bl_gradient(first, x), 0, 0, 0);
    }
}

Test(norm, special_values)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, nan_, -inf, 2),
              *large = CONSTANT(BL_F32, BL_SHAPE(2), 3e30, -4e30);
    EXPECT(bl_norm(x, 2, BL_AXES(1), false), nan_, inf);
    EXPECT(bl_norm(x, inf, BL_AXES(1), false), nan_, inf);
    EXPECT(bl_norm(x, -inf, BL_AXES(1), false), nan_, 2);
    EXPECT(bl_norm(x, 0, BL_AXES(1), false), 2, 2);
    EXPECT_NEAR(bl_norm(large, 2, BL_AXES(0), false), 1e-6, 5e30); /* the squares overflow in f32 alone */
    bl_tensor *none = EMPTY(BL_SHAPE(2, 0));
    EXPECT(bl_norm(none, 0, BL_AXES(1), false), 0, 0);
    EXPECT(bl_norm(none, 0.5, BL_AXES(1), false), 0, 0);
    EXPECT(bl_norm(none, 2, BL_ALL_AXES, false), 0);
    EXPECT_TYPE(bl_gradient(bl_norm(none, 2, BL_AXES(1), false), none), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_norm(none, inf, BL_AXES(0), false), BL_F64, BL_SHAPE(0));
}

Test(norm, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 1), 1, 2), *none = EMPTY(BL_SHAPE(2, 0));
    EXPECT_ERROR(bl_norm(none, inf, BL_AXES(1), false), BL_ERR_SHAPE,
                 "bl_norm: axis 1 of [2,0] has no elements", "test_norm.c");
    EXPECT_ERROR(bl_norm(none, -inf, BL_ALL_AXES, false), BL_ERR_SHAPE, "axis 1 of [2,0] has no elements");
    EXPECT_ERROR(bl_norm(none, -1, BL_AXES(1), false), BL_ERR_SHAPE, "axis 1 of [2,0] has no elements");
    EXPECT_ERROR(bl_norm(x, nan_, BL_AXES(1), false), BL_ERR_ARGUMENT, "bl_norm: p is NaN");
    EXPECT_ERROR(bl_norm(x, 2, BL_AXES(2), false), BL_ERR_ARGUMENT,
                 "bl_norm: axis 2 is outside the rank of [2,1]");
    EXPECT_ERROR(bl_norm(bl_cast(x, BL_I32), 2, BL_ALL_AXES, false), BL_ERR_DTYPE,
                 "bl_norm: the operand is i32, not f32 or f64");
    cr_assert_null(bl_norm(NULL, 2, BL_ALL_AXES, false));
}
