/* Rounding and remainders. */
#include "check.h"

TestSuite(rounding, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(rounding, values)
{
    bl_tensor *x = REAL(BL_SHAPE(8), -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.75, -2.75);
    EXPECT(bl_floor(x), -3, -2, -1, 0, 1, 2, 2, -3);
    EXPECT(bl_ceil(x), -2, -1, 0, 1, 2, 3, 3, -2);
    EXPECT(bl_round(x), -2, -2, 0, 0, 2, 2, 3, -3);
    EXPECT(bl_trunc(x), -2, -1, 0, 0, 1, 2, 2, -2);
    bl_tensor *large = REAL(BL_SHAPE(4), 4503599627370497.5, inf, -inf, nan_);
    EXPECT(bl_floor(large), 4503599627370497, inf, -inf, nan_);
    EXPECT(bl_round(large), 4503599627370498, inf, -inf, nan_);
    EXPECT(bl_ceil(large), 4503599627370498, inf, -inf, nan_);
    EXPECT(bl_trunc(large), 4503599627370497, inf, -inf, nan_);
}

Test(rounding, of_integers_changes_nothing)
{
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(3), -2147483648.0, 0, 7);
    bl_tensor *(*const functions[])(bl_tensor *) = {bl_floor, bl_ceil, bl_round, bl_trunc};
    for (int i = 0; i < 4; i++) {
        EXPECT_TYPE(functions[i](n), BL_I32, BL_SHAPE(3));
        EXPECT(functions[i](n), -2147483648.0, 0, 7);
        EXPECT_TYPE(functions[i](EMPTY(BL_SHAPE(0, 2))), BL_F64, BL_SHAPE(0, 2));
        EXPECT_TYPE(functions[i](bl_scalar(graph, BL_F32, 1.5)), BL_F32, BL_SCALAR);
        EXPECT_ERROR(functions[i](bl_cast(n, BL_BOOL)), BL_ERR_DTYPE,
                     "the operand is bool, not f32, f64, i32 or");
        cr_assert_null(functions[i](NULL));
    }
}

Test(rounding, has_a_derivative_of_zero)
{
    bl_tensor *x = REAL(BL_SHAPE(3), -1.25, 0, 2);
    EXPECT(bl_gradient(bl_floor(x), x), 0, 0, 0);
    EXPECT(bl_gradient(bl_mul(bl_round(x), x), x), -1, 0, 2);
}

/* ---- remainders ---- */

Test(rounding, remainders_of_floats)
{
    bl_tensor *a = REAL(BL_SHAPE(8), 5.5, -5.5, 5.5, -5.5, 4, -4, 1, -1);
    bl_tensor *b = REAL(BL_SHAPE(8), 2, 2, -2, -2, 2, 2, inf, inf);
    EXPECT(bl_fmod(a, b), 1.5, -1.5, 1.5, -1.5, 0, 0, 1, -1);
    EXPECT(bl_remainder(a, b), 1.5, 0.5, -0.5, -1.5, 0, 0, 1, inf);
    bl_tensor *x = REAL(BL_SHAPE(4), 1, inf, nan_, 0);
    EXPECT(bl_fmod(x, bl_scalar(graph, BL_F64, 0)), nan_, nan_, nan_, nan_);
    EXPECT(bl_remainder(x, bl_scalar(graph, BL_F64, 2)), 1, nan_, nan_, 0);
    EXPECT(bl_fmod_scalar(a, -2), 1.5, -1.5, 1.5, -1.5, 0, 0, 1, -1);
    EXPECT(bl_remainder_scalar(a, -2), -0.5, -1.5, -0.5, -1.5, 0, 0, -1, -1);
    EXPECT(bl_fmod_scalar(x, 0), nan_, nan_, nan_, nan_);
}

Test(rounding, remainders_of_integers)
{
    for (bl_dtype t = BL_I32; t <= BL_I64; t++) {
        bl_tensor *a = CONSTANT(t, BL_SHAPE(5), 7, -7, 7, -7, -6),
                  *b = CONSTANT(t, BL_SHAPE(5), 3, 3, -3, -3, 3);
        EXPECT(bl_fmod(a, b), 1, -1, 1, -1, 0);
        EXPECT(bl_remainder(a, b), 1, 2, -2, -1, 0);
        EXPECT(bl_fmod_scalar(a, 3), 1, -1, 1, -1, 0);
        EXPECT(bl_remainder_scalar(a, 3), 1, 2, 1, 2, 0);
        EXPECT_TYPE(bl_remainder(a, b), t, BL_SHAPE(5));
        double least = t == BL_I32 ? -2147483648.0 : -0x1p63;
        bl_tensor *smallest = CONSTANT(t, BL_SHAPE(1), least), *minus = CONSTANT(t, BL_SHAPE(1), -1);
        EXPECT(bl_fmod(smallest, minus), 0);
        EXPECT(bl_remainder(smallest, minus), 0);
        EXPECT(bl_fmod_scalar(smallest, -1), 0);
        EXPECT(bl_remainder_scalar(smallest, -1), 0);
    }
}

