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
    /* The result of n elements. */                                                                 \
    static type log_sum_result_##name(int64_t n, struct log_sum all, int64_t shift)                 \
    {                                                                                               \
        if (shift == BL__SHIFT_NONE)                                                                \
            return (type)log((double)(type)all.sum);                                                \
        bool lost = shift == BL__SHIFT_MOST && n > 0 && isinf(all.most);                            \
        return lost ? (type)NAN : (type)(all.most + log(all.sum));                                  \
    }                                                                                               \
                                                                                                    \
    static void logsumexp_##name(int64_t n, void *result, const void *data, const void *attributes) \
    {                                                                                               \
        int64_t shift = ((const bl__logsumexp_attributes *)attributes)->shift;                      \
        struct log_sum all = {(double)-INFINITY, 1}; /* of no elements */                           \
        const type *x = data;                                                                       \
        if (shift == BL__SHIFT_NONE)                                                                \
            all.sum = bl__shifted_power_sum_##name(n, x, NULL, 0);                                  \
        for (int64_t i = 0; i < n && shift != BL__SHIFT_NONE; i += BLOCK) {                         \
            struct log_sum block = log_sum_##name(n - i < BLOCK ? n - i : BLOCK, x + i);            \
            all = i == 0 ? block : join(all, block);                                                \
        }                                                                                           \
        *(type *)result = log_sum_result_##name(n, all, shift);                                     \
    }

