/* Ops: attention, positions, and recurrent layers (recurrent.h makes their parameters).
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_SEQUENCE_H
#define BOWLINE_SEQUENCE_H

#include "parameters.h"

BL_BEGIN_DECLS

/* ---- attention ---- */

typedef struct bl_attention_options {
    bl_tensor *mask; /* default NULL: none; broadcasts to [.., heads, T, S]: bools, true where a query may
                        attend to a key, or floats that are added to the scores */
    bool causal;     /* default false; else query i may attend to keys 0 .. i + causal_offset only */
    int64_t causal_offset; /* default 0; keys that came before the first query, where they are cached */
    double scale;          /* default NaN: 1 / sqrt(d) */
    double dropout;        /* default 0; the probability with which a weight is dropped: 0 outside training */
    bl_parameter *random;  /* the random state, where dropout > 0 */
} bl_attention_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_attention_options bl_attention_defaults(void);

/* softmax(scale q k^T) v over the keys: q [.., heads, T, d], k [.., heads, S, d], v [.., heads, S, e] give
 * [.., heads, T, e]. Reals. The axes before the heads broadcast; a rank of 2 is one head. k and v may have
 * fewer heads than q, if they divide them: neighbouring heads of q then share one (grouped queries). PyTorch:
 * torch.nn.functional.scaled_dot_product_attention. */
BL_API bl_tensor *bl_scaled_dot_product_attention(bl_tensor *q, bl_tensor *k, bl_tensor *v);
/* The same with options; NULL: the defaults. A mask of floats has their dtype, and -inf in it forbids as
 * false does. A query that may attend to no key gives zeros, and nothing flows back from it, as in PyTorch
 * from 2.5 on (before: NaN). PyTorch: torch.nn.functional.scaled_dot_product_attention. */
BL_API bl_tensor *bl_scaled_dot_product_attention_with(bl_tensor *q, bl_tensor *k, bl_tensor *v,
                                                       const bl_attention_options *options);

/* ---- positions ---- */

typedef struct bl_rotary_options {
    double base;      /* default 10000 */
    bool interleaved; /* default false: element i turns with i + d/2 (as GPT-NeoX and LLaMA are stored); else
                         2i with 2i + 1 (as in the paper) */
    int64_t offset;   /* default 0; of the first row, where no positions are given */
} bl_rotary_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_rotary_options bl_rotary_defaults(void);

/* Turns pair i of each row of x [.., T, d] by the angle position * base^(-2i/d), so that a product of two
 * rows depends on the distance of their positions. Reals; d even. positions, i32 or i64, broadcasts to [..,
 * T]; NULL stands for 0 .. T-1. Angles are computed in f64. Source: Su et al. 2021, "RoFormer: Enhanced
 * Transformer with Rotary Position Embedding". */
BL_API bl_tensor *bl_rotary_embedding(bl_tensor *x, bl_tensor *positions);
/* The same with options; NULL: the defaults. */
BL_API bl_tensor *bl_rotary_embedding_with(bl_tensor *x, bl_tensor *positions,
                                           const bl_rotary_options *options);

/* A constant [length, width] of sin(p / 10000^(2i/width)) in column 2i and the cosine in column 2i + 1 of row
 * p. dtype f32 or f64. Source: Vaswani et al. 2017, "Attention Is All You Need". */
BL_API bl_tensor *bl_sinusoidal_positions(bl_graph *graph, bl_dtype dtype, int64_t length, int64_t width);

/* ---- recurrent cells and layers ---- */

/* The weights of one cell, or of one direction of one layer. The rows of the gates stand one gate below the
 * other, in PyTorch's order: 1 gate in an rnn; i, f, g, o in an lstm; r, z, n in a gru. */
typedef struct bl_recurrent_weights {
    bl_tensor *w_ih; /* [gates * hidden, in] */
    bl_tensor *w_hh; /* [gates * hidden, hidden] */
    bl_tensor *b_ih; /* [gates * hidden]; both NULL: no bias */
    bl_tensor *b_hh;
} bl_recurrent_weights;

typedef enum bl_nonlinearity {
    BL_NONLINEARITY_TANH,
    BL_NONLINEARITY_RELU
} bl_nonlinearity;

/* h' = f(w_ih x + b_ih + w_hh h + b_hh): x [N, in], h [N, hidden]. Reals. PyTorch: torch.nn.RNNCell. */
BL_API bl_tensor *bl_rnn_cell(bl_tensor *x, bl_tensor *h, const bl_recurrent_weights *weights,
                              bl_nonlinearity nonlinearity);

/* With gates = w_ih x + b_ih + w_hh h + b_hh, i, f, o their sigmoids and g their tanh: c' = f c + i g and
 * h' = o tanh(c'). x [N, in], h and c [N, hidden]. Reals. c' goes to *next_c unless NULL.
 * Source: Hochreiter and Schmidhuber 1997, Gers et al. 2000. PyTorch: torch.nn.LSTMCell. */
BL_API bl_tensor *bl_lstm_cell(bl_tensor *x, bl_tensor *h, bl_tensor *c, const bl_recurrent_weights *weights,
                               bl_tensor **next_c);

/* r and z are the sigmoids of their gates as in an lstm, n = tanh(w_in x + b_in + r (w_hn h + b_hn)), and
 * h' = (1 - z) n + z h. x [N, in], h [N, hidden]. Reals. Source: Cho et al. 2014.
 * PyTorch: torch.nn.GRUCell. */
BL_API bl_tensor *bl_gru_cell(bl_tensor *x, bl_tensor *h, const bl_recurrent_weights *weights);

typedef struct bl_recurrent_options {
    int64_t layers;     /* default 1; each takes the output of the one before */
    bool bidirectional; /* default false; else a second cell a layer goes from the end to the start */
    bool batch_first;   /* default false: [T, N, ..]; else x and output are [N, T, ..] */
    bool bias;          /* default true; what recurrent.h makes and looks up */
    bl_nonlinearity nonlinearity; /* default tanh; of an rnn */
    double dropout;               /* default 0; of the outputs of all layers but the last, when training */
    bool training;                /* default false */
    bl_parameter *random;         /* the random state, where there is dropout */
} bl_recurrent_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_recurrent_options bl_recurrent_defaults(void);

/* An rnn over x [T, N, in], or without a batch [T, in]: the outputs [T, N, directions * hidden] of the last
 * layer. `weights` has layers * directions entries, the backward direction of a layer behind its forward one.
 * h0 [layers * directions, N, hidden], NULL for zeros; the states after the last step go to *h_n in the same
 * shape, unless NULL. Reals, T >= 1. The projection of a layer's input is one matrix product over all steps.
 * `options` NULL: the defaults. PyTorch: torch.nn.RNN. */
BL_API bl_tensor *bl_rnn(bl_tensor *x, const bl_recurrent_weights *weights, bl_tensor *h0,
                         const bl_recurrent_options *options, bl_tensor **h_n);
/* As bl_rnn, of lstm cells; c0 and *c_n are to c what h0 and *h_n are to h. PyTorch: torch.nn.LSTM. */
BL_API bl_tensor *bl_lstm(bl_tensor *x, const bl_recurrent_weights *weights, bl_tensor *h0, bl_tensor *c0,
                          const bl_recurrent_options *options, bl_tensor **h_n, bl_tensor **c_n);
/* As bl_rnn, of gru cells. PyTorch: torch.nn.GRU. */
BL_API bl_tensor *bl_gru(bl_tensor *x, const bl_recurrent_weights *weights, bl_tensor *h0,
                         const bl_recurrent_options *options, bl_tensor **h_n);

BL_END_DECLS

#endif
