/* Recording a whole training step, and making what it needs, with any one allocation failing. */
#include "support/errors.h"
#include "support/failing_allocator.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>

typedef struct training {
    bl_optimizer *sgd;
    bl_accumulator *sums;
    bl_ema *ema;
    bl_loss_scaler *scaler;
} training;

/* The effect of it all; NULL or invalid when there was no memory. */
static bl_tensor *record(training *t, bl_context *context, bl_graph *graph, bl_params *params)
{
    t->sgd = bl_sgd(context, NULL);
    t->sums = bl_accumulator_new(context);
    t->ema = bl_ema_new(context, NULL);
    t->scaler = bl_loss_scaler_new(context, NULL);
    if (!t->sgd || !t->sums || !t->ema || !t->scaler)
        return NULL;
    bl_tensor *a = bl_param(graph, params, "a"), *b = bl_param(graph, params, "b");
    bl_tensor *loss = bl_sum(bl_mul(bl_mul(a, a), b), BL_ALL_AXES, false);
    bl_uses uses = bl_parameter_uses(loss, bl_params_find(params, "a"));
    bl_gradients g = bl_trainable_gradients(bl_loss_scaler_scale(t->scaler, loss));
    bl_tensor *finite = bl_loss_scaler_unscale(t->scaler, g.tensors, g.count, g.tensors);
    bl_tensor *add = bl_accumulator_add(t->sums, g.parameters, g.tensors, g.count);
    bl_gradients mean = bl_accumulator_mean(t->sums, graph);
    bl_tensor *norm = bl_clip_norm(mean.tensors, mean.count, 1, 2, mean.tensors);
    bl_clip_value(mean.tensors, mean.count, 1, mean.tensors);
    bl_tensor *effects[] = {add, bl_optimizer_update(t->sgd, mean.parameters, mean.tensors, mean.count),
                            bl_ema_follow(t->ema, graph, t->sgd, params)};
    bl_tensor *step = bl_loss_scaler_step(t->scaler, finite, bl_group(graph, effects, 3));
    bool complete = uses.count == 2 && bl_tensor_valid(norm);
    return complete ? step : bl_tensor_valid(step) ? NULL : step;
}

static void free_all(training *t)
{
    bl_optimizer_free(t->sgd);
    bl_accumulator_free(t->sums);
    bl_ema_free(t->ema);
    bl_loss_scaler_free(t->scaler);
}

static bool attempt(long fail)
{
    failing_allocator heap;
    char why[160];
    failing_allocator_init(&heap);
    bl_context *context = failing_allocator_context(&heap);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_params_add(params, "a", BL_F64, BL_SHAPE(3), bl_init_ones(), NULL);
    bl_params_add(params, "b", BL_F64, BL_SHAPE(3), bl_init_ones(), NULL);
    failing_allocator_fail(&heap, fail, false);
    training t = {0};
    bl_tensor *step = record(&t, context, graph, params);
    bool failed = failing_allocator_has_failed(&heap);
    failing_allocator_relent(&heap);
    cr_assert_eq(bl_tensor_valid(step), !failed, "allocation %ld", fail);
    if (failed) {
        const bl_error *first = bl_graph_error(graph); /* the context's is the last */
        first = first->code == BL_OK ? bl_context_error(context) : first;
        cr_assert_eq(first->code, BL_ERR_MEMORY, "allocation %ld: %s", fail, error_text(first));
        free_all(&t);
        bl_graph_reset(graph);
        step = record(&t, context, graph, params);
        cr_assert(bl_tensor_valid(step), "a second attempt works: %s", error_text(bl_graph_error(graph)));
    }
    free_all(&t);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
    cr_assert(failing_allocator_clean(&heap, why, sizeof why), "allocation %ld: %s", fail, why);
    return !failed;
}

Test(training, out_of_memory)
{
    long fail = 1;
    while (!attempt(fail))
        fail++;
    cr_assert_gt(fail, 20, "only %ld allocations", fail - 1);
}
