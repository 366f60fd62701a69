/* The command line. */
#ifndef WEIGHT_TYING_OPTIONS_H
#define WEIGHT_TYING_OPTIONS_H

#include "model.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct options {
    int64_t steps;     /* updates of each run, >= 0 */
    uint64_t seed;     /* of the (first) run */
    int64_t seeds;     /* runs of the study, 0: no study */
    double lr;         /* Adam's learning rate: >= 0 and finite */
    first_values init; /* of the untied model's embedding */
    const char *out;   /* the folder that the files go to */
    bool plot;         /* draw pictures, by gnuplot and dot */
    bool quiet;
    const char *load; /* a file to go on from, or NULL */
    const char *save; /* a file for the state after the run, or NULL */
    bool lr_given;    /* on the command line: it holds for a run that goes on too */
} options;

typedef enum parsed {
    PARSED_RUN,  /* the options are good */
    PARSED_HELP, /* the help was asked for and printed */
    PARSED_WRONG /* a line on stderr says what is wrong */
} parsed;

/* Fills the options from the command line; text arguments stay those of argv. */
parsed parse_options(int argc, char **argv, options *out);

#endif
