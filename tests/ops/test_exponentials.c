/* Kin of exp, log and sqrt, and the error function. Values are PyTorch 1.13's in f64. */
#include "check.h"

TestSuite(exponentials, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(exponentials, values)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1.5, 0.25, 2), *inner = REAL(BL_SHAPE(3), -0.5, 0.25, 0.75);
    bl_tensor *positive = REAL(BL_SHAPE(3), 0.25, 1, 3);
    EXPECT(bl_expm1(x), -0.77686983985157021, 0.28402541668774151, 6.3890560989306504);
    EXPECT(bl_exp2(x), 0.35355339059327379, 1.189207115002721, 4);
    EXPECT(bl_erf(x), -0.96610514647531076, 0.27632639016823696, 0.99532226501895271);
    EXPECT(bl_erfc(x), 1.9661051464753108, 0.7236736098317631, 0.0046777349810472654);
    EXPECT(bl_log1p(inner), -0.69314718055994529, 0.22314355131420976, 0.55961578793542266);
    EXPECT(bl_log2(positive), -2, 0, 1.5849625007211561);
    EXPECT(bl_log10(positive), -0.6020599913279624, 0, 0.47712125471966244);
    EXPECT(bl_rsqrt(positive), 2, 1, 0.57735026918962584);
    EXPECT(bl_reciprocal(positive), 4, 1, 0.33333333333333331);
}

Test(exponentials, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1.5, 0.25, 2), *inner = REAL(BL_SHAPE(3), -0.5, 0.25, 0.75);
    bl_tensor *positive = REAL(BL_SHAPE(3), 0.25, 1, 3);
    EXPECT(bl_gradient(bl_expm1(x), x), 0.22313016014842979, 1.2840254166877414, 7.3890560989306504);
    EXPECT(bl_gradient(bl_exp2(x), x), 0.24506453586713681, 0.82429555886596273, 2.7725887222397811);
    EXPECT(bl_gradient(bl_erf(x), x), 0.11893028922362936, 1.0600141293761143, 0.020666985354092053);
    EXPECT(bl_gradient(bl_erfc(x), x), -0.11893028922362936, -1.0600141293761143, -0.020666985354092053);
    EXPECT(bl_gradient(bl_log1p(inner), inner), 2, 0.80000000000000004, 0.5714285714285714);
    EXPECT(bl_gradient(bl_log2(positive), positive), 5.7707801635558535, 1.4426950408889634,
           0.48089834696298783);
    EXPECT(bl_gradient(bl_log10(positive), positive), 1.7371779276130075, 0.43429448190325187,
           0.14476482730108395);
    EXPECT(bl_gradient(bl_rsqrt(positive), positive), -4, -0.5, -0.096225044864937673);
    EXPECT(bl_gradient(bl_reciprocal(positive), positive), -16, -1, -0.1111111111111111);
}

Test(exponentials, special_values)
{
    bl_tensor *x = REAL(BL_SHAPE(5), 0, -1, nan_, inf, -inf);
    EXPECT(bl_expm1(x), 0, -0.63212055882855767, nan_, inf, -1);
    EXPECT(bl_exp2(x), 1, 0.5, nan_, inf, 0);
    EXPECT(bl_log1p(x), 0, -inf, nan_, inf, nan_);
    EXPECT(bl_log2(x), -inf, nan_, nan_, inf, nan_);
    EXPECT(bl_log10(x), -inf, nan_, nan_, inf, nan_);
    EXPECT(bl_rsqrt(x), inf, nan_, nan_, 0, nan_);
    EXPECT(bl_reciprocal(x), inf, -1, nan_, 0, 0);
    EXPECT(bl_erf(x), 0, -0.84270079294971489, nan_, 1, -1);
    EXPECT(bl_erfc(x), 1, 1.8427007929497148, nan_, 0, 2);
    EXPECT(bl_gradient(bl_expm1(x), x), 1, 0.36787944117144233, nan_, inf, 0);
    EXPECT(bl_gradient(bl_log1p(x), x), 1, inf, nan_, 0, 0);
    EXPECT(bl_gradient(bl_rsqrt(x), x), -inf, nan_, nan_, 0, nan_);
    EXPECT(bl_gradient(bl_reciprocal(x), x), -inf, -1, nan_, 0, 0);
    EXPECT(bl_gradient(bl_erf(x), x), 1.1283791670955126, 0.41510749742059472, nan_, 0, 0);
}

