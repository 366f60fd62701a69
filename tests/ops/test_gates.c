/* Activation functions with bounds, and with a second tensor. Values are PyTorch 1.13's in f64. Looks
 * at prelu's entry (ops/registry.h) for the decomposition. */
#include "check.h"
#include "ops/registry.h"

TestSuite(gates, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(gates, hard_values)
{
    bl_tensor *x = REAL(BL_SHAPE(9), -4, -3, -1.5, 0, 0.75, 3, 5, -inf, inf);
    EXPECT(bl_hardsigmoid(x), 0, 0, 0.25, 0.5, 0.625, 1, 1, 0, 1);
    EXPECT(bl_hardswish(x), 0, 0, -0.375, 0, 0.46875, 3, 5, 0, inf);
    EXPECT(bl_gradient(bl_hardsigmoid(x), x), 0, 0, 1.0 / 6, 1.0 / 6, 1.0 / 6, 0, 0, 0, 0);
    EXPECT(bl_gradient(bl_hardswish(x), x), 0, -0.5, 0, 0.5, 0.75, 1, 1, 0, 1);
    EXPECT(bl_gradient(bl_gradient(bl_hardswish(x), x), x), 0, 1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 3, 0, 0, 0,
           0);
    bl_tensor *unknown = REAL(BL_SHAPE(1), nan_);
    EXPECT(bl_hardsigmoid(unknown), nan_);
    EXPECT(bl_hardswish(unknown), nan_);
    EXPECT(bl_gradient(bl_hardsigmoid(unknown), unknown), 0);
    EXPECT(bl_gradient(bl_hardswish(unknown), unknown), nan_);
}

Test(gates, prelu_with_one_weight)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), -2, 3, 0, -1), *weight = REAL(BL_SHAPE(1), 0.5);
    bl_tensor *y = bl_prelu(x, weight);
    EXPECT(y, -1, 3, 0, -0.5);
    EXPECT(bl_gradient(y, x), 0.5, 1, 0.5, 0.5);
    EXPECT(bl_gradient(y, weight), -3);
    EXPECT_TYPE(bl_gradient(y, weight), BL_F64, BL_SHAPE(1));
    EXPECT(bl_prelu(x, bl_scalar(graph, BL_F64, 2)), -4, 3, 0, -2);
    EXPECT(bl_prelu(bl_scalar(graph, BL_F64, -3), weight), -1.5);
    EXPECT_TYPE(bl_prelu(bl_scalar(graph, BL_F64, -3), weight), BL_F64, BL_SCALAR);
    EXPECT(bl_prelu(REAL(BL_SHAPE(3), -1, 0, 1), weight), -0.5, 0, 1);
}

Test(gates, prelu_with_a_weight_a_channel)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2, 2), -1, -2, -3, 4, 5, -6, -7, -8), *weight = REAL(BL_SHAPE(2), 0.5, 2);
    bl_tensor *y = bl_prelu(x, weight);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2, 2));
    EXPECT(y, -0.5, -1, -6, 4, 5, -3, -14, -16);
    EXPECT(bl_gradient(y, x), 0.5, 0.5, 2, 1, 1, 0.5, 2, 2);
    EXPECT(bl_gradient(y, weight), -9, -18);
    EXPECT(bl_prelu(REAL(BL_SHAPE(1, 2), -1, -1), weight), -0.5, -2);
    EXPECT_TYPE(bl_prelu(EMPTY(BL_SHAPE(0, 2)), weight), BL_F64, BL_SHAPE(0, 2));
    EXPECT_TYPE(bl_prelu(EMPTY(BL_SHAPE(2, 0)), EMPTY(BL_SHAPE(0))), BL_F64, BL_SHAPE(2, 0));
    EXPECT(bl_gradient(bl_prelu(EMPTY(BL_SHAPE(0, 2)), weight), weight), 0, 0);
}

Test(gates, prelu_special_values)
{
    bl_tensor *x = REAL(BL_SHAPE(2), inf, -inf), *weight = REAL(BL_SHAPE(1), 0.5),
              *unknown = REAL(BL_SHAPE(1), nan_);
    EXPECT(bl_prelu(x, weight), inf, -inf);
    EXPECT(bl_gradient(bl_prelu(x, weight), x), 1, 0.5);
    EXPECT(bl_gradient(bl_prelu(x, weight), weight), -inf);
    EXPECT(bl_prelu(unknown, weight), nan_);
}

