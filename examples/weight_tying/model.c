/* The model of the experiment: one forward function that does not know whether it is tied, the order in which
 * the first values are drawn, and one training step as a program. */
#include "model.h"

#include <math.h>
#include <string.h>

const char *const model_names[MODELS] = {[UNTIED] = "untied", [TIED] = "tied"};

static bl_tensor *forward(bl_graph *graph, const bl_params *params, bl_tensor *tokens)
{
    bl_tensor *weight = bl_param(graph, params, "head.weight");
    bl_tensor *bias = bl_param(graph, params, "head.bias");
    bl_tensor *embedded = bl_embedding(bl_param(graph, params, "embedding.weight"), tokens); /* [2,3,3]  */
    bl_tensor *logits = bl_linear(embedded, weight, bias);                                   /* [2,3,10] */
    return bl_softmax(logits, -1);
}

/* The layers in the order in which PyTorch's modules draw theirs. As there, the tied model draws an embedding
 * of its own first, which goes when the head's weight takes its name. */
static bl_status draw_parameters(model *made, bl_context *context, bool tied, bl_rng *rng)
{
    made->params = bl_params_new(context);
    if (!made->params)
        return bl_context_error(context)->code;
    bl_status status = bl_embedding_params(made->params, "embedding", CLASSES, WIDTH, rng);
    if (status == BL_OK)
        status = bl_linear_params(made->params, "head", WIDTH, CLASSES, true, rng);
    if (status == BL_OK && tied)
        status = bl_params_tie(made->params, "embedding.weight", "head.weight");
    return status;
}

/* Draws the embedding anew in the distribution of the head's weight. This comes after all other draws, so
 * that nothing else differs from the run without it. */
static bl_status draw_embedding_as_head(model *made, bl_rng *rng)
{
    float values[CLASSES * WIDTH];
    double bound = 1 / sqrt((double)WIDTH);
    bl_status status = bl_rng_uniform_f32(rng, -bound, bound, values, CLASSES * WIDTH);
    if (status != BL_OK)
        return status;
    bl_parameter *embedding = bl_params_find(made->params, "embedding.weight");
    return bl_parameter_write(embedding, values, sizeof values);
}

static bl_status draw_all(experiment *made, bl_rng *rng, first_values init)
{
    for (int i = 0; i < MODELS; i++) {
        bl_status status = draw_parameters(&made->models[i], made->context, i == TIED, rng);
        if (status != BL_OK)
            return status;
    }
    if (init == FIRST_VALUES_HEAD) {
        bl_status status = draw_embedding_as_head(&made->models[UNTIED], rng);
        if (status != BL_OK)
            return status;
    }
    bl_rng_seed(rng, 0); /* every seed learns the same tokens */
    return bl_rng_randint(rng, 0, CLASSES, made->tokens, BATCH * LENGTH);
}

static bl_status compile_step(model *made, bl_context *context, const int64_t *tokens, double lr)
{
    bl_adam_options options = bl_adam_defaults();
    options.lr = lr;
    made->adam = bl_adam(context, &options);
    made->graph = bl_graph_new(context);
    if (!made->adam || !made->graph)
        return bl_context_error(context)->code;

    bl_tensor *input = bl_constant(made->graph, BL_I64, BL_SHAPE(BATCH, LENGTH), tokens);
    bl_label(input, "tokens");
    made->target = bl_label(bl_one_hot(input, CLASSES, BL_F32), "target");
    bl_tensor *output = forward(made->graph, made->params, input);
    made->loss = bl_label(bl_mse_loss(output, made->target), "loss");
    made->update = bl_minimize(made->adam, made->loss);
    made->step = bl_compile(context, made->loss, made->update);
    return bl_program_error(made->step)->code;
}

bl_status experiment_make(experiment *made, bl_context *context, uint64_t seed, first_values init, double lr)
{
    memset(made, 0, sizeof *made);
    made->context = context;
    bl_rng *rng = bl_rng_new(context, seed);
    if (!rng)
        return bl_context_error(context)->code;
    bl_status status = draw_all(made, rng, init);
    bl_rng_free(rng);
    for (int i = 0; i < MODELS && status == BL_OK; i++)
        status = compile_step(&made->models[i], context, made->tokens, lr);
    return status;
}

void experiment_free(experiment *made)
{
    for (int i = 0; i < MODELS; i++) {
        model *one = &made->models[i];
        bl_program_free(one->step);
        bl_graph_free(one->graph);
        bl_optimizer_free(one->adam);
        bl_params_free(one->params);
    }
    memset(made, 0, sizeof *made);
}
