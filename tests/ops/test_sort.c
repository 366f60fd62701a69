/* sort, argsort, topk; and that take_sorted and put_sorted fit their places (ops/rules.h). */
#include "check.h"
#include "ops/rules.h"

TestSuite(sort, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

Test(sort, values_and_places)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 3, 1, 2, 5, 4, 6);
    bl_tensor *up = bl_sort(x, 1, false), *down = bl_sort(x, -1, true), *columns = bl_sort(x, 0, true);
    EXPECT(up, 1, 2, 3, 4, 5, 6);
    EXPECT(bl_output(up, 1), 1, 2, 0, 1, 0, 2);
    EXPECT(down, 3, 2, 1, 6, 5, 4);
    EXPECT(bl_output(down, 1), 0, 2, 1, 2, 0, 1);
    EXPECT(columns, 5, 4, 6, 3, 1, 2);
    EXPECT(bl_output(columns, 1), 1, 1, 1, 0, 0, 0);
    EXPECT(bl_argsort(x, 1, false), 1, 2, 0, 1, 0, 2);
    EXPECT(bl_argsort(x, 1, true), 0, 2, 1, 2, 0, 1);
    EXPECT_TYPE(bl_output(up, 1), BL_I64, BL_SHAPE(2, 3));
    EXPECT_TYPE(bl_sort(bl_cast(x, BL_F32), 1, false), BL_F32, BL_SHAPE(2, 3));
    EXPECT(bl_sort(bl_cast(x, BL_I32), 1, true), 3, 2, 1, 6, 5, 4);
    EXPECT(bl_sort(bl_cast(x, BL_I64), 1, false), 1, 2, 3, 4, 5, 6);
}

Test(sort, topk)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 4), 3, 1, 2, 0, 5, 4, 6, 7);
    bl_tensor *most = bl_topk(x, 2, 1, true), *least = bl_topk(x, 3, -1, false);
    EXPECT(most, 3, 2, 7, 6);
    EXPECT(bl_output(most, 1), 0, 2, 3, 2);
    EXPECT(least, 0, 1, 2, 4, 5, 6);
    EXPECT(bl_output(least, 1), 3, 1, 2, 1, 0, 2);
    EXPECT(bl_topk(x, 1, 0, true), 5, 4, 6, 7);
    EXPECT(bl_topk(x, 4, 1, true), 3, 2, 1, 0, 7, 6, 5, 4);
    EXPECT_TYPE(bl_topk(x, 0, 1, true), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_output(bl_topk(bl_cast(x, BL_I32), 2, 0, true), 1), BL_I64, BL_SHAPE(2, 4));
}

/* NaN is larger than all; equal elements, of which two NaN are, keep their order. */
Test(sort, nan_infinity_and_ties)
{
    bl_tensor *x = REAL(BL_SHAPE(7), 1, nan_, inf, -inf, nan_, 1, -0.0);
    EXPECT(bl_sort(x, 0, false), -inf, 0, 1, 1, inf, nan_, nan_);
    EXPECT(bl_argsort(x, 0, false), 3, 6, 0, 5, 2, 1, 4);
    EXPECT(bl_sort(x, 0, true), nan_, nan_, inf, 1, 1, 0, -inf);
    EXPECT(bl_argsort(x, 0, true), 1, 4, 2, 0, 5, 6, 3);
    EXPECT(bl_output(bl_topk(x, 4, 0, true), 1), 1, 4, 2, 0);
    EXPECT(bl_output(bl_topk(x, 3, 0, false), 1), 3, 6, 0);
    bl_tensor *zeros = REAL(BL_SHAPE(3), 0.0, -0.0, 0.0);
    EXPECT(bl_argsort(zeros, 0, false), 0, 1, 2);
    EXPECT(bl_argsort(zeros, 0, true), 0, 1, 2);
}

Test(sort, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 3, 1, 2, 5, 4, 6), *w = REAL(BL_SHAPE(3), 1, 10, 100);
    EXPECT(bl_gradient(bl_mul(bl_sort(x, 1, false), w), x), 100, 1, 10, 10, 1, 100);
    EXPECT(bl_gradient(bl_mul(bl_sort(x, 0, true), w), x), 1, 10, 100, 1, 10, 100);
    EXPECT(bl_gradient(bl_mul(bl_topk(x, 1, 1, true), REAL(BL_SHAPE(2, 1), 2, 3)), x), 2, 0, 0, 0, 0, 3);
    bl_tensor *squares = bl_sum(bl_square(bl_topk(x, 2, 1, false)), BL_ALL_AXES, false);
    bl_tensor *first = bl_gradient(squares, x);
    EXPECT(first, 0, 2, 4, 10, 8, 0);
    EXPECT(bl_gradient(first, x), 0, 2, 2, 2, 2, 0);
}

