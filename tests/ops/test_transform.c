/* Products with Jacobians and Hessians, and the matrices, of functions whose derivatives are known. */
#include "check.h"

TestSuite(transform, .init = open_all, .fini = close_all);

/* y = [x0 x1, x1^2, 3 x0]: the Jacobian is [[x1, x0], [0, 2 x1], [3, 0]]. */
static bl_tensor *function(bl_tensor *x)
{
    bl_tensor *x0 = bl_slice(x, 0, 0, 1, 1), *x1 = bl_slice(x, 0, 1, 2, 1);
    bl_tensor *parts[] = {bl_mul(x0, x1), bl_square(x1), bl_mul_scalar(x0, 3)};
    return bl_concat(parts, 3, 0);
}

Test(transform, jacobian)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 5, 7);
    bl_tensor *jacobian = bl_jacobian(function(x), x);
    EXPECT_TYPE(jacobian, BL_F64, BL_SHAPE(3, 2));
    EXPECT(jacobian, 7, 5, 0, 14, 3, 0);
    EXPECT_TYPE(bl_jacobian(bl_sum(x, BL_ALL_AXES, false), x), BL_F64, BL_SHAPE(2));
    EXPECT_TYPE(bl_jacobian(bl_slice(x, 0, 0, 0, 1), x), BL_F64, BL_SHAPE(0, 2));
    bl_tensor *other = REAL(BL_SHAPE(1, 1), 2);
    EXPECT(bl_jacobian(function(x), other), 0, 0, 0); /* not reached */
}

Test(transform, products_are_rows_and_columns_of_the_jacobian)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 5, 7), *y = function(x), *product;
    EXPECT(bl_vjp(y, x, REAL(BL_SHAPE(3), 1, 10, 100)), 307, 145);
    bl_tensor *tangent = REAL(BL_SHAPE(2), 1, 10);
    cr_assert_eq(bl_jvp(&y, 1, &x, 1, &tangent, &product), BL_OK);
    EXPECT(product, 57, 140, 3);
}

Test(transform, jvp_of_several)
{
    bl_tensor *wrt[] = {REAL(BL_SHAPE(2), 1, 2), REAL(BL_SCALAR, 3)};
    bl_tensor *tangents[] = {REAL(BL_SHAPE(2), 1, 1), REAL(BL_SCALAR, 2)};
    bl_tensor *outputs[] = {bl_mul(wrt[0], wrt[1]), bl_square(wrt[1]), REAL(BL_SHAPE(2), 8, 9)}, *products[3];
    cr_assert_eq(bl_jvp(outputs, 3, wrt, 2, tangents, products), BL_OK);
    EXPECT(products[0], 5, 7);
    EXPECT(products[1], 12);
    EXPECT(products[2], 0, 0);
    cr_assert(bl_is_unreached(products[2]));
    cr_assert_eq(bl_jvp(&outputs[2], 1, wrt, 2, tangents, products), BL_OK);
    EXPECT(products[0], 0, 0);
    cr_assert(bl_is_unreached(products[0]));
}

/* f = x0^2 x1: the Hessian is [[2 x1, 2 x0], [2 x0, 0]]. */
static bl_tensor *cubic(bl_tensor *x)
{
    bl_tensor *x0 = bl_slice(x, 0, 0, 1, 1), *x1 = bl_slice(x, 0, 1, 2, 1);
    return bl_mul(bl_square(x0), x1);
}

Test(transform, hessian)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 5, 7), *product, *vector = REAL(BL_SHAPE(2), 1, 10);
    bl_tensor *hessian = bl_hessian(cubic(x), x);
    EXPECT_TYPE(hessian, BL_F64, BL_SHAPE(2, 2));
    EXPECT(hessian, 14, 10, 10, 0);
    cr_assert_eq(bl_hvp(cubic(x), &x, 1, &vector, &product), BL_OK);
    EXPECT(product, 114, 10);
    /* A third derivative: d^3 f / d x0 d x0 d x1 = 2. */
    EXPECT(bl_jacobian(hessian, x), 0, 2, 2, 0, 2, 0, 0, 0);
}

