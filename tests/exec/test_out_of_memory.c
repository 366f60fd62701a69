/* Out of memory anywhere in a model's life: the error is told, nothing leaks, nothing half done is left, and
 * the same step taken again when there is memory ends where it would have ended. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/failing_allocator.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum {
    CLASSES = 7,
    WIDTH = 3,
    BUFFERS = 20, /* more states than a program's first table holds */
    WEIGHTS = 2 * CLASSES * WIDTH + CLASSES
};

/* One life. The steps below take it on one by one; each can be taken again after it has failed. */
typedef struct life {
    failing_allocator memory;
    bl_context *context;
    bl_params *params;
    bl_rng *rng;
    bl_graph *graph;
    bl_optimizer *adam;
    bl_tensor *tokens, *target, *loss, *update, *counts, *gradient;
    bl_program *program;
    float losses[3];
    float gradient_values[CLASSES * WIDTH];
    bl_gradcheck_result check;
    size_t drawing;
} life;

static const int64_t token_values[6] = {4, 6, 3, 0, 3, 6};
static const char *const names[] = {"head.weight", "head.bias", "embedding.weight"};

static bl_status context_status(const life *l)
{
    return bl_context_error(l->context)->code;
}

static bl_status make_owners(life *l)
{
    l->context = l->context ? l->context : failing_allocator_context(&l->memory);
    if (!l->context)
        return BL_ERR_MEMORY;
    l->params = l->params ? l->params : bl_params_new(l->context);
    l->rng = l->rng ? l->rng : bl_rng_new(l->context, 0);
    l->graph = l->graph ? l->graph : bl_graph_new(l->context);
    l->adam = l->adam ? l->adam : bl_adam(l->context, NULL);
    return l->params && l->rng && l->graph && l->adam ? BL_OK : context_status(l);
}

/* Each parameter is drawn from a seed of its own, so that those drawn before a failure do not matter. */
static bl_status make_parameters(life *l)
{
    bl_shape shapes[] = {BL_SHAPE(CLASSES, WIDTH), BL_SHAPE(CLASSES), BL_SHAPE(CLASSES, WIDTH)};
    for (size_t i = 0; i < 3; i++) {
        bl_rng_seed(l->rng, i);
        if (!bl_params_find(l->params, names[i]) &&
            !bl_params_add(l->params, names[i], BL_F32, shapes[i], bl_init_normal(0, 1), l->rng))
            return bl_params_error(l->params)->code;
    }
    for (int i = 0; i < BUFFERS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "count.%d", i);
        if (!bl_params_find(l->params, name) && !bl_params_add_buffer(l->params, name, BL_I64, BL_SCALAR))
            return bl_params_error(l->params)->code;
    }
    return BL_OK;
}

static bl_status tie(life *l)
{
    bl_status status = bl_params_tie(l->params, "embedding.weight", "head.weight");
    return status == BL_OK ? bl_params_untie(l->params, "embedding.weight") : status;
}

static bl_status tie_for_good(life *l)
{
    return bl_params_tie(l->params, "embedding.weight", "head.weight");
}

/* The weight-tying model with whatever else takes memory: many inputs, many states, long texts. */
static bl_status record(life *l)
{
    bl_tensor *counts[BUFFERS], *parts[6], *shared;
    bl_graph *g = l->graph;
    bl_graph_reset(g);
    l->tokens = bl_input(g, "tokens", BL_I64, BL_SHAPE(2, 3));
    l->target = bl_label(bl_one_hot(l->tokens, CLASSES, BL_F32), "target");
    bl_scope_push(g, "model");
    shared = bl_param(g, l->params, "/embedding.weight");
    bl_tensor *rows = bl_embedding(shared, l->tokens);
    bl_tensor *logits =
        bl_linear(rows, bl_param(g, l->params, "/head.weight"), bl_param(g, l->params, "/head.bias"));
    bl_scope_pop(g);
    for (int i = 0; i < 6; i++)
        parts[i] = bl_slice(bl_softmax(logits, -1), 0, i % 2, i % 2 + 1, 1);
    bl_tensor *all = bl_slice(bl_concat(parts, 6, 0), 0, 0, 2, 1);
    for (int i = 0; i < BUFFERS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "count.%d", i);
        bl_parameter *count = bl_params_find(l->params, name);
        counts[i] = bl_assign(count, bl_add_scalar(bl_use(g, count), i));
    }
    l->loss = bl_label(bl_mse_loss(all, l->target), "loss");
    l->counts = bl_group(g, counts, BUFFERS);
    l->gradient = bl_gradient(l->loss, shared);
    return bl_graph_error(g)->code;
}

