/* add, sub, mul, div, pow, maximum: values, derivatives at special places, and what they refuse. */
#include "check.h"

TestSuite(binary, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(binary, values)
{
    bl_tensor *a = REAL(BL_SHAPE(3), 6, -1, 0), *b = REAL(BL_SHAPE(3), 4, 2, 0);
    EXPECT(bl_add(a, b), 10, 1, 0);
    EXPECT(bl_sub(a, b), 2, -3, 0);
    EXPECT(bl_mul(a, b), 24, -2, 0);
    EXPECT(bl_div(a, b), 1.5, -0.5, nan_);
    EXPECT(bl_maximum(a, b), 6, 2, 0);
    EXPECT(bl_div(REAL(BL_SHAPE(2), 1, -1), bl_scalar(graph, BL_F64, 0)), inf, -inf);
}

Test(binary, broadcasts)
{
    bl_tensor *column = REAL(BL_SHAPE(2, 1), 1, 2), *row = REAL(BL_SHAPE(3), 10, 20, 30);
    bl_tensor *sum = bl_add(column, row);
    EXPECT_TYPE(sum, BL_F64, BL_SHAPE(2, 3));
    EXPECT(sum, 11, 21, 31, 12, 22, 32);
    EXPECT(bl_gradient(bl_mul(column, row), column), 60, 60);
    EXPECT(bl_gradient(bl_mul(column, row), row), 3, 3, 3);
    EXPECT_TYPE(bl_mul(EMPTY(BL_SHAPE(0, 3)), row), BL_F64, BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_add(EMPTY(BL_SHAPE(2, 0)), column), BL_F64, BL_SHAPE(2, 0));
    EXPECT(bl_gradient(bl_mul(EMPTY(BL_SHAPE(0, 3)), row), row), 0, 0, 0);
}

Test(binary, integers_wrap)
{
    bl_tensor *most = CONSTANT(BL_I32, BL_SHAPE(2), 2147483647, -2147483648.0),
              *one = bl_scalar(graph, BL_I32, 1);
    EXPECT(bl_add(most, one), -2147483648.0, -2147483647);
    EXPECT(bl_sub(most, one), 2147483646, 2147483647);
    EXPECT(bl_mul(most, most), 1, 0);
    EXPECT(bl_maximum(most, one), 2147483647, 1);
    EXPECT_TYPE(bl_add(most, one), BL_I32, BL_SHAPE(2));
}

/* Values and derivatives of PyTorch 1.13, which agrees at every special place but da at (nan, 0). */
Test(binary, pow_at_special_places)
{
    bl_tensor *a = REAL(BL_SHAPE(7), 0, 0, 0, 2, -2, 1.5, nan_),
              *b = REAL(BL_SHAPE(7), 0, 2, -1, 3, 2, -0.5, 0);
    bl_tensor *y = bl_pow(a, b);
    EXPECT(y, 1, 0, inf, 8, 4, 0.816496580927726, 1);
    EXPECT(bl_gradient(y, a), 0, 0, -inf, 12, -4, -0.2721655269759087, 0);
    EXPECT(bl_gradient(y, b), 0, 0, -inf, 5.545177444479562, nan_, 0.331060874455807, nan_);
}

/* d2/(da db) of a^b at b == 0 is 1/a, and d2/da2 is 0, also at a == 0. */
Test(binary, pow_has_second_derivatives_at_exponent_zero)
{
    bl_tensor *a = REAL(BL_SHAPE(2), 4, 0), *b = REAL(BL_SHAPE(2), 0, 0);
    bl_tensor *by_a = bl_gradient(bl_pow(a, b), a);
    EXPECT(bl_gradient(bl_slice(by_a, 0, 0, 1, 1), b), 0.25, 0);
    EXPECT(bl_gradient(by_a, a), 0, 0);
}

Test(binary, maximum_of_nan_and_ties)
{
    bl_tensor *a = REAL(BL_SHAPE(5), 1, 2, 3, nan_, 0), *b = REAL(BL_SHAPE(5), 2, 2, 1, 0, nan_);
    bl_tensor *y = bl_maximum(a, b);
    EXPECT(y, 2, 2, 3, nan_, nan_);
    EXPECT(bl_gradient(y, a), 0, 0.5, 1, 1, 1);
    EXPECT(bl_gradient(y, b), 1, 0.5, 0, 1, 1);
}

Test(binary, the_same_tensor_twice)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 3, -4);
    EXPECT(bl_gradient(bl_mul(x, x), x), 6, -8);
    EXPECT(bl_gradient(bl_maximum(x, x), x), 1, 1);
    EXPECT(bl_gradient(bl_sub(x, x), x), 0, 0);
}

Test(binary, refuses_shapes_and_dtypes)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6), *narrow = bl_full(graph, BL_F32, BL_SHAPE(3), 1);
    bl_tensor *integers = bl_full(graph, BL_I64, BL_SHAPE(3), 1),
              *bools = bl_full(graph, BL_BOOL, BL_SHAPE(3), 1);
    bl_tensor *storage = bl_cast(narrow, BL_BF16);
    EXPECT_ERROR(bl_add(a, REAL(BL_SHAPE(2), 1, 2)), BL_ERR_SHAPE,
                 "bl_add: shapes do not broadcast: [2,3] and [2]", "test_binary.c");
    EXPECT_ERROR(bl_mul(a, narrow), BL_ERR_DTYPE, "bl_mul: dtypes differ: f64 [2,3] and f32 [3]",
                 "cast the second operand by bl_cast(.., BL_F64)");
    EXPECT_ERROR(bl_sub(integers, narrow), BL_ERR_DTYPE, "i64 [3] and f32 [3]",
                 "cast the first operand by bl_cast(.., BL_F32)");
    EXPECT_ERROR(bl_add(bools, bools), BL_ERR_DTYPE,
                 "bl_add: the first operand is bool, not f32, f64, i32 or i64");
    EXPECT_ERROR(bl_div(integers, integers), BL_ERR_DTYPE,
                 "bl_div: the first operand is i64, not f32 or f64");
    EXPECT_ERROR(bl_pow(narrow, integers), BL_ERR_DTYPE, "bl_pow: the second operand is i64");
    EXPECT_ERROR(bl_maximum(narrow, storage), BL_ERR_DTYPE,
                 "bl_maximum: the second operand is bf16, which is storage only: cast it to f32 first");
}

Test(binary, refuses_null_foreign_and_invalid)
{
    bl_graph *other = bl_graph_new(context);
    bl_tensor *x = bl_scalar(graph, BL_F64, 1), *foreign = bl_scalar(other, BL_F64, 1);
    EXPECT_ERROR(bl_add(x, NULL), BL_ERR_ARGUMENT, "bl_add: a tensor is NULL");
    EXPECT_ERROR(bl_add(NULL, x), BL_ERR_ARGUMENT, "bl_add: a tensor is NULL");
    EXPECT_ERROR(bl_add(x, foreign), BL_ERR_ARGUMENT, "bl_add: a tensor belongs to another graph");
    cr_assert_null(bl_add(NULL, NULL));
    /* The first error stays, whatever is made of its tensor. */
    bl_tensor *invalid = bl_add(x, bl_full(graph, BL_F32, BL_SCALAR, 1));
    EXPECT_ERROR(bl_mul(bl_neg(invalid), x), BL_ERR_DTYPE, "bl_add: dtypes differ");
    bl_graph_free(other);
}
