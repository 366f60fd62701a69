/* Mean and spread. */
#ifndef LANGUAGE_MODEL_STATISTICS_H
#define LANGUAGE_MODEL_STATISTICS_H

/* The mean; NaN for no numbers. */
double mean_of(const double *values, int count);

/* The standard deviation of a sample, with count - 1 below the line; NaN for fewer than two numbers. */
double deviation_of(const double *values, int count);

#endif
