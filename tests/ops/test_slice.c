/* slice, its transpose, concat and split. Looks at ops/registry.h and ops/attributes.h to apply
 * slice_backward, which has no public builder. */
#include "check.h"
#include "ops/attributes.h"
#include "ops/registry.h"

TestSuite(slice, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 4), 1, 2, 3, 4, 5, 6, 7, 8);
}

Test(slice, values)
{
    bl_tensor *x = matrix();
    EXPECT(bl_slice(x, 0, 1, 2, 1), 5, 6, 7, 8);
    bl_tensor *y = bl_slice(x, -1, 1, 4, 2);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2));
    EXPECT(y, 2, 4, 6, 8);
    EXPECT(bl_slice(x, 1, 0, 4, 3), 1, 4, 5, 8);
    EXPECT(bl_slice(x, 1, 2, 4, INT64_MAX), 3, 7);
    EXPECT_TYPE(bl_slice(x, 1, 4, 4, 1), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_slice(bl_slice(x, 1, 4, 4, 1), 0, 2, 2, 1), BL_F64, BL_SHAPE(0, 0));
    EXPECT_TYPE(bl_slice(EMPTY(BL_SHAPE(0, 2)), 0, 0, 0, 5), BL_F64, BL_SHAPE(0, 2));
    EXPECT(bl_slice(CONSTANT(BL_BOOL, BL_SHAPE(3), 0, 1, 1), 0, 0, 2, 1), 0, 1);
}

Test(slice, derivatives)
{
    bl_tensor *x = matrix(), *w = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
    bl_tensor *by_x = bl_gradient(bl_mul(bl_slice(x, 1, 1, 4, 2), w), x);
    EXPECT(by_x, 0, 1, 0, 2, 0, 3, 0, 4);
    EXPECT(bl_gradient(bl_mul(by_x, x), w), 2, 4, 6, 8);
    EXPECT(bl_gradient(bl_slice(x, 1, 4, 4, 1), x), 0, 0, 0, 0, 0, 0, 0, 0);
}

Test(slice, backward_refuses_what_is_no_slice)
{
    bl__slice_attributes slice = {.axis = 1, .start = 0, .stop = 3, .step = 2, .size = 4};
    bl_tensor *x = matrix();
    EXPECT_ERROR(bl_apply(graph, &bl__op_slice_backward, &x, 1, &slice), BL_ERR_SHAPE,
                 "bl_slice_backward: [2,4] is not a slice of 2 along axis 1");
}

Test(slice, concat_values)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 1), 1, 2), *b = REAL(BL_SHAPE(2, 2), 3, 4, 5, 6),
              *none = EMPTY(BL_SHAPE(2, 0));
    bl_tensor *parts[] = {a, none, b, a};
    bl_tensor *y = bl_concat(parts, 4, 1);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 4));
    EXPECT(y, 1, 3, 4, 1, 2, 5, 6, 2);
    EXPECT(bl_concat((bl_tensor *[]){b, b}, 2, -2), 3, 4, 5, 6, 3, 4, 5, 6);
    EXPECT(bl_concat(&b, 1, 0), 3, 4, 5, 6);
    EXPECT(bl_concat((bl_tensor *[]){bl_transpose(b, 0, 1), b}, 2, 0), 3, 5, 4, 6, 3, 4, 5, 6);
    bl_tensor *weights = REAL(BL_SHAPE(2, 4), 1, 2, 3, 4, 5, 6, 7, 8);
    EXPECT(bl_gradient(bl_mul(y, weights), a), 1 + 4, 5 + 8);
    EXPECT(bl_gradient(bl_mul(y, weights), b), 2, 3, 6, 7);
    EXPECT_TYPE(bl_gradient(bl_mul(y, weights), none), BL_F64, BL_SHAPE(2, 0));
}

Test(slice, split_covers_an_axis)
{
    bl_tensor *x = matrix(), *parts[3];
    cr_assert_eq(bl_split(x, (int64_t[]){1, 0, 3}, 3, -1, parts), BL_OK);
    EXPECT(parts[0], 1, 5);
    EXPECT_TYPE(parts[1], BL_F64, BL_SHAPE(2, 0));
    EXPECT(parts[2], 2, 3, 4, 6, 7, 8);
    EXPECT(bl_gradient(parts[2], x), 0, 1, 1, 1, 0, 1, 1, 1);
    cr_assert_eq(bl_split(EMPTY(BL_SHAPE(0)), NULL, 0, 0, NULL), BL_OK);
}

