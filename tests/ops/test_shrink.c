/* Activation functions that shrink. Values are PyTorch 1.13's in f64. */
#include "check.h"

TestSuite(shrink, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(shrink, values)
{
    bl_tensor *x = REAL(BL_SHAPE(6), -2, -0.5, 0, 0.25, 0.5, 3);
    EXPECT(bl_softsign(x), -2.0 / 3, -1.0 / 3, 0, 0.2, 1.0 / 3, 0.75);
    EXPECT(bl_tanhshrink(x), -1.0359724199241831, -0.037882842739990286, 0, 0.0050813375962908813,
           0.037882842739990286, 2.0049452463132695);
    EXPECT(bl_threshold(x, 0.25, 7), 7, 7, 7, 7, 0.5, 3);
    EXPECT(bl_hardshrink(x, 0.5), -2, 0, 0, 0, 0, 3);
    EXPECT(bl_softshrink(x, 0.5), -1.5, 0, 0, 0, 0, 2.5);
}

Test(shrink, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(6), -2, -0.5, 0, 0.25, 0.5, 3);
    EXPECT(bl_gradient(bl_softsign(x), x), 1.0 / 9, 4.0 / 9, 1, 0.64, 4.0 / 9, 0.0625);
    EXPECT(bl_gradient(bl_tanhshrink(x), x), 0.92934917514683557, 0.2135522670340726, 0, 0.059985151193621899,
           0.2135522670340726, 0.99013396283455981);
    EXPECT(bl_gradient(bl_threshold(x, 0.25, 7), x), 0, 0, 0, 0, 1, 1);
    EXPECT(bl_gradient(bl_hardshrink(x, 0.5), x), 1, 0, 0, 0, 0, 1);
    EXPECT(bl_gradient(bl_softshrink(x, 0.5), x), 1, 0, 0, 0, 0, 1);
}

Test(shrink, special_values)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -inf, inf, nan_);
    EXPECT(bl_softsign(x), nan_, nan_, nan_);
    EXPECT(bl_tanhshrink(x), -inf, inf, nan_);
    EXPECT(bl_threshold(x, 0, -1), -1, inf, nan_);
    EXPECT(bl_threshold(x, inf, nan_), nan_, nan_, nan_);
    EXPECT(bl_hardshrink(x, 1), -inf, inf, nan_);
    EXPECT(bl_softshrink(x, 1), -inf, inf, nan_);
    EXPECT(bl_gradient(bl_tanhshrink(x), x), 1, 1, nan_);
    EXPECT(bl_gradient(bl_hardshrink(x, 1), x), 1, 1, 1);
    EXPECT(bl_gradient(bl_softshrink(x, 1), x), 1, 1, 1);
    EXPECT_TYPE(bl_threshold(bl_scalar(graph, BL_F32, 1), 2, 3), BL_F32, BL_SCALAR);
}

Test(shrink, refuses)
{
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(2), 1, 2), *x = REAL(BL_SHAPE(1), 1);
    EXPECT_ERROR(bl_softsign(n), BL_ERR_DTYPE, "bl_softsign: the operand is i32, not f32 or f64",
                 "test_shrink.c");
    EXPECT_ERROR(bl_tanhshrink(n), BL_ERR_DTYPE, "bl_tanhshrink: the operand is i32");
    EXPECT_ERROR(bl_threshold(n, 0, 0), BL_ERR_DTYPE, "bl_threshold: the operand is i32");
    EXPECT_ERROR(bl_threshold(x, nan_, 0), BL_ERR_ARGUMENT, "bl_threshold: the threshold is NaN");
    EXPECT_ERROR(bl_hardshrink(n, 1), BL_ERR_DTYPE, "bl_hardshrink: the operand is i32");
    EXPECT_ERROR(bl_hardshrink(x, -1), BL_ERR_ARGUMENT, "bl_hardshrink: -1 is negative or not finite");
    EXPECT_ERROR(bl_softshrink(x, inf), BL_ERR_ARGUMENT, "bl_softshrink: inf is negative or not finite");
    EXPECT_ERROR(bl_softshrink(x, nan_), BL_ERR_ARGUMENT, "bl_softshrink: nan is negative or not finite");
    cr_assert_null(bl_softsign(NULL));
    cr_assert_null(bl_threshold(NULL, 0, 0));
    cr_assert_null(bl_softshrink(NULL, 1));
}
