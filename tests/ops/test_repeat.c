/* repeat, tile, repeat_interleave. */
#include "derivatives.h"

TestSuite(repeat, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
}

Test(repeat, repeats_the_whole)
{
    bl_tensor *x = matrix();
    EXPECT(bl_repeat(x, BL_SHAPE(1, 2)), 1, 2, 1, 2, 3, 4, 3, 4);
    EXPECT(bl_repeat(x, BL_SHAPE(2, 1)), 1, 2, 3, 4, 1, 2, 3, 4);
    bl_tensor *y = bl_repeat(x, BL_SHAPE(2, 1, 3));
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2, 6));
    EXPECT(y, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4);
    EXPECT(bl_repeat(x, BL_SHAPE(1, 1)), 1, 2, 3, 4);
    EXPECT(bl_repeat(bl_scalar(graph, BL_BOOL, 1), BL_SHAPE(3)), 1, 1, 1);
    EXPECT(bl_repeat(bl_scalar(graph, BL_I32, 5), BL_SCALAR), 5);
    EXPECT_DERIVATIVES(y, x);
}

/* As many axes as there can be: more than fit into one go. */
Test(repeat, every_axis_of_rank_8)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 1, 2, 1, 1, 2, 1, 1), 1, 2, 3, 4);
    bl_tensor *y = bl_repeat(x, BL_SHAPE(2, 1, 2, 2, 1, 2, 2, 2));
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 1, 4, 2, 1, 4, 2, 2));
    double expected[256];
    for (int i = 0; i < 256; i++) /* the indices of the third and the sixth axis, modulo 2 */
        expected[i] = 1 + 2 * (i >> 5 & 1) + (i >> 2 & 1);
    const char *wrong = differs(y, 0, expected, 256);
    cr_assert(!wrong, "%s", wrong);
    EXPECT_DERIVATIVES(y, x);
}

Test(repeat, nothing)
{
    bl_tensor *x = matrix();
    EXPECT_TYPE(bl_repeat(x, BL_SHAPE(0, 2)), BL_F64, BL_SHAPE(0, 4));
    EXPECT_TYPE(bl_repeat(x, BL_SHAPE(3, 0, 1, 1)), BL_F64, BL_SHAPE(3, 0, 2, 2));
    EXPECT_TYPE(bl_repeat(EMPTY(BL_SHAPE(0, 2)), BL_SHAPE(2, 3)), BL_F64, BL_SHAPE(0, 6));
    EXPECT(bl_gradient(bl_repeat(x, BL_SHAPE(0, 2)), x), 0, 0, 0, 0);
    EXPECT_TYPE(bl_repeat_interleave(x, 0, 1), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_repeat_interleave(EMPTY(BL_SHAPE(0, 2)), 3, 1), BL_F64, BL_SHAPE(0, 6));
}

Test(repeat, tile_takes_fewer_repeats)
{
    bl_tensor *x = matrix();
    EXPECT(bl_tile(x, BL_SHAPE(2)), 1, 2, 1, 2, 3, 4, 3, 4);
    EXPECT(bl_tile(x, BL_SHAPE(2, 1)), 1, 2, 3, 4, 1, 2, 3, 4);
    EXPECT_TYPE(bl_tile(x, BL_SHAPE(2, 1, 1)), BL_F64, BL_SHAPE(2, 2, 2));
    EXPECT(bl_tile(x, BL_SCALAR), 1, 2, 3, 4);
    EXPECT_DERIVATIVES(bl_tile(x, BL_SHAPE(3)), x);
}

Test(repeat, interleave)
{
    bl_tensor *x = matrix(), *y = bl_repeat_interleave(x, 3, -2);
    EXPECT(bl_repeat_interleave(x, 2, 1), 1, 1, 2, 2, 3, 3, 4, 4);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(6, 2));
    EXPECT(y, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4);
    EXPECT_DERIVATIVES(y, x);
    bl_tensor *full = bl_reshape(x, BL_SHAPE(1, 1, 2, 1, 1, 2, 1, 1));
    EXPECT(bl_repeat_interleave(full, 2, 5), 1, 1, 2, 2, 3, 3, 4, 4);
}

Test(repeat, refuses)
{
    bl_tensor *x = matrix(), *huge = bl_full(graph, BL_BOOL, BL_SHAPE(INT64_MAX / 8), 1);
    bl_shape nine = {.rank = 9};
    EXPECT_ERROR(bl_repeat(x, BL_SHAPE(2)), BL_ERR_ARGUMENT, "bl_repeat: 1 repeats do not fit [2,2]",
                 "test_repeat.c");
    EXPECT_ERROR(bl_repeat(x, nine), BL_ERR_ARGUMENT, "bl_repeat: 9 repeats do not fit");
    EXPECT_ERROR(bl_repeat(x, BL_SHAPE(1, -2)), BL_ERR_ARGUMENT,
                 "bl_repeat: axis 1 cannot be there -2 times");
    EXPECT_ERROR(bl_repeat(x, BL_SHAPE(1, INT64_MAX)), BL_ERR_OVERFLOW, "bl_repeat: axis 1 grows too long");
    EXPECT_ERROR(bl_repeat(huge, BL_SHAPE(2)), BL_ERR_OVERFLOW, "bl_repeat: the elements of");
    EXPECT_ERROR(bl_tile(x, bl_shape_of(-1, NULL)), BL_ERR_ARGUMENT, "bl_tile: -1 repeats do not fit");
    EXPECT_ERROR(bl_tile(x, BL_SHAPE(-1)), BL_ERR_ARGUMENT, "bl_tile: axis 1 cannot be there -1 times");
    EXPECT_ERROR(bl_repeat_interleave(x, -1, 0), BL_ERR_ARGUMENT,
                 "bl_repeat_interleave: nothing is there -1 times");
    EXPECT_ERROR(bl_repeat_interleave(x, 2, 2), BL_ERR_ARGUMENT, "bl_repeat_interleave: axis 2 is outside");
    EXPECT_ERROR(bl_repeat_interleave(x, INT64_MAX, 0), BL_ERR_OVERFLOW,
                 "bl_repeat_interleave: axis 0 grows too long");
    EXPECT_ERROR(bl_repeat_interleave(huge, 4, 0), BL_ERR_OVERFLOW, "bl_repeat_interleave: the elements of");
    cr_assert_null(bl_repeat(NULL, BL_SCALAR));
    cr_assert_null(bl_tile(NULL, BL_SCALAR));
    cr_assert_null(bl_repeat_interleave(NULL, 1, 0));
}
