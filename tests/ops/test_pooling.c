/* Maxima and means over windows, adaptive ones, lp_pool: known values, options, ties, derivatives, errors.
 * Records the ops that they are made of too (ops/rules.h). */
#include "check.h"
#include "ops/rules.h"

TestSuite(pooling, .init = open_all, .fini = close_all);

static bl_tensor *nine(void)
{
    return REAL(BL_SHAPE(1, 3, 3), 1, 2, 3, 6, 5, 4, 7, 8, 9);
}

Test(pooling, max_on_one_axis)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 5), 1, 3, 2, 5, 4, -1, -2, -3, -4, -5);
    bl_tensor *y = bl_max_pool1d(x, 2);
    bl_max_pool_options options = bl_max_pool_defaults(2);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2));
    EXPECT(y, 3, 5, -1, -3);
    EXPECT_TYPE(bl_output(y, 1), BL_I64, BL_SHAPE(2, 2));
    EXPECT(bl_output(y, 1), 1, 3, 0, 2);
    options.ceil_mode = true;
    EXPECT(bl_max_pool1d_with(x, &options), 3, 5, 4, -1, -3, -5);
    options.stride[0] = 1;
    options.padding[0] = 1;
    EXPECT(bl_max_pool1d_with(x, &options), 1, 3, 3, 5, 5, 4, -1, -1, -2, -3, -4, -5);
    options = bl_max_pool_defaults(2);
    options.dilation[0] = 3;
    options.stride[0] = 1;
    EXPECT(bl_output(bl_max_pool1d_with(x, &options), 1), 3, 4, 0, 1);
    EXPECT(bl_max_pool1d(bl_cast(x, BL_F32), 5), 5, -1);
}

Test(pooling, max_on_two_and_three_axes)
{
    bl_tensor *x = nine();
    bl_max_pool_options options = bl_max_pool_defaults(2);
    EXPECT(bl_max_pool2d(x, 3), 9);
    options.stride[0] = options.stride[1] = 1;
    bl_tensor *y = bl_max_pool2d_with(x, &options);
    EXPECT(y, 6, 5, 8, 9);
    EXPECT(bl_output(y, 1), 3, 4, 7, 8);
    EXPECT(bl_gradient(bl_mul(y, REAL(BL_SHAPE(1, 2, 2), 1, 2, 3, 4)), x), 0, 0, 0, 1, 2, 0, 0, 3, 4);
    options.kernel[0] = 1;
    EXPECT(bl_max_pool2d_with(x, &options), 2, 3, 6, 5, 8, 9);
    EXPECT(bl_output(bl_max_pool3d(REAL(BL_SHAPE(2, 2, 2), 1, 2, 3, 4, 9, 6, 7, 8), 2), 1), 4);
    /* rank 8 */
    EXPECT(bl_max_pool2d(bl_reshape(x, BL_SHAPE(1, 1, 1, 1, 1, 1, 3, 3)), 2), 6);
}

/* Unlike bl_max, which shares the cotangent. */
Test(pooling, the_first_of_equal_elements_gets_the_cotangent)
{
    bl_tensor *x = REAL(BL_SHAPE(5), 1, 2, 2, 1, 2);
    EXPECT(bl_gradient(bl_max_pool1d(x, 5), x), 0, 1, 0, 0, 0);
    EXPECT(bl_gradient(bl_max(x, BL_AXES(0), false), x), 0, 1 / 3.0, 1 / 3.0, 0, 1 / 3.0);
}

Test(pooling, nan_and_infinity_in_max)
{
    bl_tensor *x = REAL(BL_SHAPE(6), NAN, 1, NAN, -INFINITY, -INFINITY, -INFINITY), *y = bl_max_pool1d(x, 3);
    EXPECT(y, NAN, -INFINITY);
    EXPECT(bl_output(y, 1), 2, 3);
    EXPECT(bl_gradient(y, x), 0, 0, 1, 1, 0, 0);
    /* a window whose two elements both lie in the padding */
    bl_max_pool_options options = bl_max_pool_defaults(2);
    options.dilation[0] = 2;
    options.padding[0] = 1;
    bl_tensor *one = REAL(BL_SHAPE(1), 7), *none = bl_max_pool1d_with(one, &options);
    EXPECT(none, -INFINITY);
    EXPECT(bl_output(none, 1), -1);
    EXPECT(bl_gradient(none, one), 0);
}

