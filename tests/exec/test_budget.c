/* A budget of memory: what is computed again changes no bit, and the workspace stays within the budget. */
#include "exec/budget.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum {
    LAYERS = 12,
    ROWS = 160,
    WIDTH = 48,
    VALUES = ROWS * WIDTH
};

/* A deep model with all that a budget has to mind: an embedding, dropout, layer norm, residual sums, and an
 * optimizer that writes parameters and moments. */
typedef struct net {
    bl_context *context;
    bl_params *params;
    bl_graph *graph;
    bl_optimizer *adam;
    bl_tensor *tokens, *loss, *outputs[2];
    bl_program *program;
} net;

static bl_tensor *layer(net *n, bl_parameter *random, bl_tensor *x, int i)
{
    char name[16];
    snprintf(name, sizeof(name), "layer%d", i);
    if (!bl_params_find(n->params, name)) {
        bl_rng *rng = bl_rng_new(n->context, (uint64_t)i);
        bl_params_add(n->params, name, BL_F32, BL_SHAPE(WIDTH, WIDTH), bl_init_normal(0, 0.2), rng);
        bl_rng_free(rng);
    }
    bl_tensor *h = bl_tanh(bl_matmul(x, bl_param(n->graph, n->params, name)));
    if (i % 3 == 1)
        h = bl_dropout(h, 0.1, true, random);
    if (i % 3 == 2)
        h = bl_layer_norm(bl_add(h, x), BL_SHAPE(WIDTH), NULL, NULL, 1e-5);
    return bl_gelu(h);
}

static void open_net(net *n, const bl_context_options *options)
{
    memset(n, 0, sizeof(*n));
    n->context = bl_context_new(options);
    n->params = bl_params_new(n->context);
    n->graph = bl_graph_new(n->context);
    n->adam = bl_adam(n->context, NULL);
    bl_rng *rng = bl_rng_new(n->context, 7);
    bl_parameter *random = bl_params_add_random(n->params, "random", 3);
    bl_params_add(n->params, "table", BL_F32, BL_SHAPE(9, WIDTH), bl_init_normal(0, 1), rng);
    bl_rng_free(rng);
    n->tokens = bl_input(n->graph, "tokens", BL_I64, BL_SHAPE(ROWS));
    bl_tensor *x = bl_embedding(bl_param(n->graph, n->params, "table"), n->tokens);
    for (int i = 0; i < LAYERS; i++)
        x = layer(n, random, x, i);
    n->loss = n->outputs[0] = bl_mean(bl_square(x), BL_ALL_AXES, false);
    n->outputs[1] = bl_minimize(n->adam, n->loss);
    cr_assert_eq(bl_graph_error(n->graph)->code, BL_OK, "%s", error_text(bl_graph_error(n->graph)));
}

static void close_net(net *n)
{
    bl_program_free(n->program);
    bl_graph_free(n->graph);
    bl_optimizer_free(n->adam);
    bl_params_free(n->params);
    bl_context_free(n->context);
}

/* FNV-1a of the loss and of all parameters and buffers after a few steps. */
static uint64_t train(net *n)
{
    int64_t tokens[ROWS];
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < ROWS; i++)
        tokens[i] = i * 7 % 9;
    cr_assert_eq(bl_set_input(n->program, n->tokens, tokens, sizeof(tokens)), BL_OK, "%s",
                 error_text(bl_program_error(n->program)));
    for (int step = 0; step < 3; step++) {
        cr_assert_eq(bl_run(n->program), BL_OK, "%s", error_text(bl_program_error(n->program)));
        double loss = bl_item(n->program, n->loss);
        for (size_t b = 0; b < sizeof(loss); b++)
            hash = (hash ^ ((const unsigned char *)&loss)[b]) * 1099511628211u;
    }
    for (size_t i = 0; i < bl_params_count(n->params); i++) {
        const bl_parameter *p = bl_params_at(n->params, i);
        size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(p)) * bl_dtype_size(bl_parameter_dtype(p));
        for (size_t b = 0; b < bytes; b++)
            hash = (hash ^ ((const unsigned char *)bl_parameter_data(p))[b]) * 1099511628211u;
    }
    return hash;
}

static size_t workspace_of(bl_program *program)
{
    return bl_program_workspace_bytes(program);
}

