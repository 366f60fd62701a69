/* Products (cpu/gemm.h) against plain loops, on numbers whose sums are exact: sizes around those of tiles,
 * panels and blocks, steps of any kind, adding, and what is said of the parts that are done; by each way that
 * there is here, BLIS's and that of a set with panels of its own.
 */
#include "cpu/gemm.h"
#include "cpu/kernel_set.h"
#include "cpu/panels.h"
#include "graph/memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Element (i, j) of a factor: small whole numbers. */
static double factor(int which, int64_t i, int64_t j)
{
    return (double)((i * 7 + j * 3 + which) % 11) - 5;
}

/* Where the first element stands so that those of a negative step have room. */
static int64_t first_of(bl__steps s, int64_t rows, int64_t columns)
{
    return (s.row < 0 ? -s.row * (rows - 1) : 0) + (s.column < 0 ? -s.column * (columns - 1) : 0);
}

static void *matrix(int which, bool f64, int64_t rows, int64_t columns, bl__steps s, size_t count)
{
    float *narrow = malloc(count * sizeof(double));
    double *wide = (double *)(void *)narrow;
    int64_t first = first_of(s, rows, columns);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            if (f64)
                wide[first + i * s.row + j * s.column] = factor(which, i, j);
            else
                narrow[first + i * s.row + j * s.column] = (float)factor(which, i, j);
        }
    return narrow;
}

static size_t count_of(bl__steps s, int64_t rows, int64_t columns)
{
    return (size_t)(llabs(s.row) * (rows - 1) + llabs(s.column) * (columns - 1) + 1);
}

/* The sets that compute products in ways of their own; the next one behind a set, NULL after the last. */
static const bl__kernel_set *next_way(const bl__kernel_set *set)
{
    for (int next = set ? (int)set->instructions + 1 : BL_ISA_PLAIN; next < BL_ISA_COUNT; next++) {
        const bl__kernel_set *found = bl__kernel_set_of((bl_instruction_set)next);
        if (found && (!set || found->panels_f32))
            return found;
    }
    return NULL;
}

/* A call of a set, in scratch of NaN for a product by so many workers: what is not packed must not count. */
struct place {
    bl_allocator allocator;
    bl__environment environment;
    bl__call call;
    void *scratch;
    size_t bytes;
};

static void open_place(struct place *at, const bl__kernel_set *set, const bl__product *p)
{
    *at = (struct place){.allocator = bl__default_allocator(), .environment = {.threads = 1, .kernels = set}};
    at->call.environment = &at->environment;
    at->bytes = bl__gemm_scratch(set, p, 1);
    at->scratch = bl__allocate_data(&at->allocator, at->bytes);
    cr_assert(at->scratch);
    memset(at->scratch, 0xff, at->bytes);
}

static void close_place(struct place *at)
{
    bl__release_data(&at->allocator, at->scratch, at->bytes);
}

static void check_way(const bl__kernel_set *set, const bl__product *p)
{
    size_t size = p->f64 ? sizeof(double) : sizeof(float), c_count = count_of(p->c, p->m, p->n);
    char *a = matrix(1, p->f64, p->m, p->k, p->a, count_of(p->a, p->m, p->k));
    char *b = matrix(2, p->f64, p->k, p->n, p->b, count_of(p->b, p->k, p->n));
    char *c = matrix(3, p->f64, p->m, p->n, p->c, c_count);
    struct place at;
    open_place(&at, set, p);
    bl__gemm(&at.call, p, a + size * (size_t)first_of(p->a, p->m, p->k),
             b + size * (size_t)first_of(p->b, p->k, p->n), c + size * (size_t)first_of(p->c, p->m, p->n),
             at.scratch);
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = p->add ? factor(3, i, j) : 0;
            for (int64_t q = 0; q < p->k; q++)
                sum += factor(1, i, q) * factor(2, q, j);
            int64_t place = first_of(p->c, p->m, p->n) + i * p->c.row + j * p->c.column;
            double value = p->f64 ? ((double *)(void *)c)[place] : (double)((float *)(void *)c)[place];
            cr_assert_eq(value, sum, "%dx%dx%d at %d,%d: %g, not %g, set %d", (int)p->m, (int)p->n, (int)p->k,
                         (int)i, (int)j, value, sum, (int)set->instructions);
        }
    close_place(&at);
    free(a);
    free(b);
    free(c);
}

static void check(const bl__product *p)
{
    for (const bl__kernel_set *set = next_way(NULL); set; set = next_way(set))
        check_way(set, p);
}

