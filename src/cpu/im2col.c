/* The columns of a convolution (im2col.h), read from the input and added back to it. Each row of the matrix
 * meets the same runs of places, shifted. */
#include "cpu/im2col.h"
#include "cpu/loop.h"

enum {
    LAST = BL__SPATIAL - 1,
    CHUNK = BL__COLUMNS_SLACK
};

/* Elements of the matrix next to each other: places that follow each other along the last axis. `offset` and
 * `index` are those of what the first meets under the kernel's first element of the first channel. */
struct bl__run {
    int64_t offset, count;
    int64_t index[BL__SPATIAL];
};

/* How much further those are for a row: one channel and one element of the kernel. */
struct row {
    int64_t offset, index[BL__SPATIAL];
};

struct walk {
    const bl__columns *columns;
    const bl__run *runs;
    int64_t count, step;
    int64_t end;                                   /* elements of the input behind the group's first */
    int64_t least[BL__SPATIAL], most[BL__SPATIAL]; /* indices of all runs' elements */
    int64_t furthest;                              /* of their offsets */
};

static int64_t clamp(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

size_t bl__columns_runs(const bl__columns *c, int64_t count)
{
    return (size_t)(count / c->places[LAST] + 2) * sizeof(bl__run);
}

/* Where an element of a plane stands, inside it or not. */
static int64_t offset_in(const bl__columns *c, const int64_t *index)
{
    return (index[0] * c->size[1] + index[1]) * c->size[LAST] + index[LAST];
}

/* Rows count channels outermost, then the kernel's axes. */
static struct row row_at(const bl__columns *c, int64_t r)
{
    struct row row;
    for (int d = LAST; d >= 0; d--) {
        row.index[d] = r % c->kernel[d] * c->dilation[d];
        r /= c->kernel[d];
    }
    row.offset = r * c->plane + offset_in(c, row.index);
    return row;
}

static int64_t rows_of(const bl__columns *c)
{
    return c->channels * c->kernel[0] * c->kernel[1] * c->kernel[LAST];
}

/* The run that begins at a place, of at most `left` places. */
static bl__run run_at(const bl__columns *c, int64_t place, int64_t left)
{
    bl__run run;
    int64_t at = place % c->places[LAST];
    for (int d = LAST; d >= 0; d--) {
        run.index[d] = place % c->places[d] * c->stride[d] - c->padding[d];
        place /= c->places[d];
    }
    run.offset = place * c->image + offset_in(c, run.index);
    run.count = left < c->places[LAST] - at ? left : c->places[LAST] - at;
    return run;
}

/* Counts in what a run reaches. */
static void reach(struct walk *w, const bl__run *run)
{
    int64_t length = (run->count - 1) * w->step;
    for (int d = 0; d < BL__SPATIAL; d++) {
        int64_t last = run->index[d] + (d == LAST ? length : 0);
        w->least[d] = w->count == 0 || run->index[d] < w->least[d] ? run->index[d] : w->least[d];
        w->most[d] = w->count == 0 || last > w->most[d] ? last : w->most[d];
    }
    w->furthest = w->count == 0 || run->offset + length > w->furthest ? run->offset + length : w->furthest;
}

static struct walk walk_of(const bl__columns *c, int64_t first, int64_t count, int64_t group, bl__run *runs)
{
    struct walk w = {
        .columns = c, .runs = runs, .step = c->stride[LAST], .end = c->images * c->image - group};
    for (int64_t done = 0; done < count; done += runs[w.count++].count) {
        runs[w.count] = run_at(c, first + done, count - done);
        reach(&w, &runs[w.count]);
    }
    return w;
}

/* Whether all runs lie inside the input for a row. */
static bool all_inside(const struct walk *w, const struct row *row)
{
    bool inside = true;
    for (int d = 0; d < BL__SPATIAL; d++)
        inside =
            inside && row->index[d] + w->least[d] >= 0 && row->index[d] + w->most[d] < w->columns->size[d];
    return inside;
}

/* ceil(n / step) at least 0. */
static int64_t steps_before(int64_t n, int64_t step)
{
    return n > 0 ? (n - 1) / step + 1 : 0;
}

/* Which elements low .. high - 1 of a run lie inside the input for a row: none where another axis is in the
 * padding. */
static inline void find_inside(const struct walk *w, const struct row *row, const bl__run *run, int64_t *low,
                               int64_t *high)
{
    const int64_t *size = w->columns->size;
    int64_t at = row->index[LAST] + run->index[LAST];
    bool none = (uint64_t)(row->index[0] + run->index[0]) >= (uint64_t)size[0] ||
                (uint64_t)(row->index[1] + run->index[1]) >= (uint64_t)size[1];
    *low = clamp(w->step == 1 ? -at : steps_before(-at, w->step), 0, run->count);
    int64_t left = w->step == 1 ? size[LAST] - at : steps_before(size[LAST] - at, w->step);
    *high = none ? *low : clamp(left, *low, run->count);
}

#define COLUMNS(name, type)                                                                                  \
    /* Elements that lie next to each other, in chunks: the last one may go beyond both ends. */             \
    static inline void copy_chunks_##name(int64_t n, const type *restrict from, type *restrict to)           \
    {                                                                                                        \
        for (int64_t i = 0; i < n; i += CHUNK)                                                               \
            memcpy(&to[i], &from[i], CHUNK * sizeof(type));                                                  \
    }                                                                                                        \
                                                                                                             \
    /* A run whose elements low .. high - 1 lie inside the input; the first is, or would be, at `from`. */   \
    static inline void read_run_##name(const struct walk *w, int64_t from, int64_t low, int64_t high,        \
                                       int64_t count, const type *x, type *to)                               \
    {                                                                                                        \
        for (int64_t i = 0; i < low; i++)                                                                    \
            to[i] = 0;                                                                                       \
        if (w->step == 1 && from + high + CHUNK <= w->end)                                                   \
            copy_chunks_##name(high - low, x + (from + low), to + low);                                      \
        else                                                                                                 \
            for (int64_t i = low; i < high; i++)                                                             \
                to[i] = x[from + i * w->step];                                                               \
        for (int64_t i = high; i < count; i++)                                                               \
            to[i] = 0;                                                                                       \
    }                                                                                                        \
                                                                                                             \
    void bl__im2col_##name(const bl__columns *c, int64_t first, int64_t count, const void *input,            \
                           int64_t group, bl__run *runs, void *columns)                                      \
    {                                                                                                        \
        struct walk w = walk_of(c, first, count, group, runs);                                               \
        const type *x = (const type *)input + group;                                                         \
        type *to = columns;                                                                                  \
        int64_t rows = rows_of(c), low, high;                                                                \
        for (int64_t r = 0; r < rows; r++) {                                                                 \
            struct row row = row_at(c, r);                                                                   \
            bool plain = w.step == 1 && all_inside(&w, &row) && row.offset + w.furthest + CHUNK <= w.end;    \
            for (int64_t i = 0; i < w.count && plain; to += runs[i++].count)                                 \
                copy_chunks_##name(runs[i].count, x + (row.offset + runs[i].offset), to);                    \
            for (int64_t i = 0; i < w.count && !plain; to += runs[i++].count) {                              \
                find_inside(&w, &row, &runs[i], &low, &high);                                                \
                read_run_##name(&w, row.offset + runs[i].offset, low, high, runs[i].count, x, to);           \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static inline void add_run_##name(int64_t n, int64_t step, const type *restrict from, type *restrict to) \
    {                                                                                                        \
        if (step == 1)                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                                  \
                to[i] += from[i];                                                                            \
        else                                                                                                 \
            for (int64_t i = 0; i < n; i++)                                                                  \
                to[i * step] += from[i];                                                                     \
    }                                                                                                        \
                                                                                                             \
    void bl__col2im_##name(const bl__columns *c, int64_t first, int64_t count, const void *columns,          \
                           int64_t group, bl__run *runs, void *input)                                        \
    {                                                                                                        \
        struct walk w = walk_of(c, first, count, group, runs);                                               \
        type *x = (type *)input + group;                                                                     \
        const type *from = columns;                                                                          \
        int64_t rows = rows_of(c), low, high;                                                                \
        for (int64_t r = 0; r < rows; r++) {                                                                 \
            struct row row = row_at(c, r);                                                                   \
            bool inside = all_inside(&w, &row);                                                              \
            for (int64_t i = 0; i < w.count && inside; from += runs[i++].count)                              \
                add_run_##name(runs[i].count, w.step, from, x + (row.offset + runs[i].offset));              \
            for (int64_t i = 0; i < w.count && !inside; from += runs[i++].count) {                           \
                find_inside(&w, &row, &runs[i], &low, &high);                                                \
                int64_t at = row.offset + runs[i].offset + low * w.step;                                     \
                if (high > low)                                                                              \
                    add_run_##name(high - low, w.step, from + low, x + at);                                  \
            }                                                                                                \
        }                                                                                                    \
    }

COLUMNS(f32, float)
COLUMNS(f64, double)
