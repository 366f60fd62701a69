/* linear_cross_entropy: loops over rows (linear_cross_entropy.h). Down a chunk, some vectors of lanes stay in
 * registers. */
#include "cpu/direct_product.h"
#include "cpu/lanes.h"
#include "cpu/linear_cross_entropy.h"
#include "cpu/of_set.h"
#include "cpu/turn.h"

#include <math.h>

enum {
    LOOKED = 4, /* vectors whose largest are sought at once; and whose powers are raised */
    RAISED = 2,
    RUN = 8,  /* classes whose powers are added up in the type */
    SUMS = 16 /* of a row of lanes */
};

/* How far a logit may exceed `most` before that moves. Powers of a few units lose nothing, and mostly the
 * first chunk has the logits that all others are measured by. */
#define SLACK 4

#define POWERS(name, type)                                                                                \
    static inline __attribute__((always_inline)) void look_at_##name(                                     \
        int64_t n, int64_t lanes, const type *x, const type *bias, type *most, int vectors)               \
    {                                                                                                     \
        bl__vector_##name here[LOOKED];                                                                   \
        UNROLLED                                                                                          \
        for (int v = 0; v < vectors; v++)                                                                 \
            here[v] = bl__load_##name(most + v * BL__LANES_##name, BL__LANES_##name);                     \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                     \
            bl__vector_##name b = bl__splat_##name(bias ? bias[i] : 0);                                   \
            UNROLLED                                                                                      \
            for (int v = 0; v < vectors; v++)                                                             \
                here[v] = bl__max_##name(bl__load_##name(x + v * BL__LANES_##name, BL__LANES_##name) + b, \
                                         here[v]);                                                        \
        }                                                                                                 \
        UNROLLED                                                                                          \
        for (int v = 0; v < vectors; v++)                                                                 \
            bl__store_##name(most + v * BL__LANES_##name, BL__LANES_##name, here[v]);                     \
    }                                                                                                     \
                                                                                                          \
    /* The largest of each lane, or of those that are not NaN: its powers are NaN in any case. */         \
    static void look_##name(int64_t n, int64_t lanes, const type *x, const type *bias, type *most)        \
    {                                                                                                     \
        int64_t r = 0;                                                                                    \
        for (; r + LOOKED * BL__LANES_##name <= lanes; r += LOOKED * BL__LANES_##name)                    \
            look_at_##name(n, lanes, x + r, bias, most + r, LOOKED);                                      \
        for (; r < lanes; r += BL__LANES_##name)                                                          \
            look_at_##name(n, lanes, x + r, bias, most + r, 1);                                           \
    }                                                                                                     \
                                                                                                          \
    static inline __attribute__((always_inline)) void raise_at_##name(                                    \
        int64_t n, int64_t lanes, type *x, const type *bias, const type *most, double *sums, int vectors) \
    {                                                                                                     \
        type lane[RAISED * BL__LANES_##name];                                                             \
        bl__vector_##name away[RAISED], sum[RAISED];                                                      \
        UNROLLED                                                                                          \
        for (int v = 0; v < vectors; v++)                                                                 \
            away[v] = bl__load_##name(most + v * BL__LANES_##name, BL__LANES_##name);                     \
        for (int64_t begin = 0; begin < n; begin += RUN) {                                                \
            int64_t end = n - begin < RUN ? n : begin + RUN;                                              \
            UNROLLED                                                                                      \
            for (int v = 0; v < vectors; v++)                                                             \
                sum[v] = bl__splat_##name(0);                                                             \
            for (int64_t i = begin; i < end; i++, x += lanes) {                                           \
                bl__vector_##name b = bl__splat_##name(bias ? bias[i] : 0);                               \
                UNROLLED                                                                                  \
                for (int v = 0; v < vectors; v++) {                                                       \
                    type *at = x + v * BL__LANES_##name;                                                  \
                    bl__vector_##name power =                                                             \
                        bl__exp_##name(bl__load_##name(at, BL__LANES_##name) + b - away[v]);              \
                    bl__store_##name(at, BL__LANES_##name, power);                                        \
                    sum[v] = sum[v] + power;                                                              \
                }                                                                                         \
            }                                                                                             \
            UNROLLED                                                                                      \
            for (int v = 0; v < vectors; v++)                                                             \
                bl__store_##name(lane + v * BL__LANES_##name, BL__LANES_##name, sum[v]);                  \
            for (int k = 0; k < vectors * BL__LANES_##name; k++)                                          \
                sums[k] += (double)lane[k];                                                               \
        }                                                                                                 \
    }                                                                                                     \
                                                                                                          \
    static void raise_##name(int64_t n, int64_t lanes, type *x, const type *bias, const type *most,       \
                             double *sums)                                                                \
    {                                                                                                     \
        int64_t r = 0;                                                                                    \
        for (; r + RAISED * BL__LANES_##name <= lanes; r += RAISED * BL__LANES_##name)                    \
            raise_at_##name(n, lanes, x + r, bias, most + r, sums + r, RAISED);                           \
        for (; r < lanes; r += BL__LANES_##name)                                                          \
            raise_at_##name(n, lanes, x + r, bias, most + r, sums + r, 1);                                \
    }                                                                                                     \
                                                                                                          \
    /* Whether any `most` moved. most[lane] becomes what is to be taken off: nothing where all logits so  \
     * far are -infinity, whose powers are 0. */                                                          \
    static bool move_##name(int64_t lanes, type *most, bl__entropy_piece *pieces, double *scales)         \
    {                                                                                                     \
        bool moved = false;                                                                               \
        for (int64_t r = 0; r < lanes; r++) {                                                             \
            double now = (double)most[r];                                                                 \
            scales[r] = 1;                                                                                \
            if (!(now <= pieces[r].most + SLACK)) {                                                       \
                scales[r] = exp(pieces[r].most - now);                                                    \
                pieces[r].sum *= scales[r];                                                               \
                pieces[r].most = now;                                                                     \
                moved = true;                                                                             \
            }                                                                                             \
            most[r] = pieces[r].most == -INFINITY ? 0 : (type)pieces[r].most;                             \
        }                                                                                                 \
        return moved;                                                                                     \
    }                                                                                                     \
                                                                                                          \
    static bool powers_##name(int64_t n, int64_t lanes, void *logits, const void *bias,                   \
                              bl__entropy_piece *pieces, double *scales)                                  \
    {                                                                                                     \
        type most[BL__ENTROPY_ROWS];                                                                      \
        double sums[BL__ENTROPY_ROWS];                                                                    \
        for (int64_t r = 0; r < lanes; r++)                                                               \
            most[r] = (type)pieces[r].most;                                                               \
        look_##name(n, lanes, logits, bias, most);                                                        \
        bool moved = move_##name(lanes, most, pieces, scales);                                            \
        for (int64_t r = 0; r < lanes; r++)                                                               \
            sums[r] = pieces[r].sum;                                                                      \
        raise_##name(n, lanes, logits, bias, most, sums);                                                 \
        for (int64_t r = 0; r < lanes; r++)                                                               \
            pieces[r].sum = sums[r];                                                                      \
        return moved;                                                                                     \
    }                                                                                                     \
                                                                                                          \
    static void add_totals_##name(int64_t n, int64_t lanes, const void *logits, const void *bias,         \
                                  bl__entropy_piece *pieces)                                              \
    {                                                                                                     \
        const type *x = logits, *biases = bias;                                                           \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                     \
            type b = biases ? biases[i] : 0;                                                              \
            for (int64_t r = 0; r < lanes; r++)                                                           \
                pieces[r].total += (double)(x[r] + b);                                                    \
        }                                                                                                 \
    }                                                                                                     \
                                                                                                          \
    static void rescale_##name(int64_t n, int64_t lanes, void *powers, const double *scales)              \
    {                                                                                                     \
        type scale[BL__ENTROPY_ROWS], *x = powers;                                                        \
        for (int64_t r = 0; r < lanes; r++)                                                               \
            scale[r] = (type)scales[r];                                                                   \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                     \
            BL__EACH_ALONE                                                                                \
            for (int64_t r = 0; r < lanes; r++)                                                           \
                x[r] *= scale[r];                                                                         \
        }                                                                                                 \
    }                                                                                                     \
                                                                                                          \
    /* The sum of lane r in SUMS sums, of r mod SUMS each. */                                             \
    static void add_sums_##name(int64_t n, int64_t lanes, int64_t count, void *sums, const void *powers,  \
                                const double *factors)                                                    \
    {                                                                                                     \
        type factor[BL__ENTROPY_ROWS], *to = sums;                                                        \
        const type *x = powers;                                                                           \
        int64_t whole = count - count % SUMS;                                                             \
        for (int64_t r = 0; r < count; r++)                                                               \
            factor[r] = (type)factors[r];                                                                 \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                     \
            type sum[SUMS] = {0};                                                                         \
            for (int64_t r = 0; r < whole; r += SUMS)                                                     \
                for (int k = 0; k < SUMS; k++)                                                            \
                    sum[k] += x[r + k] * factor[r + k];                                                   \
            for (int64_t r = whole; r < count; r++)                                                       \
                sum[r - whole] += x[r] * factor[r];                                                       \
            for (int half = SUMS / 2; half > 0; half /= 2)                                                \
                for (int k = 0; k < half; k++)                                                            \
                    sum[k] += sum[k + half];                                                              \
            to[i] += sum[0];                                                                              \
        }                                                                                                 \
    }

