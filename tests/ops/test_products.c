/* Products of vectors and matrices beside matmul, and trace, kron, cdist, matrix_power. Values of cdist's
 * gradient at 0 are PyTorch 1.13's. */
#include "check.h"

TestSuite(products, .init = open_all, .fini = close_all);

Test(products, vectors)
{
    bl_tensor *a = REAL(BL_SHAPE(3), 1, 2, 3), *b = REAL(BL_SHAPE(3), 4, -5, 6),
              *m = REAL(BL_SHAPE(2, 3), 1, 0, 2, 3, 1, 1);
    EXPECT(bl_dot(a, b), 12);
    EXPECT(bl_vdot(a, b), 12);
    EXPECT_TYPE(bl_dot(a, b), BL_F64, BL_SCALAR);
    EXPECT(bl_dot(EMPTY(BL_SHAPE(0)), EMPTY(BL_SHAPE(0))), 0);
    EXPECT(bl_outer(REAL(BL_SHAPE(2), 2, -1), a), 2, 4, 6, -1, -2, -3);
    EXPECT_TYPE(bl_outer(EMPTY(BL_SHAPE(0)), a), BL_F64, BL_SHAPE(0, 3));
    EXPECT(bl_mv(m, a), 7, 8);
    EXPECT(bl_gradient(bl_dot(a, b), a), 4, -5, 6);
    EXPECT(bl_dot(REAL(BL_SHAPE(2), INFINITY, 1), REAL(BL_SHAPE(2), 0, NAN)), NAN);
}

Test(products, vectors_refuse)
{
    bl_tensor *a = REAL(BL_SHAPE(3), 1, 2, 3), *m = REAL(BL_SHAPE(1, 3), 1, 2, 3),
              *two = REAL(BL_SHAPE(2), 1, 2);
    EXPECT_ERROR(bl_dot(a, two), BL_ERR_SHAPE, "bl_dot: lengths differ: [3] and [2] (test_products.c");
    EXPECT_ERROR(bl_vdot(a, m), BL_ERR_SHAPE, "bl_vdot: operand 2 is [1,3], not of rank 1");
    EXPECT_ERROR(bl_dot(m, a), BL_ERR_SHAPE, "bl_dot: operand 1 is [1,3], not of rank 1");
    EXPECT_ERROR(bl_dot(a, bl_cast(a, BL_F32)), BL_ERR_DTYPE, "bl_dot: dtypes differ");
    EXPECT_ERROR(bl_dot(a, bl_cast(a, BL_I32)), BL_ERR_DTYPE, "bl_dot: the second operand is i32");
    EXPECT_ERROR(bl_outer(m, a), BL_ERR_SHAPE, "bl_outer: operand 1 is [1,3]");
    EXPECT_ERROR(bl_outer(a, m), BL_ERR_SHAPE, "bl_outer: operand 2 is [1,3]");
    EXPECT_ERROR(bl_mv(m, two), BL_ERR_SHAPE, "bl_mv: inner dimensions differ: [1,3] x [2]");
    EXPECT_ERROR(bl_mv(a, a), BL_ERR_SHAPE, "bl_mv: operand 1 is [3], not of rank 2");
    EXPECT_ERROR(bl_mv(m, m), BL_ERR_SHAPE, "bl_mv: operand 2 is [1,3], not of rank 1");
    EXPECT_ERROR(bl_dot(a, NULL), BL_ERR_ARGUMENT, "bl_dot: a tensor is NULL");
    cr_assert_null(bl_dot(NULL, NULL));
}

Test(products, cross)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 3), 1, 0, 0, 1, 2, 3), *b = REAL(BL_SHAPE(2, 3), 0, 1, 0, 4, 5, 6);
    EXPECT(bl_cross(a, b, -1), 0, 0, 1, -3, 6, -3);
    EXPECT(bl_cross(bl_transpose(a, 0, 1), bl_transpose(b, 0, 1), 0), 0, -3, 0, 6, 1, -3);
    EXPECT(bl_cross(a, REAL(BL_SHAPE(1, 3), 0, 1, 0), 1), 0, 0, 1, -3, 0, 1);
    EXPECT_TYPE(bl_cross(EMPTY(BL_SHAPE(0, 3)), EMPTY(BL_SHAPE(0, 3)), 1), BL_F64, BL_SHAPE(0, 3));
    EXPECT_ERROR(bl_cross(a, b, 0), BL_ERR_SHAPE, "bl_cross: axis 0 is not 3 in both of [2,3] and [2,3]");
    EXPECT_ERROR(bl_cross(a, REAL(BL_SHAPE(3), 1, 2, 3), 1), BL_ERR_SHAPE, "or ranks differ");
    EXPECT_ERROR(bl_cross(a, b, 2), BL_ERR_ARGUMENT, "bl_cross: axis 2 is outside the rank of [2,3]");
    EXPECT_ERROR(bl_cross(bl_scalar(graph, BL_F64, 1), b, 0), BL_ERR_ARGUMENT, "axis 0 is outside");
    EXPECT_ERROR(bl_cross(a, NULL, 1), BL_ERR_ARGUMENT, "bl_cross: a tensor is NULL");
    EXPECT_ERROR(bl_cross(NULL, a, 1), BL_ERR_ARGUMENT, "bl_cross: a tensor is NULL");
    cr_assert_null(bl_cross(NULL, NULL, 0));
}

