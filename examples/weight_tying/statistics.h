/* Medians and the sign test. */
#ifndef WEIGHT_TYING_STATISTICS_H
#define WEIGHT_TYING_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

/* The median of `count` numbers (NaN for none), of which none is NaN. Sorts them. */
double median(double *values, size_t count);

/* The two-sided sign test: how probable a split at least as uneven as `wins` to `losses` is when either side
 * wins each time with probability 1/2. Draws have been left out. 1 when there is nothing to compare. */
double sign_test(int64_t wins, int64_t losses);

#endif
