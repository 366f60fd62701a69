/* minimum, and clamp with its kin. */
#include "check.h"

TestSuite(bounds, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(bounds, minimum_values)
{
    bl_tensor *a = REAL(BL_SHAPE(5), 1, 3, 2, nan_, -inf), *b = REAL(BL_SHAPE(5), 2, 2, 2, 1, nan_);
    EXPECT(bl_minimum(a, b), 1, 2, 2, nan_, nan_);
    EXPECT(bl_minimum(b, a), 1, 2, 2, nan_, nan_);
    EXPECT(bl_gradient(bl_minimum(a, b), a), 1, 0, 0.5, 1, 1);
    EXPECT(bl_gradient(bl_minimum(a, b), b), 0, 1, 0.5, 1, 1);
    EXPECT(bl_minimum(a, REAL(BL_SHAPE(2, 1), 2, 0)), 1, 2, 2, nan_, -inf, 0, 0, 0, nan_, -inf);
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(3), -2147483648.0, 0, 5);
    EXPECT(bl_minimum(n, bl_scalar(graph, BL_I32, 1)), -2147483648.0, 0, 1);
    EXPECT_TYPE(bl_minimum(n, n), BL_I32, BL_SHAPE(3));
    EXPECT_TYPE(bl_minimum(EMPTY(BL_SHAPE(0, 1)), a), BL_F64, BL_SHAPE(0, 5));
}

Test(bounds, minimum_scalar_values)
{
    bl_tensor *x = REAL(BL_SHAPE(4), -1, 0.5, 2, nan_);
    EXPECT(bl_minimum_scalar(x, 0.5), -1, 0.5, 0.5, nan_);
    EXPECT(bl_gradient(bl_minimum_scalar(x, 0.5), x), 1, 0.5, 0, 1);
    EXPECT(bl_minimum_scalar(x, inf), -1, 0.5, 2, nan_);
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), -3, 9);
    EXPECT(bl_minimum_scalar(n, 2), -3, 2);
    EXPECT_TYPE(bl_minimum_scalar(n, 2), BL_I64, BL_SHAPE(2));
}

Test(bounds, clamp_values)
{
    bl_tensor *x = REAL(BL_SHAPE(7), -inf, -2, -1, 0.25, 3, inf, nan_);
    EXPECT(bl_clamp(x, -1, 3), -1, -1, -1, 0.25, 3, 3, nan_);
    EXPECT(bl_clamp(x, -inf, 0), -inf, -2, -1, 0, 0, 0, nan_);
    EXPECT(bl_clamp(x, 0, inf), 0, 0, 0, 0.25, 3, inf, nan_);
    EXPECT(bl_clamp(x, 3, -1), -1, -1, -1, -1, -1, -1, nan_);
    EXPECT(bl_clamp(x, -inf, inf), -inf, -2, -1, 0.25, 3, inf, nan_);
    EXPECT(bl_hardtanh(x, -1, 3), -1, -1, -1, 0.25, 3, 3, nan_);
    EXPECT(bl_relu6(REAL(BL_SHAPE(5), -1, 0, 2, 6, 7)), 0, 0, 2, 6, 6);
    EXPECT_NEAR(bl_clamp(CONSTANT(BL_F32, BL_SHAPE(1), 1), 0, 0.1), 0, (double)0.1f);
}

