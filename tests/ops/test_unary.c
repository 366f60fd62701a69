/* Functions of one tensor, and cast. Values of transcendental functions are PyTorch 1.13's in f64. */
#include "check.h"

TestSuite(unary, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(unary, values)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1.5, 0.25, 2), *positive = REAL(BL_SHAPE(3), 0.25, 1, 3);
    EXPECT(bl_neg(x), 1.5, -0.25, -2);
    EXPECT(bl_exp(x), 0.22313016014842982, 1.2840254166877414, 7.38905609893065);
    EXPECT(bl_log(positive), -1.3862943611198906, 0, 1.0986122886681098);
    EXPECT(bl_sqrt(positive), 0.5, 1, 1.7320508075688772);
    EXPECT(bl_square(x), 2.25, 0.0625, 4);
    EXPECT(bl_abs(x), 1.5, 0.25, 2);
    EXPECT(bl_sign(x), -1, 1, 1);
    EXPECT(bl_relu(x), 0, 0.25, 2);
    EXPECT(bl_tanh(x), -0.9051482536448664, 0.24491866240370913, 0.9640275800758169);
    EXPECT(bl_sigmoid(x), 0.18242552380635635, 0.5621765008857981, 0.8807970779778823);
}

Test(unary, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1.5, 0.25, 2), *positive = REAL(BL_SHAPE(3), 0.25, 1, 3);
    EXPECT(bl_gradient(bl_neg(x), x), -1, -1, -1);
    EXPECT(bl_gradient(bl_exp(x), x), 0.22313016014842982, 1.2840254166877414, 7.38905609893065);
    EXPECT(bl_gradient(bl_log(positive), positive), 4, 1, 1.0 / 3);
    EXPECT(bl_gradient(bl_sqrt(positive), positive), 1, 0.5, 0.2886751345948129);
    EXPECT(bl_gradient(bl_square(x), x), -3, 0.5, 4);
    EXPECT(bl_gradient(bl_abs(x), x), -1, 1, 1);
    EXPECT(bl_gradient(bl_sign(x), x), 0, 0, 0);
    EXPECT(bl_gradient(bl_relu(x), x), 0, 1, 1);
    EXPECT(bl_gradient(bl_tanh(x), x), 0.1807066389236486, 0.940014848806378, 0.07065082485316443);
    EXPECT(bl_gradient(bl_sigmoid(x), x), 0.14914645207033286, 0.24613408273759835, 0.10499358540350662);
}

Test(unary, special_values)
{
    bl_tensor *x = REAL(BL_SHAPE(4), 0, nan_, inf, -inf);
    EXPECT(bl_neg(x), 0, nan_, -inf, inf);
    EXPECT(bl_exp(x), 1, nan_, inf, 0);
    EXPECT(bl_log(x), -inf, nan_, inf, nan_);
    EXPECT(bl_sqrt(x), 0, nan_, inf, nan_);
    EXPECT(bl_square(x), 0, nan_, inf, inf);
    EXPECT(bl_abs(x), 0, nan_, inf, inf);
    EXPECT(bl_sign(x), 0, nan_, 1, -1);
    EXPECT(bl_relu(x), 0, nan_, inf, 0);
    EXPECT(bl_tanh(x), 0, nan_, 1, -1);
    EXPECT(bl_sigmoid(x), 0.5, nan_, 1, 0);
    EXPECT(bl_sigmoid(REAL(BL_SHAPE(2), 1000, -1000)), 1, 0);
    EXPECT(bl_gradient(bl_relu(x), x), 0, 1, 1, 0); /* as PyTorch: NaN is not below 0 */
    EXPECT(bl_gradient(bl_abs(x), x), 0, nan_, 1, -1);
}

