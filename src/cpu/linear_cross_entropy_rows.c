/* linear_cross_entropy: loops over rows (linear_cross_entropy.h). */
#include "cpu/direct_product.h"
#include "cpu/linear_cross_entropy.h"
#include "cpu/of_set.h"

#include <math.h>

enum {
    RUN = 8 /* classes whose powers are raised, and added up in the type, at once */
};

#define ROW_FUNCTIONS(name, type)                                                                            \
    /* Where all logits so far are -infinity, nothing is taken off, and the powers are 0. */                 \
    static void move_most_##name(int64_t lanes, const type *most, bl__entropy_piece *pieces, double *scales) \
    {                                                                                                        \
        for (int64_t r = 0; r < lanes; r++) {                                                                \
            double now = (double)most[r];                                                                    \
            scales[r] = now == pieces[r].most ? 1 : exp(pieces[r].most - now);                               \
            pieces[r].sum *= scales[r];                                                                      \
            pieces[r].most = now;                                                                            \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    /* The bias is added; the largest of each lane. */                                                       \
    static void look_##name(int64_t n, int64_t lanes, type *x, const type *bias, type *most,                 \
                            bl__entropy_piece *pieces, bool totals)                                          \
    {                                                                                                        \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                        \
            type b = bias ? bias[i] : 0;                                                                     \
            for (int64_t r = 0; r < lanes && bias; r++)                                                      \
                x[r] += b;                                                                                   \
            BL__EACH_ALONE                                                                                   \
            for (int64_t r = 0; r < lanes; r++)                                                              \
                most[r] = BL__LARGER(x[r], most[r]);                                                         \
            for (int64_t r = 0; r < lanes && totals; r++)                                                    \
                pieces[r].total += (double)x[r];                                                             \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static void powers_##name(int64_t n, int64_t lanes, void *logits, const void *bias,                      \
                              bl__entropy_piece *pieces, double *scales, bool totals, bl__tile exp_tile)     \
    {                                                                                                        \
        type most[BL__ENTROPY_ROWS], *x = logits;                                                            \
        for (int64_t r = 0; r < lanes; r++)                                                                  \
            most[r] = (type)pieces[r].most;                                                                  \
        look_##name(n, lanes, x, bias, most, pieces, totals);                                                \
        move_most_##name(lanes, most, pieces, scales);                                                       \
        for (int64_t r = 0; r < lanes; r++)                                                                  \
            most[r] = most[r] == (type)-INFINITY ? 0 : most[r];                                              \
        for (int64_t i = 0; i < n; i += RUN) {                                                               \
            type sum[BL__ENTROPY_ROWS] = {0}, *run = x + i * lanes;                                          \
            int64_t count = n - i < RUN ? n - i : RUN;                                                       \
            for (int64_t j = 0; j < count; j++) {                                                            \
                BL__EACH_ALONE                                                                               \
                for (int64_t r = 0; r < lanes; r++)                                                          \
                    run[j * lanes + r] -= most[r];                                                           \
            }                                                                                                \
            const void *in[] = {run};                                                                        \
            exp_tile(count *lanes, run, in, NULL);                                                           \
            for (int64_t j = 0; j < count; j++) {                                                            \
                BL__EACH_ALONE                                                                               \
                for (int64_t r = 0; r < lanes; r++)                                                          \
                    sum[r] += run[j * lanes + r];                                                            \
            }                                                                                                \
            for (int64_t r = 0; r < lanes; r++)                                                              \
                pieces[r].sum += (double)sum[r];                                                             \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static void gradients_##name(int64_t n, int64_t lanes, void *powers, const double *factors,              \
                                 const double *shifts)                                                       \
    {                                                                                                        \
        type factor[BL__ENTROPY_ROWS], shift[BL__ENTROPY_ROWS], *x = powers;                                 \
        for (int64_t r = 0; r < lanes; r++) {                                                                \
            factor[r] = (type)factors[r];                                                                    \
            shift[r] = (type)shifts[r];                                                                      \
        }                                                                                                    \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                        \
            BL__EACH_ALONE                                                                                   \
            for (int64_t r = 0; r < lanes; r++)                                                              \
                x[r] = x[r] * factor[r] - shift[r];                                                          \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static double get_##name(const void *from, int64_t i)                                                    \
    {                                                                                                        \
        return (double)((const type *)from)[i];                                                              \
    }                                                                                                        \
                                                                                                             \
    static void less_##name(void *from, int64_t i, double amount)                                            \
    {                                                                                                        \
        ((type *)from)[i] -= (type)amount;                                                                   \
    }                                                                                                        \
                                                                                                             \
    static void turn_##name(int64_t rows, int64_t lanes, int64_t width, const void *from, void *turned)      \
    {                                                                                                        \
        const type *x = from;                                                                                \
        type *to = turned;                                                                                   \
        for (int64_t i = 0; i < width; i++, to += lanes) {                                                   \
            for (int64_t r = 0; r < rows; r++)                                                               \
                to[r] = x[r * width + i];                                                                    \
            for (int64_t r = rows; r < lanes; r++)                                                           \
                to[r] = 0;                                                                                   \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static void scale_##name(int64_t n, void *row, double factor)                                            \
    {                                                                                                        \
        type *x = row, f = (type)factor;                                                                     \
        for (int64_t i = 0; i < n; i++)                                                                      \
            x[i] *= f;                                                                                       \
    }                                                                                                        \
                                                                                                             \
    static void add_##name(int64_t n, void *sum, const void *row, double factor)                             \
    {                                                                                                        \
        const type *x = row;                                                                                 \
        type *y = sum, f = (type)factor;                                                                     \
        BL__EACH_ALONE                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                      \
            y[i] += x[i] * f;                                                                                \
    }                                                                                                        \
                                                                                                             \
    static void add_sums_##name(int64_t n, int64_t lanes, int64_t count, void *sums, const void *rows)       \
    {                                                                                                        \
        const type *x = rows;                                                                                \
        type *y = sums;                                                                                      \
        for (int64_t i = 0; i < n; i++, x += lanes) {                                                        \
            type sum = 0;                                                                                    \
            for (int64_t r = 0; r < count; r++)                                                              \
                sum += x[r];                                                                                 \
            y[i] += sum;                                                                                     \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static void add_wide_##name(int64_t n, double *sum, const void *row)                                     \
    {                                                                                                        \
        const type *x = row;                                                                                 \
        BL__EACH_ALONE                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                      \
            sum[i] += (double)x[i];                                                                          \
    }                                                                                                        \
                                                                                                             \
    static void subtract_wide_##name(int64_t n, void *sum, const double *row, double factor)                 \
    {                                                                                                        \
        type *y = sum;                                                                                       \
        BL__EACH_ALONE                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                      \
            y[i] -= (type)(row[i] * factor);                                                                 \
    }                                                                                                        \
    const bl__entropy_functions BL__ENTROPY_FUNCTIONS(name) = {.powers = powers_##name,                      \
                                                               .gradients = gradients_##name,                \
                                                               .get = get_##name,                            \
                                                               .less = less_##name,                          \
                                                               .turn = turn_##name,                          \
                                                               .scale = scale_##name,                        \
                                                               .add = add_##name,                            \
                                                               .add_sums = add_sums_##name,                  \
                                                               .add_wide = add_wide_##name,                  \
                                                               .subtract_wide = subtract_wide_##name,        \
                                                               .product = BL__DIRECT_PRODUCT(name)};

ROW_FUNCTIONS(f32, float)
ROW_FUNCTIONS(f64, double)
