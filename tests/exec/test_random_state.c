/* Random states in programs: when runs are counted, what the draws depend on, what stands in the way. Looks
 * at graph/parameter.h to stand in for another run that holds a state. */
#include "bowline/bowline.h"
#include "graph/parameter.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static bl_parameter *random;

static void open_random(void)
{
    open_all();
    random = bl_params_add_random(params, "random", 42);
}

TestSuite(random_state, .init = open_random, .fini = close_all);

enum {
    N = 64
};

static int64_t run_of(const bl_parameter *state)
{
    return ((const int64_t *)bl_parameter_data(state))[1];
}

static void write_state(int64_t seed, int64_t run)
{
    cr_assert_eq(bl_parameter_write(random, (const int64_t[]){seed, run}, 2 * sizeof(int64_t)), BL_OK);
}

static bl_tensor *noise(bl_graph *on)
{
    return bl_normal(on, random, BL_F32, BL_SHAPE(N), 0, 1);
}

static bl_program *compiled(bl_tensor *const *outputs, size_t count)
{
    bl_program *program = bl_compile_list(context, outputs, count, NULL);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

/* Runs a program and copies N floats out. */
static void run_into(bl_program *program, const bl_tensor *output, float *values)
{
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    cr_assert_eq(bl_read(program, output, values, N * sizeof(float)), BL_OK);
}

static bool same(const float *a, const float *b)
{
    return memcmp(a, b, N * sizeof(float)) == 0;
}

/* Each run draws anew; going back in the state goes back in the draws. */
Test(random_state, runs_are_counted)
{
    float first[N], second[N], again[N];
    bl_tensor *x = noise(graph);
    bl_program *p = compiled(&x, 1);
    cr_assert_eq(run_of(random), 0);
    run_into(p, x, first);
    cr_assert_eq(run_of(random), 1);
    run_into(p, x, second);
    cr_assert_eq(run_of(random), 2);
    cr_expect(!same(first, second));
    write_state(42, 0);
    run_into(p, x, again);
    cr_expect(same(first, again));
    run_into(p, x, again);
    cr_expect(same(second, again));
    write_state(43, 0);
    run_into(p, x, again);
    cr_expect(!same(first, again));
    bl_program_free(p);
}

/* The draws go with seed, run and stream: not with the program, the graph or what else is recorded. */
Test(random_state, recording_again_draws_the_same)
{
    float first[N], other[N], again[N];
    bl_tensor *x = noise(graph), *y = noise(graph);
    bl_program *p = compiled((bl_tensor *[]){x, y}, 2);
    run_into(p, x, first);
    bl_read(p, y, other, sizeof(other));
    cr_expect(!same(first, other), "two draws of one run differ");
    bl_program_free(p);

    write_state(42, 0);
    p = compiled(&y, 1); /* without the first, the second is what it was */
    run_into(p, y, again);
    cr_expect(same(other, again));
    bl_program_free(p);

    write_state(42, 0);
    bl_graph_reset(graph);
    x = noise(graph);
    p = compiled(&x, 1);
    run_into(p, x, again);
    cr_expect(same(first, again));
    bl_program_free(p);

    write_state(42, 0);
    bl_graph *fresh = bl_graph_new(context);
    bl_tensor *sum = bl_add_scalar(noise(fresh), 1);
    bl_tensor *z = bl_sub(sum, bl_full(fresh, BL_F32, BL_SHAPE(N), 1));
    bl_tensor *same_draw = noise(fresh);
    p = compiled((bl_tensor *[]){z, same_draw}, 2);
    run_into(p, same_draw, again);
    bl_graph_free(fresh);
    cr_expect(same(other, again), "the second draw of another graph");
    bl_program_free(p);
}

/* One node is one draw, however often it is used, forward and backward. */
Test(random_state, a_node_is_one_draw)
{
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(N), bl_init_ones(), NULL);
    bl_tensor *x = noise(graph);
    bl_tensor *slope = bl_gradient(bl_mul(bl_use(graph, w), x), bl_use(graph, w));
    bl_tensor *difference = bl_max(bl_abs(bl_sub(slope, x)), BL_ALL_AXES, false);
    bl_program *p = compiled(&difference, 1);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bl_run(p), BL_OK);
        cr_expect_eq(bl_item(p, difference), 0);
    }
    bl_program_free(p);
}

