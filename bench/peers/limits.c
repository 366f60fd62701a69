/* What the machine can do, for the floors of the cases. A command a line on stdin, an answer in seconds a
 * line on stdout, each the time of one go with T threads:
 *
 *     gemm T M N K BATCH COUNT ...  products [M,K] x [K,N] of floats, COUNT times for each of BATCH pairs of
 *                                   matrices, by BLIS: slices of a product, or pairs, go to the threads
 *     copy T BYTES                  copies as many bytes, which are read and written
 *     math T COUNT                  tanh and exp of COUNT floats by SLEEF, from the cache; -1 without SLEEF
 */
#include "../timing.h"

#include "vector_math.h"

#include <blis.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_THREADS = 64,
    MOST_PRODUCTS = 16,
    TILE = 2048, /* floats */
    GRAIN = 32   /* slices begin at multiples of it */
};

typedef struct product {
    long m, n, k, batch, count;
} product;

/* What all threads of a go work on. */
typedef struct work {
    void (*function)(struct work *w, int index);
    int threads;
    atomic_int arrived;
    double seconds;
    product products[MOST_PRODUCTS];
    int product_count;
    float *a, *b, *c;
    size_t size; /* bytes to copy, elements to compute */
} work;

typedef struct worker {
    work *work;
    int index;
} worker;

/* Waits until all threads came for the `round`th time. */
static void meet(work *w, int *round)
{
    int wanted = ++*round * w->threads;
    atomic_fetch_add(&w->arrived, 1);
    for (long spins = 0; atomic_load(&w->arrived) < wanted; spins++) {
        if (spins > 10000)
            sched_yield();
    }
}

static void *work_in_thread(void *argument)
{
    worker *one = argument;
    one->work->function(one->work, one->index);
    return NULL;
}

/* Runs the function in all threads; the time is what thread 0 writes down. */
static double go(work *w)
{
    pthread_t threads[MOST_THREADS];
    worker workers[MOST_THREADS];
    atomic_store(&w->arrived, 0);
    for (int i = 1; i < w->threads; i++) {
        workers[i] = (worker){w, i};
        if (pthread_create(&threads[i], NULL, work_in_thread, &workers[i]) != 0)
            abort();
    }
    w->function(w, 0);
    for (int i = 1; i < w->threads; i++)
        pthread_join(threads[i], NULL);
    return w->seconds;
}

/* Part `index` of [0, count), its ends multiples of `grain` or `count` itself. */
static void part_of(long count, int parts, int index, long grain, long *first, long *end)
{
    long grains = (count + grain - 1) / grain;
    *first = grains * index / parts * grain;
    *end = grains * (index + 1) / parts * grain;
    *first = *first < count ? *first : count;
    *end = *end < count ? *end : count;
}

/* ---- products ---- */

static void multiply(const work *w, const product *p, long pair, long m0, long m1, long n0, long n1)
{
    float one = 1, zero = 0;
    float *a = w->a + pair * p->m * p->k + m0 * p->k, *b = w->b + pair * p->k * p->n + n0;
    float *c = w->c + pair * p->m * p->n + m0 * p->n + n0;
    if (m1 > m0 && n1 > n0)
        bli_sgemm(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m1 - m0, n1 - n0, p->k, &one, a, p->k, 1, b, p->n, 1,
                  &zero, c, p->n, 1);
}

/* A thread's part of one product: pairs where there are several, else rows or columns. */
static void multiply_part(const work *w, const product *p, int index)
{
    long first, end;
    bool pairs = p->batch > 1, rows = p->m >= p->n;
    part_of(pairs ? p->batch : rows ? p->m : p->n, w->threads, index, pairs ? 1 : GRAIN, &first, &end);
    if (pairs) {
        for (long i = first; i < end; i++)
            multiply(w, p, i, 0, p->m, 0, p->n);
    } else if (rows) {
        multiply(w, p, 0, first, end, 0, p->n);
    } else {
        multiply(w, p, 0, 0, p->m, first, end);
    }
}

