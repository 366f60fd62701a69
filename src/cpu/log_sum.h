/* Private. The two numbers of a row from which softmax and its losses are made: m = max_i x_i and
 * s = sum_i exp(x_i - m), in f64 also for f32. Element i goes into sum i mod BL__SUMS, so that the order
 * depends on the length alone, and not on the instruction set. */
#ifndef BOWLINE_CPU_LOG_SUM_H
#define BOWLINE_CPU_LOG_SUM_H

#include "cpu/tile.h"
#include "cpu/vector.h"

#include <stddef.h>

enum {
    BL__SUMS = 16,  /* as many as a vector has lanes, at most */
    BL__CHUNK = 256 /* elements between one pass and the next over the same */
};

/* Where it is put into the next function, GCC 12 keeps the largest so far in memory. */
#if defined(__GNUC__)
#define BL__APART __attribute__((noinline))
#else
#define BL__APART
#endif

#define BL__LOG_SUM_OF(name, type)                                                                         \
    /* max_i x_i, or anything where one is NaN; n >= 1. */                                                 \
    static BL__APART type bl__largest_##name(int64_t n, const type *x)                                     \
    {                                                                                                      \
        type none = (type)-INFINITY;                                                                       \
        bl__vector_##name most = bl__load_or_##name(x, n, none);                                           \
        for (int64_t i = BL__LANES_##name; i < n; i += BL__LANES_##name)                                   \
            most = bl__max_##name(bl__load_or_##name(x + i, n - i, none), most);                           \
        return bl__largest_lane_##name(most);                                                              \
    }                                                                                                      \
                                                                                                           \
    /* sum_i exp(x_i - shift); where powers is not NULL it receives each exp(x_i - shift), and may be x.   \
     * Lanes beyond the row hold -infinity, which adds 0. */                                               \
    static inline double bl__shifted_power_sum_##name(int64_t n, const type *x, type *powers, type shift)  \
    {                                                                                                      \
        type chunk[BL__CHUNK];                                                                             \
        bl__vector_##name away = bl__splat_##name(shift), zero = bl__splat_##name(0);                      \
        double sum[BL__SUMS] = {0};                                                                        \
        for (int64_t start = 0; start < n; start += BL__CHUNK) {                                           \
            int64_t left = n - start < BL__CHUNK ? n - start : BL__CHUNK, i = 0;                           \
            for (; i < left; i += BL__LANES_##name) {                                                      \
                bl__vector_##name here = bl__load_or_##name(x + start + i, left - i, (type)-INFINITY);     \
                bl__vector_##name power = bl__exp_##name(here - away);                                     \
                bl__store_##name(chunk + i, BL__LANES_##name, power);                                      \
                if (powers)                                                                                \
                    bl__store_##name(powers + start + i, left - i, power);                                 \
            }                                                                                              \
            for (; i % BL__SUMS; i += BL__LANES_##name)                                                    \
                bl__store_##name(chunk + i, BL__LANES_##name, zero);                                       \
            for (i = 0; i < left; i += BL__SUMS)                                                           \
                for (int k = 0; k < BL__SUMS; k++)                                                         \
                    sum[k] += (double)chunk[i + k];                                                        \
        }                                                                                                  \
        bl__vector_f64 sums[BL__SUMS / BL__LANES_f64];                                                     \
        memcpy(sums, sum, sizeof(sums));                                                                   \
        return bl__sum_of_16_f64(sums);                                                                    \
    }                                                                                                      \
                                                                                                           \
    /* m is in *largest, s is returned, and the powers as above. A NaN makes s NaN; n >= 1. */             \
    static inline double bl__power_sum_##name(int64_t n, const type *x, type *powers, type *largest)       \
    {                                                                                                      \
        *largest = bl__largest_##name(n, x);                                                               \
        return bl__shifted_power_sum_##name(n, x, powers, *largest);                                       \
    }                                                                                                      \
                                                                                                           \
    /* A row of n <= BL__SUMS numbers, and others behind them. */                                          \
    static inline void bl__load_short_##name(int64_t n, const type *x, type other, bl__vector_##name *row) \
    {                                                                                                      \
        for (int64_t i = 0, v = 0; i < BL__SUMS; i += BL__LANES_##name, v++) {                             \
            row[v] = i < n ? bl__load_or_##name(x + i, n - i, other) : bl__splat_##name(other);            \
        }                                                                                                  \
    }                                                                                                      \
                                                                                                           \
    /* s of a row with -infinity behind it, whose powers take its place: the same bits as above. */        \
    static inline double bl__short_power_sum_##name(bl__vector_##name *row)                                \
    {                                                                                                      \
        bl__vector_##name most = row[0];                                                                   \
        for (int v = 1; v < BL__SUMS / BL__LANES_##name; v++)                                              \
            most = bl__max_##name(row[v], most);                                                           \
        most = bl__splat_##name(bl__largest_lane_##name(most));                                            \
        for (int v = 0; v < BL__SUMS / BL__LANES_##name; v++)                                              \
            row[v] = bl__exp_##name(row[v] - most);                                                        \
        return bl__sum_of_16_##name(row);                                                                  \
    }

BL__LOG_SUM_OF(f32, float)
BL__LOG_SUM_OF(f64, double)

#endif
