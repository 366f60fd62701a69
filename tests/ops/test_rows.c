/* embedding, its gradient, one_hot. */
#include "check.h"

TestSuite(rows, .init = open_all, .fini = close_all);

static bl_tensor *table(void)
{
    return REAL(BL_SHAPE(4, 2), 0, 1, 2, 3, 4, 5, 6, 7);
}

static bl_tensor *indices(void)
{
    return CONSTANT(BL_I64, BL_SHAPE(2, 2), 1, 3, 1, 0);
}

static bl_tensor *weights(void)
{
    return REAL(BL_SHAPE(2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8);
}

Test(rows, embedding_takes_rows)
{
    bl_tensor *weight = table(), *y = bl_embedding(weight, indices());
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2, 2));
    EXPECT(y, 2, 3, 6, 7, 2, 3, 0, 1);
    EXPECT(bl_embedding(weight, CONSTANT(BL_I32, BL_SCALAR, 2)), 4, 5);
    EXPECT_TYPE(bl_embedding(weight, CONSTANT(BL_I32, BL_SCALAR, 2)), BL_F64, BL_SHAPE(2));
    EXPECT_TYPE(bl_embedding(weight, bl_constant(graph, BL_I64, BL_SHAPE(0, 3), NULL)), BL_F64,
                BL_SHAPE(0, 3, 2));
    EXPECT(bl_embedding(bl_cast(weight, BL_I32), CONSTANT(BL_I32, BL_SHAPE(1), 3)), 6, 7);
}

Test(rows, gradients_of_a_row_add_up)
{
    bl_tensor *weight = table(), *w = weights();
    bl_tensor *by_weight = bl_gradient(bl_mul(bl_embedding(weight, indices()), w), weight);
    EXPECT(by_weight, 7, 8, 6, 8, 0, 0, 3, 4);
    EXPECT(bl_gradient(bl_mul(by_weight, weight), w), 2, 3, 6, 7, 2, 3, 0, 1);
}

/* The padding row is read like any other, and gets no gradient. */
Test(rows, padding)
{
    bl_tensor *weight = table(), *w = weights();
    bl_tensor *y = bl_embedding_padded(weight, indices(), 1);
    EXPECT(y, 2, 3, 6, 7, 2, 3, 0, 1);
    bl_tensor *by_weight = bl_gradient(bl_mul(y, w), weight);
    EXPECT(by_weight, 7, 8, 0, 0, 0, 0, 3, 4);
    EXPECT(bl_gradient(bl_mul(by_weight, weight), w), 0, 0, 6, 7, 0, 0, 0, 1);
}

/* Running a tensor reports an index outside. */
static void expect_index_error(bl_tensor *y, const char *index, const char *range)
{
    bl_program *program = bl_compile(context, y);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert(error_says(bl_program_error(program), BL_ERR_INDEX, index, range, NULL), "%s",
              error_text(bl_program_error(program)));
    bl_program_free(program);
}

Test(rows, indices_are_checked_at_run)
{
    bl_tensor *high = CONSTANT(BL_I64, BL_SHAPE(2), 0, 4), *low = CONSTANT(BL_I32, BL_SHAPE(2), -1, 0);
    expect_index_error(bl_embedding(table(), high), "bl_embedding: index 4 at [1]", "0..3");
    expect_index_error(bl_embedding(table(), low), "bl_embedding: index -1 at [0]", "0..3");
    expect_index_error(bl_one_hot(high, 4, BL_F32), "bl_one_hot: index 4 at [1]", "0..3");
    expect_index_error(bl_one_hot(low, 4, BL_F32), "bl_one_hot: index -1 at [0]", "0..3");
    bl_tensor *lowest = CONSTANT(BL_I64, BL_SHAPE(1), -0x1p63);
    expect_index_error(bl_one_hot(lowest, 4, BL_F32), "bl_one_hot: index -9223372036854775808", "0..3");
}

Test(rows, one_hot)
{
    bl_tensor *n = CONSTANT(BL_I32, BL_SHAPE(2), 2, 0);
    bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    for (int i = 0; i < 5; i++) {
        bl_tensor *y = bl_one_hot(n, 3, dtypes[i]);
        EXPECT_TYPE(y, dtypes[i], BL_SHAPE(2, 3));
        EXPECT(y, 0, 0, 1, 1, 0, 0);
    }
    EXPECT_TYPE(bl_one_hot(bl_constant(graph, BL_I64, BL_SHAPE(0), NULL), 0, BL_BOOL), BL_BOOL,
                BL_SHAPE(0, 0));
}

Test(rows, refuses)
{
    bl_tensor *weight = table(), *n = indices(), *x = bl_cast(n, BL_F32);
    bl_tensor *deep = bl_full(graph, BL_I32, BL_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 0);
    EXPECT_ERROR(bl_embedding(weight, x), BL_ERR_DTYPE,
                 "bl_embedding: the second operand is f32, not i32 or i64: cast it first", "test_rows.c");
    EXPECT_ERROR(bl_embedding(bl_reshape(weight, BL_SHAPE(8)), n), BL_ERR_SHAPE,
                 "bl_embedding: the weight is [8], not [rows, width]");
    EXPECT_ERROR(bl_embedding_padded(weight, n, 4), BL_ERR_ARGUMENT,
                 "the padding index 4 is no row of [4,2]");
    EXPECT_ERROR(bl_embedding_padded(weight, n, -2), BL_ERR_ARGUMENT, "the padding index -2");
    EXPECT_ERROR(bl_embedding(weight, deep), BL_ERR_SHAPE, "indices of [1,1,1,1,1,1,1,1] leave no room");
    EXPECT_ERROR(bl_embedding(NULL, n), BL_ERR_ARGUMENT, "bl_embedding: a tensor is NULL");
    EXPECT_ERROR(bl_one_hot(x, 3, BL_F32), BL_ERR_DTYPE, "bl_one_hot: the operand is f32, not i32 or i64");
    EXPECT_ERROR(bl_one_hot(n, -1, BL_F32), BL_ERR_ARGUMENT, "bl_one_hot: -1 classes");
    EXPECT_ERROR(bl_one_hot(n, 3, BL_F16), BL_ERR_DTYPE, "bl_one_hot: it makes no f16");
    EXPECT_ERROR(bl_one_hot(n, 3, BL_DTYPE_COUNT), BL_ERR_DTYPE, "bl_one_hot: it makes no ?");
    EXPECT_ERROR(bl_one_hot(n, INT64_MAX, BL_F32), BL_ERR_OVERFLOW, "bl_one_hot: ");
    EXPECT_ERROR(bl_one_hot(deep, 1, BL_F32), BL_ERR_SHAPE, "leave no room");
    cr_assert_null(bl_one_hot(NULL, 3, BL_F32));
}
