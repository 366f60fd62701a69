/* The study: the same comparison for many seeds. */
#ifndef WEIGHT_TYING_STUDY_H
#define WEIGHT_TYING_STUDY_H

#include "options.h"

/* Trains both models for each seed, writes study.csv, and prints in how many runs tying was ahead. Returns
 * false when something failed, and then a line on stderr says what. */
bool study(const options *asked, bl_context *context);

#endif
