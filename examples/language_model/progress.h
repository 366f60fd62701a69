/* How far the work is: one line that is drawn again on a terminal, plain lines elsewhere. */
#ifndef LANGUAGE_MODEL_PROGRESS_H
#define LANGUAGE_MODEL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    bool wanted;
    bool terminal;
    double drawn; /* when, in seconds */
    double begun;
    int64_t begun_at; /* steps that were done then */
} progress;

/* What is told. */
typedef struct progress_news {
    const char *name; /* of the run */
    int64_t step, steps;
    double tokens_a_second, loss, lr;
} progress_news;

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

progress progress_begin(bool wanted, int64_t step);

/* Draws the line, five times a second at most, or elsewhere than on a terminal prints one every half minute.
 */
void progress_show(progress *line, const progress_news *news);

/* Takes the line away, so that something else can be printed. */
void progress_clear(progress *line);

/* Seconds as "2 h 05 min", "3 min 20 s" or "12 s". */
void format_seconds(double seconds, char *text, int size);

#endif
