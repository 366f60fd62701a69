/* unsqueeze, squeeze, flatten, unflatten, movedim. */
#include "derivatives.h"

TestSuite(axes, .init = open_all, .fini = close_all);

static bl_tensor *cube(void)
{
    return REAL(BL_SHAPE(2, 1, 3), 1, 2, 3, 4, 5, 6);
}

static bl_tensor *scalar(void)
{
    return bl_scalar(graph, BL_F64, 7);
}

static bl_tensor *full_rank(void)
{
    return bl_full(graph, BL_BOOL, BL_SHAPE(1, 1, 2, 1, 1, 1, 1, 3), 1);
}

Test(axes, unsqueeze)
{
    bl_tensor *x = cube();
    EXPECT_TYPE(bl_unsqueeze(x, 0), BL_F64, BL_SHAPE(1, 2, 1, 3));
    EXPECT_TYPE(bl_unsqueeze(x, 2), BL_F64, BL_SHAPE(2, 1, 1, 3));
    EXPECT_TYPE(bl_unsqueeze(x, 3), BL_F64, BL_SHAPE(2, 1, 3, 1));
    EXPECT_TYPE(bl_unsqueeze(x, -1), BL_F64, BL_SHAPE(2, 1, 3, 1));
    EXPECT_TYPE(bl_unsqueeze(x, -4), BL_F64, BL_SHAPE(1, 2, 1, 3));
    EXPECT(bl_unsqueeze(x, 1), 1, 2, 3, 4, 5, 6);
    EXPECT_TYPE(bl_unsqueeze(scalar(), -1), BL_F64, BL_SHAPE(1));
    EXPECT_TYPE(bl_unsqueeze(EMPTY(BL_SHAPE(0)), 1), BL_F64, BL_SHAPE(0, 1));
    EXPECT_DERIVATIVES(bl_unsqueeze(x, 1), x);
}

Test(axes, squeeze_drops_axes_of_size_1)
{
    bl_tensor *x = bl_reshape(cube(), BL_SHAPE(1, 2, 1, 3));
    EXPECT_TYPE(bl_squeeze(x, BL_ALL_AXES), BL_F64, BL_SHAPE(2, 3));
    EXPECT_TYPE(bl_squeeze(x, BL_AXES(2)), BL_F64, BL_SHAPE(1, 2, 3));
    EXPECT_TYPE(bl_squeeze(x, BL_AXES(-4, 1)), BL_F64, BL_SHAPE(2, 1, 3));
    EXPECT_TYPE(bl_squeeze(x, (bl_axes){.count = 0}), BL_F64, BL_SHAPE(1, 2, 1, 3));
    EXPECT(bl_squeeze(REAL(BL_SHAPE(1, 1), 5), BL_ALL_AXES), 5);
    EXPECT_TYPE(bl_squeeze(REAL(BL_SHAPE(1, 1), 5), BL_ALL_AXES), BL_F64, BL_SCALAR);
    EXPECT_TYPE(bl_squeeze(scalar(), BL_ALL_AXES), BL_F64, BL_SCALAR);
    EXPECT_TYPE(bl_squeeze(full_rank(), BL_ALL_AXES), BL_BOOL, BL_SHAPE(2, 3));
    EXPECT_TYPE(bl_squeeze(EMPTY(BL_SHAPE(0, 1)), BL_ALL_AXES), BL_F64, BL_SHAPE(0));
}

Test(axes, flatten)
{
    bl_tensor *x = bl_reshape(bl_full(graph, BL_I32, BL_SHAPE(24), 1), BL_SHAPE(2, 3, 1, 4));
    EXPECT_TYPE(bl_flatten(x, 0, -1), BL_I32, BL_SHAPE(24));
    EXPECT_TYPE(bl_flatten(x, 1, 2), BL_I32, BL_SHAPE(2, 3, 4));
    EXPECT_TYPE(bl_flatten(x, -4, 1), BL_I32, BL_SHAPE(6, 1, 4));
    EXPECT_TYPE(bl_flatten(x, 2, 2), BL_I32, BL_SHAPE(2, 3, 1, 4));
    EXPECT_TYPE(bl_flatten(scalar(), 0, -1), BL_F64, BL_SHAPE(1));
    EXPECT_TYPE(bl_flatten(EMPTY(BL_SHAPE(2, 0, 3)), 0, 1), BL_F64, BL_SHAPE(0, 3));
    EXPECT(bl_flatten(bl_transpose(cube(), 0, 2), 0, 2), 1, 4, 2, 5, 3, 6);
}

Test(axes, unflatten)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 6), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    EXPECT_TYPE(bl_unflatten(x, 1, BL_SHAPE(2, 3)), BL_F64, BL_SHAPE(2, 2, 3));
    EXPECT_TYPE(bl_unflatten(x, -1, BL_SHAPE(-1, 1, 2)), BL_F64, BL_SHAPE(2, 3, 1, 2));
    EXPECT_TYPE(bl_unflatten(x, 0, BL_SHAPE(2)), BL_F64, BL_SHAPE(2, 6));
    EXPECT_TYPE(bl_unflatten(EMPTY(BL_SHAPE(0, 6)), 1, BL_SHAPE(3, -1)), BL_F64, BL_SHAPE(0, 3, 2));
    EXPECT(bl_unflatten(x, 0, BL_SHAPE(1, 2)), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
}

