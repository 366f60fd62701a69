/* The files of a run and the folder that they go to. Each function says on stderr what went wrong. */
#ifndef WEIGHT_TYING_FILES_H
#define WEIGHT_TYING_FILES_H

#include "train.h"

#include <stdbool.h>
#include <stdio.h>

/* A file that is being written. */
typedef struct output {
    FILE *file;
    char *path;
} output;

/* Makes a folder and those above it, where they do not exist, and sees whether it can be written to. */
bool make_folder(const char *path);

/* Opens FOLDER/NAME for writing. After true, output_close ends it: true when everything was written. */
bool output_open(output *opened, const char *folder, const char *name);
bool output_close(output *opened);

/* loss.csv: `step,untied,tied`, a row a step, with digits enough to read the same floats back. */
bool write_losses(const char *folder, const history *losses);

/* graph.dot: one training step of a model. */
bool write_graph(const char *folder, const model *drawn);

#endif
