/* tril, triu, diagonal, diag_embed, eye. */
#include "derivatives.h"

TestSuite(triangle, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

Test(triangle, tril_and_triu)
{
    bl_tensor *x = matrix(), *turned = bl_transpose(x, 0, 1);
    EXPECT(bl_tril(x, 0), 1, 0, 0, 4, 5, 0);
    EXPECT(bl_tril(x, 1), 1, 2, 0, 4, 5, 6);
    EXPECT(bl_tril(x, -1), 0, 0, 0, 4, 0, 0);
    EXPECT(bl_triu(x, 0), 1, 2, 3, 0, 5, 6);
    EXPECT(bl_triu(x, 1), 0, 2, 3, 0, 0, 6);
    EXPECT(bl_triu(x, -1), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_tril(turned, 0), 1, 0, 2, 5, 3, 6);
    EXPECT(bl_triu(turned, 0), 1, 4, 0, 5, 0, 0);
    EXPECT(bl_tril(x, INT64_MAX), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_tril(x, INT64_MIN), 0, 0, 0, 0, 0, 0);
    EXPECT(bl_triu(x, INT64_MAX), 0, 0, 0, 0, 0, 0);
    EXPECT(bl_triu(x, INT64_MIN), 1, 2, 3, 4, 5, 6);
}

Test(triangle, of_any_dtype_and_rank)
{
    bl_tensor *x = bl_expand(CONSTANT(BL_I32, BL_SHAPE(2, 2), 1, 2, 3, 4), BL_SHAPE(2, 2, 2));
    EXPECT(bl_tril(x, 0), 1, 0, 3, 4, 1, 0, 3, 4);
    EXPECT(bl_triu(CONSTANT(BL_BOOL, BL_SHAPE(2, 2), 1, 1, 1, 1), 0), 1, 1, 0, 1);
    EXPECT_TYPE(bl_tril(bl_cast(matrix(), BL_BF16), 0), BL_BF16, BL_SHAPE(2, 3));
    EXPECT_TYPE(bl_tril(EMPTY(BL_SHAPE(2, 0, 3)), 0), BL_F64, BL_SHAPE(2, 0, 3));
    EXPECT(bl_tril(REAL(BL_SHAPE(2, 2), 1, NAN, NAN, INFINITY), 0), 1, 0, NAN, INFINITY);
}

Test(triangle, diagonal)
{
    bl_tensor *x = matrix(), *cube = REAL(BL_SHAPE(2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8);
    EXPECT(bl_diagonal(x, 0, 0, 1), 1, 5);
    EXPECT(bl_diagonal(x, 1, 0, 1), 2, 6);
    EXPECT(bl_diagonal(x, 2, -2, -1), 3);
    EXPECT(bl_diagonal(x, -1, 0, 1), 4);
    EXPECT(bl_diagonal(x, 1, 1, 0), 4);
    EXPECT_TYPE(bl_diagonal(x, 3, 0, 1), BL_F64, BL_SHAPE(0));
    EXPECT_TYPE(bl_diagonal(x, INT64_MIN, 0, 1), BL_F64, BL_SHAPE(0));
    EXPECT_TYPE(bl_diagonal(x, INT64_MAX, 0, 1), BL_F64, BL_SHAPE(0));
    EXPECT_TYPE(bl_diagonal(EMPTY(BL_SHAPE(0, 3)), 0, 0, 1), BL_F64, BL_SHAPE(0));
    EXPECT(bl_diagonal(cube, 0, 0, 1), 1, 7, 2, 8);
    EXPECT(bl_diagonal(cube, 0, 0, 2), 1, 6, 3, 8);
    EXPECT(bl_gradient(bl_diagonal(x, 1, 0, 1), x), 0, 1, 0, 0, 0, 1);
    bl_program *program = bl_compile(context, bl_neg(bl_diagonal(cube, 0, 0, 1)));
    cr_assert_eq(bl_program_instruction_count(program), 1, "the diagonal is a view");
    bl_program_free(program);
}

Test(triangle, diag_embed)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, 2), *y = matrix();
    EXPECT(bl_diag_embed(x, 0, 0, 1), 1, 0, 0, 2);
    EXPECT(bl_diag_embed(x, 1, 0, 1), 0, 1, 0, 0, 0, 2, 0, 0, 0);
    EXPECT(bl_diag_embed(x, -1, 0, 1), 0, 0, 0, 1, 0, 0, 0, 2, 0);
    EXPECT(bl_diag_embed(x, 1, 1, 0), 0, 0, 0, 1, 0, 0, 0, 2, 0);
    EXPECT(bl_diag_embed(y, 0, -2, -1), 1, 0, 0, 0, 2, 0, 0, 0, 3, 4, 0, 0, 0, 5, 0, 0, 0, 6);
    EXPECT_TYPE(bl_diag_embed(y, 0, 0, 2), BL_F64, BL_SHAPE(3, 2, 3));
    EXPECT(bl_diag_embed(y, 0, 0, 2), 1, 0, 0, 4, 0, 0, 0, 2, 0, 0, 5, 0, 0, 0, 3, 0, 0, 6);
    EXPECT(bl_diag_embed(EMPTY(BL_SHAPE(0)), 1, 0, 1), 0);
    EXPECT_TYPE(bl_diag_embed(CONSTANT(BL_BOOL, BL_SHAPE(1), 1), 0, 0, 1), BL_BOOL, BL_SHAPE(1, 1));
}

