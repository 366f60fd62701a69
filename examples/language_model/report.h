/* report.md: what a study found, as far as it has come. */
#ifndef LANGUAGE_MODEL_REPORT_H
#define LANGUAGE_MODEL_REPORT_H

#include "options.h"
#include "run.h"

/* What a report is made from. The results of runs are read from their folders. */
typedef struct report_input {
    bl_context *context;
    const options *asked;
    const char *command; /* that asked for it */
    const settings *common;
    const corpus *tokens;
} report_input;

/* Writes report.md and the pictures, and prints the table of perplexities. Returns false after saying on
 * stderr what went wrong. */
bool report(const report_input *input);

#endif
