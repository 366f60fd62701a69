/* prod, and its derivatives with zeros among the elements. */
#include "check.h"

TestSuite(prod, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(prod, values)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 3, 3, 2, 5, 4);
    EXPECT(bl_prod(x, BL_ALL_AXES, false), 360);
    EXPECT(bl_prod(x, BL_AXES(0), false), 2, 15, 12);
    EXPECT(bl_prod(x, BL_AXES(-1), false), 9, 40);
    EXPECT(bl_prod(x, (bl_axes){.count = 0}, false), 1, 3, 3, 2, 5, 4);
    EXPECT_TYPE(bl_prod(bl_cast(x, BL_I32), BL_AXES(1), true), BL_I32, BL_SHAPE(2, 1));
    EXPECT(bl_prod(bl_cast(x, BL_I64), BL_ALL_AXES, false), 360);
    EXPECT(bl_prod(bl_full(graph, BL_I32, BL_SHAPE(2), 65537), BL_ALL_AXES, false), 131073); /* mod 2^32 */
    EXPECT(bl_prod(bl_scalar(graph, BL_F64, 4), BL_ALL_AXES, true), 4);
    EXPECT(bl_prod(EMPTY(BL_SHAPE(2, 0)), BL_AXES(1), false), 1, 1);
    EXPECT(bl_prod(REAL(BL_SHAPE(3, 2), nan_, 0, inf, 0, inf, -2), BL_AXES(1), false), nan_, nan_, -inf);
}

/* f32 products are accumulated in f64, where 1e30 * 1e30 does not overflow. */
Test(prod, f32_goes_through_f64)
{
    bl_tensor *x = CONSTANT(BL_F32, BL_SHAPE(4), 1e30, 1e30, 1e-30, 1e-30);
    EXPECT_NEAR(bl_prod(x, BL_ALL_AXES, false), 1e-6, 1);
}

Test(prod, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 3, 3, 2, 5, 4), *w = REAL(BL_SHAPE(3), 1, 10, 100);
    EXPECT(bl_gradient(bl_prod(x, BL_ALL_AXES, false), x), 360, 120, 120, 180, 72, 90);
    EXPECT(bl_gradient(bl_mul(bl_prod(x, BL_AXES(0), false), w), x), 2, 50, 400, 1, 30, 300);
    EXPECT(bl_gradient(bl_prod(x, BL_AXES(1), true), x), 9, 3, 3, 20, 8, 10);
    bl_tensor *none = EMPTY(BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_gradient(bl_prod(none, BL_AXES(1), false), none), BL_F64, BL_SHAPE(2, 0));
}

Test(prod, derivatives_at_zeros)
{
    bl_tensor *one = REAL(BL_SHAPE(4), 2, 0, 3, 5), *two = REAL(BL_SHAPE(4), 0, 0, 3, 2);
    bl_tensor *all = REAL(BL_SHAPE(3), 0, 0, 0), *w = REAL(BL_SHAPE(4), 1, 10, 100, 1000);
    bl_tensor *by_one = bl_gradient(bl_prod(one, BL_ALL_AXES, false), one);
    bl_tensor *by_two = bl_gradient(bl_prod(two, BL_ALL_AXES, false), two);
    EXPECT(by_one, 0, 30, 0, 0);
    EXPECT(by_two, 0, 0, 0, 0);
    EXPECT(bl_gradient(bl_prod(all, BL_AXES(0), true), all), 0, 0, 0);
    /* The Hessian times w: its entry (i, k) is the product of all others. */
    EXPECT(bl_gradient(bl_mul(by_one, w), one), 150, 15 + 1000 + 6000, 100, 60);
    EXPECT(bl_gradient(bl_mul(by_two, w), two), 60, 6, 0, 0);
    bl_tensor *rows = REAL(BL_SHAPE(2, 2, 2), 0, 1, 2, 3, 4, 0, 0, 5);
    EXPECT(bl_gradient(bl_prod(rows, BL_AXES(0, 2), false), rows), 0, 0, 0, 0, 0, 0, 30, 0);
}

/* One axis more would be too many when the reduced ones are made one. */
Test(prod, of_eight_axes)
{
    bl_tensor *x = REAL(BL_SHAPE(6), 1, 2, 3, 4, 5, 6);
    bl_tensor *eight = bl_reshape(x, BL_SHAPE(1, 2, 1, 1, 3, 1, 1, 1));
    EXPECT(bl_gradient(bl_prod(eight, BL_AXES(4), true), x), 6, 3, 2, 30, 24, 20);
    EXPECT(bl_gradient(bl_prod(eight, (bl_axes){.count = 0}, false), x), 1, 1, 1, 1, 1, 1);
    EXPECT(bl_gradient(bl_prod(eight, BL_ALL_AXES, false), x), 720, 360, 240, 180, 144, 120);
}

Test(prod, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 1), 1, 2);
    EXPECT_ERROR(bl_prod(x, BL_AXES(2), false), BL_ERR_ARGUMENT,
                 "bl_prod: axis 2 is outside the rank of [2,1]", "test_prod.c");
    EXPECT_ERROR(bl_prod(x, BL_AXES(1, -1), false), BL_ERR_ARGUMENT, "bl_prod: axis -1 is given twice");
    EXPECT_ERROR(bl_prod(bl_cast(x, BL_BOOL), BL_ALL_AXES, false), BL_ERR_DTYPE,
                 "bl_prod: the operand is bool");
    cr_assert_null(bl_prod(NULL, BL_ALL_AXES, false));
}
