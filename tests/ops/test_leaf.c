/* Leaves: inputs, constants, full, scalar; what their builders refuse. */
#include "check.h"

#include <limits.h>

TestSuite(leaf, .init = open_all, .fini = close_all);

Test(leaf, constants_of_every_dtype)
{
    EXPECT(REAL(BL_SHAPE(2, 2), 1, -2.5, 3, 0), 1, -2.5, 3, 0);
    EXPECT(CONSTANT(BL_F32, BL_SHAPE(2), 0.5, -1), 0.5, -1);
    EXPECT(CONSTANT(BL_I32, BL_SHAPE(3), -7, 0, 2147483647), -7, 0, 2147483647);
    EXPECT(CONSTANT(BL_I64, BL_SCALAR, -9), -9);
    EXPECT(CONSTANT(BL_BOOL, BL_SHAPE(2), 1, 0), 1, 0);
    uint16_t halves[] = {0x3c00, 0x8000}; /* 1 and -0 */
    bl_tensor *storage = bl_constant(graph, BL_F16, BL_SHAPE(2), halves);
    EXPECT_TYPE(storage, BL_F16, BL_SHAPE(2));
    EXPECT(bl_cast(storage, BL_F32), 1, 0);
}

Test(leaf, constants_are_copied)
{
    double values[] = {1, 2};
    bl_tensor *x = bl_constant(graph, BL_F64, BL_SHAPE(2), values);
    values[0] = 9;
    EXPECT(x, 1, 2);
}

Test(leaf, full_and_scalar)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(2, 3), 1.5);
    EXPECT_TYPE(x, BL_F32, BL_SHAPE(2, 3));
    EXPECT(x, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5);
    EXPECT(bl_full(graph, BL_BOOL, BL_SHAPE(2), 1), 1, 1);
    EXPECT(bl_full(graph, BL_I64, BL_SHAPE(1), -9007199254740992.0), -9007199254740992.0);
    EXPECT(bl_scalar(graph, BL_I32, -2147483648.0), -2147483648.0);
    EXPECT(bl_scalar(graph, BL_F64, (double)NAN), (double)NAN);
    EXPECT(bl_scalar(graph, BL_F32, 0.1), (double)0.1f);
}

Test(leaf, inputs_are_set)
{
    bl_tensor *x = bl_input(graph, "x", BL_F64, BL_SHAPE(2)), *y = bl_input(graph, "x", BL_F64, BL_SHAPE(2));
    bl_tensor *sum = bl_sub(x, y);
    double left[] = {1, 2}, right[] = {10, 30}, out[2];
    bl_program *program = bl_compile(context, sum);
    cr_assert_eq(bl_set_input(program, x, left, sizeof(left)), BL_OK);
    cr_assert_eq(bl_set_input(program, y, right, sizeof(right)), BL_OK);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_eq(bl_read(program, sum, out, sizeof(out)), BL_OK);
    cr_assert_eq(out[0], -9);
    cr_assert_eq(out[1], -28);
    bl_program_free(program);
}

Test(leaf, without_elements)
{
    EXPECT_TYPE(bl_constant(graph, BL_I64, BL_SHAPE(0, 3), NULL), BL_I64, BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_full(graph, BL_F32, BL_SHAPE(2, 0), 1), BL_F32, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_input(graph, "x", BL_BOOL, BL_SHAPE(0)), BL_BOOL, BL_SHAPE(0));
    EXPECT(bl_sum(EMPTY(BL_SHAPE(0, 3)), BL_ALL_AXES, false), 0);
}

Test(leaf, refuses_bad_arguments)
{
    EXPECT_ERROR(bl_input(graph, NULL, BL_F32, BL_SCALAR), BL_ERR_ARGUMENT, "bl_input: the name is NULL",
                 "test_leaf.c");
    EXPECT_ERROR(bl_constant(graph, BL_F32, BL_SHAPE(2), NULL), BL_ERR_ARGUMENT, "bl_constant: ", "[2]",
                 "NULL");
    EXPECT_ERROR(bl_full(graph, BL_I32, BL_SHAPE(2), 0.5), BL_ERR_ARGUMENT, "bl_full: i32 cannot hold 0.5");
    EXPECT_ERROR(bl_scalar(graph, BL_I64, 0x1p63), BL_ERR_ARGUMENT, "bl_scalar: i64 cannot hold");
    EXPECT_ERROR(bl_scalar(graph, BL_I32, (double)NAN), BL_ERR_ARGUMENT, "cannot hold nan");
    EXPECT_ERROR(bl_scalar(graph, BL_BOOL, 2), BL_ERR_ARGUMENT, "bool cannot hold 2");
    cr_assert_null(bl_input(NULL, "x", BL_F32, BL_SCALAR));
    cr_assert_null(bl_constant(NULL, BL_F32, BL_SCALAR, NULL));
    cr_assert_null(bl_full(NULL, BL_F32, BL_SCALAR, 0));
    cr_assert_null(bl_scalar(NULL, BL_F32, 0));
}

Test(leaf, refuses_bad_dtypes)
{
    EXPECT_ERROR(bl_input(graph, "x", BL_DTYPE_COUNT, BL_SCALAR), BL_ERR_DTYPE,
                 "bl_input: there is no dtype 7");
    EXPECT_ERROR(bl_full(graph, BL_BF16, BL_SCALAR, 0), BL_ERR_DTYPE, "bl_full: bf16 is storage only",
                 "cast");
    EXPECT_ERROR(bl_scalar(graph, BL_F16, 0), BL_ERR_DTYPE, "bl_scalar: f16 is storage only");
}

Test(leaf, refuses_bad_shapes)
{
    double value = 0;
    EXPECT_ERROR(bl_input(graph, "x", BL_F32, BL_SHAPE(2, -1)), BL_ERR_SHAPE, "bl_input: ", "[2,-1]");
    EXPECT_ERROR(bl_full(graph, BL_F32, bl_shape_of(9, NULL), 0), BL_ERR_SHAPE, "bl_full: ", "rank");
    EXPECT_ERROR(bl_constant(graph, BL_F32, BL_SHAPE(INT64_MAX, 2), &value), BL_ERR_OVERFLOW,
                 "bl_constant: ", "cannot be counted", "[9223372036854775807,2]");
    EXPECT_ERROR(bl_full(graph, BL_BOOL, BL_SHAPE(INT64_MAX / 4), 0), BL_ERR_OVERFLOW, "bl_full: ");
}