Test(triangle, eye)
{
    const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    for (int i = 0; i < 5; i++) {
        bl_tensor *x = bl_eye(graph, dtypes[i], 2, 3);
        EXPECT_TYPE(x, dtypes[i], BL_SHAPE(2, 3));
        EXPECT(x, 1, 0, 0, 0, 1, 0);
    }
    EXPECT(bl_eye(graph, BL_F32, 3, 1), 1, 0, 0);
    EXPECT_TYPE(bl_eye(graph, BL_F32, 0, 2), BL_F32, BL_SHAPE(0, 2));
    EXPECT_ERROR(bl_eye(graph, BL_F16, 2, 2), BL_ERR_DTYPE, "bl_eye: it makes no f16");
    EXPECT_ERROR(bl_eye(graph, BL_DTYPE_COUNT, 2, 2), BL_ERR_DTYPE, "bl_eye: it makes no ?");
    EXPECT_ERROR(bl_eye(graph, BL_F32, 2, -1), BL_ERR_SHAPE, "bl_eye: there is no matrix of the shape [2,-1]",
                 "test_triangle.c");
    EXPECT_ERROR(bl_eye(graph, BL_F32, INT64_MAX, 2), BL_ERR_OVERFLOW, "bl_eye: there is no matrix");
    cr_assert_null(bl_eye(NULL, BL_F32, 2, 2));
}

Test(triangle, refuses)
{
    bl_tensor *x = matrix(), *row = REAL(BL_SHAPE(2), 1, 2), *scalar = bl_scalar(graph, BL_F64, 1);
    bl_tensor *full = bl_full(graph, BL_BOOL, BL_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 1);
    EXPECT_ERROR(bl_tril(row, 0), BL_ERR_SHAPE, "bl_tril: [2] has no rows and columns", "test_triangle.c");
    EXPECT_ERROR(bl_triu(scalar, 0), BL_ERR_SHAPE, "bl_triu: [] has no rows and columns");
    EXPECT_ERROR(bl_diagonal(x, 0, 0, 2), BL_ERR_ARGUMENT,
                 "bl_diagonal: 0 and 2 are not two axes of rank 2, for [2,3]");
    EXPECT_ERROR(bl_diagonal(x, 0, 1, -1), BL_ERR_ARGUMENT, "bl_diagonal: 1 and -1 are not two axes");
    EXPECT_ERROR(bl_diag_embed(scalar, 0, 0, 1), BL_ERR_SHAPE, "bl_diag_embed: [] has no last axis");
    EXPECT_ERROR(bl_diag_embed(full, 0, 0, 1), BL_ERR_SHAPE, "bl_diag_embed: ", "no room for 1 more axes");
    EXPECT_ERROR(bl_diag_embed(row, 0, 0, 2), BL_ERR_ARGUMENT,
                 "bl_diag_embed: 0 and 2 are not two axes of rank 2, for [2]");
    EXPECT_ERROR(bl_diag_embed(row, INT64_MIN, 0, 1), BL_ERR_OVERFLOW, "bl_diag_embed: the offset");
    EXPECT_ERROR(bl_diag_embed(row, INT64_MAX / 4, 0, 1), BL_ERR_OVERFLOW, "bl_diag_embed: the elements of");
    cr_assert_null(bl_tril(NULL, 0));
    cr_assert_null(bl_triu(NULL, 0));
    cr_assert_null(bl_diagonal(NULL, 0, 0, 1));
    cr_assert_null(bl_diag_embed(NULL, 0, 0, 1));
}