/* Trains within a budget; 0: without one. Gives the hash. */
static uint64_t train_within(size_t budget, int threads, bl_program_info *info)
{
    net n;
    bl_context_options options = bl_context_defaults();
    options.threads = threads;
    open_net(&n, &options);
    n.program = compile_within(n.context, n.outputs, 2, budget ? budget : BL_MEMORY_UNLIMITED);
    uint64_t hash = train(&n);
    *info = bl_program_describe(n.program);
    close_net(&n);
    return hash;
}

Test(budget, a_deep_model_at_parts_of_what_it_takes, .timeout = 120)
{
    static const size_t percents[] = {100, 70, 50, 40};
    bl_program_info all, info;
    uint64_t wanted = train_within(0, 1, &all);
    size_t repeated = 0;
    cr_expect_eq(all.repeated, 0);
    for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
        size_t budget = all.workspace_bytes / 100 * percents[i] + (percents[i] == 100 ? 100 : 0);
        cr_expect_eq(train_within(budget, 1, &info), wanted, "at %zu %%", percents[i]);
        cr_expect_leq(info.workspace_bytes, budget);
        cr_expect(info.repeated > repeated || percents[i] == 100, "%zu at %zu %%", info.repeated,
                  percents[i]);
        cr_expect_eq(info.effects, all.effects);
        cr_expect_geq(info.flops, all.flops);
        cr_expect_eq(train_within(budget, 3, &info), wanted, "at %zu %% on 3 threads", percents[i]);
        repeated = info.repeated;
    }
}

Test(budget, what_cannot_be_is_told_and_what_is_told_can_be, .timeout = 120)
{
    net n;
    bl_program_info all, info;
    uint64_t wanted = train_within(0, 1, &all);
    open_net(&n, NULL);
    size_t least = least_budget(n.context, n.outputs, 2);
    cr_expect_lt(least, all.workspace_bytes / 2);
    n.program = compile_within(n.context, n.outputs, 2, least - 1);
    cr_expect_eq(bl_program_error(n.program)->code, BL_ERR_BUDGET);
    char text[160];
    snprintf(text, sizeof(text), "the workspace takes %zu bytes at least, 1 more than the budget of %zu",
             least, least - 1);
    cr_expect_not_null(strstr(bl_program_error(n.program)->message, text), "%s",
                       bl_program_error(n.program)->message);
    cr_expect_eq(bl_run(n.program), BL_ERR_BUDGET);
    close_net(&n);
    cr_expect_eq(train_within(least, 1, &info), wanted);
    cr_expect_leq(info.workspace_bytes, least);
}

Test(budget, repeated_instructions_can_be_seen)
{
    net n;
    open_net(&n, NULL);
    n.program = compile_within(n.context, n.outputs, 2, least_budget(n.context, n.outputs, 2));
    bl_program_info info = bl_program_describe(n.program);
    size_t again = 0, lines = 0;
    static char text[1 << 18];
    for (size_t i = 0; i < info.instructions; i++)
        again += bl_program_instruction(n.program, i).again;
    bl_program_format(n.program, text, sizeof(text));
    for (const char *at = text; (at = strstr(at, "  again\n")); at++)
        lines++;
    cr_expect_gt(again, 0);
    cr_expect_eq(again, info.repeated);
    cr_expect_eq(again, lines);
    cr_expect_eq(bl_profile_start(n.program), BL_OK);
    train(&n);
    cr_expect_eq(bl_profile_run(n.program).runs, 3);
    cr_expect_eq(bl_profile_instruction(n.program, info.instructions - 1).runs, 3);
    close_net(&n);
}

/* The budget is part of what a program is found by. */
Test(budget, cached_programs)
{
    net n;
    open_net(&n, NULL);
    size_t least = least_budget(n.context, n.outputs, 2);
    n.program = compile_within(n.context, n.outputs, 2, least);
    size_t own = workspace_of(n.program), hits = bl_context_cache_info(n.context).hits;
    bl_program_free(n.program);
    bl_program *free = compile_within(n.context, n.outputs, 2, BL_MEMORY_UNLIMITED);
    cr_expect_eq(bl_context_cache_info(n.context).hits, hits);
    cr_expect_gt(workspace_of(free), own);
    n.program = compile_within(n.context, n.outputs, 2, least);
    cr_expect_eq(bl_context_cache_info(n.context).hits, hits + 1);
    cr_expect_eq(workspace_of(n.program), own);
    bl_program_free(free);
    close_net(&n);
}