static bl_status minimize(life *l)
{
    l->update = bl_minimize(l->adam, l->loss);
    bl_status status = bl_graph_error(l->graph)->code;
    if (status != BL_OK) { /* what is on the tape is in error for good: the next try begins with a new one */
        cr_assert(!bl_tensor_valid(l->update));
        cr_assert_eq(
            bl_optimizer_error(l->adam)->code == BL_OK || bl_optimizer_error(l->adam)->code == status, true);
        while (record(l) != BL_OK)
            failing_allocator_relent(&l->memory);
    }
    return status;
}

static bl_status compile(life *l)
{
    bl_program_free(l->program);
    l->program = bl_compile(l->context, l->loss, l->gradient, l->update, l->counts);
    return bl_program_error(l->program)->code;
}

static bl_status set_inputs(life *l)
{
    return bl_set_input(l->program, l->tokens, token_values, sizeof(token_values));
}

static bl_status run(life *l)
{
    long calls = l->memory.calls;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bl_run(l->program), BL_OK, "%s", error_text(bl_program_error(l->program)));
        l->losses[i] = (float)bl_item(l->program, l->loss);
    }
    cr_assert_eq(bl_read(l->program, l->gradient, l->gradient_values, sizeof(l->gradient_values)), BL_OK);
    cr_assert_eq(l->memory.calls, calls, "running and reading allocate nothing");
    return BL_OK;
}

static bl_status check_gradient(life *l)
{
    bl_gradcheck_input inputs[] = {{l->tokens, token_values, sizeof(token_values)}};
    bl_status before = bl_graph_error(l->graph)->code;
    bl_status status = bl_gradcheck(l->loss, NULL, 0, inputs, 1, NULL, &l->check);
    cr_assert_eq(bl_graph_error(l->graph)->code, before, "the check leaves the graph as it was");
    cr_assert_eq(l->check.status, status);
    cr_assert_eq(l->check.error.code, status);
    cr_assert_eq(l->check.passed, status == BL_OK);
    return status;
}

static bl_status draw(life *l)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    bl_tensor *outputs[] = {l->loss, l->update, l->counts};
    bl_status status = bl_draw_dot(outputs, 3, l->params, file);
    l->drawing = (size_t)ftell(file);
    fclose(file);
    return status;
}

static bl_status evaluate(life *l)
{
    float sum;
    return bl_eval(bl_sum(bl_param(l->graph, l->params, "head.weight"), BL_ALL_AXES, false), &sum,
                   sizeof(sum));
}

static bl_status untie(life *l)
{
    return bl_params_untie(l->params, "embedding.weight");
}

static bl_status run_stale(life *l)
{
    cr_assert_eq(bl_run(l->program), BL_ERR_STALE);
    return BL_OK;
}

static bl_status (*const steps[])(life *l) = {
    make_owners, make_parameters, tie,  tie_for_good, record, minimize, compile, set_inputs,
    run,         check_gradient,  draw, evaluate,     untie,  run_stale};
enum {
    STEPS = sizeof(steps) / sizeof(*steps)
};

static void end(life *l)
{
    char left[200];
    bl_program_free(l->program);
    bl_graph_free(l->graph);
    bl_optimizer_free(l->adam);
    bl_rng_free(l->rng);
    bl_params_free(l->params);
    if (l->context)
        bl_context_free(l->context);
    cr_assert(failing_allocator_clean(&l->memory, left, sizeof(left)), "%s", left);
}

/* The values of all parameters there are, with their number in front. */
static void snapshot(const life *l, float *values)
{
    memset(values, 0, (WEIGHTS + 1) * sizeof(float));
    for (size_t i = 0, at = 1; l->params && i < 3; i++) {
        const bl_parameter *parameter = bl_params_find(l->params, names[i]);
        if (!parameter)
            continue;
        size_t count = (size_t)bl_shape_count(bl_parameter_shape(parameter));
        memcpy(values + at, bl_parameter_data(parameter), count * sizeof(float));
        values[0]++;
        at += count;
    }
}

