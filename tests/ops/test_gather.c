/* gather, take_along_axis, scatter, scatter_add. */
#include "derivatives.h"
#include "ops/keys.h"

TestSuite(gather, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

static bl_tensor *full_rank(void)
{
    return bl_full(graph, BL_F64, BL_SHAPE(1, 1, 1, 1, 1, 1, 2, 3), 1);
}

Test(gather, takes_elements)
{
    bl_tensor *x = matrix();
    bl_tensor *down = CONSTANT(BL_I64, BL_SHAPE(1, 3), 1, 0, 1);
    bl_tensor *right = CONSTANT(BL_I32, BL_SHAPE(2, 4), 2, 2, 0, 1, 0, 1, 2, 2);
    EXPECT_TYPE(bl_gather(x, 0, down), BL_F64, BL_SHAPE(1, 3));
    EXPECT(bl_gather(x, 0, down), 4, 2, 6);
    EXPECT(bl_gather(x, -1, right), 3, 3, 1, 2, 4, 5, 6, 6);
    EXPECT(bl_gather(x, 1, CONSTANT(BL_I64, BL_SHAPE(1, 1), 2)), 3);
    EXPECT(bl_gather(bl_flip(x, BL_ALL_AXES), 1, right), 4, 4, 6, 5, 3, 2, 1, 1);
    EXPECT(bl_gather(x, 1, bl_flip(right, BL_AXES(1))), 2, 1, 3, 3, 6, 6, 5, 4);
    EXPECT(bl_gather(CONSTANT(BL_BOOL, BL_SHAPE(3), 0, 1, 0), 0, CONSTANT(BL_I64, BL_SHAPE(2), 1, 2)), 1, 0);
    EXPECT_TYPE(bl_gather(bl_cast(x, BL_BF16), 1, right), BL_BF16, BL_SHAPE(2, 4));
    EXPECT_TYPE(bl_gather(x, 0, bl_zeros(graph, BL_I64, BL_SHAPE(0, 3))), BL_F64, BL_SHAPE(0, 3));
    EXPECT_TYPE(bl_gather(EMPTY(BL_SHAPE(0, 3)), 0, bl_zeros(graph, BL_I64, BL_SHAPE(2, 0))), BL_F64,
                BL_SHAPE(2, 0));
    EXPECT(bl_gather(full_rank(), 7, bl_zeros(graph, BL_I64, BL_SHAPE(1, 1, 1, 1, 1, 1, 1, 2))), 1, 1);
}

Test(gather, gradients_add_up)
{
    bl_tensor *x = matrix(), *w = REAL(BL_SHAPE(2, 4), 1, 2, 3, 4, 5, 6, 7, 8);
    bl_tensor *index = CONSTANT(BL_I64, BL_SHAPE(2, 4), 2, 2, 0, 1, 0, 1, 2, 2);
    EXPECT(bl_gradient(bl_mul(bl_gather(x, 1, index), w), x), 3, 4, 3, 5, 6, 15);
}

Test(gather, take_along_axis_broadcasts)
{
    bl_tensor *x = matrix(), *row = CONSTANT(BL_I64, BL_SHAPE(1, 2), 2, 0);
    EXPECT(bl_take_along_axis(x, row, 1), 3, 1, 6, 4);
    EXPECT(bl_take_along_axis(x, CONSTANT(BL_I64, BL_SHAPE(2, 1), 1, 0), 0), 4, 5, 6, 1, 2, 3);
    EXPECT(bl_take_along_axis(bl_slice(x, 0, 0, 1, 1), CONSTANT(BL_I32, BL_SHAPE(2, 1), 1, 0), -1), 2, 1);
    EXPECT_TYPE(bl_take_along_axis(EMPTY(BL_SHAPE(0, 3)), row, 1), BL_F64, BL_SHAPE(0, 2));
    EXPECT_DERIVATIVES(bl_take_along_axis(x, row, 1), x);
}

Test(gather, scatter_keeps_the_last)
{
    bl_tensor *x = matrix(), *source = REAL(BL_SHAPE(2, 3), 10, 20, 30, 40, 50, 60);
    bl_tensor *down = CONSTANT(BL_I64, BL_SHAPE(2, 3), 0, 1, 0, 0, 0, 1);
    EXPECT(bl_scatter(x, 0, down, source), 40, 50, 30, 4, 20, 60);
    EXPECT(bl_scatter(x, 1, CONSTANT(BL_I32, BL_SHAPE(1, 3), 2, 1, 2), source), 1, 20, 30, 4, 5, 6);
    EXPECT(bl_scatter(x, 1, CONSTANT(BL_I32, BL_SHAPE(2, 1), 1, 0), source), 1, 10, 3, 40, 5, 6);
    EXPECT(bl_scatter(bl_full(graph, BL_F64, BL_SHAPE(2, 3), 7), 0, down, bl_flip(source, BL_ALL_AXES)), 30,
           20, 40, 7, 50, 10);
    EXPECT(bl_scatter(CONSTANT(BL_BOOL, BL_SHAPE(3), 0, 0, 0), 0, CONSTANT(BL_I64, BL_SHAPE(1), 1),
                      CONSTANT(BL_BOOL, BL_SHAPE(2), 1, 1)),
           0, 1, 0);
    EXPECT(bl_scatter(x, 0, bl_zeros(graph, BL_I64, BL_SHAPE(0, 3)), source), 1, 2, 3, 4, 5, 6);
    EXPECT_TYPE(bl_scatter(bl_cast(x, BL_F16), 0, down, bl_cast(source, BL_F16)), BL_F16, BL_SHAPE(2, 3));
}

/* An element of x that is replaced has no gradient; of several sources of one place, only the last has. */
Test(gather, scatter_gradients)
{
    bl_tensor *x = matrix(), *source = REAL(BL_SHAPE(3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9);
    bl_tensor *index = CONSTANT(BL_I64, BL_SHAPE(2, 3), 0, 1, 0, 0, 0, 1);
    bl_tensor *y = bl_mul(bl_scatter(x, 0, index, source), REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6));
    EXPECT(bl_gradient(y, x), 0, 0, 0, 4, 0, 0);
    EXPECT(bl_gradient(y, source), 0, 5, 3, 1, 2, 6, 0, 0, 0);
}

/* The gradient of a source all of which is taken is not padded by nothing. */
Test(gather, sources_taken_whole_are_not_padded)
{
    bl_tensor *x = matrix(), *index = CONSTANT(BL_I64, BL_SHAPE(1, 3), 0, 1, 0);
    bl_tensor *source = REAL(BL_SHAPE(1, 3), 1, 2, 3), *longer = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_gradient(bl_scatter(x, 0, index, source), source), 1, 1, 1);
    EXPECT(bl_gradient(bl_scatter_add(x, 0, index, source), source), 1, 1, 1);
    cr_assert_eq(count_nodes(BL__KEY_pad), 0);
    EXPECT(bl_gradient(bl_scatter_add(x, 0, index, longer), longer), 1, 1, 1, 0, 0, 0);
    cr_assert_eq(count_nodes(BL__KEY_pad), 1);
}

