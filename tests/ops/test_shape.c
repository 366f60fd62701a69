/* reshape, permute, transpose, expand: values, which layouts are views, and what they refuse. Looks at the
 * view rules of the entries (ops/registry.h, ops/attributes.h). */
#include "check.h"
#include "ops/attributes.h"
#include "ops/registry.h"

TestSuite(shape, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

Test(shape, reshape_keeps_the_order)
{
    bl_tensor *x = matrix();
    bl_tensor *y = bl_reshape(x, BL_SHAPE(3, 2));
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(3, 2));
    EXPECT(y, 1, 2, 3, 4, 5, 6);
    EXPECT(bl_reshape(bl_transpose(x, 0, 1), BL_SHAPE(6)), 1, 4, 2, 5, 3, 6);
    EXPECT_TYPE(bl_reshape(x, BL_SHAPE(1, -1, 2)), BL_F64, BL_SHAPE(1, 3, 2));
    EXPECT_TYPE(bl_reshape(x, BL_SHAPE(-1)), BL_F64, BL_SHAPE(6));
    EXPECT(bl_reshape(REAL(BL_SHAPE(1, 1), 5), BL_SCALAR), 5);
    EXPECT_TYPE(bl_reshape(bl_scalar(graph, BL_F64, 1), BL_SHAPE(1, 1)), BL_F64, BL_SHAPE(1, 1));
    EXPECT_TYPE(bl_reshape(EMPTY(BL_SHAPE(0, 3)), BL_SHAPE(7, 0)), BL_F64, BL_SHAPE(7, 0));
    EXPECT_TYPE(bl_reshape(EMPTY(BL_SHAPE(0, 3)), BL_SHAPE(-1, 3)), BL_F64, BL_SHAPE(0, 3));
    EXPECT(bl_gradient(bl_mul(bl_reshape(x, BL_SHAPE(6)), bl_reshape(x, BL_SHAPE(6))), x), 2, 4, 6, 8, 10,
           12);
}

Test(shape, permute_and_transpose)
{
    bl_tensor *x = bl_reshape(matrix(), BL_SHAPE(1, 2, 3));
    bl_tensor *y = bl_permute(x, BL_AXES(2, 0, 1));
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(3, 1, 2));
    EXPECT(y, 1, 4, 2, 5, 3, 6);
    EXPECT(bl_permute(x, BL_AXES(-1, -2, -3)), 1, 4, 2, 5, 3, 6);
    EXPECT(bl_transpose(matrix(), -1, 0), 1, 4, 2, 5, 3, 6);
    EXPECT(bl_transpose(matrix(), 1, 1), 1, 2, 3, 4, 5, 6);
    bl_tensor *w = REAL(BL_SHAPE(3, 2), 1, 2, 3, 4, 5, 6), *z = matrix();
    EXPECT(bl_gradient(bl_mul(bl_transpose(z, 0, 1), w), z), 1, 3, 5, 2, 4, 6);
    EXPECT(bl_permute(bl_scalar(graph, BL_F64, 3), (bl_axes){.count = 0}), 3);
    EXPECT_TYPE(bl_transpose(EMPTY(BL_SHAPE(0, 3)), 0, 1), BL_F64, BL_SHAPE(3, 0));
}

Test(shape, expand_repeats)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 1), 1, 2), *w = matrix();
    bl_tensor *y = bl_expand(x, BL_SHAPE(2, 2, 3));
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2, 3));
    EXPECT(y, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2);
    EXPECT(bl_gradient(bl_mul(bl_expand(x, BL_SHAPE(2, 3)), w), x), 6, 15);
    EXPECT_TYPE(bl_expand(x, BL_SHAPE(2, 0)), BL_F64, BL_SHAPE(2, 0));
    EXPECT(bl_gradient(bl_expand(x, BL_SHAPE(2, 0)), x), 0, 0);
    EXPECT(bl_expand(bl_scalar(graph, BL_BOOL, 1), BL_SHAPE(3)), 1, 1, 1);
}

/* Whether reshape can view a layout under another shape, and the strides it then has. */
static bool can_view(bl_layout from, bl_shape to, const int64_t *strides)
{
    bl_layout out;
    bl__reshape_attributes attributes = {.rank = to.rank};
    for (int d = 0; d < to.rank; d++)
        attributes.size[d] = to.size[d];
    if (!bl__op_reshape.view(&from, &attributes, to, &out))
        return false;
    cr_assert_eq(out.offset, from.offset);
    for (int d = 0; d < to.rank; d++)
        cr_assert_eq(out.stride[d], strides[d], "stride %d is %d", d, (int)out.stride[d]);
    return true;
}

