/* Private. Vectors of 128 bits: see vector.h. */
#ifndef BOWLINE_CPU_VECTOR_SSE2_H
#define BOWLINE_CPU_VECTOR_SSE2_H

#include <immintrin.h>
#include <sleef.h>

typedef __m128 bl__vector_f32;
typedef __m128d bl__vector_f64;
typedef __m128 bl__mask_f32;
typedef __m128d bl__mask_f64;

#define BL__VECTOR(type, number, ps)                                                                   \
    static inline void bl__store_##type(number *to, int64_t left, bl__vector_##type x)                 \
    {                                                                                                  \
        number part[16 / sizeof(number)];                                                              \
        if (BL__LIKELY(left >= (int64_t)(16 / sizeof(number)))) {                                      \
            _mm_storeu_##ps(to, x);                                                                    \
            return;                                                                                    \
        }                                                                                              \
        _mm_storeu_##ps(part, x);                                                                      \
        for (int64_t i = 0; i < left; i++)                                                             \
            to[i] = part[i];                                                                           \
    }                                                                                                  \
    static inline bl__vector_##type bl__splat_##type(number x)                                         \
    {                                                                                                  \
        return _mm_set1_##ps(x);                                                                       \
    }                                                                                                  \
    static inline bl__vector_##type bl__abs_##type(bl__vector_##type x)                                \
    {                                                                                                  \
        return _mm_andnot_##ps(_mm_set1_##ps((number)-0.0), x);                                        \
    }                                                                                                  \
    static inline bl__vector_##type bl__copy_sign_##type(bl__vector_##type size, bl__vector_##type x)  \
    {                                                                                                  \
        return _mm_or_##ps(size, _mm_and_##ps(_mm_set1_##ps((number)-0.0), x));                        \
    }                                                                                                  \
    static inline bl__vector_##type bl__load_or_##type(const number *from, int64_t left, number other) \
    {                                                                                                  \
        number part[16 / sizeof(number)];                                                              \
        if (BL__LIKELY(left >= (int64_t)(16 / sizeof(number))))                                        \
            return _mm_loadu_##ps(from);                                                               \
        _mm_storeu_##ps(part, _mm_set1_##ps(other));                                                   \
        for (int64_t i = 0; i < left; i++)                                                             \
            part[i] = from[i];                                                                         \
        return _mm_loadu_##ps(part);                                                                   \
    }                                                                                                  \
    static inline bl__vector_##type bl__load_##type(const number *from, int64_t left)                  \
    {                                                                                                  \
        return bl__load_or_##type(from, left, 0);                                                      \
    }                                                                                                  \
    static inline bl__vector_##type bl__multiply_add_##type(bl__vector_##type a, bl__vector_##type b,  \
                                                            bl__vector_##type c)                       \
    {                                                                                                  \
        return _mm_add_##ps(_mm_mul_##ps(a, b), c);                                                    \
    }                                                                                                  \
    static inline bl__vector_##type bl__max_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm_max_##ps(a, b);                                                                     \
    }                                                                                                  \
    static inline bl__vector_##type bl__min_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm_min_##ps(a, b);                                                                     \
    }                                                                                                  \
    static inline bl__mask_##type bl__less_##type(bl__vector_##type a, bl__vector_##type b)            \
    {                                                                                                  \
        return _mm_cmplt_##ps(a, b);                                                                   \
    }                                                                                                  \
    static inline bl__mask_##type bl__equal_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm_cmpeq_##ps(a, b);                                                                   \
    }                                                                                                  \
    static inline bl__vector_##type bl__select_##type(bl__mask_##type mask, bl__vector_##type a,       \
                                                      bl__vector_##type b)                             \
    {                                                                                                  \
        return _mm_or_##ps(_mm_and_##ps(mask, a), _mm_andnot_##ps(mask, b));                           \
    }                                                                                                  \
    static inline bool bl__any_##type(bl__mask_##type mask)                                            \
    {                                                                                                  \
        return _mm_movemask_##ps(mask) != 0;                                                           \
    }

BL__VECTOR(f32, float, ps)
BL__VECTOR(f64, double, pd)

static inline __m128 bl__power_of_2(__m128i n)
{
    return _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(n, _mm_set1_epi32(127)), 23));
}

/* The first product is exact, so that the second rounds once. */
static inline __m128 bl__scale_f32(__m128 x, __m128 n)
{
    __m128i all = _mm_cvtps_epi32(n), half = _mm_srai_epi32(all, 1);
    return x * bl__power_of_2(half) * bl__power_of_2(_mm_sub_epi32(all, half));
}

static inline __m128 bl__two_to_f32(__m128 n)
{
    return bl__power_of_2(_mm_cvtps_epi32(n));
}

/* The square's rest from halves of the digits of x, whose products are exact (Dekker 1971). */
static inline __m128 bl__square_plus_f32(__m128 x, __m128 more)
{
    __m128 wide = x * 4097.0F, high = wide - (wide - x), low = x - high, square = x * x;
    return square + more + (high * high - square + 2.0F * high * low + low * low);
}

/* The last bits of the sum are the exponent of 2^(n + 100). The first product is exact. */
static inline __m128 bl__lower_f32(__m128 x, __m128 sum)
{
    return x * _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(sum), 23)) * 0x1p-100F;
}

static inline float bl__largest_lane_f32(__m128 x)
{
    __m128 two = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline double bl__largest_lane_f64(__m128d x)
{
    return _mm_cvtsd_f64(_mm_max_sd(x, _mm_unpackhi_pd(x, x)));
}

#define BL__FUNCTION_f32(name, ulp) Sleef_cinz_##name##f4_##ulp##sse2
#define BL__FUNCTION_f64(name, ulp) Sleef_cinz_##name##d2_##ulp##sse2

#endif