static void clear_errors(life *l)
{
    bl_context_clear_error(l->context);
    bl_params_clear_error(l->params);
    bl_graph_clear_error(l->graph);
}

/* A whole life in which nothing fails. */
static void live_well(life *l)
{
    memset(l, 0, sizeof(*l));
    failing_allocator_init(&l->memory);
    for (size_t i = 0; i < STEPS; i++)
        cr_assert_eq(steps[i](l), BL_OK, "step %zu: %s", i, error_text(bl_context_error(l->context)));
    cr_assert_eq(context_status(l), BL_ERR_STALE); /* the last step asks for it */
    cr_assert(l->check.passed);
    cr_assert_lt(l->losses[2], l->losses[0]);
    end(l);
}

/* A failing step says so, and what was not its to change is as it was. */
static void expect_failure(const life *l, bl_status status, size_t step, long k, const float *before)
{
    float after[WEIGHTS + 1];
    cr_assert_eq(status, BL_ERR_MEMORY, "allocation %ld, step %zu: %s", k, step,
                 l->context ? error_text(bl_context_error(l->context)) : "no context");
    if (l->context && steps[step] != minimize) /* which has recorded anew in the meantime */
        cr_assert_eq(context_status(l), BL_ERR_MEMORY, "allocation %ld, step %zu: %s", k, step,
                     error_text(bl_context_error(l->context)));
    snapshot(l, after);
    if (steps[step] != make_parameters && steps[step] != tie)
        cr_assert_arr_eq(before, after, sizeof(after), "allocation %ld, step %zu changed parameters", k,
                         step);
}

Test(out_of_memory, one_refusal_and_then_the_step_again, .timeout = 120)
{
    static life good, l;
    live_well(&good);
    bool failed = true;
    for (long k = 1; failed; k++) {
        memset(&l, 0, sizeof(l));
        failing_allocator_init(&l.memory);
        failing_allocator_fail(&l.memory, k, false);
        long told = 0;
        for (size_t i = 0; i < STEPS; i++) {
            float before[WEIGHTS + 1];
            snapshot(&l, before);
            bl_status status = steps[i](&l);
            if (status == BL_OK)
                continue;
            expect_failure(&l, status, i, k, before);
            told++;
            clear_errors(&l);
            status = steps[i](&l);
            cr_assert_eq(status, BL_OK, "allocation %ld, step %zu again: %s", k, i,
                         error_text(bl_context_error(l.context)));
        }
        failed = failing_allocator_has_failed(&l.memory) || told > 0;
        cr_assert_eq(told, failed ? 1 : 0, "the refusal of allocation %ld was told %ld times", k, told);
        cr_assert(failed || k > 100);
        cr_assert_arr_eq(l.losses, good.losses, sizeof(l.losses), "allocation %ld", k);
        cr_assert_arr_eq(l.gradient_values, good.gradient_values, sizeof(l.gradient_values), "allocation %ld",
                         k);
        cr_assert_eq(l.drawing, good.drawing);
        cr_assert(l.check.passed && l.check.checked == good.check.checked);
        end(&l);
    }
}

/* Takes the steps until one fails, and then the rest all the same, with whatever invalid things there are. */
Test(out_of_memory, refusals_for_good, .timeout = 120)
{
    static life l;
    for (long k = 2;; k++) { /* without a context there is nothing to go on with */
        memset(&l, 0, sizeof(l));
        failing_allocator_init(&l.memory);
        failing_allocator_fail(&l.memory, k, true);
        size_t i = 0;
        bl_status status = BL_OK;
        for (; i < STEPS && status == BL_OK; i++) {
            float before[WEIGHTS + 1];
            snapshot(&l, before);
            status = steps[i](&l);
            if (status != BL_OK && steps[i] != minimize)
                expect_failure(&l, status, i, k, before);
        }
        bool failed = status != BL_OK;
        cr_assert_eq(failed, failing_allocator_has_failed(&l.memory), "allocation %ld", k);
        if (failed && i > 4 && steps[i - 1] != minimize) {
            bl_run(compile(&l) == BL_OK ? l.program : NULL);
            check_gradient(&l);
            draw(&l);
            untie(&l);
        }
        end(&l);
        if (!failed)
            break;
    }
}
