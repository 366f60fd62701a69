/* Orders of instructions that take less memory than the recorded one, with the same bits. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>

TestSuite(order, .init = open_all, .fini = close_all);

enum {
    N = 4096,
    BRANCHES = 8
};

static const size_t one = N * sizeof(float);

/* All large values are recorded before the first of them is reduced. */
Test(order, what_ends_values_runs_early)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(N)), *large[BRANCHES], *sum = NULL;
    float data[N];
    double wanted = 0;
    for (int i = 0; i < N; i++)
        data[i] = (float)(i % 5);
    for (int i = 0; i < BRANCHES; i++)
        large[i] = bl_cumsum(bl_mul_scalar(x, i + 1), 0);
    for (int i = 0; i < BRANCHES; i++) {
        bl_tensor *last = bl_slice(large[i], 0, N - 1, N, 1);
        sum = sum ? bl_add(sum, bl_max(last, BL_ALL_AXES, false)) : bl_max(last, BL_ALL_AXES, false);
    }
    bl_compile_options options = bl_compile_defaults();
    options.threads = 1; /* what runs side by side is alive at once */
    bl_program *program = bl_compile_list(context, &sum, 1, &options);
    bl_program_info info = bl_program_describe(program);
    cr_expect_lt(info.workspace_bytes - info.scratch_bytes, 3 * one, "%zu", info.workspace_bytes);
    cr_assert_eq(bl_set_input(program, x, data, sizeof(data)), BL_OK);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    for (int i = 0; i < N; i++)
        wanted += (double)data[i] * BRANCHES * (BRANCHES + 1) / 2;
    cr_expect_eq(bl_item(program, sum), wanted);
    bl_program_free(program);
}

/* All values are recorded at the beginning and used at the end, one after the other. */
Test(order, what_makes_values_runs_late)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(N)), *early[BRANCHES], *y = bl_cumsum(x, 0);
    for (int i = 0; i < BRANCHES; i++)
        early[i] = bl_cumsum(bl_flip(x, BL_AXES(0)), 0);
    for (int i = 0; i < BRANCHES; i++)
        y = bl_cumsum(bl_sub(y, early[i]), 0);
    bl_program *program = bl_compile(context, y);
    bl_program_info info = bl_program_describe(program);
    cr_expect_leq(info.workspace_bytes - info.scratch_bytes, 4 * one, "%zu", info.workspace_bytes);
    bl_program_free(program);
}

/* Each parameter is written as soon as its gradient is there, so no two large gradients are alive at once. */
Test(order, updates_run_when_gradients_are_there)
{
    enum {
        LAYERS = 6,
        WIDTH = 64
    };
    bl_rng *rng = bl_rng_new(context, 0);
    bl_optimizer *adam = bl_adam(context, NULL);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(1, WIDTH));
    for (int i = 0; i < LAYERS; i++) {
        char name[] = {'w', (char)('0' + i), '\0'};
        bl_params_add(params, name, BL_F32, BL_SHAPE(WIDTH, WIDTH), bl_init_normal(0, 0.1), rng);
        x = bl_tanh(bl_matmul(x, bl_param(graph, params, name)));
    }
    bl_tensor *loss = bl_mean(x, BL_ALL_AXES, false);
    bl_program *program = bl_compile(context, loss, bl_minimize(adam, loss));
    bl_program_info info = bl_program_describe(program);
    size_t gradient = WIDTH * WIDTH * sizeof(float);
    cr_expect_lt(info.workspace_bytes - info.scratch_bytes, 2 * gradient, "%zu", info.workspace_bytes);
    bl_program_free(program);
    bl_optimizer_free(adam);
    bl_rng_free(rng);
}

/* Of several instructions that fail the one that was recorded first is told. */
Test(order, what_can_fail_stays_in_order)
{
    const int64_t bad = N;
    bl_tensor *at = bl_input(graph, "at", BL_I64, BL_SHAPE(1)),
              *x = bl_input(graph, "x", BL_F32, BL_SHAPE(N));
    bl_tensor *picked[BRANCHES], *sum = NULL;
    float data[N] = {0};
    for (int i = 0; i < BRANCHES; i++) {
        char scope[] = {'s', (char)('0' + i), '\0'};
        bl_scope_push(graph, scope);
        picked[i] = bl_index_select(bl_cumsum(bl_mul_scalar(x, i + 1), 0), 0, at);
        bl_scope_pop(graph);
    }
    for (int i = BRANCHES; i-- > 0;)
        sum = sum ? bl_add(sum, picked[i]) : picked[i];
    bl_program *program = bl_compile(context, sum);
    cr_assert_eq(bl_set_input(program, x, data, sizeof(data)), BL_OK);
    cr_assert_eq(bl_set_input(program, at, &bad, sizeof(bad)), BL_OK);
    cr_expect_eq(bl_run(program), BL_ERR_INDEX);
    cr_expect_str_eq(bl_program_error(program)->scope, "s0");
    bl_program_free(program);
}
