/* Reductions of whole rows: var, std, logsumexp, norm. Sums are accumulated in f64, in BL__LANES lanes. */
#include "cpu/log_sum.h"
#include "cpu/of_set.h"
#include "cpu/reduce.h"
#include "cpu/row_reduce.h"
#include "ops/attributes.h"

#include <tgmath.h>

/* sum_i term(v, c) of v = x_i. */
#define ROW_SUM(op, term)            \
    ROW_SUM_OF(op, f32, float, term) \
    ROW_SUM_OF(op, f64, double, term)
#define ROW_SUM_OF(op, name, type, term)                          \
    static double op##_##name(int64_t n, const type *x, double c) \
    {                                                             \
        double lane[BL__LANES] = {0}, total = 0;                  \
        int64_t i = 0;                                            \
        for (; i + BL__LANES <= n; i += BL__LANES)                \
            for (int k = 0; k < BL__LANES; k++)                   \
                lane[k] += term((double)x[i + k], c);             \
        for (int k = 0; i < n; i++, k++)                          \
            lane[k] += term((double)x[i], c);                     \
        for (int k = 0; k < BL__LANES; k++)                       \
            total += lane[k];                                     \
        (void)c;                                                  \
        return total;                                             \
    }

#define SELF(v, c)      (v)
#define DEVIATION(v, c) (((v) - (c)) * ((v) - (c)))
#define NOT_ZERO(v, c)  ((v) != 0 ? 1.0 : 0.0)
#define SIZE(v, c)      fabs(v)
#define SQUARE(v, c)    ((v) * (v))
#define POWER(v, c)     pow(fabs(v), c)

ROW_SUM(sum, SELF)
ROW_SUM(squared_deviations, DEVIATION)
ROW_SUM(not_zero, NOT_ZERO)
ROW_SUM(sizes, SIZE)
ROW_SUM(squares, SQUARE)
ROW_SUM(powers, POWER)

/* The row functions of one dtype. */
#define ROW_FUNCTIONS(name, type)                                                                            \
    static double variance_##name(int64_t n, const type *x, double correction)                               \
    {                                                                                                        \
        double mean = sum_##name(n, x, 0) / (double)n, left = (double)n - correction;                        \
        if (n == 0)                                                                                          \
            return mean; /* 0/0 */                                                                           \
        return squared_deviations_##name(n, x, mean) / (left > 0 ? left : 0);                                \
    }                                                                                                        \
                                                                                                             \
    static void var_##name(int64_t n, void *result, const void *x, const void *attributes)                   \
    {                                                                                                        \
        *(type *)result = (type)variance_##name(n, x, ((const bl__var_attributes *)attributes)->correction); \
    }                                                                                                        \
                                                                                                             \
    static void std_##name(int64_t n, void *result, const void *x, const void *attributes)                   \
    {                                                                                                        \
        double correction = ((const bl__var_attributes *)attributes)->correction;                            \
        *(type *)result = (type)sqrt(variance_##name(n, x, correction));                                     \
    }                                                                                                        \
                                                                                                             \
    /* The |x| of which none is larger, or none is smaller; n >= 1. */                                       \
    static type extreme_size_##name(int64_t n, const type *x, bool largest)                                  \
    {                                                                                                        \
        type best = fabs(x[0]);                                                                              \
        for (int64_t i = 1; i < n; i++) {                                                                    \
            type size = fabs(x[i]);                                                                          \
            bool beyond = largest ? size > best : size < best;                                               \
            best = beyond || size != size ? size : best;                                                     \
        }                                                                                                    \
        return best;                                                                                         \
    }                                                                                                        \
                                                                                                             \
    static void norm_##name(int64_t n, void *result, const void *x, const void *attributes)                  \
    {                                                                                                        \
        double p = ((const bl__norm_attributes *)attributes)->p;                                             \
        type *y = result;                                                                                    \
        if (isinf(p))                                                                                        \
            *y = extreme_size_##name(n, x, p > 0);                                                           \
        else if (p == 0)                                                                                     \
            *y = (type)not_zero_##name(n, x, 0);                                                             \
        else if (p == 1)                                                                                     \
            *y = (type)sizes_##name(n, x, 0);                                                                \
        else if (p == 2)                                                                                     \
            *y = (type)sqrt(squares_##name(n, x, 0));                                                        \
        else                                                                                                 \
            *y = (type)pow(powers_##name(n, x, p), 1 / p);                                                   \
    }

/* logsumexp, in one pass: of each block of a row, while it is in the cache, m = max x and s = sum exp(x - m).
 * Where m is infinite it alone counts, as if s were 1; a NaN makes both NaN. */
enum {
    BLOCK = 4096
};

struct log_sum {
    double most, sum; /* m, s */
};

static struct log_sum join(struct log_sum a, struct log_sum b)
{
    struct log_sum more = a.most > b.most ? a : b, less = a.most > b.most ? b : a;
    if (isnan(a.most) || isnan(b.most))
        return (struct log_sum){(double)NAN, 1};
    if (isfinite(more.most))
        more.sum += less.sum * exp(less.most - more.most);
    return more;
}

#define LOG_SUM_FUNCTIONS(name, type)                                                               \
    static struct log_sum log_sum_##name(int64_t n, const type *x)                                  \
    {                                                                                               \
        type most = bl__largest_##name(n, x);                                                       \
        if (isfinite(most)) {                                                                       \
            double sum = bl__shifted_power_sum_##name(n, x, NULL, most);                            \
            return (struct log_sum){isnan(sum) ? sum : (double)most, sum};                          \
        }                                                                                           \
        for (int64_t i = 0; i < n; i++) /* again, for NaN */                                        \
            most = BL__LARGER(x[i], most);                                                          \
        return (struct log_sum){(double)most, 1};                                                   \
    }                                                                                               \
                                                                                                    \
    /* Of no elements it is -infinity. */                                                           \
    static void logsumexp_##name(int64_t n, void *result, const void *data, const void *attributes) \
    {                                                                                               \
        int64_t shift = ((const bl__logsumexp_attributes *)attributes)->shift;                      \
        const type *x = data;                                                                       \
        if (shift == BL__SHIFT_NONE) {                                                              \
            *(type *)result = (type)log((double)(type)bl__shifted_power_sum_##name(n, x, NULL, 0)); \
            return;                                                                                 \
        }                                                                                           \
        struct log_sum all = {(double)-INFINITY, 1};                                                \
        for (int64_t i = 0; i < n; i += BLOCK) {                                                    \
            struct log_sum block = log_sum_##name(n - i < BLOCK ? n - i : BLOCK, x + i);            \
            all = i == 0 ? block : join(all, block);                                                \
        }                                                                                           \
        bool lost = shift == BL__SHIFT_MOST && n > 0 && isinf(all.most);                            \
        *(type *)result = lost ? (type)NAN : (type)(all.most + log(all.sum));                       \
    }

ROW_FUNCTIONS(f32, float)
ROW_FUNCTIONS(f64, double)
LOG_SUM_FUNCTIONS(f32, float)
LOG_SUM_FUNCTIONS(f64, double)

BL__ROW_REDUCE_KERNEL(var, 4) /* sum; difference, square, sum */
BL__ROW_REDUCE_KERNEL(std, 4)
BL__ROW_REDUCE_KERNEL(logsumexp, 4) /* maximum; difference, exp, sum */
BL__ROW_REDUCE_KERNEL(norm, 2)      /* power, sum */