Test(products, bmm)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 1, 2), 1, 2, 3, 4), *b = REAL(BL_SHAPE(2, 2, 1), 5, 6, 7, 8);
    EXPECT(bl_bmm(a, b), 17, 53);
    EXPECT_TYPE(bl_bmm(EMPTY(BL_SHAPE(0, 2, 3)), EMPTY(BL_SHAPE(0, 3, 4))), BL_F64, BL_SHAPE(0, 2, 4));
    EXPECT(bl_bmm(EMPTY(BL_SHAPE(1, 1, 0)), EMPTY(BL_SHAPE(1, 0, 2))), 0, 0);
    EXPECT_ERROR(bl_bmm(a, REAL(BL_SHAPE(1, 2, 1), 1, 2)), BL_ERR_SHAPE,
                 "bl_bmm: batches differ: [2,1,2] x [1,2,1]");
    EXPECT_ERROR(bl_bmm(a, a), BL_ERR_SHAPE, "bl_bmm: inner dimensions differ: [2,1,2] x [2,1,2]");
    EXPECT_ERROR(bl_bmm(a, REAL(BL_SHAPE(2, 1), 1, 2)), BL_ERR_SHAPE, "operand 2 is [2,1], not of rank 3");
    EXPECT_ERROR(bl_bmm(REAL(BL_SHAPE(2, 1), 1, 2), b), BL_ERR_SHAPE, "operand 1 is [2,1], not of rank 3");
    EXPECT_ERROR(bl_bmm(a, bl_cast(b, BL_F32)), BL_ERR_DTYPE, "bl_bmm: dtypes differ");
}

Test(products, added_to_something)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4), *v = REAL(BL_SHAPE(2), 1, -1),
              *bad = REAL(BL_SHAPE(2), NAN, INFINITY);
    EXPECT(bl_addmm(v, a, a, 1, 1), 8, 9, 16, 21);
    EXPECT(bl_addmm(v, a, a, 2, -1), -5, -12, -13, -24);
    EXPECT(bl_addmm(bad, a, a, 0, 1), 7, 10, 15, 22);
    EXPECT(bl_addmm(bad, a, a, 1, 1), NAN, INFINITY, NAN, INFINITY);
    EXPECT(bl_addmv(v, a, v, 1, 0.5), 0.5, -1.5);
    EXPECT(bl_addmv(bl_scalar(graph, BL_F64, 3), a, v, 1, 1), 2, 2);
    bl_tensor *column = bl_reshape(v, BL_SHAPE(2, 1, 1));
    EXPECT(bl_baddbmm(column, bl_reshape(a, BL_SHAPE(2, 1, 2)), bl_reshape(a, BL_SHAPE(2, 2, 1)), 1, 1), 6,
           24);
    EXPECT(bl_gradient(bl_addmm(v, a, a, 3, 1), v), 6, 6);
    EXPECT(bl_gradient(bl_addmm(v, a, a, 0, 1), v), 0, 0);
    EXPECT(bl_addmm(v, EMPTY(BL_SHAPE(2, 0)), EMPTY(BL_SHAPE(0, 2)), 1, 1), 1, -1, 1, -1);
}

Test(products, sums_refuse)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4), *v = REAL(BL_SHAPE(2), 1, -1),
              *three = REAL(BL_SHAPE(3), 1, 2, 3);
    EXPECT_ERROR(bl_addmm(three, a, a, 1, 1), BL_ERR_SHAPE,
                 "bl_addmm: [3] does not broadcast to the product's [2,2] (test_products.c");
    EXPECT_ERROR(bl_addmm(bl_reshape(a, BL_SHAPE(1, 2, 2)), a, a, 1, 1), BL_ERR_SHAPE,
                 "[1,2,2] does not broadcast");
    EXPECT_ERROR(bl_addmm(v, v, a, 1, 1), BL_ERR_SHAPE, "bl_addmm: operand 2 is [2], not of rank 2");
    EXPECT_ERROR(bl_addmv(v, a, a, 1, 1), BL_ERR_SHAPE, "bl_addmv: operand 3 is [2,2], not of rank 1");
    EXPECT_ERROR(bl_addmv(v, a, three, 1, 1), BL_ERR_SHAPE, "inner dimensions differ: [2,2] x [3]");
    EXPECT_ERROR(bl_baddbmm(v, a, a, 1, 1), BL_ERR_SHAPE, "bl_baddbmm: operand 2 is [2,2], not of rank 3");
    EXPECT_ERROR(bl_addmm(bl_cast(v, BL_F32), a, a, 1, 1), BL_ERR_DTYPE, "bl_addmm: dtypes differ");
    EXPECT_ERROR(bl_addmm(NULL, a, a, 1, 1), BL_ERR_ARGUMENT, "bl_addmm: a tensor is NULL");
    cr_assert_null(bl_addmm(NULL, NULL, NULL, 1, 1));
}

