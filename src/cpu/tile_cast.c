/* Tile functions of cast: every dtype to every dtype. */
#include "cpu/of_set.h"
#include "graph/half.h"

#include <math.h>
#include <string.h>

/* x as the f32 next to it whose last bit is 1, or x where that is exact: what a shorter format makes of it is
 * then what it makes of x, rounded once. */
static inline float odd_f32(double x)
{
    float near = (float)x;
    if ((double)near == x || isnan(x))
        return near;
    uint32_t bits = bl__bits_of_float(near);
    if (fabs((double)near) > fabs(x))
        bits--; /* towards zero, from infinity to the largest */
    return bl__float_of_bits(bits | 1u);
}

/* x as a double in the same sense: beyond 53 bits, what is cut off leaves a 1 behind. */
static inline double odd_f64(int64_t x)
{
    uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    if (magnitude >> 53)
        magnitude = (magnitude & ~(uint64_t)0x7ff) | (magnitude & 0x7ff ? 0x800u : 0u);
    return x < 0 ? -(double)magnitude : (double)magnitude;
}

/* Towards zero; NaN gives 0; what is too large or too small gives the largest or smallest. The bounds are
 * powers of two, hence exact in either float. */
#define CLAMP(x, type, bound, least, most) \
    ((x) >= (bound) ? (most) : (x) < -(bound) ? (least) : (x) != (x) ? (type)0 : (type)(x))

static inline int32_t clamp_i32(int64_t x)
{
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

/* b8 is bool, whose name is a macro.
 *
 * The elements as values x to convert, and how a value of each becomes each dtype. The 16-bit floats are
 * read as f32, which holds them exactly; integers reach them by a float that keeps the rounding right. */
#define VALUE_f32(x)  (x)
#define VALUE_f64(x)  (x)
#define VALUE_i32(x)  (x)
#define VALUE_i64(x)  (x)
#define VALUE_b8(x)   ((int32_t)((x) != 0))
#define VALUE_bf16(x) bl__bf16_to_f32(x)
#define VALUE_f16(x)  bl__f16_to_f32(x)

#define CAST(from, from_type, to, to_type, result)                                                  \
    static void from##_to_##to(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                               \
        const from_type *a = in[0];                                                                 \
        to_type *y = out;                                                                           \
        (void)attributes;                                                                           \
        BL__EACH_ALONE                                                                              \
        for (int64_t i = 0; i < n; i++)                                                             \
            y[i] = (result);                                                                        \
    }

#define X(from) VALUE_##from(a[i])

/* From f32, or what is read as f32. */
#define FROM_SINGLE(from, type)                                                            \
    CAST(from, type, f64, double, (double)X(from))                                         \
    CAST(from, type, i32, int32_t, CLAMP(X(from), int32_t, 0x1p31f, INT32_MIN, INT32_MAX)) \
    CAST(from, type, i64, int64_t, CLAMP(X(from), int64_t, 0x1p63f, INT64_MIN, INT64_MAX)) \
    CAST(from, type, b8, uint8_t, X(from) != 0)

FROM_SINGLE(f32, float)
FROM_SINGLE(bf16, uint16_t)
FROM_SINGLE(f16, uint16_t)
CAST(f32, float, f32, float, a[i])
CAST(f32, float, bf16, uint16_t, bl__f32_to_bf16(a[i]))
CAST(f32, float, f16, uint16_t, bl__f32_to_f16(a[i]))
CAST(bf16, uint16_t, f32, float, X(bf16))
CAST(bf16, uint16_t, bf16, uint16_t, a[i])
CAST(bf16, uint16_t, f16, uint16_t, bl__f32_to_f16(X(bf16)))
CAST(f16, uint16_t, f32, float, X(f16))
CAST(f16, uint16_t, bf16, uint16_t, bl__f32_to_bf16(X(f16)))
CAST(f16, uint16_t, f16, uint16_t, a[i])

CAST(f64, double, f32, float, (float)a[i])
CAST(f64, double, f64, double, a[i])
CAST(f64, double, i32, int32_t, CLAMP(a[i], int32_t, 0x1p31, INT32_MIN, INT32_MAX))
CAST(f64, double, i64, int64_t, CLAMP(a[i], int64_t, 0x1p63, INT64_MIN, INT64_MAX))
CAST(f64, double, b8, uint8_t, a[i] != 0)
CAST(f64, double, bf16, uint16_t, bl__f32_to_bf16(odd_f32(a[i])))
CAST(f64, double, f16, uint16_t, bl__f32_to_f16(odd_f32(a[i])))

#define FROM_INTEGER(from, type, narrow)                                         \
    CAST(from, type, f32, float, (float)X(from))                                 \
    CAST(from, type, f64, double, (double)X(from))                               \
    CAST(from, type, i32, int32_t, narrow(X(from)))                              \
    CAST(from, type, i64, int64_t, (int64_t)X(from))                             \
    CAST(from, type, b8, uint8_t, X(from) != 0)                                  \
    CAST(from, type, bf16, uint16_t, bl__f32_to_bf16(odd_f32(odd_f64(X(from))))) \
    CAST(from, type, f16, uint16_t, bl__f32_to_f16(odd_f32(odd_f64(X(from)))))

FROM_INTEGER(i32, int32_t, (int32_t))
FROM_INTEGER(i64, int64_t, clamp_i32)
FROM_INTEGER(b8, uint8_t, (int32_t))

#define ROW(from)                                                                       \
    {                                                                                   \
        [BL_F32] = from##_to_f32, [BL_F64] = from##_to_f64, [BL_I32] = from##_to_i32,   \
        [BL_I64] = from##_to_i64, [BL_BOOL] = from##_to_b8, [BL_BF16] = from##_to_bf16, \
        [BL_F16] = from##_to_f16                                                        \
    }

const bl__tile BL__CAST_TILES[BL_DTYPE_COUNT][BL_DTYPE_COUNT] = {
    [BL_F32] = ROW(f32), [BL_F64] = ROW(f64),   [BL_I32] = ROW(i32), [BL_I64] = ROW(i64),
    [BL_BOOL] = ROW(b8), [BL_BF16] = ROW(bf16), [BL_F16] = ROW(f16)};
