/* Private. Vectors of f32 or f64 as the instruction set has them, for the files that are compiled once for
 * each set: bl__vector_f32 and bl__vector_f64, numbers in lanes that have +, -, * and / of their own. In the
 * plain set they are float and double, of one lane. What an element becomes depends neither on its lane nor
 * on the other lanes, so a tail goes through the same functions, padded.
 *
 * exp and its kin are SLEEF's, in the variants whose lanes do not look at each other ("cinz" without fma,
 * "finz" with it), which are at most 1 ulp off (erfc 1.5); where these leave the range too early, the rest is
 * here. Of f32, exp, tanh, erf and gelu are our own (vector_f32.h). In the plain set all are the C library's.
 */
#ifndef BOWLINE_CPU_VECTOR_H
#define BOWLINE_CPU_VECTOR_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define BL__LIKELY(condition) __builtin_expect(condition, 1)
#else
#define BL__LIKELY(condition) (condition)
#endif

/* For either type, its vectors and masks, and functions: bl__load_f32(from, left), where lanes from `left` on
 * are 0, and load_or, where they are something else; store, of `left` lanes; splat, abs; copy_sign, a
 * size that is not below 0 with the sign of another; less, equal, select,
 * any; multiply_add, a b + c, rounded once where the set has an instruction for it; max and min, of which the
 * second comes out where one is NaN; largest_lane. sum_of_16: the sum in f64 of the 16 lanes of several
 * vectors, in pairs k and k + 8, then k and k + 4, and so on. */

/* Of f32, where the plain set has none: scale(x, n) = x 2^n, rounded once; two_to(n), not below the normal
 * numbers; square_plus, x x + more, where the square is not rounded before the sum; and lower(x, n + WHOLE)
 * = x 2^n for n in -153 .. 0, rounded once. WHOLE is so large that sums with it have no places behind the
 * point, and its last bits are the exponent of 2^100. */
#define BL__WHOLE_f32 (0x1.8p23F + 227)

#if BL__VECTOR_BYTES == 64
#include "cpu/vector_avx512.h"
#elif BL__VECTOR_BYTES == 32
#include "cpu/vector_avx2.h"
#elif BL__VECTOR_BYTES == 16
#include "cpu/vector_sse2.h"
#else
#include "cpu/vector_plain.h"
#endif

enum {
    BL__LANES_f32 = sizeof(bl__vector_f32) / sizeof(float),
    BL__LANES_f64 = sizeof(bl__vector_f64) / sizeof(double)
};

#if BL__VECTOR_BYTES < 32
#define BL__SUM_OF_16(type, number)                                       \
    static inline double bl__sum_of_16_##type(const bl__vector_##type *x) \
    {                                                                     \
        number lane[16];                                                  \
        double sum[16];                                                   \
        memcpy(lane, x, sizeof(lane));                                    \
        for (int k = 0; k < 16; k++)                                      \
            sum[k] = (double)lane[k];                                     \
        for (int half = 8; half > 0; half /= 2)                           \
            for (int k = 0; k < half; k++)                                \
                sum[k] += sum[k + half];                                  \
        return sum[0];                                                    \
    }
BL__SUM_OF_16(f32, float)
BL__SUM_OF_16(f64, double)
#endif

