/* Comparisons and where. */
#include "check.h"

TestSuite(compare, .init = open_all, .fini = close_all);

static const double nan_ = (double)NAN;

Test(compare, values)
{
    bl_tensor *a = REAL(BL_SHAPE(4), 1, 2, 3, nan_), *b = REAL(BL_SHAPE(4), 2, 2, 2, nan_);
    EXPECT(bl_equal(a, b), 0, 1, 0, 0);
    EXPECT(bl_not_equal(a, b), 1, 0, 1, 1);
    EXPECT(bl_less(a, b), 1, 0, 0, 0);
    EXPECT(bl_less_equal(a, b), 1, 1, 0, 0);
    EXPECT(bl_greater(a, b), 0, 0, 1, 0);
    EXPECT(bl_greater_equal(a, b), 0, 1, 1, 0);
    EXPECT_TYPE(bl_less(a, bl_scalar(graph, BL_F64, 2)), BL_BOOL, BL_SHAPE(4));
    EXPECT_TYPE(bl_less(EMPTY(BL_SHAPE(0, 1)), a), BL_BOOL, BL_SHAPE(0, 4));
}

Test(compare, integers_and_bools)
{
    bl_tensor *n = CONSTANT(BL_I64, BL_SHAPE(2), -1, 1), *zero = bl_scalar(graph, BL_I64, 0);
    EXPECT(bl_less(n, zero), 1, 0);
    EXPECT(bl_greater_equal(n, zero), 0, 1);
    bl_tensor *bools = CONSTANT(BL_BOOL, BL_SHAPE(2), 0, 1);
    EXPECT(bl_equal(bools, bl_scalar(graph, BL_BOOL, 1)), 0, 1);
    EXPECT(bl_not_equal(bools, bl_scalar(graph, BL_BOOL, 1)), 1, 0);
}

Test(compare, has_no_derivative_but_zero)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, 2);
    bl_tensor *mask = bl_cast(bl_less(x, bl_scalar(graph, BL_F64, 2)), BL_F64);
    EXPECT(bl_gradient(bl_mul(mask, x), x), 1, 0);
    EXPECT(bl_gradient(mask, x), 0, 0);
}

Test(compare, where_chooses)
{
    bl_tensor *condition = CONSTANT(BL_BOOL, BL_SHAPE(2, 1), 1, 0);
    bl_tensor *a = REAL(BL_SHAPE(3), 1, 2, nan_), *b = REAL(BL_SHAPE(2, 3), 10, nan_, 30, 40, 50, 60);
    bl_tensor *y = bl_where(condition, a, b);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 3));
    EXPECT(y, 1, 2, nan_, 40, 50, 60);
    EXPECT(bl_gradient(y, a), 1, 1, 1);
    EXPECT(bl_gradient(y, b), 0, 0, 0, 1, 1, 1);
    bl_tensor *bools = CONSTANT(BL_BOOL, BL_SHAPE(2), 1, 0);
    EXPECT(bl_where(bools, bools, bl_scalar(graph, BL_BOOL, 1)), 1, 1);
    EXPECT(bl_where(bools, bl_scalar(graph, BL_I32, 5), bl_scalar(graph, BL_I32, 6)), 5, 6);
    EXPECT_TYPE(bl_where(condition, EMPTY(BL_SHAPE(2, 0)), EMPTY(BL_SHAPE(1, 0))), BL_F64, BL_SHAPE(2, 0));
}

/* What is not chosen does not count: log(0) here, whose derivative is infinite. */
Test(compare, where_keeps_what_is_not_chosen_out)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 0, 1), *zero = bl_scalar(graph, BL_F64, 0);
    bl_tensor *safe = bl_where(bl_equal(x, zero), bl_scalar(graph, BL_F64, 1), x);
    EXPECT(bl_gradient(bl_log(safe), x), 0, 1);
}

Test(compare, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, 2), *n = CONSTANT(BL_I32, BL_SHAPE(2), 1, 2), *bools = bl_less(x, x);
    bl_tensor *half = bl_cast(x, BL_F16);
    bl_tensor *(*const ordered[])(bl_tensor *, bl_tensor *) = {bl_less, bl_less_equal, bl_greater,
                                                               bl_greater_equal};
    for (int i = 0; i < 4; i++)
        EXPECT_ERROR(ordered[i](bools, bools), BL_ERR_DTYPE, "is bool, not f32, f64, i32 or i64");
    EXPECT_ERROR(bl_equal(x, n), BL_ERR_DTYPE, "bl_equal: dtypes differ: f64 [2] and i32 [2]",
                 "cast the second operand by bl_cast(.., BL_F64)");
    EXPECT_ERROR(bl_not_equal(x, REAL(BL_SHAPE(3), 1, 2, 3)), BL_ERR_SHAPE,
                 "bl_not_equal: shapes do not broadcast: [2] and [3]");
    EXPECT_ERROR(bl_less(x, half), BL_ERR_DTYPE, "the second operand is f16, which is storage only");
    EXPECT_ERROR(bl_where(x, x, x), BL_ERR_DTYPE, "bl_where: the first operand is f64, not bool: cast it");
    EXPECT_ERROR(bl_where(bools, x, n), BL_ERR_DTYPE, "bl_where: dtypes differ: f64 [2] and i32 [2]",
                 "cast the third operand");
    EXPECT_ERROR(bl_where(bools, half, half), BL_ERR_DTYPE,
                 "the second operand is f16, which is storage only");
    EXPECT_ERROR(bl_where(bools, x, REAL(BL_SHAPE(3), 1, 2, 3)), BL_ERR_SHAPE, "[2] and [3]");
    EXPECT_ERROR(bl_where(bools, x, NULL), BL_ERR_ARGUMENT, "bl_where: a tensor is NULL", "test_compare.c");
    cr_assert_null(bl_where(NULL, NULL, NULL));
}