/* The same of neighbouring rows together, in the same order. */
#define LOG_SUM_COLUMNS(name, type)                                                                         \
    /* max_i x_i of each. */                                                                                \
    static void largest_columns_##name(int64_t n, int64_t step, int64_t columns, const type *x, type *most) \
    {                                                                                                       \
        bl__vector_##name row[BL__COLUMNS / BL__LANES_##name], largest[BL__COLUMNS / BL__LANES_##name];     \
        bl__load_short_##name(columns, x, (type)-INFINITY, largest);                                        \
        for (int64_t i = 1; i < n; i++) {                                                                   \
            bl__load_short_##name(columns, x + i * step, (type)-INFINITY, row);                             \
            for (int v = 0; v < BL__COLUMNS / BL__LANES_##name; v++)                                        \
                largest[v] = bl__max_##name(row[v], largest[v]);                                            \
        }                                                                                                   \
        memcpy(most, largest, sizeof(largest));                                                             \
    }                                                                                                       \
                                                                                                            \
    /* sum_i exp(x_i - shift) of each. */                                                                   \
    static void power_sum_columns_##name(int64_t n, int64_t step, int64_t columns, const type *x,           \
                                         const type *shift, double *sums)                                   \
    {                                                                                                       \
        bl__vector_##name row[BL__COLUMNS / BL__LANES_##name], away[BL__COLUMNS / BL__LANES_##name];        \
        double sum[BL__SUMS][BL__COLUMNS] = {{0}};                                                          \
        type powers[BL__COLUMNS];                                                                           \
        memcpy(away, shift, sizeof(away));                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                   \
            bl__load_short_##name(columns, x + i * step, (type)-INFINITY, row);                             \
            for (int v = 0; v < BL__COLUMNS / BL__LANES_##name; v++)                                        \
                row[v] = bl__exp_##name(row[v] - away[v]);                                                  \
            memcpy(powers, row, sizeof(powers));                                                            \
            for (int c = 0; c < BL__COLUMNS; c++)                                                           \
                sum[i % BL__SUMS][c] += (double)powers[c];                                                  \
        }                                                                                                   \
        for (int half = BL__SUMS / 2; half > 0; half /= 2)                                                  \
            for (int k = 0; k < half; k++)                                                                  \
                for (int c = 0; c < BL__COLUMNS; c++)                                                       \
                    sum[k][c] += sum[k + half][c];                                                          \
        memcpy(sums, sum[0], sizeof(sum[0]));                                                               \
    }                                                                                                       \
                                                                                                            \
    /* Of a block of n >= 1 elements each. */                                                               \
    static void log_sum_columns_##name(int64_t n, int64_t step, int64_t columns, const type *x,             \
                                       struct log_sum *block)                                               \
    {                                                                                                       \
        type most[BL__COLUMNS], away[BL__COLUMNS];                                                          \
        double sum[BL__COLUMNS];                                                                            \
        largest_columns_##name(n, step, columns, x, most);                                                  \
        for (int c = 0; c < BL__COLUMNS; c++)                                                               \
            away[c] = isfinite(most[c]) ? most[c] : 0;                                                      \
        power_sum_columns_##name(n, step, columns, x, away, sum);                                           \
        for (int64_t c = 0; c < columns; c++) {                                                             \
            block[c] = (struct log_sum){isnan(sum[c]) ? sum[c] : (double)most[c], sum[c]};                  \
            for (int64_t i = 0; i < n && !isfinite(most[c]); i++)                                           \
                if (isnan(x[i * step + c]))                                                                 \
                    block[c].most = (double)NAN;                                                            \
            if (!isfinite(most[c]))                                                                         \
                block[c].sum = 1;                                                                           \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    static void logsumexp_columns_##name(int64_t n, int64_t step, int64_t columns, void *results,           \
                                         const void *data, const void *attributes)                          \
    {                                                                                                       \
        static const type nothing[BL__COLUMNS];                                                             \
        int64_t shift = ((const bl__logsumexp_attributes *)attributes)->shift;                              \
        struct log_sum all[BL__COLUMNS], block[BL__COLUMNS];                                                \
        double sums[BL__COLUMNS];                                                                           \
        const type *x = data;                                                                               \
        if (shift == BL__SHIFT_NONE)                                                                        \
            power_sum_columns_##name(n, step, columns, x, nothing, sums);                                   \
        for (int64_t i = 0; i < n && shift != BL__SHIFT_NONE; i += BLOCK) {                                 \
            log_sum_columns_##name(n - i < BLOCK ? n - i : BLOCK, step, columns, x + i * step, block);      \
            for (int64_t c = 0; c < columns; c++)                                                           \
                all[c] = i == 0 ? block[c] : join(all[c], block[c]);                                        \
        }                                                                                                   \
        for (int64_t c = 0; c < columns; c++) {                                                             \
            struct log_sum sum = shift == BL__SHIFT_NONE ? (struct log_sum){0, sums[c]} : all[c];           \
            ((type *)results)[c] = log_sum_result_##name(n, sum, shift);                                    \
        }                                                                                                   \
    }

ROW_FUNCTIONS(f32, float)
ROW_FUNCTIONS(f64, double)
LOG_SUM_FUNCTIONS(f32, float)
LOG_SUM_FUNCTIONS(f64, double)
LOG_SUM_COLUMNS(f32, float)
LOG_SUM_COLUMNS(f64, double)

BL__ROW_REDUCE_KERNEL(var, 4) /* sum; difference, square, sum */
BL__ROW_REDUCE_KERNEL(std, 4)
BL__ROW_REDUCE_KERNEL(norm, 2) /* power, sum */

static bl_status prepare_logsumexp(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    bl_status status = bl__row_reduce_prepare(call, arena, scratch_bytes, logsumexp_f32, logsumexp_f64);
    if (status == BL_OK)
        bl__row_reduce_by_columns(call, scratch_bytes, logsumexp_columns_f32, logsumexp_columns_f64);
    return status;
}

/* For each element the maximum; difference, exp, sum. */
static int64_t flops_logsumexp(const bl__call *call)
{
    return bl__times(4, call->inputs[0]->count);
}

const bl__kernel BL__KERNEL(logsumexp) = {BL__STRIDED, prepare_logsumexp, bl__row_reduce_run,
                                          flops_logsumexp};
