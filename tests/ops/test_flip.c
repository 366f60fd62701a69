/* flip, a view by strides below 0 that every kernel must take, and roll. */
#include "derivatives.h"

TestSuite(flip, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

Test(flip, values)
{
    bl_tensor *x = matrix();
    EXPECT(bl_flip(x, BL_AXES(0)), 4, 5, 6, 1, 2, 3);
    EXPECT(bl_flip(x, BL_AXES(-1)), 3, 2, 1, 6, 5, 4);
    EXPECT(bl_flip(x, BL_ALL_AXES), 6, 5, 4, 3, 2, 1);
    EXPECT(bl_flip(x, (bl_axes){.count = 0}), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_flip(bl_flip(x, BL_AXES(1)), BL_AXES(1)), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_flip(bl_scalar(graph, BL_F64, 3), BL_ALL_AXES), 3);
    EXPECT(bl_flip(CONSTANT(BL_BOOL, BL_SHAPE(3), 1, 0, 0), BL_AXES(0)), 0, 0, 1);
    EXPECT_TYPE(bl_flip(EMPTY(BL_SHAPE(0, 3)), BL_ALL_AXES), BL_F64, BL_SHAPE(0, 3));
    EXPECT(bl_flip(bl_full(graph, BL_F64, BL_SHAPE(3), 2), BL_AXES(0)), 2, 2, 2);
}

/* Other views of a view that goes backwards. */
Test(flip, under_other_views)
{
    bl_tensor *x = matrix(), *y = bl_flip(x, BL_ALL_AXES);
    EXPECT(bl_reshape(y, BL_SHAPE(3, 2)), 6, 5, 4, 3, 2, 1);
    EXPECT(bl_reshape(bl_flip(x, BL_AXES(0)), BL_SHAPE(6)), 4, 5, 6, 1, 2, 3);
    EXPECT(bl_slice(y, 1, 1, 3, 1), 5, 4, 2, 1);
    EXPECT(bl_slice(y, 1, 0, 3, 2), 6, 4, 3, 1);
    EXPECT(bl_transpose(y, 0, 1), 6, 3, 5, 2, 4, 1);
    EXPECT(bl_expand(bl_slice(y, 0, 0, 1, 1), BL_SHAPE(2, 3)), 6, 5, 4, 6, 5, 4);
    EXPECT(bl_diagonal(y, 1, 0, 1), 5, 1);
    EXPECT(bl_flip(bl_diagonal(x, 0, 0, 1), BL_AXES(0)), 5, 1);
}

/* Kernels that take strides, with a flipped input, and one that is flipped beside itself. */
Test(flip, into_kernels)
{
    bl_tensor *x = matrix(), *y = bl_flip(x, BL_AXES(1)), *twice = bl_add(x, x);
    EXPECT(bl_neg(y), -3, -2, -1, -6, -5, -4);
    EXPECT(bl_sub(bl_flip(twice, BL_ALL_AXES), twice), 10, 6, 2, -2, -6, -10);
    EXPECT(bl_sum(bl_flip(x, BL_ALL_AXES), BL_AXES(0), false), 9, 7, 5);
    EXPECT(bl_argmax(y, BL_AXES(1), false), 0, 0);
    EXPECT(bl_concat((bl_tensor *[]){y, x}, 2, 0), 3, 2, 1, 6, 5, 4, 1, 2, 3, 4, 5, 6);
    EXPECT(bl_matmul(y, bl_flip(bl_transpose(x, 0, 1), BL_AXES(0))), 14, 32, 32, 77);
    EXPECT(
        bl_max(bl_abs(bl_sub(bl_softmax(y, 1), bl_flip(bl_softmax(x, 1), BL_AXES(1)))), BL_ALL_AXES, false),
        0);
}

/* Products that are large enough for BLIS: sums of whole numbers, so exact in any order. */
Test(flip, into_large_products)
{
    enum {
        SIDE = 48
    };
    float a[SIDE * SIDE], b[SIDE * SIDE], largest = -1;
    for (int i = 0; i < SIDE * SIDE; i++) {
        a[i] = (float)(i * 7 % 11 - 5);
        b[i] = (float)(i * 5 % 13 - 6);
    }
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(SIDE, SIDE), a);
    bl_tensor *y = bl_constant(graph, BL_F32, BL_SHAPE(SIDE, SIDE), b), *product = bl_matmul(x, y);
    bl_tensor *rows = bl_matmul(bl_flip(x, BL_AXES(0)), bl_flip(y, BL_AXES(1)));
    bl_tensor *inner = bl_matmul(bl_flip(x, BL_AXES(1)), bl_flip(y, BL_AXES(0)));
    bl_tensor *differences[] = {bl_sub(rows, bl_flip(product, BL_ALL_AXES)), bl_sub(inner, product)};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(bl_eval(bl_max(bl_abs(differences[i]), BL_ALL_AXES, false), &largest, sizeof(largest)),
                     BL_OK);
        cr_assert_eq(largest, 0);
    }
}

