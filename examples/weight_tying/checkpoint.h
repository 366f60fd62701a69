/* Saving an experiment in the middle, and going on from there. */
#ifndef WEIGHT_TYING_CHECKPOINT_H
#define WEIGHT_TYING_CHECKPOINT_H

#include "model.h"

/* Writes both models with all that their training goes on from, to one safetensors file: "tied.head.weight",
 * and so on, Adam's state as "tied.adam.m.head.weight". Returns BL_OK, or an error that bl_context_error
 * tells, and then a file that stood there is as it was. */
bl_status experiment_save(const experiment *made, const char *path);

/* Reads such a file, and how many steps had been made into *steps. Returns BL_OK, or an error that
 * bl_context_error tells, and then nothing has changed. */
bl_status experiment_load(experiment *made, const char *path, int64_t *steps);

#endif
