/* How well a model foretells tokens. */
#ifndef LANGUAGE_MODEL_EVALUATE_H
#define LANGUAGE_MODEL_EVALUATE_H

#include "model.h"

/* A program that looks at a part of a text in several streams at once. */
typedef struct evaluator {
    const model *m;
    bl_params *owner;
    carried state; /* of an LSTM */
    int64_t batch, length;
    bl_graph *graph;
    bl_tensor *tokens, *targets, *loss;
    bl_program *program;
    int64_t *room; /* for tokens and targets of one run */
} evaluator;

/* Returns BL_OK, or an error that bl_context_error tells; free the evaluator in either case. The model must
 * outlive it, and may be trained meanwhile. */
bl_status evaluator_make(evaluator *made, const model *m, int64_t batch, int64_t length);

/* The mean cross-entropy, in nats, of each token but the first by those before it; its exponential is the
 * perplexity. Every token counts once. The text is cut into as many streams as the batch has rows; an LSTM
 * begins each with zeros and carries its state along, a GPT sees of each window what stands before in that
 * window. At least two tokens. */
bl_status evaluate(evaluator *used, const bl_tokens *tokens, double *loss);

void evaluator_free(evaluator *freed);

#endif
