/* How far the work is, on stderr. */
#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

progress progress_begin(bool wanted, int64_t step)
{
    double now = seconds_now();
    return (progress){
        .wanted = wanted, .terminal = isatty(STDERR_FILENO), .begun = now, .drawn = now, .begun_at = step};
}

void format_seconds(double seconds, char *text, int size)
{
    int64_t whole = isfinite(seconds) && seconds > 0 && seconds < 1e9 ? (int64_t)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(text, (size_t)size, "%" PRId64 " h %02d min", whole / 3600, (int)(whole % 3600 / 60));
    else if (whole >= 60)
        snprintf(text, (size_t)size, "%d min %02d s", (int)(whole / 60), (int)(whole % 60));
    else
        snprintf(text, (size_t)size, "%d s", (int)whole);
}

void progress_show(progress *line, const progress_news *news)
{
    double now = seconds_now();
    if (!line->wanted || now - line->drawn < (line->terminal ? 0.2 : 30))
        return;
    line->drawn = now;
    char left[32];
    int64_t done = news->step - line->begun_at;
    double each = done > 0 ? (now - line->begun) / (double)done : 0;
    format_seconds(each * (double)(news->steps - news->step), left, sizeof left);
    fprintf(stderr, "%s%s: step %" PRId64 " of %" PRId64 ", loss %.3f, lr %.3g, %.0f tokens/s, %s left%s",
            line->terminal ? "\r" : "", news->name, news->step, news->steps, news->loss, news->lr,
            news->tokens_a_second, left, line->terminal ? "\033[K" : "\n");
    fflush(stderr);
}

void progress_clear(progress *line)
{
    if (line->wanted && line->terminal)
        fputs("\r\033[K", stderr);
}
