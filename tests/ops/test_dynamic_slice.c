/* dynamic_slice, dynamic_update_slice. */
#include "derivatives.h"

TestSuite(dynamic_slice, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(3, 4), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
}

static bl_tensor *at(double row, double column)
{
    return CONSTANT(BL_I64, BL_SHAPE(2), row, column);
}

Test(dynamic_slice, values)
{
    bl_tensor *x = matrix(), *none = bl_zeros(graph, BL_I64, BL_SHAPE(0));
    bl_tensor *y = bl_dynamic_slice(x, at(1, 2), BL_SHAPE(2, 2));
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(2, 2));
    EXPECT(y, 7, 8, 11, 12);
    EXPECT(bl_dynamic_slice(x, CONSTANT(BL_I32, BL_SHAPE(2), 0, 1), BL_SHAPE(1, 3)), 2, 3, 4);
    EXPECT(bl_dynamic_slice(bl_flip(x, BL_ALL_AXES), at(2, 1), BL_SHAPE(1, 2)), 3, 2);
    EXPECT(bl_dynamic_slice(x, bl_flip(at(2, 1), BL_AXES(0)), BL_SHAPE(1, 2)), 7, 8);
    EXPECT_TYPE(bl_dynamic_slice(x, at(3, 4), BL_SHAPE(0, 0)), BL_F64, BL_SHAPE(0, 0));
    EXPECT(bl_dynamic_slice(bl_scalar(graph, BL_BOOL, 1), none, BL_SCALAR), 1);
    EXPECT_TYPE(bl_dynamic_slice(bl_cast(x, BL_BF16), at(0, 0), BL_SHAPE(1, 1)), BL_BF16, BL_SHAPE(1, 1));
}

Test(dynamic_slice, updates)
{
    bl_tensor *x = matrix(), *update = REAL(BL_SHAPE(2, 2), -1, -2, -3, -4);
    EXPECT(bl_dynamic_update_slice(x, update, at(1, 0)), 1, 2, 3, 4, -1, -2, 7, 8, -3, -4, 11, 12);
    EXPECT(bl_dynamic_update_slice(bl_zeros_like(x), bl_flip(update, BL_AXES(1)), at(0, 2)), 0, 0, -2, -1, 0,
           0, -4, -3, 0, 0, 0, 0);
    EXPECT(bl_dynamic_update_slice(x, EMPTY(BL_SHAPE(0, 4)), at(3, 0)), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
           12);
    EXPECT(bl_dynamic_update_slice(bl_scalar(graph, BL_I32, 1), bl_scalar(graph, BL_I32, 2),
                                   bl_zeros(graph, BL_I32, BL_SHAPE(0))),
           2);
}

Test(dynamic_slice, derivatives)
{
    bl_tensor *x = matrix(), *update = REAL(BL_SHAPE(1, 2), 20, 30);
    bl_tensor *part = bl_mul(bl_dynamic_slice(x, at(1, 2), BL_SHAPE(2, 2)), REAL(BL_SHAPE(2, 2), 1, 2, 3, 4));
    bl_tensor *whole = bl_mul(bl_dynamic_update_slice(x, update, at(2, 1)), matrix());
    EXPECT(bl_gradient(part, x), 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4);
    EXPECT(bl_gradient(whole, x), 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 12);
    EXPECT(bl_gradient(whole, update), 10, 11);
}

/* The 16-bit floats, which are only moved, have gradients too. */
Test(dynamic_slice, derivatives_of_storage)
{
    bl_tensor *x = matrix(), *stored = bl_cast(bl_cast(x, BL_F32), BL_BF16);
    bl_tensor *y = bl_cast(bl_dynamic_slice(stored, at(0, 3), BL_SHAPE(2, 1)), BL_F32);
    EXPECT(bl_gradient(y, x), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0);
    bl_tensor *z = bl_cast(
        bl_dynamic_update_slice(stored, bl_cast(bl_ones(graph, BL_F32, BL_SHAPE(2, 4)), BL_BF16), at(0, 0)),
        BL_F32);
    EXPECT(bl_gradient(z, x), 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1);
}

