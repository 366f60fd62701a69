/* Private. Vectors of 512 bits: see vector.h. */
#ifndef BOWLINE_CPU_VECTOR_AVX512_H
#define BOWLINE_CPU_VECTOR_AVX512_H

#include <immintrin.h>
#include <sleef.h>

typedef __m512 bl__vector_f32;
typedef __m512d bl__vector_f64;
typedef __mmask16 bl__mask_f32;
typedef __mmask8 bl__mask_f64;

#define BL__VECTOR(type, number, ps)                                                                   \
    static inline bl__mask_##type bl__first_##type(int64_t left) /* lanes */                           \
    {                                                                                                  \
        return (bl__mask_##type)(left < (int64_t)(64 / sizeof(number)) ? (1u << left) - 1 : 0xffffu);  \
    }                                                                                                  \
    static inline bl__vector_##type bl__load_##type(const number *from, int64_t left)                  \
    {                                                                                                  \
        return _mm512_maskz_loadu_##ps(bl__first_##type(left), from);                                  \
    }                                                                                                  \
    static inline void bl__store_##type(number *to, int64_t left, bl__vector_##type x)                 \
    {                                                                                                  \
        _mm512_mask_storeu_##ps(to, bl__first_##type(left), x);                                        \
    }                                                                                                  \
    static inline bl__vector_##type bl__splat_##type(number x)                                         \
    {                                                                                                  \
        return _mm512_set1_##ps(x);                                                                    \
    }                                                                                                  \
    static inline bl__vector_##type bl__abs_##type(bl__vector_##type x)                                \
    {                                                                                                  \
        return _mm512_andnot_##ps(_mm512_set1_##ps((number)-0.0), x);                                  \
    }                                                                                                  \
    static inline bl__vector_##type bl__copy_sign_##type(bl__vector_##type size, bl__vector_##type x)  \
    {                                                                                                  \
        return _mm512_or_##ps(size, _mm512_and_##ps(_mm512_set1_##ps((number)-0.0), x));               \
    }                                                                                                  \
    static inline bl__vector_##type bl__load_or_##type(const number *from, int64_t left, number other) \
    {                                                                                                  \
        return _mm512_mask_loadu_##ps(_mm512_set1_##ps(other), bl__first_##type(left), from);          \
    }                                                                                                  \
    static inline bl__vector_##type bl__multiply_add_##type(bl__vector_##type a, bl__vector_##type b,  \
                                                            bl__vector_##type c)                       \
    {                                                                                                  \
        return _mm512_fmadd_##ps(a, b, c);                                                             \
    }                                                                                                  \
    static inline bl__vector_##type bl__max_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm512_max_##ps(a, b);                                                                  \
    }                                                                                                  \
    static inline bl__vector_##type bl__min_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm512_min_##ps(a, b);                                                                  \
    }                                                                                                  \
    static inline number bl__largest_lane_##type(bl__vector_##type x)                                  \
    {                                                                                                  \
        return _mm512_reduce_max_##ps(x);                                                              \
    }                                                                                                  \
    static inline bl__mask_##type bl__less_##type(bl__vector_##type a, bl__vector_##type b)            \
    {                                                                                                  \
        return _mm512_cmp_##ps##_mask(a, b, _CMP_LT_OQ);                                               \
    }                                                                                                  \
    static inline bl__mask_##type bl__equal_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm512_cmp_##ps##_mask(a, b, _CMP_EQ_OQ);                                               \
    }                                                                                                  \
    static inline bl__vector_##type bl__select_##type(bl__mask_##type mask, bl__vector_##type a,       \
                                                      bl__vector_##type b)                             \
    {                                                                                                  \
        return _mm512_mask_blend_##ps(mask, b, a);                                                     \
    }                                                                                                  \
    static inline bool bl__any_##type(bl__mask_##type mask)                                            \
    {                                                                                                  \
        return mask != 0;                                                                              \
    }