/* In f64, with a check of values, and unfused. */
Test(budget, other_options)
{
    for (int which = 0; which < 3; which++) {
        uint64_t hashes[2];
        for (int within = 0; within < 2; within++) {
            net n;
            open_net(&n, NULL);
            bl_compile_options options = bl_compile_defaults();
            options.precision = which == 0 ? BL_PRECISION_F64 : BL_PRECISION_RECORDED;
            options.check = which == 1 ? BL_CHECK_FINITE : BL_CHECK_NOTHING;
            options.fuse = which != 2;
            n.program = bl_compile_list(n.context, n.outputs, 2, &options);
            if (within) {
                options.memory_budget = workspace_of(n.program) / 10 * 6;
                bl_program_free(n.program);
                n.program = bl_compile_list(n.context, n.outputs, 2, &options);
                cr_expect_leq(workspace_of(n.program), options.memory_budget);
            }
            hashes[within] = train(&n);
            close_net(&n);
        }
        cr_expect_eq(hashes[0], hashes[1], "option %d", which);
    }
}

/* A value that is made long before it is used is made later, and not twice. */
Test(budget, early_values_are_moved, .init = open_all, .fini = close_all)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(VALUES)), *early[4], *y = bl_cumsum(x, 0);
    for (int i = 0; i < 4; i++)
        early[i] = bl_flip(bl_cumsum(bl_mul_scalar(x, i + 2), 0), BL_AXES(0));
    for (int i = 0; i < 4; i++)
        y = bl_cumsum(bl_sub(y, early[i]), 0);
    size_t least = least_budget(context, &y, 1);
    bl_program *program = compile_within(context, &y, 1, least);
    cr_expect_eq(bl_program_describe(program).repeated, 0);
    cr_expect_leq(least, 4 * VALUES * sizeof(float));
    bl_program_free(program);
}

/* What reads a state that is written within the run is not repeated behind the write. */
Test(budget, states_are_read_before_they_are_written, .init = open_all, .fini = close_all)
{
    bl_rng *rng = bl_rng_new(context, 1);
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(VALUES), bl_init_normal(0, 1), rng);
    float start[VALUES], found[2][VALUES];
    bl_parameter_read(w, start, sizeof(start));
    bl_tensor *w0 = bl_use(graph, w), *kept = bl_exp(w0), *wide = bl_cumsum(kept, 0);
    bl_tensor *update = bl_assign(w, bl_mul_scalar(w0, 2)), *late = wide;
    for (int i = 0; i < 6; i++)
        late = bl_cumsum(bl_tanh(bl_add(late, bl_flip(late, BL_AXES(0)))), 0);
    bl_tensor *outputs[] = {bl_sum(bl_mul(late, kept), BL_ALL_AXES, false), update};
    size_t least = least_budget(context, outputs, 2);
    double values[2];
    for (int within = 0; within < 2; within++) {
        bl_program *program = compile_within(context, outputs, 2, within ? least : BL_MEMORY_UNLIMITED);
        cr_assert_eq(bl_parameter_write(w, start, sizeof(start)), BL_OK);
        cr_assert_eq(bl_run(program), BL_OK);
        values[within] = bl_item(program, outputs[0]);
        bl_parameter_read(w, found[within], sizeof(found[within]));
        bl_program_free(program);
    }
    cr_expect_eq(values[0], values[1]);
    cr_expect_arr_eq(found[0], found[1], sizeof(found[0]));
    bl_rng_free(rng);
}

static int calls;

static bl_status count_calls(const bl_compute_call *call)
{
    calls++;
    memcpy(call->outputs[0], call->inputs[0], VALUES * sizeof(float));
    return BL_OK;
}

static bl_status infer_same(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

/* An op of the user's runs once, however much its value stands in the way. */
Test(budget, ops_of_the_user_run_once, .init = open_all, .fini = close_all)
{
    static const bl_op op = {.size = sizeof(bl_op),
                             .name = "counted",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .output_count = 1,
                             .infer = infer_same,
                             .compute = count_calls};
    static float x0[VALUES];
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(VALUES));
    bl_tensor *kept = bl_apply(graph, &op, &x, 1, NULL), *y = bl_cumsum(kept, 0);
    for (int i = 0; i < 4; i++)
        y = bl_cumsum(bl_add(y, bl_flip(y, BL_AXES(0))), 0);
    y = bl_mul(y, kept);
    bl_program *program = compile_within(context, &y, 1, least_budget(context, &y, 1));
    cr_assert_eq(bl_set_input(program, x, x0, sizeof(x0)), BL_OK);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    cr_expect_eq(calls, 1);
    bl_program_free(program);
}

