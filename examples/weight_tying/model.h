/* The model of the experiment: embedding, linear layer, softmax; tied or not. */
#ifndef WEIGHT_TYING_MODEL_H
#define WEIGHT_TYING_MODEL_H

#include <bowline/bowline.h>

enum {
    CLASSES = 10, /* tokens are 0..9, and the model says which of them it was given */
    WIDTH = 3,    /* of an embedding */
    BATCH = 2,
    LENGTH = 3, /* tokens in a row of the batch */
    MODELS = 2,
    UNTIED = 0,
    TIED = 1
};

/* Where the untied model's embedding begins. */
typedef enum first_values {
    FIRST_VALUES_TORCH, /* normal with mean 0 and deviation 1, as nn.Embedding draws it */
    FIRST_VALUES_HEAD   /* uniform in +-1/sqrt(3), as the output layer's weight is drawn */
} first_values;

/* One model with what trains it: its parameters under their names, and one step (loss, gradients and Adam's
 * update) as a tape and as a program. */
typedef struct model {
    bl_params *params;
    bl_optimizer *adam;
    bl_graph *graph;
    bl_tensor *target; /* [BATCH, LENGTH, CLASSES] */
    bl_tensor *loss;   /* [] */
    bl_tensor *update; /* an effect */
    bl_program *step;
} model;

/* Both models as one seed makes them. */
typedef struct experiment {
    bl_context *context; /* the caller's */
    int64_t tokens[BATCH * LENGTH];
    model models[MODELS]; /* [UNTIED] and [TIED] */
} experiment;

extern const char *const model_names[MODELS];

/* Draws the tokens and the parameters of a seed, and records and compiles one step of each model.
 * Returns BL_OK, or an error that bl_context_error tells; free the experiment in either case. */
bl_status experiment_make(experiment *made, bl_context *context, uint64_t seed, first_values init, double lr);

void experiment_free(experiment *made);

#endif
