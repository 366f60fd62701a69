/* Trigonometric and hyperbolic functions. Values are PyTorch 1.13's in f64. */
#include "check.h"

TestSuite(trigonometry, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;
static const double pi = 3.14159265358979323846;

Test(trigonometry, values)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1.5, 0.25, 2), *inner = REAL(BL_SHAPE(3), -0.5, 0.25, 0.75);
    bl_tensor *outer = REAL(BL_SHAPE(3), 1.25, 2, 3);
    EXPECT(bl_sin(x), -0.99749498660405445, 0.24740395925452294, 0.90929742682568171);
    EXPECT(bl_cos(x), 0.070737201667702906, 0.96891242171064473, -0.41614683654714241);
    EXPECT(bl_tan(x), -14.101419947171719, 0.25534192122103627, -2.1850398632615189);
    EXPECT(bl_atan(x), -0.98279372324732905, 0.24497866312686414, 1.1071487177940904);
    EXPECT(bl_sinh(x), -2.1292794550948173, 0.25261231680816831, 3.626860407847019);
    EXPECT(bl_cosh(x), 2.3524096152432472, 1.0314130998795732, 3.7621956910836314);
    EXPECT(bl_asinh(x), -1.1947632172871094, 0.24746646154726346, 1.4436354751788103);
    EXPECT(bl_asin(inner), -0.52359877559829893, 0.25268025514207865, 0.848062078981481);
    EXPECT(bl_acos(inner), 2.0943951023931957, 1.318116071652818, 0.72273424781341555);
    EXPECT(bl_atanh(inner), -0.54930614433405478, 0.25541281188299536, 0.97295507452765662);
    EXPECT(bl_acosh(outer), 0.69314718055994529, 1.3169578969248166, 1.7627471740390861);
}

Test(trigonometry, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1.5, 0.25, 2), *inner = REAL(BL_SHAPE(3), -0.5, 0.25, 0.75);
    bl_tensor *outer = REAL(BL_SHAPE(3), 1.25, 2, 3);
    EXPECT(bl_gradient(bl_sin(x), x), 0.070737201667702906, 0.96891242171064473, -0.41614683654714241);
    EXPECT(bl_gradient(bl_cos(x), x), 0.99749498660405445, -0.24740395925452294, -0.90929742682568171);
    EXPECT(bl_gradient(bl_tan(x), x), 199.85004452649244, 1.06519949673285, 5.7743992040419174);
    EXPECT(bl_gradient(bl_atan(x), x), 0.30769230769230771, 0.94117647058823528, 0.20000000000000001);
    EXPECT(bl_gradient(bl_sinh(x), x), 2.3524096152432472, 1.0314130998795732, 3.7621956910836314);
    EXPECT(bl_gradient(bl_cosh(x), x), -2.1292794550948173, 0.25261231680816831, 3.626860407847019);
    EXPECT(bl_gradient(bl_asinh(x), x), 0.55470019622522915, 0.97014250014533188, 0.44721359549995793);
    EXPECT(bl_gradient(bl_asin(inner), inner), 1.1547005383792517, 1.0327955589886444, 1.5118578920369088);
    EXPECT(bl_gradient(bl_acos(inner), inner), -1.1547005383792517, -1.0327955589886444, -1.5118578920369088);
    EXPECT(bl_gradient(bl_atanh(inner), inner), 1.3333333333333333, 1.0666666666666667, 2.2857142857142856);
    EXPECT(bl_gradient(bl_acosh(outer), outer), 1.3333333333333333, 0.57735026918962584, 0.35355339059327373);
}

Test(trigonometry, special_values)
{
    bl_tensor *x = REAL(BL_SHAPE(4), 0, nan_, inf, -inf);
    EXPECT(bl_sin(x), 0, nan_, nan_, nan_);
    EXPECT(bl_cos(x), 1, nan_, nan_, nan_);
    EXPECT(bl_tan(x), 0, nan_, nan_, nan_);
    EXPECT(bl_atan(x), 0, nan_, pi / 2, -pi / 2);
    EXPECT(bl_asin(x), 0, nan_, nan_, nan_);
    EXPECT(bl_acos(x), pi / 2, nan_, nan_, nan_);
    EXPECT(bl_sinh(x), 0, nan_, inf, -inf);
    EXPECT(bl_cosh(x), 1, nan_, inf, inf);
    EXPECT(bl_asinh(x), 0, nan_, inf, -inf);
    EXPECT(bl_acosh(x), nan_, nan_, inf, nan_);
    EXPECT(bl_atanh(x), 0, nan_, nan_, nan_);
    EXPECT(bl_gradient(bl_atan(x), x), 1, nan_, 0, 0);
    EXPECT(bl_gradient(bl_asinh(x), x), 1, nan_, 0, 0);
}

Test(trigonometry, ends_of_domains)
{
    bl_tensor *x = REAL(BL_SHAPE(4), -1, 1, 1.5, -1.5);
    EXPECT(bl_asin(x), -pi / 2, pi / 2, nan_, nan_);
    EXPECT(bl_acos(x), pi, 0, nan_, nan_);
    EXPECT(bl_atanh(x), -inf, inf, nan_, nan_);
    EXPECT(bl_gradient(bl_asin(x), x), inf, inf, nan_, nan_);
    EXPECT(bl_gradient(bl_acos(x), x), -inf, -inf, nan_, nan_);
    bl_tensor *y = REAL(BL_SHAPE(3), 1, 0.5, -2);
    EXPECT(bl_acosh(y), 0, nan_, nan_);
    EXPECT(bl_gradient(bl_acosh(y), y), inf, nan_, nan_);
}

