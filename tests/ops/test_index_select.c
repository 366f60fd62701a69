/* index_select, index_add, masked_fill. */
#include "derivatives.h"

TestSuite(index_select, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

static bl_tensor *list(void)
{
    return CONSTANT(BL_I64, BL_SHAPE(4), 1, 0, 1, 1);
}

Test(index_select, takes_parts)
{
    bl_tensor *x = matrix(), *index = list(),
              *cube = bl_reshape(bl_arange(graph, BL_I32, 0, 12, 1), BL_SHAPE(2, 3, 2));
    EXPECT_TYPE(bl_index_select(x, 0, index), BL_F64, BL_SHAPE(4, 3));
    EXPECT(bl_index_select(x, 0, index), 4, 5, 6, 1, 2, 3, 4, 5, 6, 4, 5, 6);
    EXPECT(bl_index_select(x, -1, CONSTANT(BL_I32, BL_SHAPE(2), 2, 0)), 3, 1, 6, 4);
    EXPECT(bl_index_select(cube, 1, CONSTANT(BL_I32, BL_SHAPE(2), 2, 0)), 4, 5, 0, 1, 10, 11, 6, 7);
    EXPECT(bl_index_select(bl_flip(x, BL_ALL_AXES), 0, bl_flip(index, BL_AXES(0))), 3, 2, 1, 3, 2, 1, 6, 5, 4,
           3, 2, 1);
    EXPECT_TYPE(bl_index_select(bl_cast(x, BL_BF16), 0, index), BL_BF16, BL_SHAPE(4, 3));
    EXPECT_TYPE(bl_index_select(x, 0, bl_zeros(graph, BL_I64, BL_SHAPE(0))), BL_F64, BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_index_select(EMPTY(BL_SHAPE(2, 0)), 0, index), BL_F64, BL_SHAPE(4, 0));
}

Test(index_select, gradients_add_up)
{
    bl_tensor *x = matrix(), *w = numbers(BL_SHAPE(4, 3)), *y = bl_index_select(x, 0, list());
    bl_tensor *rows[3];
    cr_assert_eq(bl_split(w, (int64_t[]){1, 1, 2}, 3, 0, rows), BL_OK);
    bl_tensor *second = bl_add(bl_sum(rows[2], BL_AXES(0), true), rows[0]);
    bl_tensor *expected = bl_concat((bl_tensor *[]){rows[1], second}, 2, 0);
    EXPECT(bl_sub(bl_gradient(bl_mul(y, w), x), expected), 0, 0, 0, 0, 0, 0);
}

Test(index_select, index_add)
{
    bl_tensor *x = matrix(), *source = REAL(BL_SHAPE(4, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    bl_tensor *y = bl_index_add(x, 0, list(), source);
    EXPECT(y, 1 + 4, 2 + 5, 3 + 6, 4 + 18, 5 + 21, 6 + 24);
    EXPECT(bl_index_add(x, 1, CONSTANT(BL_I32, BL_SHAPE(2), 2, 2), REAL(BL_SHAPE(2, 2), 1, 2, 3, 4)), 1, 2, 6,
           4, 5, 13);
    EXPECT(bl_index_add(bl_zeros_like(x), 0, list(), bl_flip(source, BL_AXES(1))), 6, 5, 4, 24, 21, 18);
    bl_tensor *z = bl_mul(y, REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6));
    EXPECT(bl_gradient(z, x), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_gradient(z, source), 4, 5, 6, 1, 2, 3, 4, 5, 6, 4, 5, 6);
    bl_tensor *most = bl_full(graph, BL_I32, BL_SHAPE(2), INT32_MAX);
    EXPECT(bl_index_add(most, 0, CONSTANT(BL_I64, BL_SHAPE(1), 1), CONSTANT(BL_I32, BL_SHAPE(1), 1)),
           INT32_MAX, INT32_MIN);
    EXPECT(bl_index_add(CONSTANT(BL_I64, BL_SHAPE(2), 5, 6), 0, list(), bl_ones(graph, BL_I64, BL_SHAPE(4))),
           6, 9);
}

Test(index_select, indices_are_checked_at_run)
{
    bl_tensor *x = matrix(), *high = CONSTANT(BL_I64, BL_SHAPE(2), 0, 2),
              *low = CONSTANT(BL_I32, BL_SHAPE(2), -1, 0);
    expect_index_error(bl_index_select(x, 0, high), "bl_index_select: index 2 at [1]", "0..1");
    expect_index_error(bl_index_select(x, 1, low), "bl_index_select: index -1 at [0]", "0..2");
    expect_index_error(bl_index_add(x, 0, high, x), "bl_index_add: index 2 at [1]", "0..1");
    expect_index_error(bl_index_select(EMPTY(BL_SHAPE(2, 0)), 0, high), "bl_index_select: index 2 at [1]",
                       "0..1");
}

Test(index_select, masked_fill)
{
    bl_tensor *x = matrix(), *mask = CONSTANT(BL_BOOL, BL_SHAPE(2, 1), 0, 1);
    EXPECT(bl_masked_fill(x, mask, -INFINITY), 1, 2, 3, -INFINITY, -INFINITY, -INFINITY);
    EXPECT(bl_masked_fill(x, CONSTANT(BL_BOOL, BL_SHAPE(3), 1, 0, 0), 9), 9, 2, 3, 9, 5, 6);
    EXPECT(bl_masked_fill(bl_scalar(graph, BL_I32, 4), mask, 7), 4, 7);
    EXPECT(bl_masked_fill(REAL(BL_SHAPE(2), NAN, NAN), CONSTANT(BL_BOOL, BL_SHAPE(2), 1, 0), 0), 0, NAN);
    EXPECT(bl_masked_fill(mask, mask, 0), 0, 0);
    EXPECT_DERIVATIVES(bl_masked_fill(x, mask, 2), x);
}

Test(index_select, refuses)
{
    bl_tensor *x = matrix(), *index = list(), *mask = CONSTANT(BL_BOOL, BL_SHAPE(2), 1, 0);
    EXPECT_ERROR(bl_index_select(x, 2, index), BL_ERR_ARGUMENT, "bl_index_select: axis 2 is outside",
                 "test_index_select.c");
    EXPECT_ERROR(bl_index_select(x, 0, x), BL_ERR_DTYPE,
                 "bl_index_select: the second operand is f64, not i32");
    EXPECT_ERROR(bl_index_select(x, 0, bl_scalar(graph, BL_I64, 0)), BL_ERR_SHAPE,
                 "bl_index_select: the index is [], not a list");
    EXPECT_ERROR(bl_index_select(x, 0, bl_unsqueeze(index, 0)), BL_ERR_SHAPE,
                 "the index is [1,4], not a list");
    EXPECT_ERROR(bl_index_select(x, 0, NULL), BL_ERR_ARGUMENT, "bl_index_select: a tensor is NULL");
    EXPECT_ERROR(bl_index_add(x, 0, index, x), BL_ERR_SHAPE, "bl_index_add: the source is [2,3], not [4,3]");
    EXPECT_ERROR(bl_index_add(mask, 0, index, mask), BL_ERR_DTYPE, "bl_index_add: the first operand is bool");
    EXPECT_ERROR(bl_index_add(x, 0, index, bl_cast(x, BL_F32)), BL_ERR_DTYPE, "bl_index_add: dtypes differ");
    EXPECT_ERROR(bl_masked_fill(x, x, 0), BL_ERR_DTYPE, "bl_masked_fill: the mask is f64, not bool");
    EXPECT_ERROR(bl_masked_fill(x, mask, 0), BL_ERR_SHAPE,
                 "bl_masked_fill: [2,3] and a mask of [2] do not broadcast");
    EXPECT_ERROR(bl_masked_fill(index, mask, 0.5), BL_ERR_ARGUMENT, "bl_masked_fill: i64 cannot hold 0.5");
    EXPECT_ERROR(bl_masked_fill(bl_cast(x, BL_F16), mask, 0), BL_ERR_DTYPE, "bl_masked_fill: f16 is storage");
    EXPECT_ERROR(bl_masked_fill(x, NULL, 0), BL_ERR_ARGUMENT, "bl_masked_fill: a tensor is NULL");
    cr_assert_null(bl_index_select(NULL, 0, NULL));
    cr_assert_null(bl_index_add(NULL, 0, NULL, NULL));
    cr_assert_null(bl_masked_fill(NULL, NULL, 0));
}