/* The second derivative of max(x)^2, and that of the gradient by its cotangent. */
Test(pooling, max_twice)
{
    bl_tensor *x = REAL(BL_SHAPE(4), 1, 3, 4, 2), *g = REAL(BL_SHAPE(2), 10, 100);
    bl_tensor *once = bl_gradient(bl_square(bl_max_pool1d(x, 2)), x);
    EXPECT(once, 0, 6, 8, 0);
    EXPECT(bl_gradient(once, x), 0, 2, 2, 0);
    bl_tensor *by_x = bl_gradient(bl_mul(bl_max_pool1d(x, 2), g), x);
    EXPECT(bl_gradient(bl_mul(by_x, x), g), 3, 4);
    /* nothing flows from the indices */
    bl_tensor *indices = bl_cast(bl_output(bl_max_pool1d(x, 2), 1), BL_F64);
    EXPECT(bl_gradient(indices, x), 0, 0, 0, 0);
}

Test(pooling, mean)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 5), 1, 3, 2, 6, 4);
    bl_avg_pool_options options = bl_avg_pool_defaults(2);
    EXPECT(bl_avg_pool1d(x, 2), 2, 4);
    options.padding[0] = 1;
    EXPECT(bl_avg_pool1d_with(x, &options), 0.5, 2.5, 5);
    options.count_include_pad = false;
    EXPECT(bl_avg_pool1d_with(x, &options), 1, 2.5, 5);
    options.divisor_override = 10;
    EXPECT(bl_avg_pool1d_with(x, &options), 0.1, 0.5, 1);
    /* a window that reaches behind x and its padding is divided by what lies before that */
    options = bl_avg_pool_defaults(3);
    options.ceil_mode = true;
    options.stride[0] = 2;
    options.padding[0] = 1;
    EXPECT(bl_avg_pool1d_with(REAL(BL_SHAPE(4), 1, 2, 3, 4), &options), 1, 3, 2);
    options.count_include_pad = false;
    EXPECT(bl_avg_pool1d_with(REAL(BL_SHAPE(4), 1, 2, 3, 4), &options), 1.5, 3, 4);
    EXPECT(bl_avg_pool2d(nine(), 2), 3.5);
    EXPECT(bl_gradient(bl_avg_pool2d(nine(), 2), nine()), 0, 0, 0, 0, 0, 0, 0, 0, 0);
    EXPECT(bl_avg_pool3d(REAL(BL_SHAPE(2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8), 2), 4.5);
    EXPECT(bl_avg_pool1d(REAL(BL_SHAPE(4), NAN, 1, 2, INFINITY), 2), NAN, INFINITY);
}

Test(pooling, gradient_of_means)
{
    bl_tensor *x = nine(), *row = REAL(BL_SHAPE(4), 1, 2, 3, 4);
    bl_avg_pool_options options = bl_avg_pool_defaults(2);
    options.stride[0] = options.stride[1] = 1;
    bl_tensor *y = bl_avg_pool2d_with(x, &options);
    EXPECT(bl_gradient(y, x), 0.25, 0.5, 0.25, 0.5, 1, 0.5, 0.25, 0.5, 0.25);
    /* elements between the windows */
    options.stride[0] = 3;
    bl_tensor *g = bl_gradient(bl_avg_pool1d_with(row, &options), row);
    EXPECT(g, 0.5, 0.5, 0, 0);
    EXPECT(bl_gradient(bl_square(bl_gradient(bl_square(y), x)), x), 5.0625, 10.125, 5.0625, 11.25, 22.5,
           11.25, 6.1875, 12.375, 6.1875);
}

Test(pooling, adaptive)
{
    bl_tensor *x = REAL(BL_SHAPE(5), 1, 3, 2, 6, 4);
    EXPECT(bl_adaptive_avg_pool1d(x, 3), 2, 11 / 3.0, 5);
    EXPECT(bl_adaptive_avg_pool1d(x, 10), 1, 1, 3, 3, 2, 2, 6, 6, 4, 4);
    bl_tensor *y = bl_adaptive_max_pool1d(x, 3);
    EXPECT(y, 3, 6, 6);
    EXPECT(bl_output(y, 1), 1, 3, 3);
    EXPECT(bl_gradient(y, x), 0, 1, 0, 2, 0);
    EXPECT(bl_adaptive_avg_pool2d(nine(), 1, 3), 14 / 3.0, 5, 16 / 3.0);
    EXPECT(bl_adaptive_max_pool2d(nine(), 2, 1), 6, 9);
    EXPECT_TYPE(bl_adaptive_avg_pool2d(nine(), 0, 2), BL_F64, BL_SHAPE(1, 0, 2));
    EXPECT_TYPE(bl_adaptive_max_pool1d(x, 0), BL_F64, BL_SHAPE(0));
    EXPECT(bl_gradient(bl_adaptive_avg_pool1d(x, 0), x), 0, 0, 0, 0, 0);
}

