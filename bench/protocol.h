/* How scripts/bench speaks with the processes that it times in turns: a command a line on stdin, "NAME" or
 * "NAME NUMBER", and an answer a line on stdout, a JSON value. Include it before any other header.
 *
 *     make      makes what is to be run; answers true
 *     run N     N steps; answers the seconds that they took
 *     loss      the value that the last step computed
 */
#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

#include "timing.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Steps that "run" makes before those that it times, where it begins anew each time. */
enum {
    WARM_STEPS = 10
};

typedef struct command {
    char name[16];
    long number; /* 1 where none was given */
} command;

/* The next command; false at the end of the input. */
static inline bool next_command(command *out)
{
    char line[64];
    if (!fgets(line, sizeof line, stdin))
        return false;
    out->name[0] = '\0';
    out->number = 1;
    return sscanf(line, "%15s %ld", out->name, &out->number) >= 1;
}

static inline void answer_number(double value)
{
    printf("%.17g\n", value);
    fflush(stdout);
}

static inline void answer_text(const char *json)
{
    puts(json);
    fflush(stdout);
}

#endif
