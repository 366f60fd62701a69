/* Attention's loops over one row of a tile, in f32 and f64. */
#include "cpu/attention.h"
#include "cpu/of_set.h"

#include <float.h>
#include <math.h>

#define FORBIDDEN_f32(mask) ((mask) == -(float)INFINITY)
#define FORBIDDEN_f64(mask) ((mask) == -(double)INFINITY)

/* `number` is an integer of the same size. */
#define ROWS(name, type, number, lowest)                                                                   \
    static void scale_##name(int64_t n, void *out, const void *in, int64_t step, double by)                \
    {                                                                                                      \
        type *y = out, factor = (type)by;                                                                  \
        const type *x = in;                                                                                \
        if (step == 1)                                                                                     \
            for (int64_t i = 0; i < n; i++)                                                                \
                y[i] = x[i] * factor;                                                                      \
        else                                                                                               \
            for (int64_t i = 0; i < n; i++)                                                                \
                y[i] = x[i * step] * factor;                                                               \
    }                                                                                                      \
                                                                                                           \
    static void panels_##name(int64_t rows, int64_t width, void *panels, const void *in, bl__steps steps)  \
    {                                                                                                      \
        type *to = panels;                                                                                 \
        const type *x = in;                                                                                \
        for (int64_t i = 0; i < rows; i++) {                                                               \
            type *column = to + i / BL__KEY_PANEL * BL__KEY_PANEL * width + i % BL__KEY_PANEL;             \
            for (int64_t e = 0; e < width; e++)                                                            \
                column[e * BL__KEY_PANEL] = x[i * steps.row + e * steps.column];                           \
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
    /* x - x is 0 for numbers and NaN for others. */                                                       \
    static bool finite_##name(int64_t n, const void *in, int64_t step)                                     \
    {                                                                                                      \
        const type *x = in;                                                                                \
        number bad = 0;                                                                                    \
        if (step == 1)                                                                                     \
            for (int64_t i = 0; i < n; i++)                                                                \
                bad |= x[i] - x[i] != 0;                                                                   \
        else                                                                                               \
            for (int64_t i = 0; i < n; i++)                                                                \
                bad |= x[i * step] - x[i * step] != 0;                                                     \
        return bad == 0;                                                                                   \
    }                                                                                                      \
                                                                                                           \
    const bl__attention_rows BL__ATTENTION_ROWS(name) = {                                                  \
        scale_##name,      panels_##name, finite_##name,      mask_##name,                                 \
        mask_bools_##name, forbid_##name, forbid_bools_##name};

ROWS(f32, float, int32_t, -FLT_MAX)
ROWS(f64, double, int64_t, -DBL_MAX)
