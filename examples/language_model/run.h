/* One run: a model of one tying and one seed, trained, measured, in a folder of its own. */
#ifndef LANGUAGE_MODEL_RUN_H
#define LANGUAGE_MODEL_RUN_H

#include "corpus.h"
#include "files.h"
#include "settings.h"

/* What a run has to work on. */
typedef struct run_input {
    bl_context *context;
    const char *out; /* the folder of all runs */
    const settings *common;
    const corpus *tokens;
    bool quiet;
} run_input;

/* What a run came to. */
typedef struct run_result {
    int64_t unique, named; /* elements of the parameters, a tied one once, and once a name */
    int64_t steps;         /* updates that were made */
    int64_t best_step;     /* after which validation was best: that model is measured */
    double best_epoch;
    double validation, test; /* mean cross-entropies in nats */
    double seconds;
} run_result;

/* The folder of a run: OUT/tied-seed1. */
bool run_folder(char path[PATH_MOST], const char *out, tying how, uint64_t seed);

/* Whether a run has come to its end before; its result then. Says nothing where not. */
bool run_result_read(const char *out, tying how, uint64_t seed, run_result *result);

/* Begins a run, goes on with one that was interrupted, or reads the result of one that came to its end. */
trained run(const run_input *input, tying how, uint64_t seed, run_result *result);

/* Makes the model of a run and fills it with the best that the run has so far. Free it after true. */
bool run_load_model(model *made, bl_context *context, const char *out, const settings *common, tying how,
                    uint64_t seed);

#endif
