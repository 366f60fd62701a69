/* PyTorch's cases of attention, positions, and recurrent cells and layers. */
#include "cases.h"

/* ---- attention: q, k, v, a mask where there is one; causal, its offset, the scale ---- */

static void build_attention(pytorch_case *c)
{
    bl_attention_options options = bl_attention_defaults();
    options.mask = c->input[3];
    options.causal = c->attribute[0] != 0;
    options.causal_offset = integer_at(c, 1);
    options.scale = c->attribute[2] != 0 ? c->attribute[2] : options.scale;
    c->output[0] = bl_scaled_dot_product_attention_with(c->input[0], c->input[1], c->input[2], &options);
}

/* ---- positions: base, interleaved, offset ---- */

static void build_rotary(pytorch_case *c)
{
    bl_rotary_options options = bl_rotary_defaults();
    options.base = c->attribute[0];
    options.interleaved = c->attribute[1] != 0;
    options.offset = integer_at(c, 2);
    c->output[0] = bl_rotary_embedding_with(c->input[0], c->input[1], &options);
}

static void build_sinusoids(pytorch_case *c)
{
    bl_shape shape = bl_tensor_shape(c->input[0]);
    bl_dtype dtype = bl_tensor_dtype(c->input[0]);
    bl_tensor *table = bl_sinusoidal_positions(c->graph, dtype, shape.size[0], shape.size[1]);
    c->output[0] = bl_add(c->input[0], table);
}

/* ---- cells: x, the states, w_ih, w_hh, and the biases where there are any ---- */

static bl_recurrent_weights weights_at(const pytorch_case *c, size_t first, bool bias)
{
    bl_tensor *const *w = c->input + first;
    return (bl_recurrent_weights){w[0], w[1], bias ? w[2] : NULL, bias ? w[3] : NULL};
}

static void build_rnn_cell(pytorch_case *c)
{
    bl_recurrent_weights weights = weights_at(c, 2, c->input_count > 4);
    bl_nonlinearity chosen = c->attribute[0] != 0 ? BL_NONLINEARITY_RELU : BL_NONLINEARITY_TANH;
    c->output[0] = bl_rnn_cell(c->input[0], c->input[1], &weights, chosen);
}

static void build_lstm_cell(pytorch_case *c)
{
    bl_recurrent_weights weights = weights_at(c, 3, c->input_count > 5);
    c->output[0] = bl_lstm_cell(c->input[0], c->input[1], c->input[2], &weights, &c->output[1]);
}

static void build_gru_cell(pytorch_case *c)
{
    bl_recurrent_weights weights = weights_at(c, 2, c->input_count > 4);
    c->output[0] = bl_gru_cell(c->input[0], c->input[1], &weights);
}

/* ---- layers: x, the states where they are given, the weights of all cells ---- */

enum {
    MOST_CELLS = 8
};

static bl_recurrent_options options_of(const pytorch_case *c)
{
    bl_recurrent_options options = bl_recurrent_defaults();
    options.layers = integer_at(c, 0);
    options.bidirectional = c->attribute[1] != 0;
    options.batch_first = c->attribute[2] != 0;
    options.nonlinearity = c->attribute[5] != 0 ? BL_NONLINEARITY_RELU : BL_NONLINEARITY_TANH;
    return options;
}

/* The weights of all cells, and the states before them, of which a case has `states` or none. */
static void take(const pytorch_case *c, size_t states, bl_recurrent_weights weights[MOST_CELLS],
                 bl_tensor *state[2])
{
    bool bias = c->attribute[3] != 0;
    size_t at = 1, each = bias ? 4 : 2;
    for (size_t i = 0; i < states && c->attribute[4] != 0; i++)
        state[i] = c->input[at++];
    for (size_t i = 0; at < c->input_count && i < MOST_CELLS; i++, at += each)
        weights[i] = weights_at(c, at, bias);
}

static void build_rnn(pytorch_case *c)
{
    bl_recurrent_options options = options_of(c);
    bl_recurrent_weights weights[MOST_CELLS];
    bl_tensor *state[2] = {NULL, NULL};
    take(c, 1, weights, state);
    c->output[0] = bl_rnn(c->input[0], weights, state[0], &options, &c->output[1]);
}

static void build_lstm(pytorch_case *c)
{
    bl_recurrent_options options = options_of(c);
    bl_recurrent_weights weights[MOST_CELLS];
    bl_tensor *state[2] = {NULL, NULL};
    take(c, 2, weights, state);
    c->output[0] = bl_lstm(c->input[0], weights, state[0], state[1], &options, &c->output[1], &c->output[2]);
}

static void build_gru(pytorch_case *c)
{
    bl_recurrent_options options = options_of(c);
    bl_recurrent_weights weights[MOST_CELLS];
    bl_tensor *state[2] = {NULL, NULL};
    take(c, 1, weights, state);
    c->output[0] = bl_gru(c->input[0], weights, state[0], &options, &c->output[1]);
}

const pytorch_builder pytorch_sequence[] = {{"scaled_dot_product_attention", build_attention, 0, 0, 0, 0},
                                            {"rotary_embedding", build_rotary, 0, 0, 0, 0},
                                            {"sinusoidal_positions", build_sinusoids, 0, 0, 0, 0},
                                            ROW(rnn_cell),
                                            ROW(lstm_cell),
                                            ROW(gru_cell),
                                            ROW(rnn),
                                            ROW(lstm),
                                            ROW(gru),
                                            END_ROW};
