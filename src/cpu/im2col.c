/* The columns of a convolution (im2col.h), read from the input and added back to it. Both walk the same runs:
 * places that follow each other along the last axis. */
#include "cpu/im2col.h"
#include "cpu/loop.h"

/* A row of the matrix: one channel and one element of the kernel. */
typedef struct row {
    int64_t plane;              /* where the channel begins */
    int64_t shift[BL__SPATIAL]; /* the input's index at place 0 */
    int64_t low, high;          /* places low .. high - 1 of the last axis lie inside the input */
} row;

/* Places next to each other, of one image and the same but for the last axis. */
typedef struct run {
    int64_t image, place[BL__SPATIAL];
    int64_t count;
} run;

enum {
    LAST = BL__SPATIAL - 1
};

static int64_t clamp(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

/* ceil(n / step) at least 0. */
static int64_t places_before(int64_t n, int64_t step)
{
    return n > 0 ? (n - 1) / step + 1 : 0;
}

/* Row number r: channels outermost, then the kernel's axes. */
static row row_at(const bl__columns *c, int64_t r)
{
    row at;
    for (int d = LAST; d >= 0; d--) {
        at.shift[d] = r % c->kernel[d] * c->dilation[d] - c->padding[d];
        r /= c->kernel[d];
    }
    at.plane = r * c->plane;
    at.low = clamp(places_before(-at.shift[LAST], c->stride[LAST]), 0, c->places[LAST]);
    at.high = clamp(places_before(c->size[LAST] - at.shift[LAST], c->stride[LAST]), at.low, c->places[LAST]);
    return at;
}

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static run run_at(const bl__columns *c, int64_t place, int64_t left)
{
    run at;
    for (int d = LAST; d >= 0; d--) {
        at.place[d] = place % c->places[d];
        place /= c->places[d];
    }
    at.image = place;
    at.count = shorter(left, c->places[LAST] - at.place[LAST]);
    return at;
}

static void next_run(const bl__columns *c, run *at, int64_t left)
{
    at->place[LAST] = 0;
    at->count = shorter(left, c->places[LAST]);
    for (int d = LAST - 1; d >= 0; d--) {
        if (++at->place[d] < c->places[d])
            return;
        at->place[d] = 0;
    }
    at->image++;
}

/* Where the input's line of a run begins, and which part of the run lies inside the input: nothing where
 * another axis is in the padding. */
static int64_t find_line(const bl__columns *c, const row *r, const run *at, int64_t *low, int64_t *high)
{
    int64_t line = 0;
    *low = clamp(r->low - at->place[LAST], 0, at->count);
    *high = clamp(r->high - at->place[LAST], *low, at->count);
    for (int d = 0; d < LAST; d++) {
        int64_t index = r->shift[d] + at->place[d] * c->stride[d];
        if (index < 0 || index >= c->size[d])
            *high = *low;
        line = line * c->size[d] + index;
    }
    return at->image * c->image + r->plane + line * c->size[LAST];
}

#define COLUMNS(name, type)                                                                         \
    static inline void read_run_##name(type *to, const type *from, int64_t stride, int64_t low,     \
                                       int64_t high, int64_t count)                                 \
    {                                                                                               \
        for (int64_t i = 0; i < low; i++)                                                           \
            to[i] = 0;                                                                              \
        if (stride == 1 && high > low)                                                              \
            memcpy(&to[low], from, (size_t)(high - low) * sizeof(type));                            \
        else                                                                                        \
            for (int64_t i = low; i < high; i++)                                                    \
                to[i] = from[(i - low) * stride];                                                   \
        for (int64_t i = high; i < count; i++)                                                      \
            to[i] = 0;                                                                              \
    }                                                                                               \
                                                                                                    \
    static inline void add_run_##name(type *to, const type *from, int64_t stride, int64_t count)    \
    {                                                                                               \
        if (stride == 1)                                                                            \
            for (int64_t i = 0; i < count; i++)                                                     \
                to[i] += from[i];                                                                   \
        else                                                                                        \
            for (int64_t i = 0; i < count; i++)                                                     \
                to[i * stride] += from[i];                                                          \
    }                                                                                               \
                                                                                                    \
    void bl__im2col_##name(const bl__columns *c, int64_t first, int64_t count, const void *input,   \
                           void *columns)                                                           \
    {                                                                                               \
        const type *x = input;                                                                      \
        type *to = columns;                                                                         \
        int64_t rows = c->channels * c->kernel[0] * c->kernel[1] * c->kernel[2], low, high;         \
        for (int64_t i = 0; i < rows; i++) {                                                        \
            row r = row_at(c, i);                                                                   \
            run at = run_at(c, first, count);                                                       \
            for (int64_t left = count; left > 0; next_run(c, &at, left)) {                          \
                int64_t line = find_line(c, &r, &at, &low, &high);                                  \
                int64_t start = r.shift[LAST] + (at.place[LAST] + low) * c->stride[LAST];           \
                const type *from = high > low ? x + line + start : x;                               \
                read_run_##name(to, from, c->stride[LAST], low, high, at.count);                    \
                to += at.count;                                                                     \
                left -= at.count;                                                                   \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
                                                                                                    \
    void bl__col2im_##name(const bl__columns *c, int64_t first, int64_t count, const void *columns, \
                           void *input)                                                             \
    {                                                                                               \
        const type *from = columns;                                                                 \
        type *x = input;                                                                            \
        int64_t rows = c->channels * c->kernel[0] * c->kernel[1] * c->kernel[2], low, high;         \
        for (int64_t i = 0; i < rows; i++) {                                                        \
            row r = row_at(c, i);                                                                   \
            run at = run_at(c, first, count);                                                       \
            for (int64_t left = count; left > 0; next_run(c, &at, left)) {                          \
                int64_t line = find_line(c, &r, &at, &low, &high);                                  \
                int64_t start = r.shift[LAST] + (at.place[LAST] + low) * c->stride[LAST];           \
                if (high > low)                                                                     \
                    add_run_##name(x + line + start, from + low, c->stride[LAST], high - low);      \
                from += at.count;                                                                   \
                left -= at.count;                                                                   \
            }                                                                                       \
        }                                                                                           \
    }

COLUMNS(f32, float)
COLUMNS(f64, double)
