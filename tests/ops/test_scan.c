/* cumsum and cumprod; both directions of the ops behind them (ops/scan.h). */
#include "check.h"
#include "ops/scan.h"

TestSuite(scan, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(scan, values)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 3, 3, 2, 5, 4);
    EXPECT(bl_cumsum(x, 1), 1, 4, 7, 2, 7, 11);
    EXPECT(bl_cumsum(x, -2), 1, 3, 3, 3, 8, 7);
    EXPECT(bl_cumprod(x, -1), 1, 3, 9, 2, 10, 40);
    EXPECT(bl_cumprod(x, 0), 1, 3, 3, 2, 15, 12);
    EXPECT_TYPE(bl_cumsum(bl_cast(x, BL_F32), 0), BL_F32, BL_SHAPE(2, 3));
    EXPECT(bl_cumsum(bl_cast(x, BL_I64), 1), 1, 4, 7, 2, 7, 11);
    EXPECT(bl_cumprod(bl_cast(x, BL_I32), 1), 1, 3, 9, 2, 10, 40);
    EXPECT(bl_cumprod(bl_full(graph, BL_I32, BL_SHAPE(2), 65537), 0), 65537, 131073); /* mod 2^32 */
    EXPECT(bl_cumsum(REAL(BL_SHAPE(5), 1, inf, 2, -inf, 0), 0), 1, inf, inf, nan_, nan_);
    EXPECT(bl_cumprod(REAL(BL_SHAPE(4), 2, nan_, 0, 1), 0), 2, nan_, nan_, nan_);
}

Test(scan, reversed)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 3, 3, 2, 5, 4);
    EXPECT(bl__cumsum(x, 1, true), 7, 6, 3, 11, 9, 4);
    EXPECT(bl__cumprod(x, 0, true), 2, 15, 12, 2, 5, 4);
    EXPECT(bl__cumprod_before(x, 1, false), 1, 1, 3, 1, 2, 10);
    EXPECT(bl__cumprod_before(x, 1, true), 9, 3, 1, 20, 4, 1);
}

/* f32 sums are accumulated in f64: 2^24 + 1 + 1 + .. would stand still. */
Test(scan, f32_sums_are_accurate)
{
    bl_tensor *x = bl_concat((bl_tensor *[]){bl_full(graph, BL_F32, BL_SHAPE(1), 16777216),
                                             bl_full(graph, BL_F32, BL_SHAPE(1000), 1)},
                             2, 0);
    EXPECT(bl_slice(bl_cumsum(x, 0), 0, 1000, 1001, 1), 16778216);
}

Test(scan, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 2, 5, 3), *w = REAL(BL_SHAPE(3), 1, 10, 100);
    EXPECT(bl_gradient(bl_mul(bl_cumsum(x, 0), w), x), 111, 110, 100);
    EXPECT(bl_gradient(bl_mul(bl__cumsum(x, 0, true), w), x), 1, 11, 111);
    /* f = x0 + 10 x0 x1 + 100 x0 x1 x2 */
    EXPECT(bl_gradient(bl_mul(bl_cumprod(x, 0), w), x), 1551, 620, 1000);
    /* f = x0 x1 x2 + 10 x1 x2 + 100 x2 */
    EXPECT(bl_gradient(bl_mul(bl__cumprod(x, 0, true), w), x), 15, 36, 160);
}

Test(scan, derivatives_at_zeros)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 2, 0, 3), *w = REAL(BL_SHAPE(3), 1, 10, 100);
    bl_tensor *first = bl_gradient(bl_mul(bl_cumprod(x, 0), w), x);
    EXPECT(first, 1, 620, 0);
    EXPECT(bl_gradient(first, x), 310, 510, 200); /* the Hessian times ones */
    bl_tensor *zeros = REAL(BL_SHAPE(3), 0, 0, 0);
    EXPECT(bl_gradient(bl_cumprod(zeros, 0), zeros), 1, 0, 0);
}

Test(scan, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 1), 1, 2);
    EXPECT_ERROR(bl_cumsum(x, 2), BL_ERR_ARGUMENT, "bl_cumsum: axis 2 is outside the rank of [2,1]",
                 "test_scan.c");
    EXPECT_ERROR(bl_cumprod(bl_scalar(graph, BL_F64, 1), 0), BL_ERR_ARGUMENT,
                 "bl_cumprod: axis 0 is outside the rank of []");
    EXPECT_ERROR(bl_cumsum(bl_cast(x, BL_BOOL), 0), BL_ERR_DTYPE, "bl_cumsum: the operand is bool");
    EXPECT_ERROR(bl_cumprod(bl_cast(x, BL_BF16), 0), BL_ERR_DTYPE, "bl_cumprod", "storage only");
    cr_assert_null(bl_cumsum(NULL, 0));
    cr_assert_null(bl_cumprod(NULL, 0));
}