Test(unary, integers)
{
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(3), -3, 0, -2147483648.0);
    EXPECT(bl_neg(n), 3, 0, -2147483648.0);
    EXPECT(bl_square(n), 9, 0, 0);
    EXPECT(bl_abs(n), 3, 0, -2147483648.0);
    EXPECT(bl_sign(n), -1, 0, -1);
    EXPECT(bl_relu(n), 0, 0, 0);
    EXPECT_TYPE(bl_relu(n), BL_I32, BL_SHAPE(3));
}

Test(unary, casts)
{
    bl_tensor *x = REAL(BL_SHAPE(6), 1.9, -1.9, nan_, 1e30, -1e30, 0);
    EXPECT(bl_cast(x, BL_I32), 1, -1, 0, 2147483647, -2147483648.0, 0);
    EXPECT(bl_cast(x, BL_I64), 1, -1, 0, 0x1p63, -0x1p63, 0);
    EXPECT(bl_cast(x, BL_BOOL), 1, 1, 1, 1, 1, 0);
    EXPECT_NEAR(bl_cast(REAL(BL_SHAPE(1), 0.1), BL_F32), 0, (double)0.1f);
    EXPECT(bl_cast(CONSTANT(BL_BOOL, BL_SHAPE(2), 1, 0), BL_F64), 1, 0);
    bl_tensor *y = REAL(BL_SHAPE(2), 1.00390625, 0.33325); /* a tie in bf16 goes to even */
    EXPECT(bl_cast(bl_cast(y, BL_BF16), BL_F32), 1, 0.333984375);
    EXPECT(bl_cast(bl_cast(y, BL_F16), BL_F64), 1.00390625, 0.333251953125);
    EXPECT_TYPE(bl_cast(x, BL_F16), BL_F16, BL_SHAPE(6));
}

Test(unary, casts_between_floats_have_derivatives)
{
    bl_tensor *x = CONSTANT(BL_F32, BL_SHAPE(2), 3, 4);
    bl_tensor *gradient = bl_gradient(bl_square(bl_cast(x, BL_F64)), x);
    EXPECT_TYPE(gradient, BL_F32, BL_SHAPE(2));
    EXPECT(gradient, 6, 8);
    EXPECT(bl_gradient(bl_mul(x, bl_cast(bl_cast(x, BL_I32), BL_F32)), x), 3, 4);
}

Test(unary, without_elements)
{
    bl_tensor *empty = EMPTY(BL_SHAPE(0, 2));
    EXPECT_TYPE(bl_exp(empty), BL_F64, BL_SHAPE(0, 2));
    EXPECT_TYPE(bl_cast(empty, BL_BF16), BL_BF16, BL_SHAPE(0, 2));
    EXPECT_TYPE(bl_gradient(bl_tanh(empty), empty), BL_F64, BL_SHAPE(0, 2));
}

Test(unary, refuses)
{
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), 1, 2), *bools = bl_cast(n, BL_BOOL),
              *half = bl_cast(n, BL_F16);
    bl_tensor *(*const reals[])(bl_tensor *) = {bl_exp, bl_log, bl_sqrt, bl_tanh, bl_sigmoid};
    bl_tensor *(*const numbers[])(bl_tensor *) = {bl_neg, bl_square, bl_abs, bl_sign, bl_relu};
    for (int i = 0; i < 5; i++) {
        EXPECT_ERROR(reals[i](n), BL_ERR_DTYPE, "the operand is i64, not f32 or f64: cast it first");
        EXPECT_ERROR(numbers[i](bools), BL_ERR_DTYPE, "the operand is bool, not f32, f64, i32 or i64");
        EXPECT_ERROR(reals[i](half), BL_ERR_DTYPE,
                     "the operand is f16, which is storage only: cast it to f32");
        EXPECT_ERROR(numbers[i](half), BL_ERR_DTYPE,
                     "the operand is f16, which is storage only: cast it to f32");
        cr_assert_null(reals[i](NULL));
        cr_assert_null(numbers[i](NULL));
    }
    EXPECT_ERROR(bl_cast(n, BL_DTYPE_COUNT), BL_ERR_DTYPE, "bl_cast: there is no dtype 7", "test_unary.c");
}
