/* What a long tape costs: a chain of scalar products is recorded, differentiated, compiled and run, at two
 * sizes or more. Prints nanoseconds of CPU time and bytes a node of the chain, and how the time grows with
 * the size. It does so twice: with memory that the process has used before, which leaves the time of the
 * library itself, and with memory fresh from the system, which adds that of clearing pages.
 *
 * In a virtual machine fresh memory costs more than that: the host takes back what has been free for seconds,
 * and getting it again takes several times as long as clearing it. A small size measured alone would meet
 * what its own last repeat gave back, a large one what the host has taken. Hence all sizes take the same
 * amount of fresh memory: as many chains of a size as make up the largest are held at a time, and their mean
 * is told.
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
    size_t bytes; /* the most that the context held at a time */
} sample;

/* ---- the library's allocator, counted ---- */

typedef struct counter {
    bl_allocator allocator;
    size_t held, most;
} counter;

static void *allocate_counted(void *user, size_t bytes, size_t alignment)
{
    counter *c = user;
    void *block = c->allocator.allocate(c->allocator.user, bytes, alignment);
    c->held += block ? bytes : 0;
    c->most = c->held > c->most ? c->held : c->most;
    return block;
}

static void release_counted(void *user, void *block, size_t bytes)
{
    counter *c = user;
    c->allocator.release(c->allocator.user, block, bytes);
    c->held -= bytes;
}

/* ---- chains ---- */

/* A chain and what is made from it. */
typedef struct chain {
    counter counter;
    bl_context *context;
    bl_graph *graph;
    bl_program *program;
} chain;

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

/* Adds the time since the last lap to `seconds`. */
static void lap(double *last, double *seconds)
{
    double now = cpu_seconds_now();
    *seconds += now - *last;
    *last = now;
}

/* Takes a chain through all phases but the last, and adds up their times. */
static bool go_through(chain *c, long n, sample *out)
{
    const double value = 1.0 + 1e-7;
    c->counter.allocator = bl_context_defaults().allocator;
    bl_context_options options = {.allocator = {allocate_counted, release_counted, &c->counter},
                                  .threads = 1};
    double last = cpu_seconds_now();
    c->context = bl_context_new(&options);
    c->graph = bl_graph_new(c->context);
    bl_tensor *x = bl_input(c->graph, "x", BL_F64, BL_SCALAR);
    bl_tensor *y = record(x, n);
    lap(&last, &out->seconds[0]);
    bl_tensor *derivative = bl_gradient(y, x);
    lap(&last, &out->seconds[1]);
    c->program = bl_compile(c->context, y, derivative);
    lap(&last, &out->seconds[2]);
    bl_set_input(c->program, x, &value, sizeof value);
    bl_status status = bl_run(c->program);
    lap(&last, &out->seconds[3]);

    out->nodes = (long long)bl_graph_node_count(c->graph);
    out->instructions = bl_program_instruction_count(c->program);
    out->workspace = bl_program_workspace_bytes(c->program);
    out->bytes = c->counter.most;
    char text[512] = "no memory for a context";
    if (status != BL_OK && c->context)
        bl_error_format(bl_context_error(c->context), text, sizeof text);
    if (status != BL_OK)
        fprintf(stderr, "chain: %s\n", text);
    else if (!right(value, n, bl_item(c->program, derivative)))
        fprintf(stderr, "chain: wrong derivative %.17g for %ld nodes\n", bl_item(c->program, derivative), n);
    else
        return true;
    return false;
}

static void free_chain(chain *c)
{
    bl_program_free(c->program);
    bl_graph_free(c->graph);
    bl_context_free(c->context);
}

/* Measures `count` chains of n nodes that are held at a time; the times are those of all. */
static bool measure(long n, long count, sample *out)
{
    *out = (sample){.nodes = 0};
    chain *chains = calloc((size_t)count, sizeof(*chains));
    bool good = chains != NULL;
    for (long i = 0; i < count && good; i++)
        good = go_through(&chains[i], n, out);
    double last = cpu_seconds_now();
    for (long i = 0; i < count && chains; i++)
        free_chain(&chains[i]);
    lap(&last, &out->seconds[4]);
    free(chains);
    return good;
}

