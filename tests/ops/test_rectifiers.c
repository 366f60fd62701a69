/* Activation functions with one formula for x > 0 and another below. Values are PyTorch 1.13's in f64. */
#include "check.h"

TestSuite(rectifiers, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(rectifiers, values)
{
    bl_tensor *x = REAL(BL_SHAPE(6), -4, -1.5, -0.25, 0, 0.75, 5);
    EXPECT(bl_leaky_relu(x, 0.01), -0.040000000000000001, -0.014999999999999999, -0.0025000000000000001, 0,
           0.75, 5);
    EXPECT(bl_leaky_relu(x, -2), 8, 3, 0.5, 0, 0.75, 5);
    EXPECT(bl_elu(x, 1), -0.98168436111126578, -0.77686983985157021, -0.22119921692859512, 0, 0.75, 5);
    EXPECT(bl_elu(x, 0.5), -0.49084218055563289, -0.3884349199257851, -0.11059960846429756, 0, 0.75, 5);
    EXPECT(bl_selu(x), -1.7258986281898945, -1.3658143533672527, -0.38889019747811898, 0, 0.78802574051661034,
           5.2535049367774018);
    EXPECT(bl_celu(x, 1), -0.98168436111126578, -0.77686983985157021, -0.22119921692859512, 0, 0.75, 5);
    EXPECT(bl_celu(x, 2), -1.7293294335267746, -1.0552668945179706, -0.23500619483080909, 0, 0.75, 5);
}

Test(rectifiers, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(6), -4, -1.5, -0.25, 0, 0.75, 5);
    EXPECT(bl_gradient(bl_leaky_relu(x, 0.01), x), 0.01, 0.01, 0.01, 0.01, 1, 1);
    EXPECT(bl_gradient(bl_leaky_relu(x, -2), x), -2, -2, -2, -2, 1, 1);
    EXPECT(bl_gradient(bl_elu(x, 1), x), 0.018315638888734179, 0.22313016014842982, 0.77880078307140488, 1, 1,
           1);
    EXPECT(bl_gradient(bl_elu(x, 0.5), x), 0.0091578194443670893, 0.11156508007421491, 0.38940039153570244,
           0.5, 1, 1);
    EXPECT(bl_gradient(bl_selu(x), x), 0.032200712657482138, 0.39228498748012403, 1.3692091433692577,
           1.7580993408473766, 1.0507009873554805, 1.0507009873554805);
    EXPECT(bl_gradient(bl_celu(x, 1), x), 0.018315638888734179, 0.22313016014842982, 0.77880078307140488, 1,
           1, 1);
    EXPECT(bl_gradient(bl_celu(x, 2), x), 0.1353352832366127, 0.47236655274101469, 0.88249690258459546, 1, 1,
           1);
}

Test(rectifiers, special_values)
{
    const double scale = 1.0507009873554805, bound = 1.7580993408473766;
    bl_tensor *x = REAL(BL_SHAPE(5), -inf, -1e4, 1e4, inf, nan_);
    EXPECT(bl_leaky_relu(x, 0.5), -inf, -5e3, 1e4, inf, nan_);
    EXPECT(bl_elu(x, 2), -2, -2, 1e4, inf, nan_);
    EXPECT(bl_selu(x), -bound, -bound, 1e4 * scale, inf, nan_);
    EXPECT(bl_celu(x, 2), -2, -2, 1e4, inf, nan_);
    EXPECT(bl_gradient(bl_leaky_relu(x, 0.5), x), 0.5, 0.5, 1, 1, 0.5);
    EXPECT(bl_gradient(bl_elu(x, 2), x), 0, 0, 1, 1, nan_);
    EXPECT(bl_gradient(bl_selu(x), x), 0, 0, scale, scale, nan_);
    EXPECT(bl_gradient(bl_celu(x, 2), x), 0, 0, 1, 1, nan_);
    EXPECT(bl_gradient(bl_gradient(bl_elu(x, 2), x), x), 0, 0, 0, 0, nan_);
    EXPECT(bl_gradient(bl_gradient(bl_selu(x), x), x), 0, 0, 0, 0, nan_);
    EXPECT(bl_gradient(bl_gradient(bl_celu(x, 2), x), x), 0, 0, 0, 0, nan_);
}

/* What is small stays exact: e^x - 1 would have lost half of its digits. */
Test(rectifiers, near_zero)
{
    bl_tensor *x = REAL(BL_SHAPE(1), -1e-20), *narrow = CONSTANT(BL_F32, BL_SHAPE(1), -1e-10);
    EXPECT(bl_mul_scalar(bl_elu(x, 1), 1e20), -1);
    EXPECT(bl_mul_scalar(bl_celu(x, 3), 1e20), -1);
    EXPECT_NEAR(bl_mul_scalar(bl_selu(narrow), 1e10), 1e-6, -1.7580993408473766);
}

/* Other settings: none of the lower part, and celu's mirrored. */
Test(rectifiers, settings)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1, 0, 2);
    EXPECT(bl_leaky_relu(x, 0), 0, 0, 2);
    EXPECT(bl_elu(x, 0), 0, 0, 2);
    EXPECT(bl_gradient(bl_elu(x, 0), x), 0, 0, 1);
    EXPECT(bl_celu(x, -1), -1.7182818284590451, 0, 2);
    EXPECT(bl_gradient(bl_celu(x, -1), x), 2.7182818284590451, 1, 1);
}

Test(rectifiers, refuses)
{
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), 1, 2), *x = REAL(BL_SHAPE(1), 1);
    bl_tensor *narrow = CONSTANT(BL_F32, BL_SHAPE(1), 1);
    bl_tensor *(*const functions[])(bl_tensor *, double) = {bl_leaky_relu, bl_elu, bl_celu};
    for (int i = 0; i < 3; i++) {
        EXPECT_ERROR(functions[i](n, 1), BL_ERR_DTYPE, "the operand is i64, not f32 or f64: cast it first");
        EXPECT_ERROR(functions[i](x, inf), BL_ERR_ARGUMENT, ": inf is not finite");
        EXPECT_ERROR(functions[i](x, nan_), BL_ERR_ARGUMENT, ": nan is not finite");
        EXPECT_ERROR(functions[i](narrow, 1e60), BL_ERR_ARGUMENT, ": 1e+60 is not finite in f32");
        cr_assert_null(functions[i](NULL, 1));
    }
    EXPECT_ERROR(bl_selu(n), BL_ERR_DTYPE, "bl_selu: the operand is i64", "test_rectifiers.c");
    EXPECT_ERROR(bl_celu(x, 0), BL_ERR_ARGUMENT, "bl_celu: alpha = 0 is zero");
    EXPECT_ERROR(bl_celu(narrow, 1e-60), BL_ERR_ARGUMENT, "bl_celu: alpha = 1e-60 is zero in f32");
}