Test(products, trace_and_kron)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6), *v = REAL(BL_SHAPE(2), 1, -1);
    EXPECT(bl_trace(x), 6);
    EXPECT(bl_trace(bl_transpose(x, 0, 1)), 6);
    EXPECT(bl_trace(EMPTY(BL_SHAPE(0, 3))), 0);
    EXPECT(bl_gradient(bl_trace(x), x), 1, 0, 0, 0, 1, 0);
    EXPECT(bl_kron(v, x), 1, 2, 3, -1, -2, -3, 4, 5, 6, -4, -5, -6);
    EXPECT(bl_kron(x, bl_scalar(graph, BL_F64, 2)), 2, 4, 6, 8, 10, 12);
    EXPECT(bl_kron(v, v), 1, -1, -1, 1);
    EXPECT_TYPE(bl_kron(EMPTY(BL_SHAPE(0, 2)), x), BL_F64, BL_SHAPE(0, 6));
    EXPECT_ERROR(bl_trace(v), BL_ERR_SHAPE, "bl_trace: operand 1 is [2], not of rank 2");
    EXPECT_ERROR(bl_trace(bl_cast(x, BL_I32)), BL_ERR_DTYPE, "bl_trace: the operand is i32");
    EXPECT_ERROR(bl_kron(v, bl_reshape(x, BL_SHAPE(1, 1, 1, 2, 3))), BL_ERR_SHAPE,
                 "bl_kron: ranks are at most 4: [2] and [1,1,1,2,3]");
    bl_tensor *long_one = bl_expand(v, BL_SHAPE((int64_t)1 << 40, 2));
    EXPECT_ERROR(bl_kron(long_one, bl_transpose(long_one, 0, 1)), BL_ERR_OVERFLOW, "bl_kron: ");
    EXPECT_ERROR(bl_kron(long_one, long_one), BL_ERR_OVERFLOW, "axis 0 of [1099511627776,2] by");
}

Test(products, cdist)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 2), 0, 0, 1, 1), *b = REAL(BL_SHAPE(2, 2), 3, 4, 1, 1);
    EXPECT(bl_cdist(a, b), 5, sqrt(2), sqrt(13), 0);
    EXPECT(bl_gradient(bl_cdist(a, b), a), -0.6 - sqrt(0.5), -0.8 - sqrt(0.5), -2 / sqrt(13), -3 / sqrt(13));
    EXPECT(bl_cdist(EMPTY(BL_SHAPE(1, 0)), EMPTY(BL_SHAPE(2, 0))), 0, 0);
    EXPECT_TYPE(bl_cdist(bl_reshape(a, BL_SHAPE(2, 1, 1, 2)), b), BL_F64, BL_SHAPE(2, 1, 1, 2));
    EXPECT(bl_cdist(REAL(BL_SHAPE(1, 1), NAN), REAL(BL_SHAPE(1, 1), 1)), NAN);
    EXPECT_ERROR(bl_cdist(a, REAL(BL_SHAPE(1, 3), 1, 2, 3)), BL_ERR_SHAPE,
                 "bl_cdist: ", "[2,2] and [1,3] are not");
    EXPECT_ERROR(bl_cdist(REAL(BL_SHAPE(2), 1, 2), b), BL_ERR_SHAPE, "[2] and [2,2] are not [.., p, m]");
    EXPECT_ERROR(bl_cdist(bl_reshape(a, BL_SHAPE(2, 1, 2)), bl_expand(b, BL_SHAPE(3, 2, 2))), BL_ERR_SHAPE,
                 "leading dimensions do not broadcast: [2,1,2] and [3,2,2]");
}

Test(products, matrix_power)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 1, 1, 0);
    EXPECT(bl_matrix_power(x, 0), 1, 0, 0, 1);
    EXPECT(bl_matrix_power(x, 1), 1, 1, 1, 0);
    EXPECT(bl_matrix_power(x, 10), 89, 55, 55, 34);
    EXPECT(bl_matrix_power(bl_expand(x, BL_SHAPE(2, 2, 2)), 0), 1, 0, 0, 1, 1, 0, 0, 1);
    EXPECT_TYPE(bl_matrix_power(EMPTY(BL_SHAPE(0, 0)), 3), BL_F64, BL_SHAPE(0, 0));
    EXPECT_ERROR(bl_matrix_power(REAL(BL_SHAPE(1, 2), 1, 2), 2), BL_ERR_SHAPE,
                 "bl_matrix_power: [1,2] is no square matrix");
    EXPECT_ERROR(bl_matrix_power(REAL(BL_SHAPE(1), 1), 2), BL_ERR_SHAPE, "[1] is no square matrix");
}
