/* Drawing text from a model. */
#ifndef LANGUAGE_MODEL_SAMPLER_H
#define LANGUAGE_MODEL_SAMPLER_H

#include "ids.h"
#include "model.h"

typedef struct sampling_options {
    double temperature; /* what scores are divided by; 0: always the likeliest token */
    int64_t top_k;      /* of the likeliest tokens so many; 0: all */
    double top_p;       /* of the likeliest tokens so many as are together as likely as that; 1: all */
} sampling_options;

/* The next token for scores of `count` tokens, `uniform` being a number drawn from [0, 1). Of equal scores
 * the lower token counts as the likelier. Those that are left by top_k, then by top_p, are drawn with the
 * probabilities that softmax gives them at the temperature; at least one is left. `room` is for `count`
 * tokens. Returns -1 when a score is not a number. */
int32_t sample_token(const float *scores, int64_t count, const sampling_options *options, double uniform,
                     int32_t *room);

/* A model that takes one token after the other: an LSTM with its state, a GPT with its keys and values. */
typedef struct sampler {
    const model *m;
    bl_params *owner;
    carried state;
    bl_graph *graph;
    bl_tensor *token, *start, *logits;
    bl_program *program;
    ids seen;      /* the tokens of the state */
    int64_t place; /* in a GPT's positions, of the next token */
    int32_t *room;
} sampler;

/* Returns BL_OK, or an error that bl_context_error tells; free the sampler in either case. The model must
 * outlive it. */
bl_status sampler_make(sampler *made, const model *m);

/* Takes a token. `scores`, the model's for the token behind it, are the sampler's until the next call. Where
 * a GPT's positions are used up, it goes on from the later half of them, which it reads again. */
bl_status sampler_take(sampler *used, int32_t token, const float **scores);

/* Takes `prompt`, which has a token at least, and draws `count` tokens behind it, which are appended to
 * `out`. Ends early behind `last` (-1: never). Returns BL_OK or an error. */
bl_status sampler_continue(sampler *used, const ids *prompt, int64_t count, int32_t last,
                           const sampling_options *options, bl_rng *rng, ids *out);

/* Forgets all tokens. */
bl_status sampler_restart(sampler *used);

void sampler_free(sampler *freed);

#endif
