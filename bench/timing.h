/* What the benchmarks share: a clock that does not go back, and medians. Include it before any other header.
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdlib.h>
#include <time.h>

static inline double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Time as the wall shows it. */
static inline double seconds_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

/* Time that this process computed, the kernel's work for it included: what else the machine does is not in
 * it. */
static inline double cpu_seconds_now(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

/* The clock of scripts/bench: the wall's, or with BENCH_CPU_TIME in the environment that of one thread's
 * work, which tells something on a busy machine too. */
static inline double bench_seconds_now(void)
{
    return getenv("BENCH_CPU_TIME") ? cpu_seconds_now() : seconds_now();
}

static inline int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The median of count > 0 values, which it sorts; of an even count, the upper of the two in the middle. */
static inline double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return values[count / 2];
}

/* A whole number in [1, most] from the command line; 0 when the text is not one. */
static inline long positive(const char *text, long most)
{
    char *end;
    long value = strtol(text, &end, 10);
    return *text && !*end && value >= 1 && value <= most ? value : 0;
}

#endif
