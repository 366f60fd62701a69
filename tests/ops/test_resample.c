/* Upsampling and pixel_shuffle: known values, derivatives, errors. */
#include "check.h"

TestSuite(resample, .init = open_all, .fini = close_all);

Test(resample, nearest)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 3), 1, 2, 3);
    EXPECT(bl_upsample_nearest1d(x, 7), 1, 1, 1, 2, 2, 3, 3);
    EXPECT(bl_upsample_nearest1d(x, 6), 1, 1, 2, 2, 3, 3);
    EXPECT(bl_upsample_nearest1d(x, 2), 1, 2);
    EXPECT(bl_gradient(bl_upsample_nearest1d(x, 7), x), 3, 2, 2);
    EXPECT(bl_gradient(bl_upsample_nearest1d(x, 2), x), 1, 1, 0);
    bl_tensor *square = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4), *y = bl_upsample_nearest(square, 3, 4);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(3, 4));
    EXPECT(y, 1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4);
    EXPECT(bl_gradient(y, square), 4, 4, 2, 2);
    /* PyTorch's scale in f32: 41 * (2 / 82) is just below 1 */
    EXPECT(bl_slice(bl_upsample_nearest1d(REAL(BL_SHAPE(2), 1, 2), 82), 0, 40, 43, 1), 1, 1, 2);
    const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL, BL_F16};
    for (int i = 0; i < 6; i++) {
        bl_tensor *ones = bl_upsample_nearest(bl_cast(REAL(BL_SHAPE(1, 2), 1, 0), dtypes[i]), 2, 3);
        EXPECT_TYPE(ones, dtypes[i], BL_SHAPE(2, 3));
        EXPECT(bl_cast(ones, BL_F32), 1, 1, 0, 1, 1, 0);
    }
}

Test(resample, linear)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 3), 1, 2, 4);
    EXPECT(bl_upsample_linear(x, 6, false), 1, 1.25, 1.75, 2.5, 3.5, 4);
    EXPECT(bl_upsample_linear(x, 5, true), 1, 1.5, 2, 3, 4);
    EXPECT(bl_upsample_linear(x, 1, true), 1);
    EXPECT(bl_upsample_linear(x, 1, false), 2);
    EXPECT(bl_upsample_linear(x, 3, false), 1, 2, 4);
    EXPECT(bl_gradient(bl_upsample_linear(x, 5, true), x), 1.5, 2, 1.5);
    /* what weighs nothing is not touched */
    EXPECT(bl_upsample_linear(REAL(BL_SHAPE(2), 1, INFINITY), 2, false), 1, INFINITY);
    EXPECT(bl_upsample_linear(REAL(BL_SHAPE(2), NAN, 1), 3, true), NAN, NAN, 1);
}

Test(resample, bilinear)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 2, 2), 1, 2, 3, 4);
    EXPECT(bl_upsample_bilinear(x, 3, 3, true), 1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4);
    EXPECT(bl_upsample_bilinear(x, 1, 4, false), 2, 2.25, 2.75, 3);
    bl_tensor *narrow = bl_upsample_bilinear(bl_cast(x, BL_F32), 3, 3, true);
    EXPECT_TYPE(narrow, BL_F32, BL_SHAPE(1, 3, 3));
    EXPECT(narrow, 1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4);
    EXPECT(bl_gradient(bl_upsample_bilinear(x, 3, 3, true), x), 2.25, 2.25, 2.25, 2.25);
    bl_tensor *y = bl_upsample_bilinear(x, 3, 3, true), *once = bl_gradient(bl_square(y), x);
    EXPECT(once, 6.75, 9.75, 12.75, 15.75);
    EXPECT(bl_gradient(once, x), 4.5, 4.5, 4.5, 4.5);
}

/* The four weights halfway between two elements are -3/32, 19/32, 19/32 and -3/32. */
Test(resample, bicubic)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 4), 1, 2, 4, 8);
    EXPECT(bl_upsample_bicubic(x, 1, 7, true), 1, (16 * 1 + 19 * 2 - 3 * 4) / 32.0, 2,
           (-3 * 1 + 19 * 2 + 19 * 4 - 3 * 8) / 32.0, 4, (-3 * 2 + 19 * 4 + 16 * 8) / 32.0, 8);
    EXPECT(bl_gradient(bl_upsample_bicubic(x, 1, 1, false), x), -3 / 32.0, 19 / 32.0, 19 / 32.0, -3 / 32.0);
    EXPECT(bl_upsample_bicubic(REAL(BL_SHAPE(1, 1), 7), 2, 3, false), 7, 7, 7, 7, 7, 7);
}

