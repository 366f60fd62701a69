/* What is printed of one run. */
#ifndef WEIGHT_TYING_REPORT_H
#define WEIGHT_TYING_REPORT_H

#include "options.h"
#include "train.h"

/* The task and the models: the target, and how many parameters there are. `first` is the number of the first
 * step. */
bl_status report_models(const options *asked, const experiment *made, int64_t first);

/* The losses, the speed, and whether the two weights of each model are equal now. */
bl_status report_training(const experiment *trained, const history *losses);

/* One line instead of all that. */
void report_in_short(const options *asked, const experiment *trained, const history *losses);

#endif
