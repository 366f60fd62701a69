/* Convolutions and their transposes: known values, options, sizes of 0, derivatives, errors. Records the ops
 * that they are made of too (ops/rules.h). */
#include "check.h"
#include "ops/rules.h"

TestSuite(convolution, .init = open_all, .fini = close_all);

/* first, first + 1, .. in a shape. */
static bl_tensor *counted(bl_shape shape, double first)
{
    double values[64];
    int64_t count = bl_shape_count(shape);
    cr_assert_leq(count, 64);
    for (int64_t i = 0; i < count; i++)
        values[i] = first + (double)i;
    return constant(BL_F64, shape, values, (size_t)count);
}

Test(convolution, one_axis)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 1, 5), 1, 2, 3, 4, 5), *w = REAL(BL_SHAPE(1, 1, 2), 1, 10);
    bl_conv_options options = bl_conv_defaults();
    EXPECT(bl_conv1d(x, w, NULL), 21, 32, 43, 54);
    EXPECT_TYPE(bl_conv1d(x, w, NULL), BL_F64, BL_SHAPE(1, 1, 4));
    EXPECT(bl_conv1d(x, w, REAL(BL_SHAPE(1), 0.5)), 21.5, 32.5, 43.5, 54.5);
    options.stride[0] = 2;
    EXPECT(bl_conv1d_with(x, w, NULL, &options), 21, 43);
    options.padding[0] = 1;
    EXPECT(bl_conv1d_with(x, w, NULL, &options), 10, 32, 54);
    options.dilation[0] = 3;
    EXPECT(bl_conv1d_with(x, w, NULL, &options), 30, 52);
    /* entries of other axes are not looked at */
    options.stride[1] = -1;
    EXPECT(bl_conv1d_with(x, w, NULL, &options), 30, 52);
    /* a kernel that stands in the padding alone */
    options = bl_conv_defaults();
    options.padding[0] = 3;
    EXPECT(bl_conv1d_with(REAL(BL_SHAPE(1, 1, 1), 7), w, NULL, &options), 0, 0, 70, 7, 0, 0);
}

Test(convolution, channels_images_and_groups)
{
    bl_tensor *x = counted(BL_SHAPE(2, 2, 2), 1); /* [[1 2, 3 4], [5 6, 7 8]] */
    bl_tensor *w = REAL(BL_SHAPE(2, 2, 1), 1, 10, 100, 1000);
    bl_conv_options options = bl_conv_defaults();
    EXPECT(bl_conv1d(x, w, NULL), 31, 42, 3100, 4200, 75, 86, 7500, 8600);
    options.groups = 2;
    bl_tensor *grouped = bl_conv1d_with(x, REAL(BL_SHAPE(4, 1, 1), 1, 10, 100, 1000), NULL, &options);
    EXPECT_TYPE(grouped, BL_F64, BL_SHAPE(2, 4, 2));
    EXPECT(grouped, 1, 2, 10, 20, 300, 400, 3000, 4000, 5, 6, 50, 60, 700, 800, 7000, 8000);
    /* f32, and strides that are not those of rows */
    bl_tensor *turned = bl_transpose(bl_cast(x, BL_F32), 0, 2);
    EXPECT(bl_conv1d(turned, bl_cast(w, BL_F32), NULL), 31, 75, 3100, 7500, 42, 86, 4200, 8600);
}

Test(convolution, two_and_three_axes)
{
    bl_tensor *x = counted(BL_SHAPE(1, 1, 3, 3), 1), *w = REAL(BL_SHAPE(1, 1, 2, 2), 1, 10, 100, 1000);
    bl_conv_options options = bl_conv_defaults();
    EXPECT(bl_conv2d(x, w, NULL), 5421, 6532, 8754, 9865);
    options.padding[0] = 1;
    options.stride[1] = 2;
    EXPECT(bl_conv2d_with(x, w, NULL, &options), 2100, 5421, 8754, 87);
    options = bl_conv_defaults();
    options.dilation[0] = 2;
    EXPECT(bl_conv2d_with(x, w, NULL, &options), 8721, 9832);

    bl_tensor *cube = counted(BL_SHAPE(1, 2, 2, 2), 1);
    EXPECT(bl_conv3d(cube, counted(BL_SHAPE(1, 1, 2, 2, 2), 1), NULL), 204);
    EXPECT_TYPE(bl_conv3d(cube, counted(BL_SHAPE(3, 1, 1, 2, 1), 1), NULL), BL_F64, BL_SHAPE(3, 2, 1, 2));
}

