/* pad in its modes. */
#include "derivatives.h"

TestSuite(pad, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

static bl_tensor *row(void)
{
    return REAL(BL_SHAPE(4), 1, 2, 3, 4);
}

/* Padded at both ends of the only axis. */
static bl_tensor *around(bl_tensor *x, int64_t before, int64_t after, bl_pad_mode mode)
{
    return bl_pad_with(x, BL_SHAPE(before), BL_SHAPE(after), &(bl_pad_options){.mode = mode});
}

Test(pad, constant)
{
    bl_tensor *x = matrix();
    bl_pad_options seven = {BL_PAD_CONSTANT, 7};
    EXPECT(bl_pad(x, BL_SHAPE(1, 0), BL_SHAPE(0, 2)), 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0);
    EXPECT(bl_pad_with(x, BL_SHAPE(0, 1), BL_SHAPE(0, 0), &seven), 7, 1, 2, 3, 7, 4, 5, 6);
    EXPECT(bl_pad(x, BL_SHAPE(0, 0), BL_SHAPE(0, 0)), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_pad(bl_transpose(x, 0, 1), BL_SHAPE(0, 1), BL_SHAPE(0, 0)), 0, 1, 4, 0, 2, 5, 0, 3, 6);
    EXPECT(bl_pad(bl_scalar(graph, BL_F64, 5), BL_SCALAR, BL_SCALAR), 5);
    EXPECT(bl_pad_with(EMPTY(BL_SHAPE(0)), BL_SHAPE(1), BL_SHAPE(2), &seven), 7, 7, 7);
    EXPECT_TYPE(bl_pad(EMPTY(BL_SHAPE(0, 2)), BL_SHAPE(0, 1), BL_SHAPE(0, 1)), BL_F64, BL_SHAPE(0, 4));
    EXPECT_TYPE(bl_pad(bl_reshape(x, BL_SHAPE(1, 2, 1, 1, 1, 1, 1, 3)), BL_SHAPE(1, 1, 1, 1, 1, 1, 1, 1),
                       BL_SHAPE(0, 0, 0, 0, 0, 0, 0, 0)),
                BL_F64, BL_SHAPE(2, 3, 2, 2, 2, 2, 2, 4));
}

Test(pad, constants_of_every_dtype)
{
    const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    bl_pad_options one = {BL_PAD_CONSTANT, 1}, infinite = {BL_PAD_CONSTANT, -INFINITY};
    for (int i = 0; i < 5; i++) {
        bl_tensor *y = bl_pad_with(CONSTANT(dtypes[i], BL_SHAPE(2), 0, 1), BL_SHAPE(1), BL_SHAPE(1), &one);
        EXPECT_TYPE(y, dtypes[i], BL_SHAPE(4));
        EXPECT(y, 1, 0, 1, 1);
    }
    EXPECT(bl_pad_with(row(), BL_SHAPE(1), BL_SHAPE(0), &infinite), -INFINITY, 1, 2, 3, 4);
    EXPECT(bl_pad(REAL(BL_SHAPE(1), NAN), BL_SHAPE(0), BL_SHAPE(1)), NAN, 0);
}

Test(pad, amounts_below_0_cut_off)
{
    bl_tensor *x = matrix(), *y = bl_pad(x, BL_SHAPE(1, -1), BL_SHAPE(-1, 1));
    EXPECT(y, 0, 0, 0, 2, 3, 0);
    EXPECT(bl_pad(row(), BL_SHAPE(-1), BL_SHAPE(-1)), 2, 3);
    EXPECT_TYPE(bl_pad(row(), BL_SHAPE(-1), BL_SHAPE(-3)), BL_F64, BL_SHAPE(0));
    EXPECT(bl_pad(row(), BL_SHAPE(-4), BL_SHAPE(2)), 0, 0);
    EXPECT_DERIVATIVES(y, x);
    EXPECT(bl_gradient(bl_pad(x, BL_SHAPE(1, -1), BL_SHAPE(-1, 1)), x), 0, 1, 1, 0, 0, 0);
}

Test(pad, by_elements)
{
    bl_tensor *x = row();
    EXPECT(around(x, 2, 1, BL_PAD_REFLECT), 3, 2, 1, 2, 3, 4, 3);
    EXPECT(around(x, 3, 3, BL_PAD_REFLECT), 4, 3, 2, 1, 2, 3, 4, 3, 2, 1);
    EXPECT(around(x, 2, 3, BL_PAD_REPLICATE), 1, 1, 1, 2, 3, 4, 4, 4, 4);
    EXPECT(around(x, 1, 4, BL_PAD_CIRCULAR), 4, 1, 2, 3, 4, 1, 2, 3, 4);
    EXPECT(around(CONSTANT(BL_BOOL, BL_SHAPE(2), 0, 1), 0, 1, BL_PAD_REPLICATE), 0, 1, 1);
    EXPECT_TYPE(around(bl_cast(x, BL_BF16), 1, 1, BL_PAD_REFLECT), BL_BF16, BL_SHAPE(6));
    EXPECT(around(x, 0, 0, BL_PAD_REFLECT), 1, 2, 3, 4);
    EXPECT_TYPE(around(EMPTY(BL_SHAPE(0)), 0, 0, BL_PAD_REPLICATE), BL_F64, BL_SHAPE(0));
    bl_pad_mode modes[] = {BL_PAD_REFLECT, BL_PAD_REPLICATE, BL_PAD_CIRCULAR};
    for (int i = 0; i < 3; i++)
        EXPECT_DERIVATIVES(around(x, 3, 2, modes[i]), x);
}

/* The corners are those of the axes one after the other. */
Test(pad, by_elements_of_several_axes)
{
    bl_tensor *x = matrix();
    bl_pad_options reflect = {.mode = BL_PAD_REFLECT}, circular = {.mode = BL_PAD_CIRCULAR};
    bl_tensor *y = bl_pad_with(x, BL_SHAPE(1, 0), BL_SHAPE(0, 2), &reflect);
    EXPECT(y, 4, 5, 6, 5, 4, 1, 2, 3, 2, 1, 4, 5, 6, 5, 4);
    EXPECT(bl_pad_with(x, BL_SHAPE(1, 1), BL_SHAPE(0, 0), &circular), 6, 4, 5, 6, 3, 1, 2, 3, 6, 4, 5, 6);
    EXPECT_DERIVATIVES(y, x);
}

Test(pad, refuses_amounts)
{
    bl_tensor *x = matrix();
    bl_shape none = BL_SHAPE(0, 0);
    EXPECT_ERROR(bl_pad(x, BL_SHAPE(1), none), BL_ERR_ARGUMENT,
                 "bl_pad: amounts for 1 and 2 axes do not fit [2,3]", "test_pad.c");
    EXPECT_ERROR(bl_pad(x, none, bl_shape_of(9, NULL)), BL_ERR_ARGUMENT, "bl_pad: amounts for 2 and -1 axes");
    EXPECT_ERROR(bl_pad(x, BL_SHAPE(0, -2), BL_SHAPE(0, -2)), BL_ERR_SHAPE,
                 "bl_pad: amounts of -2 and -2 cut axis 1 of [2,3] too short");
    EXPECT_ERROR(bl_pad(x, BL_SHAPE(0, -4), BL_SHAPE(0, 9)), BL_ERR_SHAPE, "bl_pad: amounts of -4 and 9 cut");
    EXPECT_ERROR(bl_pad(x, BL_SHAPE(INT64_MIN, 0), BL_SHAPE(INT64_MIN, 0)), BL_ERR_SHAPE,
                 "bl_pad: amounts of");
    EXPECT_ERROR(bl_pad(x, BL_SHAPE(0, INT64_MAX), BL_SHAPE(0, 1)), BL_ERR_OVERFLOW,
                 "bl_pad: axis 1 grows too long");
    EXPECT_ERROR(bl_pad(x, BL_SHAPE(0, INT64_MAX / 4), none), BL_ERR_OVERFLOW, "bl_pad: the elements of");
    cr_assert_null(bl_pad(NULL, none, none));
}

Test(pad, refuses_modes)
{
    bl_tensor *x = row(), *none = EMPTY(BL_SHAPE(0));
    bl_pad_options half = {BL_PAD_CONSTANT, 0.5}, unknown = {(bl_pad_mode)4, 0};
    EXPECT_ERROR(around(x, 4, 0, BL_PAD_REFLECT), BL_ERR_SHAPE,
                 "bl_pad: axis 0 of [4] has at most 3 elements to go on with, not 4");
    EXPECT_ERROR(around(x, 0, 5, BL_PAD_CIRCULAR), BL_ERR_SHAPE, "at most 4 elements to go on with, not 5");
    EXPECT_ERROR(around(none, 1, 0, BL_PAD_REPLICATE), BL_ERR_SHAPE, "axis 0 of [0] has at most 0 elements");
    EXPECT_ERROR(around(none, 0, 1, BL_PAD_REFLECT), BL_ERR_SHAPE, "at most 0 elements to go on with, not 1");
    EXPECT_ERROR(around(x, 1, -1, BL_PAD_REPLICATE), BL_ERR_ARGUMENT, "bl_pad: the amount -1 cuts off");
    EXPECT_ERROR(bl_pad_with(x, BL_SHAPE(1), BL_SHAPE(0), &unknown), BL_ERR_ARGUMENT,
                 "bl_pad: there is no mode 4");
    EXPECT_ERROR(bl_pad_with(CONSTANT(BL_I32, BL_SHAPE(1), 1), BL_SHAPE(1), BL_SHAPE(0), &half),
                 BL_ERR_ARGUMENT, "bl_pad: i32 cannot hold 0.5");
    EXPECT_ERROR(bl_pad(bl_cast(x, BL_F16), BL_SHAPE(1), BL_SHAPE(0)), BL_ERR_DTYPE,
                 "bl_pad: the operand is f16, which is storage only");
    EXPECT_ERROR(bl_pad(CONSTANT(BL_BOOL, BL_SHAPE(1), 1), BL_SHAPE(0), bl_shape_of(0, NULL)),
                 BL_ERR_ARGUMENT, "bl_pad: amounts for 1 and");
}