/* A failed split gives the error's code and leaves nothing but the invalid tensor. */
#define EXPECT_NO_SPLIT(x, sizes, axis, code, ...)                   \
    do {                                                             \
        bl_tensor *halves[2] = {x, x};                               \
        cr_assert_eq(bl_split(x, sizes, 2, axis, halves), code);     \
        cr_assert(!bl_tensor_valid(halves[1]) && halves[1] != NULL); \
        EXPECT_ERROR(halves[0], code, __VA_ARGS__);                  \
    } while (0)

Test(slice, split_refuses)
{
    bl_tensor *x = matrix(), *parts[2] = {x, x};
    EXPECT_NO_SPLIT(x, ((int64_t[]){1, 2}), 1, BL_ERR_SHAPE,
                    "bl_split: the parts leave 1 of axis 1 of [2,4]");
    EXPECT_NO_SPLIT(x, ((int64_t[]){1, 4}), 1, BL_ERR_SHAPE, "bl_split: part 1 of 4 does not fit", "[2,4]",
                    "3 left");
    EXPECT_NO_SPLIT(x, ((int64_t[]){5, -1}), 1, BL_ERR_SHAPE, "bl_split: part 0 of 5 does not fit");
    EXPECT_NO_SPLIT(x, ((int64_t[]){1, 3}), 2, BL_ERR_ARGUMENT, "bl_split: axis 2 is outside");
    EXPECT_NO_SPLIT(x, NULL, 1, BL_ERR_ARGUMENT, "bl_split: the sizes are NULL");
    cr_assert_eq(bl_split(x, (int64_t[]){4}, 1, 1, NULL), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_assert_eq(bl_split(NULL, (int64_t[]){1, 2}, 2, 0, parts), BL_ERR_ARGUMENT);
    cr_assert_null(parts[0]);
}

Test(slice, refuses)
{
    bl_tensor *x = matrix();
    EXPECT_ERROR(bl_slice(x, 2, 0, 1, 1), BL_ERR_ARGUMENT, "bl_slice: axis 2 is outside the rank of [2,4]",
                 "test_slice.c");
    EXPECT_ERROR(bl_slice(x, 1, -1, 1, 1), BL_ERR_SHAPE,
                 "bl_slice: -1:1 does not lie inside axis 1 of [2,4]");
    EXPECT_ERROR(bl_slice(x, 1, 3, 2, 1), BL_ERR_SHAPE, "3:2 does not lie inside");
    EXPECT_ERROR(bl_slice(x, 1, 0, 5, 1), BL_ERR_SHAPE, "0:5 does not lie inside axis 1 of [2,4]");
    EXPECT_ERROR(bl_slice(x, 1, 0, 4, 0), BL_ERR_ARGUMENT, "bl_slice: the step 0 is below 1");
    cr_assert_null(bl_slice(NULL, 0, 0, 0, 1));
}

Test(slice, concat_refuses)
{
    bl_tensor *x = matrix(), *narrow = bl_cast(x, BL_F32), *row = REAL(BL_SHAPE(4), 1, 2, 3, 4);
    EXPECT_ERROR(bl_concat((bl_tensor *[]){x, narrow}, 2, 0), BL_ERR_DTYPE,
                 "bl_concat: dtypes differ: f64 [2,4] and f32 [2,4]", "cast the second operand");
    EXPECT_ERROR(bl_concat((bl_tensor *[]){x, row}, 2, 0), BL_ERR_SHAPE,
                 "[2,4] and [4] differ outside axis 0");
    EXPECT_ERROR(bl_concat((bl_tensor *[]){x, x, bl_transpose(x, 0, 1)}, 3, 1), BL_ERR_SHAPE,
                 "[2,4] and [4,2] differ outside axis 1");
    EXPECT_ERROR(bl_concat(&x, 1, 2), BL_ERR_ARGUMENT, "bl_concat: axis 2 is outside the rank of [2,4]");
    EXPECT_ERROR(bl_concat((bl_tensor *[]){x, NULL}, 2, 0), BL_ERR_ARGUMENT, "bl_concat: a tensor is NULL");
    EXPECT_ERROR(bl_concat((bl_tensor *[]){NULL, x}, 2, 0), BL_ERR_ARGUMENT, "bl_concat: a tensor is NULL");
    bl_tensor *huge = bl_full(graph, BL_BOOL, BL_SHAPE(INT64_MAX / 8), 1);
    bl_tensor *many[9] = {huge, huge, huge, huge, huge, huge, huge, huge, huge};
    EXPECT_ERROR(bl_concat(many, 9, 0), BL_ERR_OVERFLOW, "bl_concat: axis 0 grows too long");
    cr_assert_null(bl_concat(NULL, 2, 0));
    cr_assert_null(bl_concat(&x, 0, 0));
}