BL__VECTOR(f32, float, ps)
BL__VECTOR(f64, double, pd)

static inline __m512 bl__scale_f32(__m512 x, __m512 n)
{
    return _mm512_scalef_ps(x, n);
}

static inline __m512 bl__two_to_f32(__m512 n)
{
    return _mm512_scalef_ps(_mm512_set1_ps(1), n);
}

static inline __m512 bl__square_plus_f32(__m512 x, __m512 more)
{
    return _mm512_fmadd_ps(x, x, more);
}

static inline __m512 bl__lower_f32(__m512 x, __m512 sum)
{
    return _mm512_scalef_ps(x, sum - BL__WHOLE_f32);
}

/* The vectors are the rows of a square, which is turned over: pairs of rows are interleaved, then pairs of
 * pairs, and then quarters change places. */
static inline void bl__turn_square_f32(__m512 *x)
{
    __m512 pair[16], four[16];
    for (int i = 0; i < 16; i += 2) {
        pair[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        pair[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int j = 0; j < 2; j++) {
            __m512d a = _mm512_castps_pd(pair[i + j]), b = _mm512_castps_pd(pair[i + j + 2]);
            four[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            four[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    for (int i = 0; i < 4; i++) {
        __m512 even = _mm512_shuffle_f32x4(four[i], four[i + 4], 0x88);
        __m512 odd = _mm512_shuffle_f32x4(four[i], four[i + 4], 0xdd);
        __m512 later_even = _mm512_shuffle_f32x4(four[i + 8], four[i + 12], 0x88);
        __m512 later_odd = _mm512_shuffle_f32x4(four[i + 8], four[i + 12], 0xdd);
        x[i] = _mm512_shuffle_f32x4(even, later_even, 0x88);
        x[i + 4] = _mm512_shuffle_f32x4(odd, later_odd, 0x88);
        x[i + 8] = _mm512_shuffle_f32x4(even, later_even, 0xdd);
        x[i + 12] = _mm512_shuffle_f32x4(odd, later_odd, 0xdd);
    }
}

static inline void bl__turn_square_f64(__m512d *x)
{
    __m512d pair[8];
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm512_unpacklo_pd(x[i], x[i + 1]);
        pair[i + 1] = _mm512_unpackhi_pd(x[i], x[i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        __m512d even = _mm512_shuffle_f64x2(pair[i], pair[i + 2], 0x88);
        __m512d odd = _mm512_shuffle_f64x2(pair[i], pair[i + 2], 0xdd);
        __m512d later_even = _mm512_shuffle_f64x2(pair[i + 4], pair[i + 6], 0x88);
        __m512d later_odd = _mm512_shuffle_f64x2(pair[i + 4], pair[i + 6], 0xdd);
        x[i] = _mm512_shuffle_f64x2(even, later_even, 0x88);
        x[i + 2] = _mm512_shuffle_f64x2(odd, later_odd, 0x88);
        x[i + 4] = _mm512_shuffle_f64x2(even, later_even, 0xdd);
        x[i + 6] = _mm512_shuffle_f64x2(odd, later_odd, 0xdd);
    }
}

static inline double bl__sum_lanes_of_8(__m512d x)
{
    __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1));
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline double bl__sum_of_16_f32(const __m512 *x)
{
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(*x));
    return bl__sum_lanes_of_8(_mm512_add_pd(low, _mm512_cvtps_pd(_mm512_extractf32x8_ps(*x, 1))));
}

static inline double bl__sum_of_16_f64(const __m512d *x)
{
    return bl__sum_lanes_of_8(_mm512_add_pd(x[0], x[1]));
}

#define BL__FUNCTION_f32(name, ulp) Sleef_finz_##name##f16_##ulp##avx512f
#define BL__FUNCTION_f64(name, ulp) Sleef_finz_##name##d8_##ulp##avx512f

#endif
