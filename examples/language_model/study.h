/* The study: runs of each model asked for with each seed, and the report. Sampling from a run. */
#ifndef LANGUAGE_MODEL_STUDY_H
#define LANGUAGE_MODEL_STUDY_H

#include "options.h"

/* Trains and measures what has not been yet, and writes the report. `command` is what stands in it. */
trained study(const options *asked, const char *command, bl_context *context);

/* Draws text from the first model asked for, as far as it has been trained, and prints it. Returns false
 * after saying on stderr what went wrong. */
bool print_sample(const options *asked, bl_context *context);

#endif