/* The places are integers: nothing flows through them, and they have no derivative. */
Test(sort, places_stop_the_flow)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 3, 1, 2), *order = bl_sort(x, 0, false);
    bl_tensor *as_reals = bl_cast(bl_output(order, 1), BL_F64);
    cr_assert(bl_is_unreached(bl_gradient(as_reals, x)));
    EXPECT(bl_gradient(bl_mul(as_reals, order), x), 0, 1, 2);
    bl_tensor *gradient, *places = bl_output(order, 1);
    cr_assert_eq(bl_grad(&places, 1, NULL, &x, 1, &gradient), BL_ERR_DTYPE);
}

Test(sort, sizes)
{
    bl_tensor *none = EMPTY(BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_sort(none, 1, false), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_output(bl_sort(none, 0, false), 1), BL_I64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_gradient(bl_sort(none, 1, true), none), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_topk(none, 0, 1, true), BL_F64, BL_SHAPE(2, 0));
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 4, 3, 2, 1);
    EXPECT(bl_gradient(bl_topk(x, 0, 1, true), x), 0, 0, 0, 0);
}

Test(sort, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 3, 1, 2, 5, 4, 6), *scalar = bl_scalar(graph, BL_F64, 1);
    bl_tensor *bools = bl_cast(x, BL_BOOL);
    EXPECT_ERROR(bl_sort(x, 2, false), BL_ERR_ARGUMENT, "bl_sort: axis 2 is outside the rank of [2,3]",
                 "test_sort.c");
    EXPECT_ERROR(bl_argsort(scalar, 0, false), BL_ERR_ARGUMENT,
                 "bl_argsort: axis 0 is outside the rank of []");
    EXPECT_ERROR(bl_topk(x, 1, -3, true), BL_ERR_ARGUMENT, "bl_topk: axis -3 is outside the rank of [2,3]");
    EXPECT_ERROR(bl_topk(x, 4, 1, true), BL_ERR_SHAPE, "bl_topk: k = 4 does not lie inside axis 1 of [2,3]");
    EXPECT_ERROR(bl_topk(x, -1, 0, true), BL_ERR_SHAPE,
                 "bl_topk: k = -1 does not lie inside axis 0 of [2,3]");
    EXPECT_ERROR(bl_sort(bools, 0, false), BL_ERR_DTYPE, "bl_sort: the operand is bool");
    EXPECT_ERROR(bl_argsort(bools, 0, false), BL_ERR_DTYPE, "bl_argsort: the operand is bool");
    EXPECT_ERROR(bl_topk(bools, 1, 0, true), BL_ERR_DTYPE, "bl_topk: the operand is bool");
    EXPECT_ERROR(bl_output(bl_sort(x, 0, false), 2), BL_ERR_ARGUMENT, "sort has no output 2");
    cr_assert_null(bl_sort(NULL, 0, false));
    cr_assert_null(bl_argsort(NULL, 0, false));
    cr_assert_null(bl_topk(NULL, 1, 0, true));
}

Test(sort, moves_refuse)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 3, 1, 2, 5, 4, 6), *places = bl_argsort(x, 1, false);
    bl__take_attributes too_long = {.axis = 1, .size = 4}, fits = {.axis = 1, .size = 3};
    EXPECT_ERROR(bl__apply_2(&bl__op_take_sorted, x, places, &too_long), BL_ERR_SHAPE,
                 "bl_take_sorted: places of [2,3] do not fit [2,3] along axis 1");
    EXPECT_ERROR(bl__apply_2(&bl__op_put_sorted, bl_sum(x, BL_AXES(0), true), places, &fits), BL_ERR_SHAPE,
                 "bl_put_sorted: places of [2,3] do not fit [1,3] along axis 1");
    EXPECT_ERROR(bl__apply_2(&bl__op_take_sorted, x, bl_cast(places, BL_I32), &fits), BL_ERR_DTYPE,
                 "bl_take_sorted: the second operand is i32, not i64");
}
