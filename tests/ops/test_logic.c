/* Logic of bools and tests of floats. */
#include "check.h"

TestSuite(logic, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(logic, values)
{
    bl_tensor *a = CONSTANT(BL_BOOL, BL_SHAPE(2, 1), 0, 1), *b = CONSTANT(BL_BOOL, BL_SHAPE(2), 0, 1);
    EXPECT(bl_logical_and(a, b), 0, 0, 0, 1);
    EXPECT(bl_logical_or(a, b), 0, 1, 1, 1);
    EXPECT(bl_logical_xor(a, b), 0, 1, 1, 0);
    EXPECT(bl_logical_not(b), 1, 0);
    EXPECT_TYPE(bl_logical_and(a, b), BL_BOOL, BL_SHAPE(2, 2));
    EXPECT_TYPE(bl_logical_not(bl_constant(graph, BL_BOOL, BL_SHAPE(0, 3), NULL)), BL_BOOL, BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_logical_not(bl_scalar(graph, BL_BOOL, 1)), BL_BOOL, BL_SCALAR);
}

/* Bytes of a caller's that are neither 0 nor 1. */
Test(logic, any_byte_but_0_is_true)
{
    const uint8_t left[] = {0, 1, 2, 6}, right[] = {4, 4, 1, 0};
    bl_tensor *a = bl_constant(graph, BL_BOOL, BL_SHAPE(4), left),
              *b = bl_constant(graph, BL_BOOL, BL_SHAPE(4), right);
    EXPECT(bl_logical_and(a, b), 0, 1, 1, 0);
    EXPECT(bl_logical_or(a, b), 1, 1, 1, 1);
    EXPECT(bl_logical_xor(a, b), 1, 0, 0, 1);
    EXPECT(bl_logical_not(a), 1, 0, 0, 0);
}

Test(logic, tests_of_floats)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++) {
        double most = t == BL_F32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
        bl_tensor *x = CONSTANT(t, BL_SHAPE(7), 0, -1.5, most, -most, inf, -inf, nan_);
        EXPECT(bl_isnan(x), 0, 0, 0, 0, 0, 0, 1);
        EXPECT(bl_isinf(x), 0, 0, 0, 0, 1, 1, 0);
        EXPECT(bl_isfinite(x), 1, 1, 1, 1, 0, 0, 0);
        EXPECT_TYPE(bl_isnan(x), BL_BOOL, BL_SHAPE(7));
    }
    for (bl_dtype t = BL_I32; t <= BL_I64; t++) {
        bl_tensor *n = CONSTANT(t, BL_SHAPE(2), -1, 2147483647);
        EXPECT(bl_isnan(n), 0, 0);
        EXPECT(bl_isinf(n), 0, 0);
        EXPECT(bl_isfinite(n), 1, 1);
    }
    EXPECT_TYPE(bl_isnan(EMPTY(BL_SHAPE(0))), BL_BOOL, BL_SHAPE(0));
    cr_assert_eq(bl_eval(bl_isfinite(bl_constant(graph, BL_I32, BL_SHAPE(0), NULL)), NULL, 0), BL_OK);
}

Test(logic, has_no_derivative_but_zero)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 1, nan_, inf), *zero = bl_scalar(graph, BL_F64, 0);
    bl_tensor *known = bl_where(bl_logical_not(bl_isnan(x)), x, zero);
    EXPECT(known, 1, 0, inf);
    EXPECT(bl_gradient(known, x), 1, 0, 1);
    EXPECT(bl_gradient(bl_cast(bl_isfinite(x), BL_F64), x), 0, 0, 0);
}

Test(logic, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, 2), *bools = CONSTANT(BL_BOOL, BL_SHAPE(2), 0, 1);
    bl_tensor *(*const pairs[])(bl_tensor *, bl_tensor *) = {bl_logical_and, bl_logical_or, bl_logical_xor};
    bl_tensor *(*const tests[])(bl_tensor *) = {bl_isnan, bl_isinf, bl_isfinite};
    for (int i = 0; i < 3; i++) {
        EXPECT_ERROR(pairs[i](x, bools), BL_ERR_DTYPE, "the first operand is f64, not bool: cast it first");
        EXPECT_ERROR(pairs[i](bools, x), BL_ERR_DTYPE, "the second operand is f64, not bool: cast it first");
        EXPECT_ERROR(pairs[i](bools, CONSTANT(BL_BOOL, BL_SHAPE(3), 0, 1, 1)), BL_ERR_SHAPE, "[2] and [3]");
        EXPECT_ERROR(tests[i](bools), BL_ERR_DTYPE, "the operand is bool, not f32, f64, i32 or i64");
        EXPECT_ERROR(tests[i](bl_cast(x, BL_F16)), BL_ERR_DTYPE, "is f16, which is storage only");
        cr_assert_null(pairs[i](NULL, NULL));
        cr_assert_null(tests[i](NULL));
    }
    EXPECT_ERROR(bl_logical_not(x), BL_ERR_DTYPE, "bl_logical_not: the operand is f64, not bool",
                 "test_logic.c");
    EXPECT_ERROR(bl_isnan(bools), BL_ERR_DTYPE, "bl_isnan: the operand is bool");
}
