/* Private. The two numbers of a row from which softmax and its losses are made: m = max_i x_i and
 * s = sum_i exp(x_i - m), in f64 also for f32, as the op sum has it. */
#ifndef BOWLINE_CPU_LOG_SUM_H
#define BOWLINE_CPU_LOG_SUM_H

#include "cpu/tile.h"

#include <stddef.h>
#include <tgmath.h>

/* m is in *largest, s is returned; where powers is not NULL it receives each exp(x_i - m), and may be x. A
 * NaN makes both NaN. n >= 1. */
#define BL__POWER_SUM(name, type)                                                                    \
    static inline double bl__power_sum_##name(int64_t n, const type *x, type *powers, type *largest) \
    {                                                                                                \
        type most = x[0];                                                                            \
        double sum = 0;                                                                              \
        for (int64_t i = 1; i < n; i++)                                                              \
            most = BL__LARGER(x[i], most);                                                           \
        for (int64_t i = 0; i < n; i++) {                                                            \
            type power = exp(x[i] - most);                                                           \
            if (powers)                                                                              \
                powers[i] = power;                                                                   \
            sum += (double)power;                                                                    \
        }                                                                                            \
        *largest = most;                                                                             \
        return sum;                                                                                  \
    }

BL__POWER_SUM(f32, float)
BL__POWER_SUM(f64, double)

#endif