/* Squares on the way would overflow in f32: 1e30^2, or vanish: 1e-30^2. */
Test(trigonometry, far_and_near_zero)
{
    bl_tensor *x = CONSTANT(BL_F32, BL_SHAPE(1), 1e30), *y = CONSTANT(BL_F32, BL_SHAPE(1), 1e-30);
    EXPECT_NEAR(bl_mul_scalar(bl_hypot(x, x), 1e-30), 1e-6, 1.4142135623730951);
    EXPECT_NEAR(bl_mul_scalar(bl_gradient(bl_asinh(x), x), 1e30), 1e-6, 1);
    EXPECT_NEAR(bl_mul_scalar(bl_gradient(bl_acosh(x), x), 1e30), 1e-6, 1);
    EXPECT_NEAR(bl_mul_scalar(bl_gradient(bl_atan2(x, x), x), 1e30), 1e-6, 0);
    bl_tensor *other = CONSTANT(BL_F32, BL_SHAPE(1), 1e30);
    EXPECT_NEAR(bl_mul_scalar(bl_gradient(bl_atan2(x, other), x), 1e30), 1e-6, 0.5);
    EXPECT_NEAR(bl_mul_scalar(bl_gradient(bl_atan2(y, y), y), 1e-30), 1e-6, 0);
    EXPECT_NEAR(bl_gradient(bl_hypot(y, bl_scalar(graph, BL_F32, 1e-30)), y), 1e-6, 0.70710678118654752);
    EXPECT(bl_sin(CONSTANT(BL_F64, BL_SHAPE(1), 1e22)), -0.85220084976713917);
}

Test(trigonometry, atan2_in_every_quadrant)
{
    bl_tensor *a = REAL(BL_SHAPE(6), 1, 1, -1, -1, 0, 0), *b = REAL(BL_SHAPE(6), 1, -1, -1, 1, -1, 1);
    bl_tensor *y = bl_atan2(a, b);
    EXPECT(y, pi / 4, 3 * pi / 4, -3 * pi / 4, -pi / 4, pi, 0);
    EXPECT(bl_gradient(y, a), 0.5, -0.5, -0.5, 0.5, -1, 1);
    EXPECT(bl_gradient(y, b), -0.5, -0.5, 0.5, 0.5, 0, 0);
    bl_tensor *zero = REAL(BL_SHAPE(2), 0, -0.0);
    EXPECT(bl_atan2(zero, REAL(BL_SHAPE(2, 1), 0, -0.0)), 0, 0, pi, -pi);
    EXPECT(bl_gradient(bl_atan2(zero, bl_scalar(graph, BL_F64, 0)), zero), nan_, nan_);
    EXPECT(bl_atan2(REAL(BL_SHAPE(4), inf, -inf, 1, nan_), REAL(BL_SHAPE(4), inf, -inf, inf, 1)), pi / 4,
           -3 * pi / 4, 0, nan_);
}

Test(trigonometry, hypot_values)
{
    bl_tensor *a = REAL(BL_SHAPE(4), 3, -3, 0, inf), *b = REAL(BL_SHAPE(4), 4, 4, -2, nan_);
    EXPECT(bl_hypot(a, b), 5, 5, 2, inf);
    EXPECT(bl_gradient(bl_hypot(a, b), a), 0.6, -0.6, 0, nan_);
    EXPECT(bl_gradient(bl_hypot(a, b), b), 0.8, 0.8, -1, nan_);
    bl_tensor *zero = REAL(BL_SHAPE(1), 0);
    EXPECT(bl_gradient(bl_hypot(zero, REAL(BL_SHAPE(1), 0)), zero), nan_);
}

Test(trigonometry, refuses)
{
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), 1, 2), *x = REAL(BL_SHAPE(2), 1, 2);
    bl_tensor *half = bl_cast(x, BL_F16);
    bl_tensor *(*const functions[])(bl_tensor *) = {bl_sin,  bl_cos,  bl_tan,   bl_asin,  bl_acos, bl_atan,
                                                    bl_sinh, bl_cosh, bl_asinh, bl_acosh, bl_atanh};
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        EXPECT_ERROR(functions[i](n), BL_ERR_DTYPE, "the operand is i64, not f32 or f64: cast it first");
        EXPECT_ERROR(functions[i](half), BL_ERR_DTYPE, "the operand is f16, which is storage only");
        cr_assert_null(functions[i](NULL));
    }
    EXPECT_ERROR(bl_atan2(x, n), BL_ERR_DTYPE, "bl_atan2: the second operand is i64", "test_trigonometry.c");
    EXPECT_ERROR(bl_atan2(x, CONSTANT(BL_F32, BL_SHAPE(1), 1)), BL_ERR_DTYPE, "bl_atan2: dtypes differ");
    EXPECT_ERROR(bl_hypot(x, REAL(BL_SHAPE(3), 1, 2, 3)), BL_ERR_SHAPE, "bl_hypot: shapes do not broadcast");
    EXPECT_ERROR(bl_hypot(x, NULL), BL_ERR_ARGUMENT, "bl_hypot: a tensor is NULL");
}