/* Computed again in the backward pass, a draw is the same one. */
Test(random_state, checkpoints_draw_the_same)
{
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(N), bl_init_constant(0.5), NULL);
    bl_tensor *x = bl_use(graph, w);
    bl_tensor *y = bl_square(bl_mul(bl_dropout(bl_exp(x), 0.5, true, random), noise(graph)));
    bl_tensor *kept = bl_gradient(y, x), *again = bl_gradient(bl_checkpoint(y, &x, 1), x);
    bl_tensor *difference = bl_max(bl_abs(bl_sub(kept, again)), BL_ALL_AXES, false);
    bl_tensor *largest = bl_max(bl_abs(kept), BL_ALL_AXES, false);
    bl_program *p = compiled((bl_tensor *[]){difference, largest}, 2);
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect_eq(bl_item(p, difference), 0);
    cr_expect_gt(bl_item(p, largest), 0.1);
    cr_expect_eq(run_of(random), 1);
    bl_program_free(p);
}

/* A program that draws several times from one state counts one run; one that draws nothing counts none. */
Test(random_state, only_what_is_drawn_from_counts)
{
    bl_parameter *other = bl_params_add_random(params, "other", 7);
    bl_tensor *x = bl_add(noise(graph), noise(graph));
    bl_tensor *still = bl_cast(bl_use(graph, random), BL_F64);
    bl_tensor *y = bl_normal(graph, other, BL_F32, BL_SHAPE(N), 0, 1);
    bl_program *draws = compiled(&x, 1), *reads = compiled(&still, 1),
               *both = compiled((bl_tensor *[]){x, y}, 2);
    cr_assert_eq(bl_run(reads), BL_OK);
    cr_expect_eq(run_of(random), 0);
    cr_assert_eq(bl_run(draws), BL_OK);
    cr_expect(run_of(random) == 1 && run_of(other) == 0);
    cr_assert_eq(bl_run(both), BL_OK);
    cr_expect(run_of(random) == 2 && run_of(other) == 1);
    char text[2000];
    bl_program_format(both, text, sizeof(text));
    cr_expect_not_null(strstr(text, "count   random\n"));
    cr_expect_not_null(strstr(text, "count   other\n"));
    bl_program_free(draws);
    bl_program_free(reads);
    bl_program_free(both);
}

/* A run that fails has not drawn: the next one draws what it would have. */
Test(random_state, a_failed_run_is_not_counted)
{
    float expected[N], drawn[N];
    bl_tensor *x = noise(graph);
    bl_tensor *at = bl_input(graph, "at", BL_I64, BL_SHAPE(1));
    bl_tensor *row = bl_embedding(bl_reshape(x, BL_SHAPE(N, 1)), at);
    bl_program *alone = compiled(&x, 1), *p = compiled((bl_tensor *[]){x, row}, 2);
    run_into(alone, x, expected);
    write_state(42, 0);
    cr_assert_eq(bl_set_input(p, at, &(int64_t){N}, sizeof(int64_t)), BL_OK);
    cr_assert_eq(bl_run(p), BL_ERR_INDEX);
    cr_expect_eq(run_of(random), 0);
    cr_assert_eq(bl_set_input(p, at, &(int64_t){0}, sizeof(int64_t)), BL_OK);
    run_into(p, x, drawn);
    cr_expect(same(expected, drawn));
    cr_expect_eq(run_of(random), 1);
    bl_program_free(alone);
    bl_program_free(p);
}

