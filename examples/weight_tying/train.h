/* Training: the losses of every step. */
#ifndef WEIGHT_TYING_TRAIN_H
#define WEIGHT_TYING_TRAIN_H

#include "model.h"
#include "progress.h"

/* What training both models gave. */
typedef struct history {
    int64_t first; /* number of the first step: those before it were made in another run */
    int64_t steps;
    float *loss[MODELS];    /* of each step, before its update */
    double seconds[MODELS]; /* that the steps took */
} history;

/* Makes room for the losses of `steps` steps. Returns false, with nothing to free, without memory. */
bool history_make(history *made, int64_t steps);
void history_free(history *made);

/* Runs the steps of both models, one model after the other. `line` may be NULL. */
bl_status train(experiment *trained, history *out, progress *line);

#endif