Test(axes, movedim)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(2, 3, 4, 5), 1), *y = cube();
    EXPECT_TYPE(bl_movedim(x, BL_AXES(0), BL_AXES(-1)), BL_F32, BL_SHAPE(3, 4, 5, 2));
    EXPECT_TYPE(bl_movedim(x, BL_AXES(3), BL_AXES(1)), BL_F32, BL_SHAPE(2, 5, 3, 4));
    EXPECT_TYPE(bl_movedim(x, BL_AXES(0, 1), BL_AXES(2, 0)), BL_F32, BL_SHAPE(3, 4, 2, 5));
    EXPECT_TYPE(bl_movedim(x, (bl_axes){.count = 0}, (bl_axes){.count = 0}), BL_F32, BL_SHAPE(2, 3, 4, 5));
    EXPECT(bl_movedim(y, BL_AXES(2), BL_AXES(0)), 1, 4, 2, 5, 3, 6);
    EXPECT_DERIVATIVES(bl_movedim(y, BL_AXES(2), BL_AXES(0)), y);
}

Test(axes, refuses)
{
    bl_tensor *x = cube(), *full = full_rank();
    bl_axes nine = {.count = 9};
    EXPECT_ERROR(bl_unsqueeze(x, 4), BL_ERR_ARGUMENT,
                 "bl_unsqueeze: axis 4 has no place among those of [2,1,3]", "test_axes.c");
    EXPECT_ERROR(bl_unsqueeze(x, -5), BL_ERR_ARGUMENT, "bl_unsqueeze: axis -5");
    EXPECT_ERROR(bl_unsqueeze(full, 0), BL_ERR_SHAPE,
                 "bl_unsqueeze: [1,1,2,1,1,1,1,3] has no room for 1 more axes: the rank is at most 8");
    EXPECT_ERROR(bl_squeeze(x, BL_AXES(3)), BL_ERR_ARGUMENT,
                 "bl_squeeze: axis 3 is outside the rank of [2,1,3]");
    EXPECT_ERROR(bl_squeeze(x, BL_AXES(1, -2)), BL_ERR_ARGUMENT, "bl_squeeze: axis -2 is given twice");
    EXPECT_ERROR(bl_squeeze(x, nine), BL_ERR_ARGUMENT, "bl_squeeze: 9 axes are too many");
    EXPECT_ERROR(bl_flatten(x, 2, 1), BL_ERR_ARGUMENT, "bl_flatten: axis 2 of [2,1,3] comes after axis 1");
    EXPECT_ERROR(bl_flatten(x, 0, 3), BL_ERR_ARGUMENT, "bl_flatten: axis 3 is outside");
    EXPECT_ERROR(bl_flatten(scalar(), 0, 1), BL_ERR_ARGUMENT, "bl_flatten: axis 0 is outside the rank of []");
    EXPECT_ERROR(bl_unflatten(x, 2, BL_SHAPE(2, 2)), BL_ERR_SHAPE,
                 "bl_unflatten: [2,2] does not make up axis 2 of [2,1,3]");
    EXPECT_ERROR(bl_unflatten(x, 2, BL_SHAPE(-1, 2)), BL_ERR_SHAPE, "bl_unflatten: [-1,2] does not make up");
    EXPECT_ERROR(bl_unflatten(x, 2, BL_SCALAR), BL_ERR_ARGUMENT, "bl_unflatten: 0 sizes are not in 1..8");
    EXPECT_ERROR(bl_unflatten(x, 3, BL_SHAPE(1)), BL_ERR_ARGUMENT, "bl_unflatten: axis 3 is outside");
    EXPECT_ERROR(bl_unflatten(full, 7, BL_SHAPE(3, 1)), BL_ERR_SHAPE, "has no room for 1 more axes");
    EXPECT_ERROR(bl_movedim(x, BL_AXES(0, 1), BL_AXES(1)), BL_ERR_ARGUMENT,
                 "bl_movedim: 2 axes do not go to 1 places");
    EXPECT_ERROR(bl_movedim(x, BL_ALL_AXES, BL_ALL_AXES), BL_ERR_ARGUMENT, "bl_movedim: -1 axes");
    EXPECT_ERROR(bl_movedim(x, BL_AXES(0, 0), BL_AXES(1, 2)), BL_ERR_ARGUMENT,
                 "bl_movedim: axis 0 is given twice");
    EXPECT_ERROR(bl_movedim(x, BL_AXES(0), BL_AXES(3)), BL_ERR_ARGUMENT, "bl_movedim: axis 3 is outside");
    cr_assert_null(bl_unsqueeze(NULL, 0));
    cr_assert_null(bl_squeeze(NULL, BL_ALL_AXES));
    cr_assert_null(bl_flatten(NULL, 0, 0));
    cr_assert_null(bl_unflatten(NULL, 0, BL_SHAPE(1)));
    cr_assert_null(bl_movedim(NULL, BL_AXES(0), BL_AXES(0)));
}
