/* Effects: assign, assign_slice and group; their commits, and what their builders refuse. */
#include "check.h"

static bl_parameter *state; /* f64 [2,3], zeros */

static void open_state(void)
{
    open_all();
    state = bl_params_add_buffer(params, "state", BL_F64, BL_SHAPE(2, 3));
}

TestSuite(state, .init = open_state, .fini = close_all);

static void run(bl_tensor *effect)
{
    cr_assert(bl_tensor_valid(effect), "%s", error_text(bl_graph_error(graph)));
    bl_program *program = bl_compile(context, effect);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    bl_program_free(program);
}

static void expect_state(const double *values)
{
    const double *data = bl_parameter_data(state);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(data[i], values[i], "element %d is %g", i, data[i]);
}

Test(state, assign_writes_all)
{
    bl_tensor *effect = bl_assign(state, REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6));
    EXPECT_TYPE(effect, BL_BOOL, BL_SHAPE(0));
    run(effect);
    expect_state((double[]){1, 2, 3, 4, 5, 6});
    bl_tensor *transposed = bl_transpose(REAL(BL_SHAPE(3, 2), 1, 2, 3, 4, 5, 6), 0, 1);
    run(bl_assign(state, transposed));
    expect_state((double[]){1, 3, 5, 2, 4, 6});
}

Test(state, reads_see_the_values_before)
{
    run(bl_assign(state, bl_add_scalar(bl_use(graph, state), 1)));
    run(bl_assign(state, bl_add(bl_use(graph, state), bl_use(graph, state))));
    expect_state((double[]){2, 2, 2, 2, 2, 2});
}

Test(state, assign_slice_writes_a_part)
{
    run(bl_assign_slice(state, 1, 1, REAL(BL_SHAPE(2, 2), 1, 2, 3, 4)));
    expect_state((double[]){0, 1, 2, 0, 3, 4});
    run(bl_assign_slice(state, -2, 1, REAL(BL_SHAPE(1, 3), 7, 8, 9)));
    expect_state((double[]){0, 1, 2, 7, 8, 9});
    run(bl_assign_slice(state, 0, 2, EMPTY(BL_SHAPE(0, 3))));
    expect_state((double[]){0, 1, 2, 7, 8, 9});
}

Test(state, groups_commit_all)
{
    bl_parameter *other = bl_params_add_buffer(params, "other", BL_I64, BL_SCALAR);
    bl_tensor *effects[] = {bl_assign(state, bl_full(graph, BL_F64, BL_SHAPE(2, 3), 4)),
                            bl_assign(other, bl_scalar(graph, BL_I64, 5))};
    bl_tensor *group = bl_group(graph, effects, 2);
    run(bl_group(graph, &group, 1));
    expect_state((double[]){4, 4, 4, 4, 4, 4});
    cr_assert_eq(*(const int64_t *)bl_parameter_data(other), 5);
    run(bl_group(graph, NULL, 0));
}

Test(state, the_graph_holds_the_state)
{
    bl_tensor *effect = bl_assign(state, bl_full(graph, BL_F64, BL_SHAPE(2, 3), 4));
    bl_params_free(params);
    params = NULL;
    run(effect);
    expect_state((double[]){4, 4, 4, 4, 4, 4});
}

Test(state, assign_refuses)
{
    bl_context *elsewhere = bl_context_new(NULL);
    bl_params *others = bl_params_new(elsewhere);
    bl_parameter *foreign = bl_params_add_buffer(others, "foreign", BL_F64, BL_SCALAR);
    bl_tensor *value = REAL(BL_SHAPE(3, 2), 0, 0, 0, 0, 0, 0);
    EXPECT_ERROR(bl_assign(state, value), BL_ERR_SHAPE, "bl_assign: state is [2,3], the value is [3,2]");
    EXPECT_ERROR(bl_assign(state, bl_full(graph, BL_F32, BL_SHAPE(2, 3), 0)), BL_ERR_DTYPE,
                 "bl_assign: state is f64, the value is f32", "cast");
    EXPECT_ERROR(bl_assign(NULL, value), BL_ERR_ARGUMENT, "bl_assign: the state is NULL");
    EXPECT_ERROR(bl_assign(foreign, bl_scalar(graph, BL_F64, 0)), BL_ERR_ARGUMENT,
                 "foreign belongs to another context");
    cr_assert_null(bl_assign(state, NULL));
    cr_assert(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "the value for state is NULL", NULL));
    cr_assert_null(bl_assign(NULL, NULL));
    bl_params_free(others);
    bl_context_free(elsewhere);
}

Test(state, assign_slice_refuses)
{
    bl_tensor *row = REAL(BL_SHAPE(1, 3), 0, 0, 0);
    EXPECT_ERROR(bl_assign_slice(state, 2, 0, row), BL_ERR_ARGUMENT, "bl_assign_slice: axis 2 is outside",
                 "[2,3]");
    EXPECT_ERROR(bl_assign_slice(state, 0, 2, row), BL_ERR_SHAPE, "1 from 2 on does not lie inside state",
                 "[2,3]");
    EXPECT_ERROR(bl_assign_slice(state, 0, -1, row), BL_ERR_SHAPE, "from -1 on");
    EXPECT_ERROR(bl_assign_slice(state, 0, INT64_MAX, row), BL_ERR_SHAPE, "does not lie inside");
    EXPECT_ERROR(bl_assign_slice(state, 1, 0, row), BL_ERR_SHAPE, "a value of [1,3] is no part of state");
    EXPECT_ERROR(bl_assign_slice(state, 0, 0, REAL(BL_SHAPE(3), 0, 0, 0)), BL_ERR_SHAPE, "[3] is no part");
    EXPECT_ERROR(bl_assign_slice(state, 0, 0, bl_full(graph, BL_F32, BL_SHAPE(1, 3), 0)), BL_ERR_DTYPE,
                 "state is f64, the value is f32");
    EXPECT_ERROR(bl_assign_slice(NULL, 0, 0, row), BL_ERR_ARGUMENT, "bl_assign_slice: the state is NULL");
}

Test(state, group_refuses_what_is_no_effect)
{
    bl_tensor *tensors[] = {bl_assign(state, bl_full(graph, BL_F64, BL_SHAPE(2, 3), 4)),
                            bl_scalar(graph, BL_F64, 1)};
    EXPECT_ERROR(bl_group(graph, tensors, 2), BL_ERR_ARGUMENT,
                 "bl_group: operand 2 is a full, not an effect");
    cr_assert_null(bl_group(NULL, tensors, 1));
}
