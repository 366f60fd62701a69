/* The models: a recurrent one as Press and Wolf's, and a GPT. One function records either, and it does not
 * know whether it is tied: it asks for embedding.weight and head.weight by name. */
#ifndef LANGUAGE_MODEL_MODEL_H
#define LANGUAGE_MODEL_MODEL_H

#include <bowline/bowline.h>

typedef enum body {
    BODY_LSTM,
    BODY_GPT
} body;

typedef enum tying {
    TYING_UNTIED,
    TYING_TIED,
    TYING_TIED_PROJECTION, /* tied, with a projection before the head whose norm the objective contains */
    TYINGS
} tying;

extern const char *const tying_names[TYINGS]; /* "untied", "tied", "tied-projection" */

enum {
    LAYERS_MOST = 64
};

typedef struct model_options {
    body body;
    tying tying;
    int64_t vocabulary;
    int64_t width;  /* of an embedding */
    int64_t hidden; /* of the body; where a tied model's differs from `width` there is a projection between */
    int64_t layers; /* at most LAYERS_MOST */
    int64_t heads;  /* of attention, in a GPT; they divide `hidden` */
    int64_t context; /* positions that a GPT knows */
    double init;     /* of an LSTM the bound of uniform values, of a GPT the deviation of normal ones */
    double dropout;  /* of embeddings, of each layer's output, and in a GPT of what each part adds */
    double penalty;  /* the factor of the projection's norm in the objective */
} model_options;

/* Press and Wolf's (and Zaremba's) small and medium models, and the GPT of the example, all untied. The
 * vocabulary is to be set. */
model_options model_small_lstm(void);
model_options model_medium_lstm(void);
model_options model_gpt(void);

/* What is wrong with the options, or NULL. */
const char *model_options_wrong(const model_options *options);

typedef struct model {
    bl_context *context; /* the caller's */
    model_options options;
    bl_params *params;    /* parameters under their names, and nothing else */
    bl_params *buffers;   /* what training changes besides: */
    bl_parameter *random; /* the random state that dropout draws from */
} model;

/* Draws the parameters of a seed. All that models of different tying have in common is the same for the same
 * seed: an untied head is drawn last. Returns BL_OK, or an error that bl_context_error tells; free the model
 * in either case. */
bl_status model_make(model *made, bl_context *context, const model_options *options, uint64_t seed);
void model_free(model *freed);

/* What a model takes from one run to the next: an LSTM's state, or the keys and values of a GPT that is
 * sampled from. Buffers of `owner`, which is the caller's: several can be at work on one model. */
typedef struct carried {
    bl_params *owner;
    bl_parameter *h, *c;             /* [layers, batch, hidden] */
    bl_parameter *keys[LAYERS_MOST]; /* [1, heads, context, hidden / heads] */
    bl_parameter *values[LAYERS_MOST];
    int64_t layers;
} carried;

/* Makes the state of an LSTM for a batch, or with `cache` a GPT's keys and values, in a registry, all zeros.
 * A GPT without cache carries nothing. */
bl_status carried_make(carried *made, bl_params *owner, const model_options *options, int64_t batch,
                       bool cache);

/* Sets an LSTM's state to zero. A cache needs none of it: what stands behind the tokens so far is not seen.
 */
bl_status carried_reset(const carried *reset);

/* What one application of a model is recorded from. */
typedef struct application {
    bl_tensor *tokens;    /* i64 [B,T] */
    const carried *state; /* NULL: none, it begins with zeros */
    bl_tensor *start; /* i64 [4], {0, 0, p, 0}: where `state` has a cache, the tokens stand at p and so on */
    bool training;    /* with dropout */
    bl_tensor *effects[2 * LAYERS_MOST]; /* out: new values of `state` */
    size_t effect_count;
} application;

/* What the head is applied to: [B,T,W]. */
bl_tensor *model_forward(bl_graph *graph, const model *m, application *applied);

/* The head's scores of every token for rows of any shape: [..,V]. */
bl_tensor *model_logits(bl_graph *graph, const model *m, bl_tensor *rows);

/* The cross-entropy of rows and targets [B,T]; a target of -100 does not count. The scores never exist all at
 * once. */
bl_tensor *model_loss(bl_graph *graph, const model *m, bl_tensor *rows, bl_tensor *targets,
                      bl_reduction reduction);

/* What the objective contains besides the loss: the penalty of a projection; NULL where there is none. */
bl_tensor *model_penalty(bl_graph *graph, const model *m);

/* The weight of a name below the open scope with the scope's other names, private to the bodies. */
bl_tensor *model_linear(bl_graph *graph, const model *m, bl_tensor *x, const char *name);

/* The bodies: embeddings [B,T,W] to [B,T,H]. */
bl_status lstm_parameters(bl_params *params, const model_options *options, bl_rng *rng);
bl_tensor *lstm_forward(bl_graph *graph, const model *m, bl_tensor *embedded, application *applied);
bl_status gpt_parameters(bl_params *params, const model_options *options, bl_rng *rng);
bl_tensor *gpt_forward(bl_graph *graph, const model *m, bl_tensor *embedded, application *applied);

#endif