Test(gather, scatter_add)
{
    bl_tensor *x = matrix(), *source = REAL(BL_SHAPE(2, 4), 1, 2, 3, 4, 5, 6, 7, 8);
    bl_tensor *index = CONSTANT(BL_I64, BL_SHAPE(2, 3), 0, 0, 2, 1, 1, 1);
    EXPECT(bl_scatter_add(x, 1, index, source), 1 + 1 + 2, 2, 3 + 3, 4, 5 + 5 + 6 + 7, 6);
    bl_tensor *y = bl_mul(bl_scatter_add(x, 1, index, source), REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6));
    EXPECT(bl_gradient(y, x), 1, 2, 3, 4, 5, 6);
    EXPECT(bl_gradient(y, source), 1, 1, 3, 0, 5, 5, 5, 0);
    const bl_dtype integers[] = {BL_I32, BL_I64};
    const double largest[] = {INT32_MAX, 0x1p62};
    for (int i = 0; i < 2; i++) {
        bl_tensor *a = CONSTANT(integers[i], BL_SHAPE(2), 1, 2),
                  *b = CONSTANT(integers[i], BL_SHAPE(2), 3, 4);
        EXPECT(bl_scatter_add(a, 0, CONSTANT(BL_I64, BL_SHAPE(2), 1, 1), b), 1, 9);
        bl_tensor *most = bl_full(graph, integers[i], BL_SHAPE(2), largest[i]);
        EXPECT(bl_scatter_add(most, 0, CONSTANT(BL_I32, BL_SHAPE(2), 0, 0), most),
               i == 0 ? INT32_MAX - 2 : -0x1p62, largest[i]);
    }
    EXPECT(bl_scatter_add(REAL(BL_SHAPE(2), 1, 2), 0, CONSTANT(BL_I64, BL_SHAPE(2), 0, 1),
                          REAL(BL_SHAPE(2), NAN, INFINITY)),
           NAN, INFINITY);
}

