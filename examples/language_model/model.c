/* The models: parameters, embedding, head and loss, which both bodies share. lstm.c and gpt.c are the bodies.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

const char *const tying_names[TYINGS] = {"untied", "tied", "tied-projection"};

model_options model_small_lstm(void)
{
    return (model_options){.body = BODY_LSTM,
                           .width = 200,
                           .hidden = 200,
                           .layers = 2,
                           .init = 0.1,
                           .dropout = 0,
                           .penalty = 0.15};
}

model_options model_medium_lstm(void)
{
    return (model_options){.body = BODY_LSTM,
                           .width = 650,
                           .hidden = 650,
                           .layers = 2,
                           .init = 0.05,
                           .dropout = 0.5,
                           .penalty = 0.15};
}

model_options model_gpt(void)
{
    return (model_options){.body = BODY_GPT,
                           .width = 256,
                           .hidden = 256,
                           .layers = 4,
                           .heads = 8,
                           .context = 256,
                           .init = 0.02,
                           .dropout = 0.1,
                           .penalty = 0.15};
}

const char *model_options_wrong(const model_options *options)
{
    const int64_t most = 1 << 20;
    if (options->vocabulary < 1)
        return "a model needs a vocabulary";
    if (options->width < 1 || options->hidden < 1 || options->width > most || options->hidden > most)
        return "widths are from 1 to 1048576";
    if (options->layers < 1 || options->layers > LAYERS_MOST)
        return "layers are from 1 to 64";
    if (options->body == BODY_GPT && (options->heads < 1 || options->hidden % options->heads != 0))
        return "the heads of a GPT have to divide its width";
    if (options->body == BODY_GPT && (options->context < 1 || options->context > most))
        return "a GPT needs from 1 to 1048576 positions";
    if (!(options->dropout >= 0 && options->dropout < 1))
        return "dropout is a probability below 1";
    if (!(options->init > 0 && options->init < 1e3) || !(options->penalty >= 0 && options->penalty < 1e6))
        return "first values and the penalty are numbers that are not negative";
    return NULL;
}

/* ---- parameters ---- */

static bl_init head_init(const model_options *options)
{
    return options->body == BODY_LSTM ? bl_init_uniform(-options->init, options->init)
                                      : bl_init_normal(0, options->init);
}

static bool has_projection(const model_options *options)
{
    return options->tying == TYING_TIED_PROJECTION ||
           (options->tying == TYING_TIED && options->width != options->hidden);
}

/* The registry keeps the first error, so it is looked at once, at the end. */
static bl_status draw_parameters(bl_params *params, const model_options *options, bl_rng *rng)
{
    int64_t tokens = options->vocabulary, width = options->width, hidden = options->hidden;
    bl_init init = head_init(options);
    bool lstm = options->body == BODY_LSTM;
    bl_parameter *embedding =
        bl_params_add(params, "embedding.weight", BL_F32, BL_SHAPE(tokens, width), init, rng);
    bl_status status = lstm ? lstm_parameters(params, options, rng) : gpt_parameters(params, options, rng);
    if (status != BL_OK)
        return status;
    if (has_projection(options))
        bl_params_add(params, "projection.weight", BL_F32, BL_SHAPE(width, hidden), init, rng);
    if (lstm) /* GPT-2's head has none */
        bl_params_add(params, "head.bias", BL_F32, BL_SHAPE(tokens), init, rng);
    if (options->tying == TYING_UNTIED)
        bl_params_add(params, "head.weight", BL_F32, BL_SHAPE(tokens, hidden), init, rng);
    else if (embedding)
        bl_params_register(params, "head.weight", embedding); /* the same parameter, a second name */
    return bl_params_error(params)->code;
}

bl_status model_make(model *made, bl_context *context, const model_options *options, uint64_t seed)
{
    *made = (model){.context = context,
                    .options = *options,
                    .params = bl_params_new(context),
                    .buffers = bl_params_new(context)};
    bl_rng *rng = bl_rng_new(context, seed);
    if (!made->params || !made->buffers || !rng) {
        bl_rng_free(rng);
        return bl_context_error(context)->code;
    }
    bl_status status = draw_parameters(made->params, options, rng);
    bl_rng_free(rng);
    if (status != BL_OK)
        return status;
    made->random = bl_params_add_random(made->buffers, "random", seed);
    return bl_params_error(made->buffers)->code;
}