/* The function for the vector x. */
#define BL__OF(x, function) \
    _Generic((x), bl__vector_f32 : bl__##function##_f32, bl__vector_f64 : bl__##function##_f64)

/* c in all lanes of a vector like x. */
#define BL__SPLAT(x, c) \
    _Generic((x), bl__vector_f32 : bl__splat_f32((float)(c)), bl__vector_f64 : bl__splat_f64(c))

#define BL__ABS(x)             BL__OF(x, abs)(x)
#define BL__LESS(a, b)         BL__OF(a, less)(a, b)
#define BL__EQUAL(a, b)        BL__OF(a, equal)(a, b)
#define BL__SELECT(mask, a, b) BL__OF(a, select)(mask, a, b) /* a where the mask is set */
#define BL__EXP(x)             BL__OF(x, exp)(x)
#define BL__EXPM1(x)           BL__OF(x, expm1)(x)
#define BL__LOG(x)             BL__OF(x, log)(x)

/* ---- functions ---- */

#define BL__UNARY_FUNCTION(name, type, ulp)                                  \
    static inline bl__vector_##type bl__##name##_##type(bl__vector_##type x) \
    {                                                                        \
        return BL__FUNCTION_##type(name, ulp)(x);                            \
    }
#define BL__BINARY_FUNCTION(name, type, ulp)                                                      \
    static inline bl__vector_##type bl__##name##_##type(bl__vector_##type a, bl__vector_##type b) \
    {                                                                                             \
        return BL__FUNCTION_##type(name, ulp)(a, b);                                              \
    }
#define BL__FUNCTION(FORM, name, ulp) FORM(name, f32, ulp) FORM(name, f64, ulp)

BL__UNARY_FUNCTION(exp, f64, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, exp2, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, expm1, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, log, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, log2, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, log10, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, sin, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, cos, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, tan, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, asin, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, acos, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, atan, u10)
BL__UNARY_FUNCTION(tanh, f64, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, atanh, u10)
BL__UNARY_FUNCTION(erf, f64, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, erfc, u15)
BL__FUNCTION(BL__BINARY_FUNCTION, pow, u10)
BL__FUNCTION(BL__BINARY_FUNCTION, atan2, u10)
BL__FUNCTION(BL__BINARY_FUNCTION, hypot, u05)

/* SLEEF's of these are infinite too early: beyond `bound` the rest takes their place. */
#define BL__PART_FUNCTION(name, type, bound, rest)                                         \
    static inline bl__vector_##type bl__##name##_##type(bl__vector_##type x)               \
    {                                                                                      \
        bl__vector_##type y = BL__FUNCTION_##type(name, u10)(x), size = bl__abs_##type(x); \
        bl__mask_##type large = bl__less_##type(bl__splat_##type(bound), size);            \
        if (BL__LIKELY(!bl__any_##type(large)))                                            \
            return y;                                                                      \
        return bl__select_##type(large, rest, y);                                          \
    }
#if BL__VECTOR_BYTES == 0
BL__UNARY_FUNCTION(exp, f32, u10)
BL__UNARY_FUNCTION(tanh, f32, u10)
BL__UNARY_FUNCTION(erf, f32, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, sinh, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, cosh, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, asinh, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, acosh, u10)
BL__FUNCTION(BL__UNARY_FUNCTION, log1p, u10)
#else

#include "cpu/vector_f32.h"

/* e^x / 2 = e^(x - k) e^k / 2, where x - k is exact and e^k / 2 all but a number. */
#define BL__HALF_POWER_f32(x) (bl__exp_f32((x)-0x1.1228p+6F) * 0x1.d77396p+97F)
#define BL__HALF_POWER_f64(x) (bl__exp_f64((x)-0x1.5234p+9) * 0x1.ccc859fdf1e7ap+974)
#define BL__LOG_2             0.69314718055994530942

BL__PART_FUNCTION(cosh, f32, 88, BL__HALF_POWER_f32(size))
BL__PART_FUNCTION(cosh, f64, 709, BL__HALF_POWER_f64(size))
BL__PART_FUNCTION(sinh, f32, 88, bl__copy_sign_f32(BL__HALF_POWER_f32(size), x))
BL__PART_FUNCTION(sinh, f64, 709, bl__copy_sign_f64(BL__HALF_POWER_f64(size), x))
BL__PART_FUNCTION(asinh, f32, 0x1p60F, bl__copy_sign_f32(bl__log_f32(size) + (float)BL__LOG_2, x))
BL__PART_FUNCTION(asinh, f64, 0x1p60, bl__copy_sign_f64(bl__log_f64(size) + BL__LOG_2, x))
BL__PART_FUNCTION(acosh, f32, 0x1p60F, bl__log_f32(x) + (float)BL__LOG_2)
BL__PART_FUNCTION(acosh, f64, 0x1p60, bl__log_f64(x) + BL__LOG_2)
BL__PART_FUNCTION(log1p, f32, 0x1p60F, bl__log_f32(x))
BL__PART_FUNCTION(log1p, f64, 0x1p60, bl__log_f64(x))
#endif

#endif
