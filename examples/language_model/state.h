/* The files of a model and of a training that has not ended. Each function says on stderr what went wrong. */
#ifndef LANGUAGE_MODEL_STATE_H
#define LANGUAGE_MODEL_STATE_H

#include "train.h"

/* The parameters alone, a tied one once. */
bool model_save(const model *saved, const char *path);
bool model_load(model *filled, const char *path);

/* Parameters, buffers, the optimizer's state and the position: training goes on from it with the same bits.
 */
bool state_save(trainer *saved, const char *path);
bool state_load(trainer *filled, const char *path);

#endif
