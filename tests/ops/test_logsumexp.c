/* logsumexp. Looks at its entry (ops/registry.h) for the decomposition. */
#include "check.h"
#include "ops/attributes.h"
#include "ops/registry.h"

TestSuite(logsumexp, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(logsumexp, values)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 0, log(3), log(5), log(7));
    EXPECT(bl_logsumexp(x, BL_AXES(1), false), log(4), log(12));
    EXPECT(bl_logsumexp(x, BL_AXES(-2), true), log(6), log(10));
    EXPECT(bl_logsumexp(x, BL_ALL_AXES, false), log(16));
    EXPECT(bl_logsumexp(x, (bl_axes){.count = 0}, false), 0, log(3), log(5), log(7));
    EXPECT_TYPE(bl_logsumexp(bl_cast(x, BL_F32), BL_AXES(0), true), BL_F32, BL_SHAPE(1, 2));
    EXPECT(bl_logsumexp(bl_scalar(graph, BL_F64, 4), BL_ALL_AXES, false), 4);
}

Test(logsumexp, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 0, log(3), log(5), log(7)), *w = REAL(BL_SHAPE(2), 1, 10);
    EXPECT(bl_gradient(bl_mul(bl_logsumexp(x, BL_AXES(0), false), w), x), 1.0 / 6, 3, 5.0 / 6, 7);
    bl_tensor *first = bl_gradient(bl_logsumexp(x, BL_AXES(1), true), x);
    EXPECT(first, 0.25, 0.75, 5.0 / 12, 7.0 / 12);
    EXPECT(bl_gradient(bl_slice(first, 1, 0, 1, 1), x), 3.0 / 16, -3.0 / 16, 35.0 / 144, -35.0 / 144);
}

/* Where PyTorch gives NaN as the derivative of a row of -inf, this is 0. */
Test(logsumexp, special_values)
{
    EXPECT(bl_logsumexp(REAL(BL_SHAPE(2), 1000, 1000), BL_AXES(0), false), 1000 + log(2));
    EXPECT(bl_logsumexp(REAL(BL_SHAPE(2), -1000, -1000), BL_AXES(0), false), -1000 + log(2));
    bl_tensor *x = REAL(BL_SHAPE(5, 2), -inf, -inf, inf, 1, -inf, 1, nan_, 1, inf, -inf);
    bl_tensor *y = bl_logsumexp(x, BL_AXES(1), false);
    EXPECT(y, -inf, inf, 1, nan_, inf);
    EXPECT(bl_gradient(y, x), 0, 0, nan_, 0, 0, 1, nan_, nan_, nan_, 0);
    bl_tensor *none = EMPTY(BL_SHAPE(2, 0));
    EXPECT(bl_logsumexp(none, BL_AXES(1), false), -inf, -inf);
    EXPECT_TYPE(bl_logsumexp(none, BL_AXES(0), false), BL_F64, BL_SHAPE(0));
    EXPECT_TYPE(bl_gradient(bl_logsumexp(none, BL_AXES(1), false), none), BL_F64, BL_SHAPE(2, 0));
    bl_tensor *masked = REAL(BL_SHAPE(2), -inf, -inf);
    EXPECT(bl_gradient(bl_gradient(bl_logsumexp(masked, BL_AXES(0), false), masked), masked), 0, 0);
}

Test(logsumexp, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 1), 1, 2);
    EXPECT_ERROR(bl_logsumexp(x, BL_AXES(2), false), BL_ERR_ARGUMENT,
                 "bl_logsumexp: axis 2 is outside the rank of [2,1]", "test_logsumexp.c");
    EXPECT_ERROR(bl_logsumexp(x, BL_AXES(0, 0), false), BL_ERR_ARGUMENT, "axis 0 is given twice");
    EXPECT_ERROR(bl_logsumexp(bl_cast(x, BL_I32), BL_ALL_AXES, false), BL_ERR_DTYPE,
                 "bl_logsumexp: the operand is i32, not f32 or f64");
    cr_assert_null(bl_logsumexp(NULL, BL_ALL_AXES, false));
}

/* The definition is as safe as the kernel. */
Test(logsumexp, decomposition_of_what_is_infinite_or_large)
{
    bl_tensor *x = REAL(BL_SHAPE(4, 2), -inf, -inf, inf, 1, -inf, 2, 1000, 1000), *same;
    const bl__logsumexp_attributes attributes = {.reduce.axes = 1u << 1};
    bl__op_logsumexp.decompose(graph, &x, 1, &attributes, &same);
    EXPECT(same, -inf, inf, 2, 1000 + log(2.0));
}
