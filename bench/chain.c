/* What a long tape costs: a chain of scalar products is recorded, differentiated, compiled and run, at two
 * sizes or more. Prints nanoseconds of CPU time a forward node for each phase, and how the time grows with
 * the size. It does so twice: with memory that the process has used before, which leaves the time of the
 * library itself, and with memory fresh from the system. The second is the system's time as well: that of
 * clearing pages, and in a virtual machine that of getting back from the host what the host took when it was
 * freed.
 *
 * usage: chain [--repeat N] [NODES...] */
#include "timing.h"

#include <bowline/bowline.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    PHASES = 5,
    MOST_REPEATS = 99,
    MOST_SIZES = 16
};

static const char *const phase_names[PHASES] = {"record", "grad", "compile", "run", "free"};

/* One measurement: seconds for each phase, and the size of what they made. */
typedef struct sample {
    double seconds[PHASES];
    long long nodes;
    size_t instructions;
    size_t workspace;
} sample;

/* y = x * x * .. * x with n products, whose derivative is (n + 1) x^n. */
static bl_tensor *record(bl_tensor *x, long n)
{
    bl_tensor *y = x;
    for (long i = 0; i < n; i++)
        y = bl_mul(y, x);
    return y;
}

/* Whether the derivative that was computed is the one of the formula. The rounding errors of n products and n
 * sums add up to n half-units at most. */
static bool right(double x, long n, double derivative)
{
    double expected = (double)(n + 1) * pow(x, (double)n);
    return fabs(derivative - expected) <= 4e-16 * (double)n * expected;
}

static double lap(double *last)
{
    double now = cpu_seconds_now(), seconds = now - *last;
    *last = now;
    return seconds;
}

static bool measure(bl_context *context, long n, sample *out)
{
    const double value = 1.0 + 1e-7;
    double last = cpu_seconds_now();
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *x = bl_input(graph, "x", BL_F64, BL_SCALAR);
    bl_tensor *y = record(x, n);
    out->seconds[0] = lap(&last);
    bl_tensor *derivative = bl_gradient(y, x);
    out->seconds[1] = lap(&last);
    bl_program *program = bl_compile(context, y, derivative);
    out->seconds[2] = lap(&last);
    bl_set_input(program, x, &value, sizeof value);
    bl_status status = bl_run(program);
    out->seconds[3] = lap(&last);

    out->nodes = (long long)bl_graph_node_count(graph);
    out->instructions = bl_program_instruction_count(program);
    out->workspace = bl_program_workspace_bytes(program);
    bool good = status == BL_OK && right(value, n, bl_item(program, derivative));
    if (status == BL_OK && !good)
        fprintf(stderr, "chain: wrong derivative %.17g for %ld nodes\n", bl_item(program, derivative), n);
    last = cpu_seconds_now();
    bl_program_free(program);
    bl_graph_free(graph);
    out->seconds[4] = lap(&last);
    if (status != BL_OK) {
        char text[512];
        bl_error_format(bl_context_error(context), text, sizeof text);
        fprintf(stderr, "chain: %s\n", text);
    }
    return good;
}

/* Medians of the phases over the repeats; the time of the whole into *total. */
static bool measure_size(long n, int repeats, double *total)
{
    double seconds[PHASES + 1][MOST_REPEATS];
    sample one = {.nodes = 0};
    for (int r = 0; r < repeats; r++) {
        bl_context *context = bl_context_new(NULL);
        bool good = context && measure(context, n, &one);
        bl_context_free(context);
        if (!good)
            return false;
        seconds[PHASES][r] = 0;
        for (int i = 0; i < PHASES; i++) {
            seconds[i][r] = one.seconds[i];
            seconds[PHASES][r] += one.seconds[i];
        }
    }
    printf("%9ld", n);
    for (int i = 0; i <= PHASES; i++)
        printf(" %8.1f", 1e9 * median(seconds[i], (size_t)repeats) / (double)n);
    printf(" %10lld %12zu %12zu\n", one.nodes, one.instructions, one.workspace);
    *total = median(seconds[PHASES], (size_t)repeats);
    return true;
}

/* What the command line asks for. */
typedef struct wanted {
    int repeats;
    int size_count;
    long sizes[MOST_SIZES];
} wanted;

static bool measure_all(const wanted *w, const char *memory)
{
    double totals[MOST_SIZES];
    printf("nanoseconds of CPU time a node of the chain, median of %d, memory %s\n%9s", w->repeats, memory,
           "nodes");
    for (int i = 0; i < PHASES; i++)
        printf(" %8s", phase_names[i]);
    printf(" %8s %10s %12s %12s\n", "all", "tape", "instructions", "workspace");
    for (int i = 0; i < w->size_count; i++) {
        if (!measure_size(w->sizes[i], w->repeats, &totals[i]))
            return false;
    }
    for (int i = 1; i < w->size_count; i++)
        printf("time(%ld) / time(%ld) = %.2f\n", w->sizes[i], w->sizes[i - 1], totals[i] / totals[i - 1]);
    return true;
}

/* From here on large blocks come fresh from the system, whatever the process has freed before: by default the
 * C library learns to keep those of one size and not of another. False where it has no such setting. */
static bool fresh_memory(void)
{
#if defined(__GLIBC__)
    malloc_trim(0);
    return mallopt(M_MMAP_MAX, 1 << 16) && mallopt(M_MMAP_THRESHOLD, 1 << 17);
#else
    return false;
#endif
}

/* From here on the C library keeps freed memory, and has as much of it as the largest size takes. False where
 * it has no such setting. */
static bool keep_memory(const wanted *w)
{
#if defined(__GLIBC__)
    long largest = 1;
    sample unused;
    for (int i = 0; i < w->size_count; i++)
        largest = w->sizes[i] > largest ? w->sizes[i] : largest;
    if (!mallopt(M_MMAP_MAX, 0) || !mallopt(M_TRIM_THRESHOLD, -1))
        return false;
    bl_context *context = bl_context_new(NULL);
    bool good = context && measure(context, largest, &unused);
    bl_context_free(context);
    return good;
#else
    (void)w;
    return false;
#endif
}

static bool usage(void)
{
    fprintf(stderr, "usage: chain [--repeat 1..%d] [NODES...]\n", MOST_REPEATS);
    return false;
}

static bool parse(int count, char **arguments, wanted *w)
{
    for (int i = 1; i < count; i++) {
        bool repeat = strcmp(arguments[i], "--repeat") == 0;
        if (repeat && ++i == count)
            return usage();
        long value = positive(arguments[i], repeat ? MOST_REPEATS : 100000000);
        if (value == 0 || w->size_count == MOST_SIZES)
            return usage();
        if (repeat)
            w->repeats = (int)value;
        else
            w->sizes[w->size_count++] = value;
    }
    return true;
}

int main(int count, char **arguments)
{
    wanted w = {.repeats = 3};
    if (!parse(count, arguments, &w))
        return 2;
    if (w.size_count == 0) {
        w.sizes[w.size_count++] = 100000;
        w.sizes[w.size_count++] = 1000000;
    }
    if (keep_memory(&w) && !measure_all(&w, "used before"))
        return 1;
    return measure_all(&w, fresh_memory() ? "fresh from the system" : "as the C library gives it") ? 0 : 1;
}