Test(convolution, without_a_batch)
{
    bl_tensor *x = counted(BL_SHAPE(1, 3, 3), 1), *w = REAL(BL_SHAPE(1, 1, 2, 2), 1, 10, 100, 1000);
    EXPECT_TYPE(bl_conv2d(x, w, REAL(BL_SHAPE(1), 1)), BL_F64, BL_SHAPE(1, 2, 2));
    EXPECT(bl_conv2d(x, w, REAL(BL_SHAPE(1), 1)), 5422, 6533, 8755, 9866);
    EXPECT_TYPE(bl_conv_transpose2d(x, w, NULL), BL_F64, BL_SHAPE(1, 4, 4));
}

Test(convolution, transposed)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 1, 3), 1, 2, 3), *w = REAL(BL_SHAPE(1, 1, 2), 1, 10);
    bl_conv_options options = bl_conv_defaults();
    EXPECT(bl_conv_transpose1d(x, w, NULL), 1, 12, 23, 30);
    EXPECT(bl_conv_transpose1d(x, w, REAL(BL_SHAPE(1), 0.5)), 1.5, 12.5, 23.5, 30.5);
    options.stride[0] = 2;
    EXPECT(bl_conv_transpose1d_with(x, w, NULL, &options), 1, 10, 2, 20, 3, 30);
    options.output_padding[0] = 1;
    EXPECT(bl_conv_transpose1d_with(x, w, NULL, &options), 1, 10, 2, 20, 3, 30, 0);
    options.padding[0] = 1;
    EXPECT(bl_conv_transpose1d_with(x, w, NULL, &options), 10, 2, 20, 3, 30);
    /* more output padding than the stride has places, which a dilation allows */
    options = bl_conv_defaults();
    options.dilation[0] = 3;
    options.output_padding[0] = 2;
    bl_tensor *longer = bl_conv_transpose1d_with(x, w, REAL(BL_SHAPE(1), 0.5), &options);
    EXPECT(longer, 1.5, 2.5, 3.5, 10.5, 20.5, 30.5, 0.5, 0.5);
    EXPECT(bl_gradient(longer, w), 6, 6);
    EXPECT(bl_gradient(longer, x), 11, 11, 11);

    /* [in, out / groups, ..]: two groups of one input and two output channels */
    options = bl_conv_defaults();
    options.groups = 2;
    bl_tensor *pair = REAL(BL_SHAPE(1, 2, 1), 1, 2), *weights = REAL(BL_SHAPE(2, 2, 1), 1, 10, 100, 1000);
    EXPECT(bl_conv_transpose1d_with(pair, weights, NULL, &options), 1, 10, 200, 2000);
    EXPECT(bl_conv_transpose3d(counted(BL_SHAPE(1, 1, 1, 2), 1), counted(BL_SHAPE(1, 1, 1, 2, 1), 1), NULL),
           1, 2, 2, 4);
}

/* No copy is made to add nothing to the end. */
Test(convolution, transposed_is_lengthened_only_where_it_is_longer)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 1, 2), 1, 2), *w = REAL(BL_SHAPE(1, 1, 2), 1, 10);
    bl_conv_options options = bl_conv_defaults();
    options.stride[0] = 2;
    options.output_padding[0] = 1;
    EXPECT(bl_conv_transpose1d_with(x, w, NULL, &options), 1, 10, 2, 20, 0);
    cr_assert_eq(count_nodes(BL__KEY_slice_backward), 0);
    options.dilation[0] = 3;
    options.output_padding[0] = 2;
    EXPECT(bl_conv_transpose1d_with(x, w, NULL, &options), 1, 0, 2, 10, 0, 20, 0, 0);
    cr_assert_eq(count_nodes(BL__KEY_slice_backward), 1);
}

