/* The recurrent body: LSTM layers with dropout between them, never along time.
 * Source: Zaremba et al. 2014, "Recurrent Neural Network Regularization". */
#include "model.h"

#include <stdio.h>

static bl_recurrent_options layers_of(const model *m, bool training)
{
    bl_recurrent_options options = bl_recurrent_defaults();
    options.layers = m->options.layers;
    options.dropout = m->options.dropout;
    options.training = training && m->options.dropout > 0;
    options.random = m->random;
    return options;
}

/* All uniform, weights and biases alike, under PyTorch's names. */
bl_status lstm_parameters(bl_params *params, const model_options *options, bl_rng *rng)
{
    bl_init init = bl_init_uniform(-options->init, options->init);
    int64_t gates = 4 * options->hidden, in = options->width;
    bl_params_scope_push(params, "lstm");
    for (int i = 0; i < (int)options->layers; i++, in = options->hidden) {
        char name[32];
        snprintf(name, sizeof name, "weight_ih_l%d", i);
        bl_params_add(params, name, BL_F32, BL_SHAPE(gates, in), init, rng);
        snprintf(name, sizeof name, "weight_hh_l%d", i);
        bl_params_add(params, name, BL_F32, BL_SHAPE(gates, options->hidden), init, rng);
        snprintf(name, sizeof name, "bias_ih_l%d", i);
        bl_params_add(params, name, BL_F32, BL_SHAPE(gates), init, rng);
        snprintf(name, sizeof name, "bias_hh_l%d", i);
        bl_params_add(params, name, BL_F32, BL_SHAPE(gates), init, rng);
    }
    bl_params_scope_pop(params);
    return bl_params_error(params)->code;
}

bl_tensor *lstm_forward(bl_graph *graph, const model *m, bl_tensor *embedded, application *applied)
{
    bl_recurrent_options options = layers_of(m, applied->training);
    bl_recurrent_weights weights[LAYERS_MOST] = {{NULL, NULL, NULL, NULL}};
    bl_tensor *h = NULL, *c = NULL, *next_h = NULL, *next_c = NULL;
    const carried *state = applied->state;
    double dropout = m->options.dropout;
    bl_recurrent_named(graph, m->params, "lstm", &options, weights);
    if (state) {
        h = bl_use(graph, state->h);
        c = bl_use(graph, state->c);
    }
    bl_tensor *x = bl_permute(embedded, BL_AXES(1, 0, 2)); /* [T,B,W] */
    x = bl_dropout(x, dropout, options.training, m->random);
    x = bl_lstm(x, weights, h, c, &options, &next_h, &next_c); /* [T,B,H] */
    if (state) {
        applied->effects[applied->effect_count++] = bl_assign(state->h, next_h);
        applied->effects[applied->effect_count++] = bl_assign(state->c, next_c);
    }
    x = bl_dropout(x, dropout, options.training, m->random);
    return bl_permute(x, BL_AXES(1, 0, 2)); /* [B,T,H] */
}
