/* Attention's loops over matrices and over one row of a tile, in f32 and f64. */
#include "cpu/attention.h"
#include "cpu/direct_product.h"
#include "cpu/of_set.h"
#include "cpu/turn.h"
#include "cpu/vector.h"

#include <float.h>
#include <math.h>

enum {
    LINE = 64 /* bytes that come together */
};

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address, 0, 2) /* into the second cache */
#else
#define PREFETCH(address) (void)(address)
#endif

/* Asks for as much as a row has behind it, to be read or written. Where heads lie side by side, that is a row
 * of the head that the worker is to do next; no processor guesses it, as rows are far apart. */
static inline void ask(const void *row, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += LINE)
        PREFETCH((const char *)row + bytes + i);
}

#define FORBIDDEN_f32(mask) ((mask) == -(float)INFINITY)
#define FORBIDDEN_f64(mask) ((mask) == -(double)INFINITY)

#define ROWS(name, type, lowest)                                                                           \
    static void copy_##name(int64_t rows, int64_t columns, void *to, int64_t to_row, const void *from,     \
                            bl__steps steps, double by)                                                    \
    {                                                                                                      \
        const type factor = (type)by;                                                                      \
        for (int64_t r = 0; r < rows; r++) {                                                               \
            type *y = (type *)to + r * to_row;                                                             \
            const type *x = (const type *)from + r * steps.row;                                            \
            int64_t c = 0, whole = steps.column == 1 ? columns - columns % BL__LANES_##name : 0;           \
            ask(x, (size_t)whole * sizeof(type));                                                          \
            ask(y, (size_t)whole * sizeof(type));                                                          \
            for (; c < whole; c += BL__LANES_##name)                                                       \
                bl__store_##name(y + c, BL__LANES_##name,                                                  \
                                 bl__load_##name(x + c, BL__LANES_##name) * bl__splat_##name(factor));     \
            for (; c < columns; c++)                                                                       \
                y[c] = x[c * steps.column] * factor;                                                       \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    static void turn_##name(int64_t rows, int64_t columns, void *to, int64_t to_row, const void *from,     \
                            bl__steps steps)                                                               \
    {                                                                                                      \
        type *y = to;                                                                                      \
        for (int64_t r = 0; r < rows && steps.column == 1; r += BL__TURNED_##name) {                       \
            const type *x = (const type *)from + r * steps.row;                                            \
            int64_t some = rows - r < BL__TURNED_##name ? rows - r : BL__TURNED_##name;                    \
            for (int64_t i = 0; i < some; i++)                                                             \
                ask(x + i * steps.row, (size_t)columns * sizeof(type));                                    \
            bl__turn_rows_##name(some, columns, x, steps.row, y + r, to_row);                              \
        }                                                                                                  \
        for (int64_t r = 0; r < rows && steps.column != 1; r++)                                            \
            for (int64_t c = 0; c < columns; c++)                                                          \
                y[c * to_row + r] = ((const type *)from)[r * steps.row + c * steps.column];                \
    }                                                                                                      \
                                                                                                           \
    /* x - x is 0 for numbers and NaN for others, which a sum keeps. */                                    \
    static bool finite_##name(int64_t rows, int64_t columns, const void *in, bl__steps steps)              \
    {                                                                                                      \
        bl__vector_##name sum = bl__splat_##name(0);                                                       \
        type one = 0, lane[BL__LANES_##name];                                                              \
        for (int64_t r = 0; r < rows; r++) {                                                               \
            const type *x = (const type *)in + r * steps.row;                                              \
            int64_t c = 0, whole = steps.column == 1 ? columns - columns % BL__LANES_##name : 0;           \
            for (; c < whole; c += BL__LANES_##name) {                                                     \
                bl__vector_##name here = bl__load_##name(x + c, BL__LANES_##name);                         \
                sum = sum + (here - here);                                                                 \
            }                                                                                              \
            for (; c < columns; c++)                                                                       \
                one += x[c * steps.column] - x[c * steps.column];                                          \
        }                                                                                                  \
        bl__store_##name(lane, BL__LANES_##name, sum);                                                     \
        for (int i = 0; i < (int)BL__LANES_##name; i++)                                                    \
            one += lane[i];                                                                                \
        return one == 0;                                                                                   \
    }                                                                                                      \
                                                                                                           \
    static void dots_##name(int64_t rows, int64_t columns, void *to, const void *left, const void *right,  \
                            bl__steps steps, const void *minus, int64_t minus_step)                        \
    {                                                                                                      \
        enum {                                                                                             \
            VECTORS = 16 / BL__LANES_##name                                                                \
        };                                                                                                 \
        type side[16];                                                                                     \
        for (int64_t r = 0; r < rows; r++) {                                                               \
            const type *a = (const type *)left + r * columns, *b = (const type *)right + r * steps.row;    \
            bl__vector_##name sum[VECTORS];                                                                \
            if (steps.column == 1)                                                                         \
                ask(b, (size_t)columns * sizeof(type));                                                    \
            for (int v = 0; v < (int)VECTORS; v++)                                                         \
                sum[v] = bl__splat_##name(0);                                                              \
            for (int64_t c = 0; c < columns; c += 16, a += 16, b += 16 * steps.column) {                   \
                int64_t left_over = columns - c < 16 ? columns - c : 16;                                   \
                const type *here = steps.column == 1 ? b : side;                                           \
                for (int64_t i = 0; i < left_over && here == side; i++)                                    \
                    side[i] = b[i * steps.column];                                                         \
                for (int64_t v = 0, at = 0; at < left_over; v++, at += BL__LANES_##name)                   \
                    sum[v] = sum[v] + bl__load_##name(a + at, left_over - at) *                            \
                                          bl__load_##name(here + at, left_over - at);                      \
            }                                                                                              \
            ((type *)to)[r] = (type)bl__sum_of_16_##name(sum) - ((const type *)minus)[r * minus_step];     \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    static int64_t mask_##name(int64_t n, void *scores, const void *mask, int64_t step)                    \
    {                                                                                                      \
        type *s = scores;                                                                                  \
        const type *m = mask;                                                                              \
        int64_t forbidden = 0;                                                                             \
        for (int64_t i = 0; i < n; i++, m += step) {                                                       \
            forbidden += FORBIDDEN_##name(*m);                                                             \
            s[i] = FORBIDDEN_##name(*m) ? lowest : s[i] + *m;                                              \
        }                                                                                                  \
        return n - forbidden;                                                                              \
    }                                                                                                      \
                                                                                                           \
    static int64_t mask_bools_##name(int64_t n, void *scores, const void *mask, int64_t step, bool allows) \
    {                                                                                                      \
        type *s = scores;                                                                                  \
        const uint8_t *m = mask;                                                                           \
        int64_t allowed = 0;                                                                               \
        for (int64_t i = 0; i < n; i++, m += step) {                                                       \
            allowed += (*m != 0) == allows;                                                                \
            s[i] = (*m != 0) == allows ? s[i] : lowest;                                                    \
        }                                                                                                  \
        return allowed;                                                                                    \
    }                                                                                                      \
                                                                                                           \
    static void forbid_##name(int64_t n, void *out, const void *mask, int64_t step)                        \
    {                                                                                                      \
        type *x = out;                                                                                     \
        const type *m = mask;                                                                              \
        for (int64_t i = 0; i < n; i++, m += step)                                                         \
            x[i] = FORBIDDEN_##name(*m) ? 0 : x[i];                                                        \
    }                                                                                                      \
                                                                                                           \
    static void forbid_bools_##name(int64_t n, void *out, const void *mask, int64_t step, bool allows)     \
    {                                                                                                      \
        type *x = out;                                                                                     \
        const uint8_t *m = mask;                                                                           \
        for (int64_t i = 0; i < n; i++, m += step)                                                         \
            x[i] = (*m != 0) == allows ? x[i] : 0;                                                         \
    }                                                                                                      \
                                                                                                           \
    const bl__attention_rows BL__ATTENTION_ROWS(name) = {                                                  \
        copy_##name,   turn_##name,         finite_##name,                                                 \
        dots_##name,   mask_##name,         mask_bools_##name,                                             \
        forbid_##name, forbid_bools_##name, BL__DIRECT_PRODUCT(name)};

ROWS(f32, float, -FLT_MAX)
ROWS(f64, double, -DBL_MAX)