Test(gather, indices_are_checked_at_run)
{
    bl_tensor *x = matrix(), *high = CONSTANT(BL_I64, BL_SHAPE(2, 2), 0, 1, 2, 3),
              *low = CONSTANT(BL_I32, BL_SHAPE(2, 2), 0, -1, 0, 0), *few = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
    expect_index_error(bl_gather(x, 1, high), "bl_gather: index 3 at [1,1]", "0..2");
    expect_index_error(bl_gather(x, 1, low), "bl_gather: index -1 at [0,1]", "0..2");
    expect_index_error(bl_gather(x, 1, bl_transpose(low, 0, 1)), "bl_gather: index -1 at [1,0]", "0..2");
    expect_index_error(bl_take_along_axis(x, high, 1), "bl_gather: index 3 at [1,1]", "0..2");
    expect_index_error(bl_scatter(x, 0, high, few), "bl_scatter: index 2 at [1,0]", "0..1");
    expect_index_error(bl_scatter(x, 1, low, few), "bl_scatter: index -1 at [0,1]", "0..2");
    expect_index_error(bl_scatter_add(x, 1, high, few), "bl_scatter_add: index 3 at [1,1]", "0..2");
    expect_index_error(bl_gather(EMPTY(BL_SHAPE(0)), 0, bl_zeros(graph, BL_I64, BL_SHAPE(1))),
                       "bl_gather: index 0 at [0]", "0..-1");
}

/* A run that meets a wrong index writes nothing. */
Test(gather, a_wrong_index_commits_nothing)
{
    bl_parameter *state = bl_params_add_buffer(params, "state", BL_F32, BL_SHAPE(2));
    bl_tensor *index = bl_input(graph, "index", BL_I64, BL_SHAPE(1));
    bl_tensor *x = bl_add_scalar(bl_use(graph, state), 1);
    bl_tensor *one = bl_ones(graph, BL_F32, BL_SHAPE(1));
    bl_tensor *effects[] = {bl_assign(state, bl_scatter(x, 0, index, one))};
    bl_program *program = bl_compile_list(context, effects, 1, NULL);
    int64_t wrong = 2;
    float values[2] = {-1, -1};
    cr_assert_eq(bl_set_input(program, index, &wrong, sizeof(wrong)), BL_OK);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert_eq(bl_parameter_read(state, values, sizeof(values)), BL_OK);
    cr_assert(values[0] == 0 && values[1] == 0);
    bl_program_free(program);
}

