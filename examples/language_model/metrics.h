/* metrics.csv: a line every few updates, and one with the validation after each epoch. */
#ifndef LANGUAGE_MODEL_METRICS_H
#define LANGUAGE_MODEL_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct metrics_line {
    int64_t step;
    double epoch;      /* 1.5: in the middle of the second */
    int64_t tokens;    /* that were learned from so far */
    double lr, loss;   /* the mean since the line before */
    double norm;       /* of the last update's gradient, before clipping */
    double validation; /* NaN: none at this step */
    double seconds;    /* of training so far: no other column depends on the machine */
} metrics_line;

/* Opens a folder's metrics.csv for what comes after an update: the lines up to it stay, later ones and one
 * that was cut off go. Returns NULL after saying on stderr what went wrong. */
FILE *metrics_open(const char *folder, int64_t step);

bool metrics_add(FILE *file, const metrics_line *line);

#endif