Test(dynamic_slice, starts_are_checked_at_run)
{
    bl_tensor *x = matrix(), *update = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
    expect_index_error(bl_dynamic_slice(x, at(2, 0), BL_SHAPE(2, 2)), "bl_dynamic_slice: start 2 at [0]",
                       "0..1");
    expect_index_error(bl_dynamic_slice(x, at(0, -1), BL_SHAPE(2, 2)), "bl_dynamic_slice: start -1 at [1]",
                       "0..2");
    expect_index_error(bl_dynamic_slice(x, at(4, 0), BL_SHAPE(0, 2)), "bl_dynamic_slice: start 4 at [0]",
                       "0..3");
    expect_index_error(bl_dynamic_update_slice(x, update, at(0, 3)),
                       "bl_dynamic_update_slice: start 3 at [1]", "0..2");
}

/* A cache that is filled row by row, by one program; a place behind its end fails and leaves it as it is. */
Test(dynamic_slice, a_cache_needs_one_program)
{
    bl_parameter *cache = bl_params_add_buffer(params, "cache", BL_F32, BL_SHAPE(3, 2));
    bl_tensor *place = bl_input(graph, "place", BL_I64, BL_SHAPE(2));
    bl_tensor *row = bl_input(graph, "row", BL_F32, BL_SHAPE(1, 2));
    bl_tensor *filled = bl_dynamic_update_slice(bl_use(graph, cache), row, place);
    bl_tensor *effects[] = {bl_assign(cache, filled)};
    bl_program *program = bl_compile_list(context, effects, 1, NULL);
    const float expected[] = {1, -1, 2, -2, 3, -3};
    float values[6];
    for (int64_t i = 0; i < 4; i++) {
        const int64_t start[2] = {i, 0};
        const float step[2] = {(float)(i + 1), -(float)(i + 1)};
        cr_assert_eq(bl_set_input(program, place, start, sizeof(start)), BL_OK);
        cr_assert_eq(bl_set_input(program, row, step, sizeof(step)), BL_OK);
        cr_assert_eq(bl_run(program), i < 3 ? BL_OK : BL_ERR_INDEX);
    }
    cr_assert_eq(bl_parameter_read(cache, values, sizeof(values)), BL_OK);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(values[i], expected[i]);
    bl_program_free(program);
}

Test(dynamic_slice, refuses)
{
    bl_tensor *x = matrix(), *starts = at(0, 0), *one = bl_zeros(graph, BL_I64, BL_SHAPE(1));
    EXPECT_ERROR(bl_dynamic_slice(x, starts, BL_SHAPE(2)), BL_ERR_SHAPE,
                 "bl_dynamic_slice: sizes of [2] are not those of a part of [3,4]", "test_dynamic_slice.c");
    EXPECT_ERROR(bl_dynamic_slice(x, starts, BL_SHAPE(2, -1)), BL_ERR_SHAPE, "sizes of [2,-1] are not");
    EXPECT_ERROR(bl_dynamic_slice(x, starts, BL_SHAPE(2, 5)), BL_ERR_SHAPE,
                 "bl_dynamic_slice: a part of [2,5] has no room in [3,4]");
    EXPECT_ERROR(bl_dynamic_slice(x, one, BL_SHAPE(2, 2)), BL_ERR_SHAPE,
                 "bl_dynamic_slice: starts of [1] are not one for each axis of [3,4]");
    EXPECT_ERROR(bl_dynamic_slice(x, bl_unsqueeze(starts, 0), BL_SHAPE(2, 2)), BL_ERR_SHAPE,
                 "starts of [1,2]");
    EXPECT_ERROR(bl_dynamic_slice(x, x, BL_SHAPE(2, 2)), BL_ERR_DTYPE, "the second operand is f64");
    EXPECT_ERROR(bl_dynamic_slice(x, NULL, BL_SHAPE(2, 2)), BL_ERR_ARGUMENT,
                 "bl_dynamic_slice: a tensor is NULL");
    EXPECT_ERROR(bl_dynamic_update_slice(x, bl_cast(x, BL_F32), starts), BL_ERR_DTYPE,
                 "bl_dynamic_update_slice: dtypes differ");
    EXPECT_ERROR(bl_dynamic_update_slice(x, bl_flatten(x, 0, 1), starts), BL_ERR_SHAPE,
                 "bl_dynamic_update_slice: a part of [12] has no room in [3,4]");
    EXPECT_ERROR(bl_dynamic_update_slice(x, x, one), BL_ERR_SHAPE, "starts of [1] are not one for each axis");
    EXPECT_ERROR(bl_dynamic_update_slice(x, x, x), BL_ERR_DTYPE, "the third operand is f64, not i32 or i64");
    cr_assert_null(bl_dynamic_slice(NULL, NULL, BL_SCALAR));
    cr_assert_null(bl_dynamic_update_slice(NULL, NULL, NULL));
}