Test(gemm, any_size)
{
    const int64_t sizes[] = {1, 2, 5, 6, 7, 15, 16, 17, 25, 48, 49, 63, 65, 97};
    enum {
        COUNT = sizeof(sizes) / sizeof(sizes[0])
    };
    for (int i = 0; i < COUNT * COUNT * 4; i++) {
        int64_t m = sizes[i % COUNT], n = sizes[i / COUNT % COUNT], k = sizes[(i * 5 + 3) % COUNT];
        bl__product p = {.m = m, .n = n, .k = k, .f64 = i & 1, .add = (i / 2) & 1};
        bool turn_a = i % 3 == 0, turn_b = i % 5 == 0, turn_c = i % 7 == 0;
        p.a = turn_a ? bl__turned_steps(m) : bl__row_steps(k);
        p.b = turn_b ? bl__turned_steps(k) : bl__row_steps(n);
        p.c = turn_c ? bl__turned_steps(m) : bl__row_steps(n);
        check(&p);
    }
}

Test(gemm, beyond_one_block)
{
    const int64_t sizes[][3] = {{1300, 20, 33}, {20, 2100, 33},  {30, 20, 1000}, {1153, 17, 321},
                                {7, 2049, 641}, {200, 70, 1025}, {1201, 65, 40}};
    for (int i = 0; i < 14; i++) {
        int64_t m = sizes[i / 2][0], n = sizes[i / 2][1], k = sizes[i / 2][2];
        check(&(bl__product){.m = m,
                             .n = n,
                             .k = k,
                             .a = bl__row_steps(k),
                             .b = bl__turned_steps(k),
                             .c = bl__row_steps(n),
                             .f64 = i & 1,
                             .add = i % 3 == 0});
    }
}

Test(gemm, any_steps)
{
    const int64_t m = 50, n = 40, k = 30;
    for (int i = 0; i < 16; i++) {
        bl__product p = {.m = m, .n = n, .k = k, .f64 = i & 1, .add = i & 2};
        p.a = i & 4 ? (bl__steps){-3, 2 * m * 3} : (bl__steps){2 * k, -2};
        p.b = i & 8 ? (bl__steps){3, 3 * k + 5} : (bl__steps){-n, 1};
        p.c = i & 4 ? (bl__steps){2, 2 * m} : (bl__steps){-2 * n, -2};
        check(&p);
    }
}

Test(gemm, a_broadcast_factor)
{
    enum {
        M = 20,
        N = 33,
        K = 12
    };
    float row[K], one = 2, c[M * N];
    for (int q = 0; q < K; q++)
        row[q] = (float)q;
    bl__product p = {.m = M, .n = N, .k = K, .a = {0, 1}, .b = {0, 0}, .c = bl__row_steps(N)};
    for (const bl__kernel_set *set = next_way(NULL); set; set = next_way(set)) {
        struct place at;
        open_place(&at, set, &p);
        bl__gemm(&at.call, &p, row, &one, c, at.scratch);
        for (int i = 0; i < M * N; i++)
            cr_assert_eq(c[i], (float)(K * (K - 1)));
        close_place(&at);
    }
}

struct done {
    unsigned char *seen;
    const float *c;
    int64_t n;
    float k;
};

static void note_done(const bl__call *call, const void *work, int64_t row, int64_t rows, int64_t column,
                      int64_t columns, int worker)
{
    const struct done *done = work;
    cr_assert(call && worker == 0);
    for (int64_t i = row; i < row + rows; i++)
        for (int64_t j = column; j < column + columns; j++) {
            done->seen[i * done->n + j]++;
            cr_assert_eq(done->c[i * done->n + j], done->k, "not ready");
        }
}

Test(gemm, parts_are_told_of_once)
{
    enum {
        M = 1200,
        N = 2100,
        K = 700
    };
    float one = 1, *c = malloc(sizeof(float) * M * N);
    bl__product p = {.m = M, .n = N, .k = K, .c = bl__row_steps(N)}; /* of ones */
    for (const bl__kernel_set *set = next_way(NULL); set; set = next_way(set)) {
        unsigned char *seen = calloc(M, N);
        struct done done = {seen, c, N, K};
        struct place at;
        open_place(&at, set, &p);
        bl__gemm_shared(&at.call, false, &p, &one, &one, c, at.scratch, at.bytes, note_done, &done);
        for (int i = 0; i < M * N; i++)
            cr_assert_eq(seen[i], 1);
        close_place(&at);
        free(seen);
    }
    free(c);
}