/* Enough places and channels for several tiles: against the sum written out by slices. */
Test(convolution, many_places)
{
    const bl_shape shape = BL_SHAPE(3, 4, 70, 90);
    bl_tensor *w = counted(BL_SHAPE(8, 4, 2, 1), -20); /* 16 rows a place: three tiles */
    bl_tensor *ramp = bl_one_hot(CONSTANT(BL_I64, BL_SHAPE(3), 0, 33, 69), 70, BL_F64);      /* [3, 70] */
    bl_tensor *spots = bl_one_hot(CONSTANT(BL_I64, BL_SHAPE(4), 0, 17, 44, 89), 90, BL_F64); /* [4, 90] */
    bl_tensor *x = bl_add(bl_expand(bl_reshape(ramp, BL_SHAPE(3, 1, 70, 1)), shape),
                          bl_reshape(spots, BL_SHAPE(4, 1, 90)));
    bl_tensor *y = bl_conv2d(x, w, NULL), *total = NULL;
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(3, 8, 69, 90));
    for (int64_t c = 0; c < 4; c++) {
        for (int64_t k = 0; k < 2; k++) {
            bl_tensor *part = bl_slice(bl_slice(x, 1, c, c + 1, 1), 2, k, k + 69, 1);
            bl_tensor *factor =
                bl_reshape(bl_slice(bl_slice(w, 1, c, c + 1, 1), 2, k, k + 1, 1), BL_SHAPE(8, 1, 1));
            bl_tensor *term = bl_mul(part, factor);
            total = total ? bl_add(total, term) : term;
        }
    }
    EXPECT(bl_max(bl_abs(bl_sub(y, total)), BL_ALL_AXES, false), 0);
    /* the gradients as well, for a cotangent that differs from place to place */
    bl_tensor *by_weight = bl_gradient(bl_mul(y, y), w), *same = bl_gradient(bl_mul(total, total), w);
    EXPECT(bl_max(bl_abs(bl_sub(by_weight, same)), BL_ALL_AXES, false), 0);
    bl_tensor *by_input = bl_gradient(bl_mul(y, y), x), *equal = bl_gradient(bl_mul(total, total), x);
    EXPECT(bl_max(bl_abs(bl_sub(by_input, equal)), BL_ALL_AXES, false), 0);
}

Test(convolution, nan_reaches_what_it_touches)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 1, 4), 1, NAN, 3, 4), *w = REAL(BL_SHAPE(1, 1, 2), 1, 10);
    EXPECT(bl_conv1d(x, w, NULL), NAN, NAN, 43);
    EXPECT(bl_conv_transpose1d(x, w, NULL), 1, NAN, NAN, 34, 40);
}