static void multiply_all(work *w, int index)
{
    int round = 0;
    meet(w, &round);
    double begun = bench_seconds_now();
    for (int i = 0; i < w->product_count; i++) {
        for (long j = 0; j < w->products[i].count; j++) {
            multiply_part(w, &w->products[i], index);
            meet(w, &round);
        }
    }
    if (index == 0)
        w->seconds = bench_seconds_now() - begun;
}

/* Aligned to a page, and touched. */
static float *filled(size_t count)
{
    void *block;
    if (posix_memalign(&block, 4096, (count + 1024) * sizeof(float)) != 0)
        abort();
    float *values = block;
    for (size_t i = 0; i < count; i++)
        values[i] = 0.5f + (float)(i % 7) * 0.125f;
    return values;
}

static size_t most(size_t a, long b, long c, long d)
{
    size_t other = (size_t)b * (size_t)c * (size_t)d;
    return a > other ? a : other;
}

static double time_products(work *w)
{
    size_t a = 0, b = 0, c = 0;
    w->product_count = 0;
    for (char *text; w->product_count < MOST_PRODUCTS && (text = strtok(NULL, " \n"));) {
        product *p = &w->products[w->product_count++];
        long *fields[] = {&p->n, &p->k, &p->batch, &p->count};
        p->m = strtol(text, NULL, 10);
        for (int i = 0; i < 4; i++) {
            text = strtok(NULL, " \n");
            *fields[i] = text ? strtol(text, NULL, 10) : 1;
        }
        a = most(a, p->batch, p->m, p->k);
        b = most(b, p->batch, p->k, p->n);
        c = most(c, p->batch, p->m, p->n);
    }
    w->function = multiply_all;
    w->a = filled(a);
    w->b = filled(b);
    w->c = filled(c);
    go(w); /* warms up */
    double seconds = go(w);
    free(w->a);
    free(w->b);
    free(w->c);
    return seconds;
}

/* ---- memory and vector math ---- */

static void copy_part(work *w, int index)
{
    int round = 0;
    long first, end;
    part_of((long)w->size, w->threads, index, 4096, &first, &end);
    meet(w, &round);
    double begun = bench_seconds_now();
    memcpy((char *)w->c + first, (char *)w->a + first, (size_t)(end - first));
    meet(w, &round);
    if (index == 0)
        w->seconds = bench_seconds_now() - begun;
}

static double time_copy(work *w, size_t bytes)
{
    w->size = bytes;
    w->function = copy_part;
    w->a = filled(bytes / sizeof(float));
    w->c = filled(bytes / sizeof(float));
    double seconds = go(w);
    free(w->a);
    free(w->c);
    return seconds;
}

static void compute_part(work *w, int index)
{
    int round = 0;
    long first, end;
    float in[TILE], out[TILE];
    for (int i = 0; i < TILE; i++)
        in[i] = (float)i * (4.0f / TILE) - 2.0f;
    part_of((long)w->size, w->threads, index, TILE, &first, &end);
    meet(w, &round);
    double begun = bench_seconds_now();
    for (long i = first; i < end; i += TILE) {
        vector_tanh(in, out, TILE);
        vector_exp(in, out, TILE);
    }
    meet(w, &round);
    if (index == 0)
        w->seconds = bench_seconds_now() - begun;
}

static double time_math(work *w, size_t count)
{
    if (!vector_math_known())
        return -1;
    w->size = count;
    w->function = compute_part;
    return go(w);
}

int main(void)
{
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        work w = {.threads = 1};
        const char *name = strtok(line, " \n"), *threads = strtok(NULL, " \n");
        if (!name || !threads)
            continue;
        w.threads = (int)positive(threads, MOST_THREADS);
        if (w.threads == 0)
            return 2;
        double seconds = -1;
        if (strcmp(name, "gemm") == 0) {
            seconds = time_products(&w);
        } else {
            const char *size = strtok(NULL, " \n");
            size_t number = size ? (size_t)strtoull(size, NULL, 10) : 0;
            seconds = strcmp(name, "copy") == 0 ? time_copy(&w, number) : time_math(&w, number);
        }
        printf("%.9g\n", seconds);
        fflush(stdout);
    }
    return 0;
}
