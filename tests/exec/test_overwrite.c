/* New values of states are written where the old ones stand, and only where nobody can tell. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    N = 5000
};

static bl_parameter *p, *m;

/* Element i is start + i. */
static void write_from(bl_parameter *parameter, int start)
{
    float values[N];
    for (int i = 0; i < N; i++)
        values[i] = (float)(start + i);
    cr_assert_eq(bl_parameter_write(parameter, values, sizeof(values)), BL_OK);
}

static void open_states(void)
{
    open_all();
    p = bl_params_add(params, "p", BL_F32, BL_SHAPE(N), bl_init_zeros(), NULL);
    m = bl_params_add(params, "m", BL_F32, BL_SHAPE(N), bl_init_zeros(), NULL);
    write_from(p, 1);
    write_from(m, 100);
}

TestSuite(overwrite, .init = open_states, .fini = close_all);

static float value_of(const bl_parameter *parameter, int i)
{
    return ((const float *)bl_parameter_data(parameter))[i];
}

static bl_program *run(bl_tensor *const *outputs, size_t count)
{
    bl_program *program = bl_compile_list(context, outputs, count, NULL);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

/* An optimizer's update needs no memory besides the states: momentum, then the step that it makes. */
Test(overwrite, an_update_takes_no_memory)
{
    bl_tensor *m0 = bl_use(graph, m), *p0 = bl_use(graph, p);
    bl_tensor *m1 = bl_add(bl_mul_scalar(m0, 0.5), p0), *p1 = bl_sub(p0, bl_mul_scalar(m1, 2));
    bl_tensor *outputs[] = {bl_assign(m, m1), bl_assign(p, p1)};
    bl_program *program = run(outputs, 2);
    cr_expect_lt(bl_program_workspace_bytes(program), N * sizeof(float));
    for (int i = 0; i < N; i++) {
        float old_m = (float)(100 + i), old_p = (float)(1 + i), new_m = old_m * 0.5f + old_p;
        cr_assert_eq(value_of(m, i), new_m);
        cr_assert_eq(value_of(p, i), old_p - new_m * 2);
    }
    bl_program_free(program);
}

/* One group, in which the old value is read after the new one is there. */
Test(overwrite, a_later_step_reads_the_old_value)
{
    bl_tensor *p0 = bl_use(graph, p), *p1 = bl_add_scalar(p0, 3), *m1 = bl_mul(bl_neg(p1), p0);
    bl_tensor *outputs[] = {bl_assign(p, p1), bl_assign(m, m1)};
    bl_program *program = run(outputs, 2);
    for (int i = 0; i < N; i++) {
        float old = (float)(1 + i);
        cr_assert_eq(value_of(p, i), old + 3);
        cr_assert_eq(value_of(m, i), -(old + 3) * old);
    }
    bl_program_free(program);
}

Test(overwrite, a_later_instruction_reads_the_old_value)
{
    bl_tensor *p0 = bl_use(graph, p), *m0 = bl_use(graph, m);
    bl_tensor *reversed = bl_flip(p0, BL_AXES(0));
    bl_tensor *p1 = bl_mul_scalar(m0, 2), *m1 = bl_cumsum(reversed, 0);
    bl_tensor *outputs[] = {bl_assign(p, p1), bl_assign(m, m1), p0, p1};
    bl_program *program = run(outputs, 4);
    float sum = 0;
    for (int i = 0; i < N; i++) {
        sum += (float)(N - i);
        cr_assert_eq(value_of(p, i), (float)(2 * (100 + i)));
        cr_assert_float_eq(value_of(m, i), sum, 1e-5 * (double)sum);
        cr_assert_eq(bl_item_at(program, p0, BL_SHAPE(i)), 1 + i, "an output is what it was before the run");
        cr_assert_eq(bl_item_at(program, p1, BL_SHAPE(i)), 2 * (100 + i));
    }
    write_from(p, 7);
    cr_expect_eq(bl_item_at(program, p1, BL_SHAPE(0)), 200, "an output does not change with the state");
    bl_program_free(program);
}

/* A new value that is an output too, with nothing else that would keep it from standing in the state. */
Test(overwrite, an_output_is_not_the_state)
{
    bl_tensor *p1 = bl_add_scalar(bl_use(graph, p), 3), *outputs[] = {bl_assign(p, p1), p1};
    bl_program *program = run(outputs, 2);
    cr_expect_eq(value_of(p, 0), 4);
    write_from(p, 7);
    cr_expect_eq(bl_item_at(program, p1, BL_SHAPE(0)), 4);
    cr_expect_eq(bl_item_at(program, p1, BL_SHAPE(N - 1)), N + 3);
    bl_program_free(program);
}

/* The same new value for two states, and a new value in another layout than the old one. */
Test(overwrite, shared_and_turned_values)
{
    bl_parameter *a = bl_params_add(params, "a", BL_F32, BL_SHAPE(3, 3), bl_init_zeros(), NULL);
    bl_parameter *b = bl_params_add(params, "b", BL_F32, BL_SHAPE(3, 3), bl_init_zeros(), NULL);
    const float start[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    cr_assert_eq(bl_parameter_write(a, start, sizeof(start)), BL_OK);
    bl_tensor *a0 = bl_use(graph, a), *turned = bl_add(a0, bl_transpose(a0, 0, 1));
    bl_tensor *outputs[] = {bl_assign(a, turned), bl_assign(b, turned)};
    bl_program *program = run(outputs, 2);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            float wanted = start[3 * i + j] + start[3 * j + i];
            cr_expect_eq(((const float *)bl_parameter_data(a))[3 * i + j], wanted);
            cr_expect_eq(((const float *)bl_parameter_data(b))[3 * i + j], wanted);
        }
    bl_program_free(program);
}

/* What may fail after the update keeps it from being written early. */
Test(overwrite, a_run_that_fails_later)
{
    int64_t index = N;
    bl_tensor *p0 = bl_use(graph, p), *update = bl_assign(p, bl_add_scalar(p0, 1));
    bl_tensor *at = bl_input(graph, "at", BL_I64, BL_SHAPE(1));
    bl_tensor *row = bl_index_select(bl_use(graph, m), 0, at), *outputs[] = {update, row};
    bl_program *program = bl_compile_list(context, outputs, 2, NULL);
    cr_assert_eq(bl_set_input(program, at, &index, sizeof(index)), BL_OK);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    for (int i = 0; i < N; i++)
        cr_assert_eq(value_of(p, i), (float)(1 + i));
    index = 2;
    cr_assert_eq(bl_set_input(program, at, &index, sizeof(index)), BL_OK);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_expect_eq(value_of(p, 0), 2);
    cr_expect_eq(bl_item(program, row), 102);
    bl_program_free(program);
}

/* The gradient of a table at positions that were looked up in another: of p's rows, what was looked up in
 * `rows` of m's is known to be there, or not. */
static void update_table(int64_t rows, int64_t position, bl_status wanted)
{
    enum {
        WIDTH = 10,
        ROWS = N / WIDTH
    };
    float before = value_of(p, 0), data[N];
    bl_graph_reset(graph);
    bl_tensor *at = bl_input(graph, "at", BL_I64, BL_SHAPE(1));
    bl_tensor *small = bl_slice(bl_reshape(bl_use(graph, p), BL_SHAPE(ROWS, WIDTH)), 0, 0, ROWS / 2, 1);
    bl_tensor *large = bl_slice(bl_reshape(bl_use(graph, m), BL_SHAPE(ROWS, WIDTH)), 0, 0, rows, 1);
    bl_tensor *looked_up = bl_sum(bl_embedding(large, at), BL_ALL_AXES, false);
    bl_tensor *slope = bl_gradient(bl_sum(bl_embedding(small, at), BL_ALL_AXES, false), bl_use(graph, p));
    bl_tensor *outputs[] = {looked_up, bl_assign(p, bl_add(bl_use(graph, p), slope))};
    bl_program *program = bl_compile_list(context, outputs, 2, NULL);
    cr_assert_eq(bl_set_input(program, at, &position, sizeof(position)), BL_OK);
    cr_assert_eq(bl_run(program), wanted, "%s", error_text(bl_program_error(program)));
    memcpy(data, bl_parameter_data(p), sizeof(data));
    for (int i = 0; i < N; i++) {
        bool is_added = wanted == BL_OK && i / WIDTH == position;
        cr_assert_eq(data[i], before + (float)i + (is_added ? 1.f : 0.f), "element %d", i);
    }
    bl_program_free(program);
    write_from(p, (int)before);
}

Test(overwrite, positions_that_were_looked_up_before)
{
    update_table(N / 20, 3, BL_OK);
    update_table(N / 20, N / 20, BL_ERR_INDEX);
    update_table(N / 10, 3, BL_OK);
    update_table(N / 10, N / 20, BL_ERR_INDEX); /* which the larger table has */
}