/* A mean of f32 over many elements loses nothing. */
Test(pooling, long_sums)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(300, 400), 0.1);
    EXPECT_NEAR(bl_adaptive_avg_pool2d(x, 1, 1), 0, (double)0.1f);
    /* wide windows that overlap take no table of all their elements */
    bl_avg_pool_options options = bl_avg_pool_defaults(60000);
    options.stride[0] = 1;
    bl_tensor *row = bl_reshape(x, BL_SHAPE(120000)), *y = bl_avg_pool1d_with(row, &options);
    EXPECT_NEAR(bl_slice(y, 0, 60000, 60001, 1), 0, (double)0.1f);
}

Test(pooling, powers)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 1, 6), 3, 4, 0, 0, -1, 2), *y = bl_lp_pool1d(x, 2, 2);
    EXPECT(y, 5, 0, sqrt(5));
    EXPECT(bl_gradient(y, x), 0.6, 0.8, 0, 0, -1 / sqrt(5), 2 / sqrt(5));
    EXPECT(bl_lp_pool1d(x, 3, 2), cbrt(91), 0, cbrt(7));
    EXPECT(bl_lp_pool1d(REAL(BL_SHAPE(2), -2, 1), 3, 2), NAN);
    EXPECT(bl_lp_pool2d(nine(), 1, 2), 14);
    EXPECT_ERROR(bl_lp_pool1d(x, 0, 2), BL_ERR_ARGUMENT, "bl_lp_pool1d: the power 0 is not positive");
    EXPECT_ERROR(bl_lp_pool2d(x, NAN, 2), BL_ERR_ARGUMENT, "bl_lp_pool2d: the power nan");
    EXPECT_ERROR(bl_lp_pool1d(x, 2, 7), BL_ERR_SHAPE, "bl_lp_pool1d: a kernel of 7 does not fit");
}

Test(pooling, sizes_of_0)
{
    EXPECT_TYPE(bl_max_pool2d(EMPTY(BL_SHAPE(0, 2, 4, 4)), 2), BL_F64, BL_SHAPE(0, 2, 2, 2));
    EXPECT_TYPE(bl_output(bl_max_pool2d(EMPTY(BL_SHAPE(0, 2, 4, 4)), 2), 1), BL_I64, BL_SHAPE(0, 2, 2, 2));
    EXPECT_TYPE(bl_avg_pool1d(EMPTY(BL_SHAPE(0, 4)), 2), BL_F64, BL_SHAPE(0, 2));
    EXPECT_ERROR(bl_max_pool1d(EMPTY(BL_SHAPE(2, 0)), 1), BL_ERR_SHAPE,
                 "bl_max_pool1d: a spatial axis of [2,0] has no elements");
    EXPECT_ERROR(bl_adaptive_avg_pool1d(EMPTY(BL_SHAPE(2, 0)), 1), BL_ERR_SHAPE,
                 "bl_adaptive_avg_pool1d: a spatial axis of [2,0] has no elements");
}

Test(pooling, refuses)
{
    bl_tensor *x = nine();
    bl_max_pool_options max = bl_max_pool_defaults(2);
    bl_avg_pool_options mean = bl_avg_pool_defaults(2);
    EXPECT_ERROR(bl_max_pool2d(x, 4), BL_ERR_SHAPE, "bl_max_pool2d: a kernel of 4 does not fit into [1,3,3]",
                 "test_pooling.c");
    EXPECT_ERROR(bl_avg_pool2d(x, 0), BL_ERR_ARGUMENT, "bl_avg_pool2d: the kernel 0 is not in 1..");
    max.stride[1] = -1;
    EXPECT_ERROR(bl_max_pool2d_with(x, &max), BL_ERR_ARGUMENT, "the stride -1 is not in 1..");
    max.stride[1] = 0;
    max.padding[0] = 2;
    EXPECT_ERROR(bl_max_pool2d_with(x, &max), BL_ERR_ARGUMENT, "the padding 2 is not in 0..1, half of the");
    max.padding[0] = 0;
    max.dilation[0] = 0;
    EXPECT_ERROR(bl_max_pool2d_with(x, &max), BL_ERR_ARGUMENT, "the dilation 0 is not in 1..");
    mean.padding[1] = -1;
    EXPECT_ERROR(bl_avg_pool2d_with(x, &mean), BL_ERR_ARGUMENT, "bl_avg_pool2d: the padding -1");
    EXPECT_ERROR(bl_max_pool2d_with(x, NULL), BL_ERR_ARGUMENT, "bl_max_pool2d: the options, which name");
    EXPECT_ERROR(bl_avg_pool1d_with(x, NULL), BL_ERR_ARGUMENT, "bl_avg_pool1d: the options, which name");
    EXPECT_ERROR(bl_max_pool2d(bl_reshape(x, BL_SHAPE(9)), 2), BL_ERR_SHAPE, "[9] has no 2 spatial axes");
    EXPECT_ERROR(bl_avg_pool2d(bl_cast(x, BL_I64), 2), BL_ERR_DTYPE, "the operand is i64, not f32 or f64");
    EXPECT_ERROR(bl_max_pool1d(bl_cast(x, BL_F16), 2), BL_ERR_DTYPE, "the operand is f16");
    EXPECT_ERROR(bl_adaptive_avg_pool2d(x, -1, 2), BL_ERR_ARGUMENT, "the size -1 is below 0");
    EXPECT_ERROR(bl_adaptive_max_pool1d(x, -1), BL_ERR_ARGUMENT, "bl_adaptive_max_pool1d: the size -1");
    EXPECT_ERROR(bl_adaptive_avg_pool1d(EMPTY(BL_SHAPE(0, 3, 3)), INT64_MAX), BL_ERR_OVERFLOW, "");
    EXPECT_ERROR(bl_max_pool1d(EMPTY(BL_SHAPE(0, INT64_MAX)), 2), BL_ERR_OVERFLOW,
                 "bl_max_pool1d: sizes overflow: an axis of [0,9223372036854775807] with its padding");
    cr_assert_null(bl_max_pool2d(NULL, 2));
    cr_assert_null(bl_avg_pool2d_with(NULL, &mean));
}

