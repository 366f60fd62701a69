/* A line on the terminal that says how far the work is. */
#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

progress progress_begin(bool wanted)
{
    return (progress){.shown = wanted && isatty(STDERR_FILENO), .drawn = 0};
}

void progress_show(progress *line, const char *what, int64_t done, int64_t total)
{
    if (!line->shown)
        return;
    double now = seconds_now();
    if (now - line->drawn < 0.1)
        return;
    line->drawn = now;
    int percent = total > 0 ? (int)(100 * (double)done / (double)total) : 100;
    fprintf(stderr, "\r%s: %" PRId64 " of %" PRId64 " (%d %%)\033[K", what, done, total, percent);
    fflush(stderr);
}

void progress_end(progress *line)
{
    if (line->shown)
        fputs("\r\033[K", stderr);
}