Test(gather, refuses)
{
    bl_tensor *x = matrix(), *index = bl_zeros(graph, BL_I64, BL_SHAPE(2, 3)),
              *scalar = bl_scalar(graph, BL_F64, 1);
    bl_tensor *tall = bl_zeros(graph, BL_I32, BL_SHAPE(3, 3)), *flat = bl_zeros(graph, BL_I32, BL_SHAPE(3));
    EXPECT_ERROR(bl_gather(x, 2, index), BL_ERR_ARGUMENT, "bl_gather: axis 2 is outside the rank of [2,3]",
                 "test_gather.c");
    EXPECT_ERROR(bl_gather(scalar, 0, bl_scalar(graph, BL_I64, 0)), BL_ERR_ARGUMENT, "axis 0 is outside");
    EXPECT_ERROR(bl_gather(x, 0, x), BL_ERR_DTYPE, "bl_gather: the second operand is f64, not i32 or i64");
    EXPECT_ERROR(bl_gather(x, 1, tall), BL_ERR_SHAPE,
                 "bl_gather: an index of [3,3] does not fit [2,3] along axis 1");
    EXPECT_ERROR(bl_gather(x, 1, flat), BL_ERR_SHAPE, "an index of [3] does not fit [2,3]");
    EXPECT_ERROR(bl_gather(x, 1, NULL), BL_ERR_ARGUMENT, "bl_gather: a tensor is NULL");
    EXPECT_ERROR(bl_take_along_axis(x, x, 1), BL_ERR_DTYPE,
                 "bl_take_along_axis: the index is f64, not i32 or i64");
    EXPECT_ERROR(bl_take_along_axis(x, tall, 1), BL_ERR_SHAPE,
                 "bl_take_along_axis: [2,3] and an index of [3,3] do not broadcast but for axis 1");
    EXPECT_ERROR(bl_take_along_axis(x, flat, 1), BL_ERR_SHAPE, "[2,3] and an index of [3] do not broadcast");
    EXPECT_ERROR(bl_take_along_axis(x, index, -3), BL_ERR_ARGUMENT, "bl_take_along_axis: axis -3 is outside");
    EXPECT_ERROR(bl_take_along_axis(x, NULL, 0), BL_ERR_ARGUMENT, "bl_take_along_axis: a tensor is NULL");
    bl_tensor *wide = bl_zeros(graph, BL_BOOL, BL_SHAPE(1, (int64_t)1 << 50));
    EXPECT_ERROR(bl_take_along_axis(wide, bl_zeros(graph, BL_I32, BL_SHAPE((int64_t)1 << 20, 1)), 1),
                 BL_ERR_OVERFLOW, "bl_take_along_axis: the elements of");
    cr_assert_null(bl_gather(NULL, 0, NULL));
    cr_assert_null(bl_take_along_axis(NULL, NULL, 0));
}

Test(gather, scatter_refuses)
{
    bl_tensor *x = matrix(), *index = bl_zeros(graph, BL_I64, BL_SHAPE(2, 3)), *narrow = bl_cast(x, BL_F32);
    bl_tensor *tall = bl_zeros(graph, BL_I32, BL_SHAPE(3, 3)), *part = bl_slice(x, 1, 0, 2, 1);
    bl_tensor *mask = CONSTANT(BL_BOOL, BL_SHAPE(1), 1), *zero = bl_zeros(graph, BL_I64, BL_SHAPE(1));
    EXPECT_ERROR(bl_scatter(x, 0, index, narrow), BL_ERR_DTYPE,
                 "bl_scatter: dtypes differ: f64 [2,3] and f32");
    EXPECT_ERROR(bl_scatter(x, 0, index, part), BL_ERR_SHAPE,
                 "bl_scatter: a source of [2,2] does not cover an index of [2,3]", "test_gather.c");
    EXPECT_ERROR(bl_scatter(x, 0, index, bl_flatten(x, 0, 1)), BL_ERR_SHAPE,
                 "a source of [6] does not cover");
    EXPECT_ERROR(bl_scatter(x, 1, tall, x), BL_ERR_SHAPE,
                 "an index of [3,3] does not fit [2,3] along axis 1");
    EXPECT_ERROR(bl_scatter(x, 0, x, x), BL_ERR_DTYPE, "bl_scatter: the second operand is f64");
    EXPECT_ERROR(bl_scatter(x, 2, index, x), BL_ERR_ARGUMENT, "bl_scatter: axis 2 is outside");
    EXPECT_ERROR(bl_scatter(x, 0, index, NULL), BL_ERR_ARGUMENT, "bl_scatter: a tensor is NULL");
    EXPECT_ERROR(bl_scatter_add(mask, 0, zero, mask), BL_ERR_DTYPE,
                 "bl_scatter_add: the first operand is bool");
    EXPECT_ERROR(bl_scatter_add(x, 0, index, part), BL_ERR_SHAPE, "bl_scatter_add: a source of [2,2]");
    cr_assert_null(bl_scatter(NULL, 0, NULL, NULL));
    cr_assert_null(bl_scatter_add(NULL, 0, NULL, NULL));
}