/* 1 / 0.1 rounds to 10, but the quotient that leaves 0.09.. is 9. */
Test(rounding, derivatives_of_remainders)
{
    bl_tensor *a = REAL(BL_SHAPE(4), 5.5, -5.5, 1, 1), *b = REAL(BL_SHAPE(4), 2, 2, 0.1, inf);
    EXPECT(bl_gradient(bl_fmod(a, b), a), 1, 1, 1, 1);
    EXPECT(bl_gradient(bl_fmod(a, b), b), -2, 2, -9, 0);
    EXPECT(bl_gradient(bl_remainder(a, b), a), 1, 1, 1, 1);
    EXPECT(bl_gradient(bl_remainder(a, b), b), -2, 3, -9, 0);
    EXPECT(bl_gradient(bl_fmod_scalar(a, 2), a), 1, 1, 1, 1);
    EXPECT(bl_gradient(bl_remainder_scalar(a, 2), a), 1, 1, 1, 1);
}

/* Found when the program runs, wherever the zero lies; a divisor that no element meets does no harm. */
Test(rounding, integers_divided_by_zero)
{
    int64_t values[6];
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6), *zero = bl_scalar(graph, BL_I64, 0);
    bl_tensor *b = CONSTANT(BL_I64, BL_SHAPE(3, 2), 1, 2, 3, 4, 0, 5);
    bl_tensor *bad[] = {bl_fmod(n, bl_transpose(b, 0, 1)), bl_remainder(n, zero)};
    const char *const names[] = {"bl_fmod", "bl_remainder"};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(bl_eval(bad[i], values, sizeof(values)), BL_ERR_ARGUMENT);
        cr_assert(
            error_says(bl_context_error(context), BL_ERR_ARGUMENT, names[i], "i64 divided by zero", NULL));
    }
    EXPECT(bl_fmod(bl_slice(n, 1, 0, 2, 1), bl_slice(b, 0, 0, 2, 1)), 0, 0, 1, 1);
    bl_tensor *none = bl_constant(graph, BL_I64, BL_SHAPE(0, 1), NULL);
    cr_assert_eq(bl_eval(bl_fmod(none, CONSTANT(BL_I64, BL_SHAPE(2), 0, 1)), values, 0), BL_OK);
    EXPECT_ERROR(bl_fmod_scalar(n, 0), BL_ERR_ARGUMENT, "bl_fmod_scalar: i64 cannot be divided by zero");
    EXPECT_ERROR(bl_remainder_scalar(n, 0), BL_ERR_ARGUMENT, "bl_remainder_scalar: i64 cannot be divided");
}

Test(rounding, remainders_refuse)
{
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), 1, 2), *x = REAL(BL_SHAPE(2), 1, 2);
    EXPECT_ERROR(bl_fmod(x, n), BL_ERR_DTYPE, "bl_fmod: dtypes differ: f64 [2] and i64 [2]",
                 "test_rounding.c");
    EXPECT_ERROR(bl_remainder(x, REAL(BL_SHAPE(3), 1, 2, 3)), BL_ERR_SHAPE, "bl_remainder: shapes do not");
    EXPECT_ERROR(bl_fmod(bl_cast(n, BL_BOOL), n), BL_ERR_DTYPE, "the first operand is bool");
    EXPECT_ERROR(bl_remainder_scalar(n, 0.5), BL_ERR_ARGUMENT, "bl_remainder_scalar: i64 cannot hold 0.5");
    EXPECT_ERROR(bl_fmod_scalar(bl_cast(n, BL_BOOL), 1), BL_ERR_DTYPE, "the operand is bool");
    EXPECT_ERROR(bl_fmod_scalar(n, nan_), BL_ERR_ARGUMENT, "cannot hold nan");
    cr_assert_null(bl_fmod(NULL, NULL));
    cr_assert_null(bl_remainder_scalar(NULL, 1));
}