/* At the bounds clamp passes the cotangent on, hardtanh and relu6 do not. */
Test(bounds, clamp_derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(7), -inf, -2, -1, 0.25, 3, inf, nan_);
    EXPECT(bl_gradient(bl_clamp(x, -1, 3), x), 0, 0, 1, 1, 1, 0, 0);
    EXPECT(bl_gradient(bl_clamp(x, -inf, 0), x), 1, 1, 1, 0, 0, 0, 0);
    EXPECT(bl_gradient(bl_clamp(x, 3, -1), x), 0, 0, 0, 0, 0, 0, 0);
    cr_assert_not(bl_is_unreached(bl_gradient(bl_clamp(x, 3, -1), x)));
    EXPECT(bl_gradient(bl_clamp(x, 3, 3), x), 0, 0, 0, 0, 1, 0, 0);
    EXPECT(bl_gradient(bl_hardtanh(x, -1, 3), x), 0, 0, 0, 1, 0, 0, 0);
    EXPECT(bl_gradient(bl_hardtanh(x, 3, -1), x), 0, 0, 0, 0, 0, 0, 0);
    bl_tensor *y = REAL(BL_SHAPE(5), -1, 0, 2, 6, 7);
    EXPECT(bl_gradient(bl_relu6(y), y), 0, 0, 1, 0, 0);
}

Test(bounds, clamp_of_integers)
{
    for (bl_dtype t = BL_I32; t <= BL_I64; t++) {
        double least = t == BL_I32 ? -2147483648.0 : -0x1p63;
        bl_tensor *n = CONSTANT(t, BL_SHAPE(4), least, -3, 4, 2147483647);
        EXPECT(bl_clamp(n, -2, 5), -2, -2, 4, 5);
        EXPECT(bl_clamp(n, -inf, 5), least, -3, 4, 5);
        EXPECT(bl_clamp(n, -2, inf), -2, -2, 4, 2147483647);
        EXPECT(bl_hardtanh(n, -1, 1), -1, -1, 1, 1);
        EXPECT(bl_relu6(n), 0, 0, 4, 6);
        EXPECT_TYPE(bl_relu6(n), t, BL_SHAPE(4));
    }
}

Test(bounds, refuses)
{
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(2), 1, 2), *x = REAL(BL_SHAPE(2), 1, 2);
    bl_tensor *bools = bl_cast(n, BL_BOOL), *half = bl_cast(x, BL_F16);
    EXPECT_ERROR(bl_minimum(x, n), BL_ERR_DTYPE, "bl_minimum: dtypes differ", "test_bounds.c");
    EXPECT_ERROR(bl_minimum(bools, bools), BL_ERR_DTYPE, "the first operand is bool");
    EXPECT_ERROR(bl_minimum(x, REAL(BL_SHAPE(3), 1, 2, 3)), BL_ERR_SHAPE, "bl_minimum: shapes do not");
    EXPECT_ERROR(bl_minimum_scalar(n, 0.5), BL_ERR_ARGUMENT, "bl_minimum_scalar: i32 cannot hold 0.5");
    EXPECT_ERROR(bl_minimum_scalar(half, 1), BL_ERR_DTYPE, "is f16, which is storage only");
    EXPECT_ERROR(bl_clamp(x, nan_, 1), BL_ERR_ARGUMENT, "bl_clamp: a bound is NaN");
    EXPECT_ERROR(bl_hardtanh(x, 0, nan_), BL_ERR_ARGUMENT, "bl_hardtanh: a bound is NaN");
    EXPECT_ERROR(bl_clamp(n, 0.5, 1), BL_ERR_ARGUMENT, "bl_clamp: i32 cannot hold the bounds 0.5 and 1");
    EXPECT_ERROR(bl_clamp(n, 0, 0x1p31), BL_ERR_ARGUMENT, "i32 cannot hold the bounds 0 and 2147483648");
    EXPECT_ERROR(bl_clamp(n, inf, inf), BL_ERR_ARGUMENT, "i32 cannot hold the bounds inf and inf");
    EXPECT_ERROR(bl_clamp(bools, 0, 1), BL_ERR_DTYPE, "bl_clamp: the operand is bool");
    EXPECT_ERROR(bl_relu6(bools), BL_ERR_DTYPE, "bl_relu6: the operand is bool");
    cr_assert_null(bl_clamp(NULL, 0, 1));
    cr_assert_null(bl_minimum(NULL, NULL));
}