/* Where 1 + x, 1 - erf and their like would have lost all digits. */
Test(exponentials, small_results)
{
    bl_tensor *x = REAL(BL_SHAPE(1), 1e-20), *far = REAL(BL_SHAPE(1), 10);
    EXPECT(bl_mul_scalar(bl_expm1(x), 1e20), 1);
    EXPECT(bl_mul_scalar(bl_log1p(x), 1e20), 1);
    EXPECT(bl_mul_scalar(bl_erfc(far), 1e45), 2.0884875837625447);
    bl_tensor *narrow = CONSTANT(BL_F32, BL_SHAPE(1), 1e-10);
    EXPECT_NEAR(bl_mul_scalar(bl_expm1(narrow), 1e10), 1e-6, 1);
    EXPECT_NEAR(bl_mul_scalar(bl_log1p(narrow), 1e10), 1e-6, 1);
    bl_tensor *tiny = CONSTANT(BL_F32, BL_SHAPE(1), 1e-24); /* y^3 would overflow */
    EXPECT_NEAR(bl_mul_scalar(bl_gradient(bl_rsqrt(tiny), tiny), 1e-36), 1e-6, -0.5);
}

Test(exponentials, xlogy_values)
{
    bl_tensor *a = REAL(BL_SHAPE(8), 2, 0, 0, 0, 0, 1, 1, -2),
              *b = REAL(BL_SHAPE(8), 3, 0, -1, nan_, inf, 0, -1, inf);
    EXPECT(bl_xlogy(a, b), 2.1972245773362196, 0, 0, nan_, 0, -inf, nan_, -inf);
    EXPECT(bl_gradient(bl_xlogy(a, b), a), 1.0986122886681098, 0, 0, nan_, 0, -inf, nan_, inf);
    EXPECT(bl_gradient(bl_xlogy(a, b), b), 2.0 / 3, nan_, 0, nan_, 0, inf, -1, 0);
    EXPECT_TYPE(bl_xlogy(EMPTY(BL_SHAPE(0, 1)), a), BL_F64, BL_SHAPE(0, 8));
    EXPECT_ERROR(bl_xlogy(a, CONSTANT(BL_I32, BL_SHAPE(1), 1)), BL_ERR_DTYPE,
                 "bl_xlogy: the second operand is i32");
    EXPECT_ERROR(bl_xlogy(a, REAL(BL_SHAPE(2), 1, 1)), BL_ERR_SHAPE, "bl_xlogy: shapes do not broadcast");
}

Test(exponentials, refuses)
{
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(2), 1, 2), *bools = bl_cast(n, BL_BOOL);
    bl_tensor *(*const functions[])(bl_tensor *) = {bl_expm1, bl_exp2,       bl_log1p, bl_log2, bl_log10,
                                                    bl_rsqrt, bl_reciprocal, bl_erf,   bl_erfc};
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        EXPECT_ERROR(functions[i](n), BL_ERR_DTYPE, "the operand is i32, not f32 or f64: cast it first");
        EXPECT_ERROR(functions[i](bools), BL_ERR_DTYPE, "the operand is bool, not f32 or f64");
        cr_assert_null(functions[i](NULL));
    }
    EXPECT_ERROR(bl_expm1(n), BL_ERR_DTYPE, "bl_expm1: the operand", "test_exponentials.c");
}