Test(budget, out_of_memory_anywhere, .timeout = 120)
{
    static failing_allocator memory;
    failing_allocator_init(&memory);
    bl_context_options options = failing_allocator_options(&memory);
    options.cached_programs = 0;
    net n;
    open_net(&n, &options);
    bl_program *whole = compile_within(n.context, n.outputs, 2, BL_MEMORY_UNLIMITED);
    size_t budget = workspace_of(whole) / 2;
    bl_program_free(whole);
    bool failed = true;
    size_t blocks = memory.live_blocks;
    for (long k = 1; failed; k++) {
        failing_allocator_fail(&memory, k, false);
        n.program = compile_within(n.context, n.outputs, 2, budget);
        bl_status status = bl_program_error(n.program)->code;
        failed = failing_allocator_has_failed(&memory);
        cr_assert_eq(status, failed ? BL_ERR_MEMORY : BL_OK, "allocation %ld: %s", k,
                     error_text(bl_program_error(n.program)));
        cr_assert(failed || k > 20);
        bl_program_free(n.program);
        n.program = NULL;
        bl_context_clear_error(n.context);
        if (failed)
            cr_assert_eq(memory.live_blocks, blocks, "allocation %ld", k);
    }
    close_net(&n);
    char left[200];
    cr_assert(failing_allocator_clean(&memory, left, sizeof(left)), "%s", left);
}

/* Values that would be made by one instruction, used before the peak and behind it. */
Test(budget, values_of_the_same_steps_are_repeated, .init = open_all, .fini = close_all)
{
    enum {
        SAME = 8,
        COUNT = 512,
        SIDE = 128
    };
    static float a[COUNT], b[SIDE * SIDE];
    bl_tensor *x[SAME], *early = NULL, *late = NULL, *h[SAME];
    bl_tensor *y = bl_input(graph, "y", BL_F32, BL_SHAPE(SIDE, SIDE));
    for (int i = 0; i < SAME; i++) {
        x[i] = bl_input(graph, "x", BL_F32, BL_SHAPE(COUNT));
        h[i] = bl_tanh(bl_add(bl_exp(x[i]), bl_square(x[i])));
    }
    for (int i = 0; i < SAME; i++) {
        bl_tensor *sum = bl_sum(bl_cumsum(h[i], 0), BL_ALL_AXES, false);
        early = early ? bl_add(early, sum) : sum;
    }
    bl_tensor *peak = bl_matmul(bl_mul(y, bl_mul_scalar(early, 1e-4)), y);
    bl_tensor *factor = bl_sum(bl_matmul(bl_tanh(peak), y), BL_ALL_AXES, false);
    for (int i = 0; i < SAME; i++) {
        bl_tensor *sum =
            bl_sum(bl_matmul(bl_reshape(h[i], BL_SHAPE(4, SIDE)), bl_mul(y, factor)), BL_ALL_AXES, false);
        late = late ? bl_add(late, sum) : sum;
    }
    for (int i = 0; i < SIDE * SIDE; i++)
        b[i] = (float)(i % 13) * 0.01f;
    double wanted = 0;
    size_t whole = 0, repeated = 0, least = least_budget(context, &late, 1);
    for (int percent = 100; percent >= 40; percent -= 3) {
        size_t budget = percent == 100 ? BL_MEMORY_UNLIMITED : whole / 100 * (size_t)percent;
        if (budget < least)
            continue;
        bl_program *program = compile_within(context, &late, 1, budget);
        cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
        for (int i = 0; i < SAME; i++) {
            for (int k = 0; k < COUNT; k++)
                a[k] = (float)((i * 7 + k * 3) % 11) * 0.1f - 0.5f;
            bl_set_input(program, x[i], a, sizeof(a));
        }
        bl_set_input(program, y, b, sizeof(b));
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
        double found = bl_item(program, late);
        wanted = percent == 100 ? found : wanted;
        whole = percent == 100 ? bl_program_workspace_bytes(program) : whole;
        cr_expect_eq(found, wanted, "%.9g at %d %%, not %.9g", found, percent, wanted);
        repeated += bl_program_describe(program).repeated;
        bl_program_free(program);
    }
    cr_expect_gt(repeated, 0);
}