Test(flip, roll)
{
    bl_tensor *x = matrix();
    EXPECT(bl_roll(x, (int64_t[]){1}, BL_AXES(1)), 3, 1, 2, 6, 4, 5);
    EXPECT(bl_roll(x, (int64_t[]){-1}, BL_AXES(-1)), 2, 3, 1, 5, 6, 4);
    EXPECT(bl_roll(x, (int64_t[]){7}, BL_AXES(1)), 3, 1, 2, 6, 4, 5);
    EXPECT(bl_roll(x, (int64_t[]){1, 1}, BL_AXES(0, 1)), 6, 4, 5, 3, 1, 2);
    EXPECT(bl_roll(x, (int64_t[]){1, -1}, BL_ALL_AXES), 5, 6, 4, 2, 3, 1);
    EXPECT(bl_roll(x, (int64_t[]){1, 1}, BL_AXES(1, 1)), 2, 3, 1, 5, 6, 4);
    EXPECT(bl_roll(x, (int64_t[]){INT64_MIN}, BL_AXES(0)), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_roll(x, NULL, (bl_axes){.count = 0}), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_roll(bl_scalar(graph, BL_I32, 4), NULL, BL_ALL_AXES), 4);
    EXPECT_TYPE(bl_roll(EMPTY(BL_SHAPE(2, 0)), (int64_t[]){1, 1}, BL_ALL_AXES), BL_F64, BL_SHAPE(2, 0));
    EXPECT_DERIVATIVES(bl_roll(x, (int64_t[]){1, 2}, BL_ALL_AXES), x);
}

Test(flip, refuses)
{
    bl_tensor *x = matrix();
    bl_axes nine = {.count = 9};
    EXPECT_ERROR(bl_flip(x, BL_AXES(2)), BL_ERR_ARGUMENT, "bl_flip: axis 2 is outside the rank of [2,3]",
                 "test_flip.c");
    EXPECT_ERROR(bl_flip(x, BL_AXES(1, -1)), BL_ERR_ARGUMENT, "bl_flip: axis -1 is given twice");
    EXPECT_ERROR(bl_roll(x, (int64_t[]){1}, BL_AXES(2)), BL_ERR_ARGUMENT, "bl_roll: axis 2 is outside");
    EXPECT_ERROR(bl_roll(x, NULL, BL_AXES(1)), BL_ERR_ARGUMENT, "bl_roll: the shifts are NULL");
    EXPECT_ERROR(bl_roll(x, (int64_t[]){1}, nine), BL_ERR_ARGUMENT, "bl_roll: 9 axes are too many");
    cr_assert_null(bl_flip(NULL, BL_ALL_AXES));
    cr_assert_null(bl_roll(NULL, NULL, BL_ALL_AXES));
}