Test(shape, reshape_views_where_strides_can_say_it)
{
    bl_layout plain = {.shape = BL_SHAPE(4, 6), .stride = {6, 1}, .offset = 5};
    bl_layout turned = {.shape = BL_SHAPE(4, 6), .stride = {1, 4}};
    bl_layout spread = {.shape = BL_SHAPE(4, 3), .stride = {6, 2}};
    bl_layout apart = {.shape = BL_SHAPE(4, 3), .stride = {10, 1}};
    bl_layout repeated = {.shape = BL_SHAPE(4, 6), .stride = {0, 0}};
    bl_layout empty = {.shape = BL_SHAPE(0, 6), .stride = {17, 1}};
    cr_assert(can_view(plain, BL_SHAPE(2, 3, 4), (int64_t[]){12, 4, 1}));
    cr_assert(can_view(plain, BL_SHAPE(24), (int64_t[]){1}));
    cr_assert(can_view(spread, BL_SHAPE(12), (int64_t[]){2}));
    cr_assert(can_view(spread, BL_SHAPE(2, 6), (int64_t[]){12, 2}));
    cr_assert(can_view(turned, BL_SHAPE(2, 2, 3, 2), (int64_t[]){2, 1, 8, 4}));
    cr_assert(can_view(turned, BL_SHAPE(4, 1, 6, 1), (int64_t[]){1, 0, 4, 0}));
    cr_assert(can_view(repeated, BL_SHAPE(3, 8), (int64_t[]){0, 0}));
    cr_assert(can_view(empty, BL_SHAPE(3, 0), (int64_t[]){1, 1}));
    cr_assert_not(can_view(turned, BL_SHAPE(24), NULL));
    cr_assert_not(can_view(turned, BL_SHAPE(8, 3), NULL));
    cr_assert_not(can_view(apart, BL_SHAPE(12), NULL));
    cr_assert_not(can_view(apart, BL_SHAPE(6, 2), NULL));
}

Test(shape, views_cost_no_instruction)
{
    double x[6] = {1, 2, 3, 4, 5, 6};
    bl_tensor *in = bl_input(graph, "x", BL_F64, BL_SHAPE(2, 3));
    bl_tensor *view = bl_reshape(bl_expand(bl_transpose(in, 0, 1), BL_SHAPE(2, 3, 2)), BL_SHAPE(2, 3, 1, 2));
    bl_tensor *y = bl_neg(bl_slice(view, 1, 1, 3, 1));
    bl_program *program = bl_compile(context, y);
    cr_assert_eq(bl_program_instruction_count(program), 1);
    cr_assert_eq(bl_set_input(program, in, x, sizeof(x)), BL_OK);
    cr_assert_eq(bl_run(program), BL_OK);
    const double *out = bl_output_data(program, y), expected[] = {-2, -5, -3, -6, -2, -5, -3, -6};
    for (int i = 0; i < 8; i++)
        cr_assert_eq(out[i], expected[i]);
    bl_program_free(program);
}

Test(shape, refuses)
{
    bl_tensor *x = matrix();
    EXPECT_ERROR(bl_reshape(x, BL_SHAPE(4)), BL_ERR_SHAPE,
                 "bl_reshape: [2,3] has 6 elements, which [4] cannot take", "test_shape.c");
    EXPECT_ERROR(bl_reshape(x, BL_SHAPE(-1, -1)), BL_ERR_SHAPE, "bl_reshape: ", "-1", "[2,3]");
    EXPECT_ERROR(bl_reshape(x, BL_SHAPE(-1, 4)), BL_ERR_SHAPE, "no one size for -1 makes [-1,4] of [2,3]");
    EXPECT_ERROR(bl_reshape(EMPTY(BL_SHAPE(0)), BL_SHAPE(-1, 0)), BL_ERR_SHAPE, "no one size for -1");
    EXPECT_ERROR(bl_reshape(x, BL_SHAPE(-2, 3)), BL_ERR_SHAPE, "bl_reshape: the shape [-2,3]", "below -1");
    EXPECT_ERROR(bl_reshape(x, bl_shape_of(9, NULL)), BL_ERR_SHAPE, "bl_reshape: the shape", "rank");
    EXPECT_ERROR(bl_permute(x, BL_AXES(0)), BL_ERR_ARGUMENT, "bl_permute: 1 axes do not permute [2,3]");
    EXPECT_ERROR(bl_permute(x, BL_ALL_AXES), BL_ERR_ARGUMENT, "bl_permute: -1 axes");
    EXPECT_ERROR(bl_permute(x, BL_AXES(0, 2)), BL_ERR_ARGUMENT,
                 "bl_permute: axis 2 is outside the rank of [2,3]");
    EXPECT_ERROR(bl_permute(x, BL_AXES(1, -1)), BL_ERR_ARGUMENT, "bl_permute: axis -1 is given twice");
    EXPECT_ERROR(bl_transpose(x, 0, 2), BL_ERR_ARGUMENT, "bl_transpose: axis 2 is outside the rank of [2,3]");
    EXPECT_ERROR(bl_expand(x, BL_SHAPE(2, 4)), BL_ERR_SHAPE, "bl_expand: [2,3] does not broadcast to [2,4]");
    EXPECT_ERROR(bl_expand(x, BL_SHAPE(3)), BL_ERR_SHAPE, "bl_expand: [2,3] does not broadcast to [3]");
    EXPECT_ERROR(bl_expand(x, BL_SHAPE(-1, 3)), BL_ERR_SHAPE, "bl_expand: the shape [-1,3]", "below 0");
    EXPECT_ERROR(bl_expand(bl_scalar(graph, BL_F64, 1), BL_SHAPE(INT64_MAX, 3)), BL_ERR_OVERFLOW,
                 "bl_expand: ");
    cr_assert_null(bl_reshape(NULL, BL_SCALAR));
    cr_assert_null(bl_transpose(NULL, 0, 1));
}