/* The ops behind the builders check what only a builder of the library could get wrong. */
Test(pooling, the_ops_refuse)
{
    bl__window_attributes windows = {.method = BL__WINDOW_ADAPTIVE, .spatial = 1, .in = {3}, .out = {2}};
    bl__plane_attributes plane = {.spatial = 1, .size = {3}};
    bl_tensor *x = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6), *short_one = REAL(BL_SHAPE(2), 1, 2);
    bl_tensor *indices = CONSTANT(BL_I64, BL_SHAPE(2, 1), 2, -1), *values = REAL(BL_SHAPE(2, 1), 7, 8);
    EXPECT_ERROR(bl__apply_1(&bl__op_max_pool, short_one, &windows), BL_ERR_SHAPE,
                 "bl_max_pool: the windows are not those of [2]");
    EXPECT_ERROR(bl__apply_1(&bl__op_max_pool, bl_cast(x, BL_I32), &windows), BL_ERR_DTYPE, "bl_max_pool: ");
    EXPECT_ERROR(bl__apply_1(&bl__op_resample, bl_scalar(graph, BL_F64, 1), &windows), BL_ERR_SHAPE,
                 "bl_resample: the windows are not those of []");
    EXPECT_ERROR(bl__apply_1(&bl__op_resample, bl_cast(x, BL_I32), &windows), BL_ERR_DTYPE, "bl_resample: ");
    EXPECT_ERROR(bl__apply_1(&bl__op_resample_backward, x, &windows), BL_ERR_SHAPE,
                 "bl_resample_backward: the windows are not those of [2,3]");
    windows.method = BL__WINDOW_NEAREST;
    EXPECT_ERROR(bl__apply_1(&bl__op_resample_backward, bl_cast(short_one, BL_I32), &windows), BL_ERR_DTYPE,
                 "bl_resample_backward: the operand is i32");

    EXPECT(bl__apply_2(&bl__op_plane_gather, x, indices, &plane), 3, 0);
    EXPECT(bl__apply_2(&bl__op_plane_scatter, values, indices, &plane), 0, 0, 7, 0, 0, 0);
    EXPECT_ERROR(bl__apply_2(&bl__op_plane_gather, values, indices, &plane), BL_ERR_SHAPE,
                 "bl_plane_gather: [2,1] are other planes");
    EXPECT_ERROR(bl__apply_2(&bl__op_plane_gather, x, bl_reshape(indices, BL_SHAPE(1, 2)), &plane),
                 BL_ERR_SHAPE, "bl_plane_gather: indices of [1,2] do not fit [2,3]");
    EXPECT_ERROR(bl__apply_2(&bl__op_plane_gather, x, bl_reshape(indices, BL_SHAPE(2)), &plane), BL_ERR_SHAPE,
                 "bl_plane_gather: indices of [2] do not fit [2,3]");
    EXPECT_ERROR(bl__apply_2(&bl__op_plane_gather, x, bl_cast(indices, BL_I32), &plane), BL_ERR_DTYPE,
                 "bl_plane_gather: the second operand is i32");
    EXPECT_ERROR(bl__apply_2(&bl__op_plane_scatter, x, indices, &plane), BL_ERR_SHAPE,
                 "bl_plane_scatter: indices of [2,1] do not fit [2,3]");
    EXPECT_ERROR(bl__apply_2(&bl__op_plane_scatter, indices, indices, &plane), BL_ERR_DTYPE,
                 "bl_plane_scatter: the first operand is i64");
    plane.spatial = 3;
    EXPECT_ERROR(bl__apply_2(&bl__op_plane_scatter, values, indices, &plane), BL_ERR_SHAPE,
                 "do not fit [2,1]");
}