/* ---- tables ---- */

/* What the command line asks for. */
typedef struct wanted {
    int repeats;
    int size_count;
    long sizes[MOST_SIZES];
    long largest;
} wanted;

/* What was measured of one size: seconds for a chain by phase and for the whole, in each repeat. */
typedef struct row {
    double seconds[PHASES + 1][MOST_REPEATS];
    sample last;
    double growth; /* the median of how many times longer it took than the size before it */
} row;

/* Measures `count` chains of n nodes for a repeat. */
static bool measure_row(long n, long count, int repeat, row *out)
{
    out->seconds[PHASES][repeat] = 0;
    if (!measure(n, count, &out->last))
        return false;
    for (int i = 0; i < PHASES; i++) {
        out->seconds[i][repeat] = out->last.seconds[i] / (double)count;
        out->seconds[PHASES][repeat] += out->seconds[i][repeat];
    }
    return true;
}

static double growth(const row *small, const row *large, int repeats)
{
    double ratios[MOST_REPEATS];
    for (int r = 0; r < repeats; r++)
        ratios[r] = large->seconds[PHASES][r] / small->seconds[PHASES][r];
    return median(ratios, (size_t)repeats);
}

static void print_table(const wanted *w, const char *memory, row *rows)
{
    printf("nanoseconds of CPU time and bytes a node of the chain, median of %d, memory %s\n%9s", w->repeats,
           memory, "nodes");
    for (int i = 0; i < PHASES; i++)
        printf(" %8s", phase_names[i]);
    printf(" %8s %8s %10s %12s %12s\n", "all", "bytes", "tape", "instructions", "workspace");
    for (int i = 1; i < w->size_count; i++)
        rows[i].growth = growth(&rows[i - 1], &rows[i], w->repeats);
    for (int i = 0; i < w->size_count; i++) {
        double n = (double)w->sizes[i];
        const sample *last = &rows[i].last;
        printf("%9ld", w->sizes[i]);
        for (int k = 0; k <= PHASES; k++)
            printf(" %8.1f", 1e9 * median(rows[i].seconds[k], (size_t)w->repeats) / n);
        printf(" %8.1f %10lld %12zu %12zu\n", (double)last->bytes / n, last->nodes, last->instructions,
               last->workspace);
    }
    for (int i = 1; i < w->size_count; i++)
        printf("time(%ld) / time(%ld) = %.2f\n", w->sizes[i], w->sizes[i - 1], rows[i].growth);
}

/* A table of all sizes, measured in turns; `even` when all take the same memory. */
static bool measure_all(const wanted *w, bool even, const char *memory)
{
    row *rows = calloc((size_t)w->size_count, sizeof(*rows));
    bool good = rows != NULL;
    for (int r = 0; r < w->repeats; r++) {
        for (int i = 0; i < w->size_count && good; i++)
            good = measure_row(w->sizes[i], even ? w->largest / w->sizes[i] : 1, r, &rows[i]);
    }
    if (good)
        print_table(w, memory, rows);
    free(rows);
    return good;
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
    sample unused;
    return mallopt(M_MMAP_MAX, 0) && mallopt(M_TRIM_THRESHOLD, -1) && measure(w->largest, 1, &unused);
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
    wanted w = {.repeats = 5};
    if (!parse(count, arguments, &w))
        return 2;
    if (w.size_count == 0) {
        w.sizes[w.size_count++] = 100000;
        w.sizes[w.size_count++] = 1000000;
    }
    for (int i = 0; i < w.size_count; i++)
        w.largest = w.sizes[i] > w.largest ? w.sizes[i] : w.largest;
    if (keep_memory(&w) && !measure_all(&w, false, "used before"))
        return 1;
    return measure_all(&w, true, fresh_memory() ? "fresh from the system" : "as the C library gives it") ? 0
                                                                                                         : 1;
}
