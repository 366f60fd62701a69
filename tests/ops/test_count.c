/* any, all, count_nonzero. */
#include "check.h"

TestSuite(count, .init = open_all, .fini = close_all);

static bl_tensor *bools(void)
{
    return CONSTANT(BL_BOOL, BL_SHAPE(3, 2), 1, 0, 0, 0, 1, 1);
}

Test(count, any_and_all)
{
    bl_tensor *x = bools();
    EXPECT(bl_any(x, BL_AXES(1), false), 1, 0, 1);
    EXPECT(bl_all(x, BL_AXES(1), false), 0, 0, 1);
    EXPECT(bl_any(x, BL_AXES(0), false), 1, 1);
    EXPECT(bl_all(x, BL_AXES(0, 1), false), 0);
    EXPECT(bl_any(x, (bl_axes){.count = 0}, false), 1, 0, 0, 0, 1, 1);
    EXPECT_TYPE(bl_any(x, BL_AXES(-1), true), BL_BOOL, BL_SHAPE(3, 1));
    EXPECT_TYPE(bl_all(x, BL_ALL_AXES, false), BL_BOOL, BL_SCALAR);
    bl_tensor *one = bl_scalar(graph, BL_BOOL, 1);
    EXPECT(bl_all(one, BL_ALL_AXES, false), 1);
    EXPECT(bl_any(bl_expand(one, BL_SHAPE(1000)), BL_ALL_AXES, false), 1);
    EXPECT(bl_all(bl_expand(one, BL_SHAPE(1000)), BL_ALL_AXES, false), 1);
}

Test(count, count_nonzero)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 0.25, -0.0, (double)NAN, 0, 0, (double)INFINITY);
    EXPECT(bl_count_nonzero(x, BL_AXES(1), false), 2, 1);
    EXPECT(bl_count_nonzero(x, BL_AXES(0), false), 1, 0, 2);
    EXPECT(bl_count_nonzero(bl_cast(x, BL_F32), BL_ALL_AXES, false), 3);
    EXPECT(bl_count_nonzero(CONSTANT(BL_I32, BL_SHAPE(3), -4, 0, 4), BL_AXES(0), false), 2);
    EXPECT(bl_count_nonzero(CONSTANT(BL_I64, BL_SHAPE(3), 0, 0, 4), BL_AXES(0), false), 1);
    EXPECT(bl_count_nonzero(bools(), BL_AXES(0), false), 2, 1);
    EXPECT_TYPE(bl_count_nonzero(x, BL_AXES(1), true), BL_I64, BL_SHAPE(2, 1));
    EXPECT(bl_count_nonzero(bl_full(graph, BL_BOOL, BL_SHAPE(300, 2), 1), BL_AXES(0), false), 300, 300);
}

Test(count, over_nothing)
{
    bl_tensor *none = bl_constant(graph, BL_BOOL, BL_SHAPE(2, 0), NULL);
    EXPECT(bl_any(none, BL_AXES(1), false), 0, 0);
    EXPECT(bl_all(none, BL_AXES(1), false), 1, 1);
    EXPECT(bl_count_nonzero(none, BL_ALL_AXES, false), 0);
    EXPECT_TYPE(bl_all(none, BL_AXES(0), false), BL_BOOL, BL_SHAPE(0));
}

Test(count, refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, 0);
    EXPECT_ERROR(bl_any(x, BL_ALL_AXES, false), BL_ERR_DTYPE,
                 "bl_any: the operand is f64, not bool: cast it first", "test_count.c");
    EXPECT_ERROR(bl_all(bl_cast(x, BL_I32), BL_ALL_AXES, false), BL_ERR_DTYPE, "bl_all: the operand is i32");
    EXPECT_ERROR(bl_count_nonzero(bl_cast(x, BL_F16), BL_ALL_AXES, false), BL_ERR_DTYPE, "bl_count_nonzero",
                 "f16, which is storage only");
    EXPECT_ERROR(bl_any(bools(), BL_AXES(2), false), BL_ERR_ARGUMENT,
                 "bl_any: axis 2 is outside the rank of [3,2]");
    EXPECT_ERROR(bl_all(bools(), BL_AXES(0, -2), false), BL_ERR_ARGUMENT, "bl_all: axis -2 is given twice");
    EXPECT_ERROR(bl_count_nonzero(bools(), BL_AXES(-3), false), BL_ERR_ARGUMENT, "bl_count_nonzero: axis -3");
    cr_assert_null(bl_any(NULL, BL_ALL_AXES, false));
    cr_assert_null(bl_all(NULL, BL_ALL_AXES, false));
    cr_assert_null(bl_count_nonzero(NULL, BL_ALL_AXES, false));
}
