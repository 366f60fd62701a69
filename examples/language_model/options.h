/* The command line. */
#ifndef LANGUAGE_MODEL_OPTIONS_H
#define LANGUAGE_MODEL_OPTIONS_H

#include "sampler.h"
#include "tokenizer.h"
#include "train.h"

typedef enum task {
    TASK_STUDY, /* trains, measures and reports each of the runs asked for */
    TASK_SAMPLE /* draws text from one of them */
} task;

typedef struct options {
    task task;
    const char *text;     /* a file, or NULL: the Bible */
    const char *import;   /* a GPT-2 in safetensors to sample from, or NULL */
    const char *merges;   /* with it: its merges.txt */
    int64_t import_heads; /* its heads; 0: of 64 elements each */
    const char *out;      /* the folder that the files go to */
    int64_t words;        /* of the text, from its beginning; 0: all */
    tokenizer_options tokens;
    model_options model;
    training_options training;
    bool wanted[TYINGS]; /* the models of the study */
    uint64_t seed;       /* of the first run */
    int64_t seeds;       /* runs of each model, 1 or more */
    const char *prompt;  /* what samples go on from */
    int64_t length;      /* of a sample, in tokens */
    sampling_options sampling;
    const char *neighbours; /* words whose neighbours the report has, separated by commas; NULL: some */
    int threads;            /* 0: as many as the process may use */
    bool plot;
    bool quiet;
} options;

typedef enum parsed {
    PARSED_RUN,  /* the options are good */
    PARSED_HELP, /* the help was asked for and printed */
    PARSED_WRONG /* a line on stderr says what is wrong */
} parsed;

/* Fills the options from the command line; text arguments stay those of argv. */
parsed parse_options(int argc, char **argv, options *out);

#endif