Test(resample, pixel_shuffle)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 4, 1, 2), 1, 2, 3, 4, 5, 6, 7, 8), *y = bl_pixel_shuffle(x, 2);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(1, 1, 2, 4));
    EXPECT(y, 1, 3, 2, 4, 5, 7, 6, 8);
    EXPECT_TYPE(bl_pixel_unshuffle(y, 2), BL_F64, BL_SHAPE(1, 4, 1, 2));
    EXPECT(bl_pixel_unshuffle(y, 2), 1, 2, 3, 4, 5, 6, 7, 8);
    EXPECT(bl_gradient(bl_mul(y, y), x), 2, 4, 6, 8, 10, 12, 14, 16);
    EXPECT_TYPE(bl_pixel_shuffle(bl_cast(EMPTY(BL_SHAPE(0, 2, 9, 2, 2)), BL_I32), 3), BL_I32,
                BL_SHAPE(0, 2, 1, 6, 6));
    EXPECT_TYPE(bl_pixel_shuffle(bl_reshape(x, BL_SHAPE(1, 1, 1, 1, 1, 4, 1, 2)), 2), BL_F64,
                BL_SHAPE(1, 1, 1, 1, 1, 1, 2, 4));
    EXPECT_ERROR(bl_pixel_shuffle(x, 3), BL_ERR_SHAPE, "bl_pixel_shuffle: [1,4,1,2] cannot be divided by 9");
    EXPECT_ERROR(bl_pixel_unshuffle(x, 2), BL_ERR_SHAPE, "bl_pixel_unshuffle: [1,4,1,2] cannot be divided");
    EXPECT_ERROR(bl_pixel_shuffle(x, 0), BL_ERR_ARGUMENT, "the factor 0 is not in 1..");
    EXPECT_ERROR(bl_pixel_shuffle(bl_reshape(x, BL_SHAPE(4, 2)), 2), BL_ERR_SHAPE,
                 "[4,2] is not [.., channels, height, width]");
    bl_tensor *long_one = EMPTY(BL_SHAPE(0, 1, (int64_t)1 << 59));
    EXPECT_ERROR(bl_pixel_shuffle(long_one, INT32_MAX), BL_ERR_OVERFLOW, "grows too long");
    cr_assert_null(bl_pixel_shuffle(NULL, 2));
}

Test(resample, sizes_of_0_and_errors)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 3), 1, 2, 3);
    EXPECT_TYPE(bl_upsample_bilinear(EMPTY(BL_SHAPE(0, 2, 2)), 3, 4, false), BL_F64, BL_SHAPE(0, 3, 4));
    EXPECT_TYPE(bl_upsample_nearest1d(EMPTY(BL_SHAPE(0, 2)), 5), BL_F64, BL_SHAPE(0, 5));
    EXPECT_ERROR(bl_upsample_nearest1d(x, 0), BL_ERR_ARGUMENT, "bl_upsample_nearest1d: the size 0 is below 1",
                 "test_resample.c");
    EXPECT_ERROR(bl_upsample_linear(EMPTY(BL_SHAPE(2, 0)), 3, false), BL_ERR_SHAPE,
                 "bl_upsample_linear: a spatial axis of [2,0] has no elements");
    EXPECT_ERROR(bl_upsample_bilinear(bl_reshape(x, BL_SHAPE(3)), 3, 3, false), BL_ERR_SHAPE,
                 "bl_upsample_bilinear: [3] has no 2 spatial axes");
    EXPECT_ERROR(bl_upsample_bicubic(bl_cast(x, BL_I32), 3, 3, false), BL_ERR_DTYPE,
                 "bl_upsample_bicubic: the operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_upsample_nearest(EMPTY(BL_SHAPE(0, 1, 1)), INT64_MAX, 2), BL_ERR_OVERFLOW, "");
    cr_assert_null(bl_upsample_bilinear(NULL, 2, 2, false));
}