Test(convolution, sizes_of_0)
{
    bl_tensor *w = counted(BL_SHAPE(2, 3, 2), 1), *none = EMPTY(BL_SHAPE(0, 3, 5));
    EXPECT_TYPE(bl_conv1d(none, w, NULL), BL_F64, BL_SHAPE(0, 2, 4));
    EXPECT(bl_gradient(bl_conv1d(none, w, NULL), w), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    /* no input channels: the bias alone */
    bl_tensor *bare = bl_conv1d(EMPTY(BL_SHAPE(1, 0, 3)), EMPTY(BL_SHAPE(2, 0, 2)), REAL(BL_SHAPE(2), 1, 2));
    EXPECT(bare, 1, 1, 2, 2);
    /* no output channels */
    bl_tensor *x = counted(BL_SHAPE(1, 1, 3), 1), *empty = EMPTY(BL_SHAPE(0, 1, 2));
    EXPECT_TYPE(bl_conv1d(x, empty, NULL), BL_F64, BL_SHAPE(1, 0, 2));
    EXPECT(bl_gradient(bl_conv1d(x, empty, NULL), x), 0, 0, 0);
    /* no places, but padding */
    bl_conv_options options = bl_conv_defaults();
    options.padding[0] = 1;
    EXPECT(bl_conv1d_with(EMPTY(BL_SHAPE(1, 1, 0)), counted(BL_SHAPE(1, 1, 2), 1), NULL, &options), 0);
    EXPECT_TYPE(bl_conv_transpose1d(EMPTY(BL_SHAPE(0, 2, 4)), counted(BL_SHAPE(2, 3, 2), 1), NULL), BL_F64,
                BL_SHAPE(0, 3, 5));
}

/* y is linear in x and w, so the second derivative by both is a plain number a place. */
Test(convolution, derivatives)
{
    bl_tensor *x = REAL(BL_SHAPE(1, 1, 4), 1, 2, 3, 4), *w = REAL(BL_SHAPE(1, 1, 2), 1, 10);
    bl_tensor *y = bl_conv1d(x, w, NULL), *g = REAL(BL_SHAPE(1, 1, 3), 1, 10, 100);
    bl_tensor *by_x = bl_gradient(bl_mul(y, g), x), *by_w = bl_gradient(bl_mul(y, g), w);
    EXPECT(by_x, 1, 20, 200, 1000);
    EXPECT(by_w, 321, 432);
    EXPECT(bl_gradient(by_x, w), 111, 111);
    EXPECT(bl_gradient(by_w, x), 1, 11, 110, 100);
    EXPECT(bl_gradient(by_w, g), 3, 5, 7);
}

Test(convolution, refuses_shapes)
{
    bl_tensor *x = counted(BL_SHAPE(1, 4, 3), 1), *w = counted(BL_SHAPE(2, 4, 2), 1);
    bl_conv_options options = bl_conv_defaults();
    EXPECT_ERROR(
        bl_conv1d(x, counted(BL_SHAPE(2, 3, 2), 1), NULL), BL_ERR_SHAPE,
        "bl_conv1d: x of [1,4,3] and a weight [out, in / groups, ..] of [2,3,2] do not fit in 1 group",
        "test_convolution.c");
    EXPECT_ERROR(bl_conv2d(bl_reshape(x, BL_SHAPE(12)), w, NULL), BL_ERR_SHAPE,
                 "bl_conv2d: x is [12]: it takes 2 spatial axes");
    EXPECT_ERROR(bl_conv1d(x, bl_reshape(w, BL_SHAPE(2, 8)), NULL), BL_ERR_SHAPE,
                 "the weight is [2,8], without 1 spatial axes");
    EXPECT_ERROR(bl_conv1d(x, counted(BL_SHAPE(1, 4, 4), 1), NULL), BL_ERR_SHAPE,
                 "the kernel of [1,4,4] with its dilation is larger than x of [1,4,3]");
    EXPECT_ERROR(bl_conv1d(x, EMPTY(BL_SHAPE(2, 4, 0)), NULL), BL_ERR_SHAPE,
                 "the kernel of a weight of [2,4,0] is empty");
    EXPECT_ERROR(bl_conv1d(x, w, REAL(BL_SHAPE(1), 1)), BL_ERR_SHAPE,
                 "the bias is [1] for 2 output channels");
    options.groups = 4;
    EXPECT_ERROR(bl_conv1d_with(x, counted(BL_SHAPE(2, 1, 2), 1), NULL, &options), BL_ERR_SHAPE,
                 "in 4 group(s)");
    EXPECT_ERROR(bl_conv_transpose1d(x, w, NULL), BL_ERR_SHAPE,
                 "bl_conv_transpose1d: x of [1,4,3] and a weight [in, out / groups, ..] of [2,4,2]");
    EXPECT_ERROR(bl_conv_transpose1d(EMPTY(BL_SHAPE(1, 2, 0)), w, NULL), BL_ERR_SHAPE,
                 "x of [1,2,0] has a spatial axis without elements");
    options = bl_conv_defaults();
    options.padding[0] = 9;
    EXPECT_ERROR(bl_conv_transpose1d_with(x, counted(BL_SHAPE(4, 1, 2), 1), NULL, &options), BL_ERR_SHAPE,
                 "padding leaves nothing of x [1,4,3]");
}

Test(convolution, refuses_arguments)
{
    bl_tensor *x = counted(BL_SHAPE(1, 1, 3), 1), *w = counted(BL_SHAPE(1, 1, 2), 1);
    bl_conv_options options = bl_conv_defaults();
    options.stride[0] = 0;
    EXPECT_ERROR(bl_conv1d_with(x, w, NULL, &options), BL_ERR_ARGUMENT, "the stride 0 is not in 1..");
    options.stride[0] = 1;
    options.padding[0] = -1;
    EXPECT_ERROR(bl_conv1d_with(x, w, NULL, &options), BL_ERR_ARGUMENT, "the padding -1 is not in 0..");
    options.padding[0] = 0;
    options.dilation[0] = INT64_MAX;
    EXPECT_ERROR(bl_conv1d_with(x, w, NULL, &options), BL_ERR_ARGUMENT, "the dilation 9223372036854775807");
    options.dilation[0] = 1;
    options.groups = 0;
    EXPECT_ERROR(bl_conv1d_with(x, w, NULL, &options), BL_ERR_ARGUMENT, "0 groups are below 1");
    options.groups = 1;
    options.output_padding[0] = 1;
    EXPECT_ERROR(bl_conv_transpose1d_with(x, w, NULL, &options), BL_ERR_ARGUMENT,
                 "the output padding 1 is negative, or not less than the stride or the dilation");
    EXPECT_ERROR(bl_conv1d(x, bl_cast(w, BL_F32), NULL), BL_ERR_DTYPE,
                 "bl_conv1d: dtypes differ: f64 [1,1,3]");
    EXPECT_ERROR(bl_conv1d(bl_cast(x, BL_I32), w, NULL), BL_ERR_DTYPE, "the first operand is i32");
    EXPECT_ERROR(bl_conv1d(bl_cast(x, BL_F16), w, NULL), BL_ERR_DTYPE, "f16, which is storage only");
    EXPECT_ERROR(bl_conv1d(x, NULL, NULL), BL_ERR_ARGUMENT, "bl_conv1d: a tensor is NULL");
    cr_assert_null(bl_conv2d(NULL, NULL, NULL));
    /* sizes whose sums overflow */
    options = bl_conv_defaults();
    options.dilation[0] = INT32_MAX;
    bl_tensor *wide = EMPTY(BL_SHAPE(0, 1, (int64_t)1 << 59));
    EXPECT_ERROR(bl_conv1d_with(x, wide, NULL, &options), BL_ERR_OVERFLOW, "sizes overflow: x [1,1,3]");
    options.stride[0] = INT32_MAX;
    EXPECT_ERROR(bl_conv_transpose1d_with(wide, w, NULL, &options), BL_ERR_OVERFLOW, "sizes overflow");
}

/* The three ops check what only a builder of the library could get wrong. */
Test(convolution, the_three_ops_refuse)
{
    bl__convolution_attributes a = {.spatial = 1, .groups = 1, .stride = {1}, .dilation = {1}};
    bl_tensor *x = counted(BL_SHAPE(2, 1, 4), 1), *w = counted(BL_SHAPE(3, 1, 2), 1);
    bl_tensor *y = bl__apply_2(&bl__op_convolution, x, w, &a), *flat = REAL(BL_SHAPE(1), 1);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 3, 3));
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution, bl_cast(x, BL_F32), w, &a), BL_ERR_DTYPE,
                 "bl_convolution: dtypes differ");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution, bl_cast(x, BL_I32), w, &a), BL_ERR_DTYPE,
                 "bl_convolution: the first operand is i32");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution, flat, w, &a), BL_ERR_SHAPE,
                 "bl_convolution: x is [1], without 1 spatial axes after batch and channels");
    a.size[0] = 5;
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_input, y, w, &a), BL_ERR_SHAPE,
                 "bl_convolution_input: x of [2,1,5] and a weight of [3,1,2] do not give [2,3,3]");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_input, flat, w, &a), BL_ERR_SHAPE,
                 "bl_convolution_input: [1] and a weight of [3,1,2] do not fit");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_input, y, flat, &a), BL_ERR_SHAPE,
                 "bl_convolution_input: [2,3,3] and a weight of [1] do not fit");
    a.size[0] = 4;
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_input, bl_cast(y, BL_F32), w, &a), BL_ERR_DTYPE,
                 "bl_convolution_input: dtypes differ");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_weight, x, y, &a), BL_ERR_SHAPE,
                 "bl_convolution_weight: x of [2,1,4] and a weight of [3,1,4] do not give [2,3,3]");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_weight, flat, y, &a), BL_ERR_SHAPE,
                 "bl_convolution_weight: x of [1] and y of [2,3,3] do not fit");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_weight, x, flat, &a), BL_ERR_SHAPE,
                 "bl_convolution_weight: x of [2,1,4] and y of [1] do not fit");
    a.groups = 0;
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_weight, x, y, &a), BL_ERR_SHAPE, "do not fit");
    EXPECT_ERROR(bl__apply_2(&bl__op_convolution_input, y, w, &a), BL_ERR_ARGUMENT, "0 groups are below 1");
}
