/* A line on the terminal that says how far the work is. */
#ifndef WEIGHT_TYING_PROGRESS_H
#define WEIGHT_TYING_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    bool shown;   /* false: stderr is no terminal, or nobody wants to see it */
    double drawn; /* when the line was drawn last, in seconds */
} progress;

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

/* Begins; shows something only when asked to and when stderr is a terminal. */
progress progress_begin(bool wanted);

/* Draws the line, at most ten times a second. `done` counts from 0 to `total`; `what` names the work. */
void progress_show(progress *line, const char *what, int64_t done, int64_t total);

/* Takes the line away again. */
void progress_end(progress *line);

#endif
