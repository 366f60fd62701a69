/* Arithmetic of a tensor and a number. */
#include "check.h"

TestSuite(scalar, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(scalar, values)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 1, -2, 0);
    EXPECT(bl_add_scalar(x, 0.5), 1.5, -1.5, 0.5);
    EXPECT(bl_sub_scalar(x, 0.5), 0.5, -2.5, -0.5);
    EXPECT(bl_mul_scalar(x, -3), -3, 6, 0);
    EXPECT(bl_div_scalar(x, 4), 0.25, -0.5, 0);
    EXPECT(bl_div_scalar(x, 0), inf, -inf, nan_);
    EXPECT(bl_pow_scalar(x, 3), 1, -8, 0);
    EXPECT(bl_maximum_scalar(x, -1), 1, -1, 0);
    EXPECT(bl_scalar_sub(1, x), 0, 3, 1);
    EXPECT(bl_scalar_div(1, x), 1, -0.5, inf);
}

Test(scalar, takes_the_dtype_of_the_tensor)
{
    bl_tensor *x = CONSTANT(BL_F32, BL_SHAPE(1), 1);
    EXPECT_TYPE(bl_add_scalar(x, 0.1), BL_F32, BL_SHAPE(1));
    EXPECT_NEAR(bl_mul_scalar(x, 0.1), 0, (double)0.1f);
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(2), 7, 2147483647);
    EXPECT(bl_add_scalar(n, 1), 8, -2147483648.0);
    EXPECT(bl_scalar_sub(-2, n), -9, 2147483647);
    EXPECT_TYPE(bl_mul_scalar(n, 2), BL_I32, BL_SHAPE(2));
}

Test(scalar, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 1, -2, 0.5);
    EXPECT(bl_gradient(bl_add_scalar(x, 4), x), 1, 1, 1);
    EXPECT(bl_gradient(bl_sub_scalar(x, 4), x), 1, 1, 1);
    EXPECT(bl_gradient(bl_mul_scalar(x, 4), x), 4, 4, 4);
    EXPECT(bl_gradient(bl_div_scalar(x, 4), x), 0.25, 0.25, 0.25);
    EXPECT(bl_gradient(bl_scalar_sub(1, x), x), -1, -1, -1);
    EXPECT(bl_gradient(bl_scalar_div(2, x), x), -2, -0.5, -8);
    EXPECT(bl_gradient(bl_maximum_scalar(x, 0.5), x), 1, 0, 0.5);
    bl_tensor *unknown = REAL(BL_SHAPE(1), nan_);
    EXPECT(bl_gradient(bl_maximum_scalar(unknown, 0.5), unknown), 1);
}

Test(scalar, pow_derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 0, -2, 3);
    EXPECT(bl_gradient(bl_pow_scalar(x, 0), x), 0, 0, 0);
    cr_assert_not(bl_is_unreached(bl_gradient(bl_pow_scalar(x, 0), x)));
    EXPECT(bl_gradient(bl_pow_scalar(x, 1), x), 1, 1, 1);
    EXPECT(bl_gradient(bl_pow_scalar(x, 2), x), 0, -4, 6);
    EXPECT(bl_gradient(bl_pow_scalar(x, 3), x), 0, 12, 27);
    EXPECT(bl_gradient(bl_gradient(bl_pow_scalar(x, 2), x), x), 2, 2, 2);
    EXPECT(bl_gradient(bl_gradient(bl_pow_scalar(x, 3), x), x), 0, -12, 18);
    EXPECT(bl_gradient(bl_pow_scalar(x, -1), x), -inf, -0.25, -1.0 / 9);
}

Test(scalar, without_elements)
{
    bl_tensor *empty = EMPTY(BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_scalar_div(1, empty), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_gradient(bl_pow_scalar(empty, 2), empty), BL_F64, BL_SHAPE(2, 0));
}

Test(scalar, refuses)
{
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), 1, 2), *half = bl_cast(n, BL_F16);
    EXPECT_ERROR(bl_add_scalar(n, 0.5), BL_ERR_ARGUMENT, "bl_add_scalar: i64 cannot hold 0.5",
                 "test_scalar.c");
    EXPECT_ERROR(bl_sub_scalar(n, 0x1p70), BL_ERR_ARGUMENT, "bl_sub_scalar: i64 cannot hold 1.18");
    EXPECT_ERROR(bl_maximum_scalar(n, inf), BL_ERR_ARGUMENT, "cannot hold inf");
    EXPECT_ERROR(bl_scalar_sub(0.5, n), BL_ERR_ARGUMENT, "bl_scalar_sub: i64 cannot hold 0.5");
    EXPECT_ERROR(bl_div_scalar(n, 2), BL_ERR_DTYPE,
                 "bl_div_scalar: the operand is i64, not f32 or f64: cast it");
    EXPECT_ERROR(bl_pow_scalar(n, 2), BL_ERR_DTYPE, "bl_pow_scalar: the operand is i64");
    EXPECT_ERROR(bl_scalar_div(2, n), BL_ERR_DTYPE, "bl_scalar_div: the operand is i64");
    EXPECT_ERROR(bl_mul_scalar(half, 2), BL_ERR_DTYPE,
                 "bl_mul_scalar: the operand is f16, which is storage only");
    EXPECT_ERROR(bl_mul_scalar(bl_cast(n, BL_BOOL), 0.5), BL_ERR_DTYPE, "the operand is bool");
    cr_assert_null(bl_add_scalar(NULL, 1));
}