/* 0 is not above 0: it meets the weight, which can be infinite or NaN, in the kernel and in the definition.
 */
Test(gates, prelu_of_zero)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 3), 0, 0, 0), *weight = REAL(BL_SHAPE(1, 3), 2, inf, nan_);
    EXPECT(bl_prelu(x, bl_reshape(weight, BL_SHAPE(3))), 0, nan_, nan_);
    bl_tensor *same;
    bl__op_prelu.decompose(graph, (bl_tensor *[]){x, weight}, 2, NULL, &same);
    EXPECT(same, 0, nan_, nan_);
}

Test(gates, glu_values)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 4), 1, 2, 0, -1, -3, 4, 1, 0);
    EXPECT(bl_glu(x, -1), 0.5, 0.53788284273999023, -2.193175735890041, 2);
    EXPECT_TYPE(bl_glu(x, 1), BL_F64, BL_SHAPE(2, 2));
    EXPECT(bl_glu(x, 0), 0.04742587317756678, 1.9640275800758169, 0, -0.5);
    EXPECT(bl_gradient(bl_glu(x, 1), x), 0.5, 0.2689414213699951, 0.25, 0.39322386648296376,
           0.7310585786300049, 0.5, -0.58983579972444555, 1);
    EXPECT_TYPE(bl_glu(EMPTY(BL_SHAPE(3, 0)), 1), BL_F64, BL_SHAPE(3, 0));
    EXPECT_TYPE(bl_glu(EMPTY(BL_SHAPE(0, 2)), 1), BL_F64, BL_SHAPE(0, 1));
    EXPECT(bl_glu(REAL(BL_SHAPE(4), 5, 6, -inf, inf), 0), 0, 6);
}

Test(gates, refuses)
{
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(2), 1, 2), *x = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    bl_tensor *two = REAL(BL_SHAPE(2), 1, 2), *one = CONSTANT(BL_F32, BL_SHAPE(1), 1);
    EXPECT_ERROR(bl_hardsigmoid(n), BL_ERR_DTYPE, "bl_hardsigmoid: the operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_hardswish(n), BL_ERR_DTYPE, "bl_hardswish: the operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_prelu(x, two), BL_ERR_SHAPE,
                 "bl_prelu: a weight of [2] is neither one for all of [2,3] nor", "test_gates.c");
    EXPECT_ERROR(bl_prelu(two, two), BL_ERR_SHAPE, "a weight of [2] is neither one for all of [2] nor");
    EXPECT_ERROR(bl_prelu(x, EMPTY(BL_SHAPE(0))), BL_ERR_SHAPE, "a weight of [0] is neither");
    EXPECT_ERROR(bl_prelu(two, EMPTY(BL_SHAPE(0))), BL_ERR_SHAPE,
                 "a weight of [0] is neither one for all of [2]");
    EXPECT_ERROR(bl_prelu(x, REAL(BL_SHAPE(1, 1), 1)), BL_ERR_SHAPE, "a weight of [1,1] is neither");
    EXPECT_ERROR(bl_prelu(x, one), BL_ERR_DTYPE, "bl_prelu: dtypes differ: f64 [2,3] and f32");
    EXPECT_ERROR(bl_prelu(n, bl_scalar(graph, BL_I32, 1)), BL_ERR_DTYPE,
                 "bl_prelu: the first operand is i32");
    EXPECT_ERROR(bl_prelu(x, NULL), BL_ERR_ARGUMENT, "bl_prelu: a tensor is NULL");
    EXPECT_ERROR(bl_prelu(NULL, x), BL_ERR_ARGUMENT, "bl_prelu: a tensor is NULL");
    EXPECT_ERROR(bl_glu(x, 1), BL_ERR_SHAPE, "bl_glu: axis 1 of [2,3] has no halves", "test_gates.c");
    EXPECT_ERROR(bl_glu(x, 2), BL_ERR_ARGUMENT, "bl_glu: axis 2 is outside the rank of [2,3]");
    EXPECT_ERROR(bl_glu(n, 0), BL_ERR_DTYPE, "bl_glu: the operand is i32");
    EXPECT_ERROR(bl_glu(bl_scalar(graph, BL_F64, 1), 0), BL_ERR_ARGUMENT, "axis 0 is outside the rank of []");
    cr_assert_null(bl_prelu(NULL, NULL));
    cr_assert_null(bl_glu(NULL, 0));
    cr_assert_null(bl_hardswish(NULL));
}