void model_free(model *freed)
{
    bl_params_free(freed->params);
    bl_params_free(freed->buffers);
    *freed = (model){.params = NULL};
}

/* ---- what is carried from run to run ---- */

bl_status carried_make(carried *made, bl_params *owner, const model_options *options, int64_t batch,
                       bool cache)
{
    *made = (carried){.owner = owner, .layers = options->layers};
    if (options->body == BODY_LSTM) {
        bl_shape shape = BL_SHAPE(options->layers, batch, options->hidden);
        made->h = bl_params_add_buffer(owner, "carried.h", BL_F32, shape);
        made->c = bl_params_add_buffer(owner, "carried.c", BL_F32, shape);
        return bl_params_error(owner)->code;
    }
    bl_shape shape = BL_SHAPE(1, options->heads, options->context, options->hidden / options->heads);
    for (int64_t i = 0; i < options->layers && cache; i++) {
        char name[48];
        snprintf(name, sizeof name, "carried.%d.keys", (int)i);
        made->keys[i] = bl_params_add_buffer(owner, name, BL_F32, shape);
        snprintf(name, sizeof name, "carried.%d.values", (int)i);
        made->values[i] = bl_params_add_buffer(owner, name, BL_F32, shape);
    }
    return bl_params_error(owner)->code;
}

static bl_status zero(bl_parameter *buffer)
{
    size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(buffer)) * sizeof(float);
    void *zeros = calloc(1, bytes);
    bl_status status = zeros ? bl_parameter_write(buffer, zeros, bytes) : BL_ERR_MEMORY;
    free(zeros);
    return status;
}

bl_status carried_reset(const carried *reset)
{
    bl_status status = reset->h ? zero(reset->h) : BL_OK;
    return status == BL_OK && reset->c ? zero(reset->c) : status;
}

/* ---- the forward pass ---- */

bl_tensor *model_linear(bl_graph *graph, const model *m, bl_tensor *x, const char *name)
{
    bl_scope_push(graph, name);
    bl_tensor *weight = bl_param(graph, m->params, "weight");
    bl_tensor *y = bl_linear(x, weight, bl_param(graph, m->params, "bias"));
    bl_scope_pop(graph);
    return y;
}

bl_tensor *model_forward(bl_graph *graph, const model *m, application *applied)
{
    bl_tensor *x =
        bl_embedding(bl_param(graph, m->params, "embedding.weight"), applied->tokens); /* [B,T,W] */
    x = m->options.body == BODY_LSTM ? lstm_forward(graph, m, x, applied) : gpt_forward(graph, m, x, applied);
    if (bl_params_find(m->params, "projection.weight"))
        x = bl_linear(x, bl_param(graph, m->params, "projection.weight"), NULL); /* [B,T,H] -> [B,T,W] */
    return x;
}

static bl_tensor *head_bias(bl_graph *graph, const model *m)
{
    return bl_params_find(m->params, "head.bias") ? bl_param(graph, m->params, "head.bias") : NULL;
}

bl_tensor *model_logits(bl_graph *graph, const model *m, bl_tensor *rows)
{
    return bl_linear(rows, bl_param(graph, m->params, "head.weight"), head_bias(graph, m));
}

bl_tensor *model_loss(bl_graph *graph, const model *m, bl_tensor *rows, bl_tensor *targets,
                      bl_reduction reduction)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.reduction = reduction;
    bl_tensor *weight = bl_param(graph, m->params, "head.weight");
    return bl_linear_cross_entropy_with(rows, weight, head_bias(graph, m), targets, &options);
}

bl_tensor *model_penalty(bl_graph *graph, const model *m)
{
    if (m->options.tying != TYING_TIED_PROJECTION || m->options.penalty == 0)
        return NULL;
    bl_tensor *projection = bl_param(graph, m->params, "projection.weight");
    return bl_mul_scalar(bl_norm(projection, 2, BL_ALL_AXES, false), m->options.penalty);
}