#define ROWS(name, type)                                                                                \
    static double get_##name(const void *from, int64_t i)                                               \
    {                                                                                                   \
        return (double)((const type *)from)[i];                                                         \
    }                                                                                                   \
                                                                                                        \
    static void less_##name(void *from, int64_t i, double amount)                                       \
    {                                                                                                   \
        ((type *)from)[i] -= (type)amount;                                                              \
    }                                                                                                   \
                                                                                                        \
    static void turn_##name(int64_t rows, int64_t lanes, int64_t width, const void *from, void *turned) \
    {                                                                                                   \
        type *to = turned;                                                                              \
        bl__turn_rows_##name(rows, width, from, width, to, lanes);                                      \
        for (int64_t i = 0; i < width; i++)                                                             \
            for (int64_t r = rows; r < lanes; r++)                                                      \
                to[i * lanes + r] = 0;                                                                  \
    }                                                                                                   \
                                                                                                        \
    static void scale_##name(int64_t n, void *to, const void *row, double factor)                       \
    {                                                                                                   \
        const type *x = row;                                                                            \
        type *y = to, f = (type)factor;                                                                 \
        BL__EACH_ALONE                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                 \
            y[i] = x[i] * f;                                                                            \
    }                                                                                                   \
                                                                                                        \
    static void add_##name(int64_t n, void *sum, const void *row, double factor)                        \
    {                                                                                                   \
        const type *x = row;                                                                            \
        type *y = sum, f = (type)factor;                                                                \
        BL__EACH_ALONE                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                 \
            y[i] += x[i] * f;                                                                           \
    }                                                                                                   \
                                                                                                        \
    static void add_wide_##name(int64_t n, double *sum, const void *row, double factor)                 \
    {                                                                                                   \
        const type *x = row;                                                                            \
        BL__EACH_ALONE                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                 \
            sum[i] += (double)x[i] * factor;                                                            \
    }                                                                                                   \
                                                                                                        \
    static void subtract_wide_##name(int64_t n, void *sum, const double *row, double factor)            \
    {                                                                                                   \
        type *y = sum;                                                                                  \
        BL__EACH_ALONE                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                 \
            y[i] -= (type)(row[i] * factor);                                                            \
    }                                                                                                   \
                                                                                                        \
    const bl__entropy_functions BL__ENTROPY_FUNCTIONS(name) = {.powers = powers_##name,                 \
                                                               .add_totals = add_totals_##name,         \
                                                               .rescale = rescale_##name,               \
                                                               .add_sums = add_sums_##name,             \
                                                               .get = get_##name,                       \
                                                               .less = less_##name,                     \
                                                               .turn = turn_##name,                     \
                                                               .scale = scale_##name,                   \
                                                               .add = add_##name,                       \
                                                               .add_wide = add_wide_##name,             \
                                                               .subtract_wide = subtract_wide_##name,   \
                                                               .product = BL__DIRECT_PRODUCT(name)};

POWERS(f32, float)
POWERS(f64, double)
ROWS(f32, float)
ROWS(f64, double)