Test(transform, hvp_of_several)
{
    bl_tensor *wrt[] = {REAL(BL_SCALAR, 2), REAL(BL_SCALAR, 3)}, *products[2];
    bl_tensor *vectors[] = {REAL(BL_SCALAR, 1), REAL(BL_SCALAR, 10)};
    bl_tensor *f = bl_mul(bl_square(wrt[0]), wrt[1]);
    cr_assert_eq(bl_hvp(f, wrt, 2, vectors, products), BL_OK);
    EXPECT(products[0], 6 + 40);
    EXPECT(products[1], 4);
}

#define EXPECT_STATUS(call, code, ...)                                              \
    do {                                                                            \
        cr_assert_eq(call, code);                                                   \
        cr_assert(error_says(bl_graph_error(graph), code, __VA_ARGS__, NULL), "%s", \
                  error_text(bl_graph_error(graph)));                               \
        bl_graph_clear_error(graph);                                                \
    } while (0)

Test(transform, errors)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 5, 7), *y = function(x), *three = REAL(BL_SHAPE(3), 1, 2, 3), *product;
    bl_tensor *narrow = CONSTANT(BL_F32, BL_SHAPE(2), 1, 2), *whole = CONSTANT(BL_I64, BL_SHAPE(2), 1, 2);
    EXPECT_ERROR(bl_vjp(y, x, x), BL_ERR_SHAPE, "[2]", "[3]");
    EXPECT_ERROR(bl_vjp(y, x, NULL), BL_ERR_ARGUMENT, "bl_vjp", "NULL");
    EXPECT_ERROR(bl_vjp(y, NULL, three), BL_ERR_ARGUMENT, "NULL");
    EXPECT_STATUS(bl_jvp(&y, 1, &x, 1, &three, &product), BL_ERR_SHAPE, "bl_jvp", "[3]", "[2]");
    cr_assert(!bl_tensor_valid(product));
    EXPECT_STATUS(bl_jvp(&y, 1, &x, 1, &narrow, &product), BL_ERR_DTYPE, "bl_jvp", "f32", "f64");
    EXPECT_STATUS(bl_jvp(&y, 1, &x, 1, NULL, &product), BL_ERR_ARGUMENT, "bl_jvp", "NULL");
    EXPECT_STATUS(bl_hvp(y, &x, 1, &x, &product), BL_ERR_SHAPE, "bl_hvp", "[3]");
    EXPECT_STATUS(bl_hvp(cubic(x), &x, 1, &three, &product), BL_ERR_SHAPE, "bl_hvp", "[3]", "[2]");
    EXPECT_STATUS(bl_hvp(cubic(x), &x, 0, &x, &product), BL_ERR_ARGUMENT, "bl_hvp");
    EXPECT_ERROR(bl_hessian(y, x), BL_ERR_SHAPE, "bl_hessian", "[3]");
    EXPECT_ERROR(bl_jacobian(y, whole), BL_ERR_DTYPE, "i64");
    EXPECT_ERROR(bl_jacobian(NULL, x), BL_ERR_ARGUMENT, "NULL");
    EXPECT_ERROR(bl_jacobian(bl_full(graph, BL_F64, BL_SHAPE(5000), 1), x), BL_ERR_SHAPE, "bl_jacobian",
                 "4096");
    bl_tensor *deep = bl_reshape(x, BL_SHAPE(2, 1, 1, 1, 1, 1, 1, 1));
    EXPECT_ERROR(bl_jacobian(deep, x), BL_ERR_SHAPE, "bl_jacobian", "8 axes");
    cr_assert_null(bl_vjp(NULL, NULL, NULL));
    cr_assert_null(bl_hessian(NULL, NULL));
    cr_assert_eq(bl_jvp(NULL, 1, NULL, 1, NULL, &product), BL_ERR_ARGUMENT);
    cr_assert_null(product);
}
