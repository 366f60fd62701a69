/* Parameters of recurrent layers: made and drawn as PyTorch makes them, and found again on a graph. */
#ifndef BOWLINE_RECURRENT_H
#define BOWLINE_RECURRENT_H

#include "sequence.h"

BL_BEGIN_DECLS

/* Makes NAME.weight_ih_l0, NAME.weight_hh_l0, NAME.bias_ih_l0, NAME.bias_hh_l0, the same with _reverse, then
 * _l1 and so on, f32, as `options` (NULL: the defaults) have it: uniform in +-1/sqrt(hidden), drawn as nn.RNN
 * draws them. Returns: BL_OK or an error, and then nothing has changed. Errors: as bl_params_add. Ownership:
 * the registry's. Threads: the context's. Source: PyTorch 1.13 torch/nn/modules/rnn.py. */
BL_API bl_status bl_rnn_params(bl_params *params, const char *name, int64_t in, int64_t hidden,
                               const bl_recurrent_options *options, bl_rng *rng);

/* As bl_rnn_params, for an lstm, as nn.LSTM.
 * Returns, Errors, Ownership, Threads: as there. */
BL_API bl_status bl_lstm_params(bl_params *params, const char *name, int64_t in, int64_t hidden,
                                const bl_recurrent_options *options, bl_rng *rng);

/* As bl_rnn_params, for a gru, as nn.GRU.
 * Returns, Errors, Ownership, Threads: as there. */
BL_API bl_status bl_gru_params(bl_params *params, const char *name, int64_t in, int64_t hidden,
                               const bl_recurrent_options *options, bl_rng *rng);

/* The parameters that bl_rnn_params and its like name, looked up as bl_param does, in the order that bl_rnn
 * takes: fills layers * directions entries of `weights`. Returns: BL_OK or the graph's error. Errors: as
 * bl_param. Ownership: the graph's; the array stays the caller's. Threads: the context's. */
BL_API bl_status bl_recurrent_named(bl_graph *graph, const bl_params *params, const char *name,
                                    const bl_recurrent_options *options, bl_recurrent_weights *weights);

BL_END_DECLS

#endif