/* A gradient check draws the same in all its runs, and counts none of them. */
Test(random_state, gradient_checks_are_frozen)
{
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(4, 5), bl_init_constant(0.5), NULL);
    bl_tensor *h = bl_dropout(bl_tanh(bl_use(graph, w)), 0.5, true, random);
    bl_tensor *y = bl_mul(h, bl_normal(graph, random, BL_F32, BL_SHAPE(4, 5), 1, 0.5));
    bl_gradcheck_result result;
    char text[256];
    write_state(42, 9);
    cr_assert_eq(bl_gradcheck(y, NULL, 0, NULL, 0, NULL, &result), BL_OK);
    bl_gradcheck_format(&result, text, sizeof(text));
    cr_expect(result.passed, "%s", text);
    cr_expect_eq(result.checked, 400);
    cr_expect_eq(run_of(random), 9);
    bl_tensor *next = noise(graph);
    float after[N], expected[N];
    cr_assert_eq(bl_eval(next, after, sizeof(after)), BL_OK);
    bl_graph_reset(graph);
    noise(graph);
    noise(graph);
    write_state(42, 9);
    cr_assert_eq(bl_eval(noise(graph), expected, sizeof(expected)), BL_OK);
    cr_expect(same(after, expected), "the check has used up a stream");
}

/* What was recorded in f32 is drawn in f32, and cast. */
Test(random_state, precision)
{
    bl_tensor *outputs[] = {bl_uniform(graph, random, BL_F32, BL_SHAPE(N), -1, 2), noise(graph),
                            bl_dropout(bl_full(graph, BL_F32, BL_SHAPE(N), 1), 0.5, true, random)};
    bl_program *narrow = compiled(outputs, 3);
    bl_compile_options options = bl_compile_defaults();
    options.precision = BL_PRECISION_F64;
    bl_program *wide = bl_compile_list(context, outputs, 3, &options);
    cr_assert_eq(bl_run(narrow), BL_OK);
    write_state(42, 0);
    cr_assert_eq(bl_run(wide), BL_OK);
    cr_expect_eq(run_of(random), 1);
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < N; i++)
            cr_assert_eq(bl_item_at(narrow, outputs[k], BL_SHAPE(i)),
                         bl_item_at(wide, outputs[k], BL_SHAPE(i)));
    bl_program_free(narrow);
    bl_program_free(wide);
}

/* Drawing writes the state: nothing else may write it in the same program, or use it at the same time. */
Test(random_state, one_writer)
{
    bl_tensor *fresh = bl_constant(graph, BL_I64, BL_SHAPE(2), (const int64_t[]){1, 2});
    bl_tensor *x = noise(graph), *assigned = bl_assign(random, fresh), *later = noise(graph);
    bl_tensor *const pairs[][2] = {{x, assigned}, {assigned, later}};
    for (int k = 0; k < 2; k++) {
        bl_program *p = bl_compile_list(context, pairs[k], 2, NULL);
        cr_expect(error_says(bl_program_error(p), BL_ERR_STATE, "random is assigned and drawn from", NULL),
                  "%s", error_text(bl_program_error(p)));
        bl_program_free(p);
    }
    bl_program *p = compiled(&x, 1);
    cr_assert(bl__parameter_enter(random, false)); /* another run reads it */
    cr_expect_eq(bl_run(p), BL_ERR_BUSY);
    bl__parameter_leave(random, false);
    cr_expect_eq(bl_run(p), BL_OK);
    cr_expect_eq(run_of(random), 1);
    bl_program_free(p);

    p = compiled(&assigned, 1); /* seeding from within is a program of its own */
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect_eq(run_of(random), 2);
    bl_program_free(p);
}

/* A state's name can be tied like any other; a program from before is stale. */
Test(random_state, tied)
{
    bl_params_add_random(params, "second", 5);
    bl_tensor *x = noise(graph);
    bl_program *p = compiled(&x, 1);
    cr_assert_eq(bl_params_tie(params, "random", "second"), BL_OK);
    cr_expect_eq(bl_run(p), BL_ERR_STALE);
    bl_program_free(p);
}
