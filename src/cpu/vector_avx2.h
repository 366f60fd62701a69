/* Private. Vectors of 256 bits: see vector.h. */
#ifndef BOWLINE_CPU_VECTOR_AVX2_H
#define BOWLINE_CPU_VECTOR_AVX2_H

#include <immintrin.h>
#include <sleef.h>

typedef __m256 bl__vector_f32;
typedef __m256d bl__vector_f64;
typedef __m256 bl__mask_f32;
typedef __m256d bl__mask_f64;

/* Eight or four lanes from some place in these on: all set up to the middle. */
static const int32_t bl__ones_f32[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t bl__ones_f64[8] = {-1, -1, -1, -1};

#define BL__VECTOR(type, number, ps)                                                                   \
    static inline __m256i bl__first_##type(int64_t left) /* lanes, of the tables below */              \
    {                                                                                                  \
        return _mm256_loadu_si256((const void *)(bl__ones_##type + 32 / sizeof(number) - left));       \
    }                                                                                                  \
    static inline bl__vector_##type bl__load_##type(const number *from, int64_t left)                  \
    {                                                                                                  \
        if (BL__LIKELY(left >= (int64_t)(32 / sizeof(number))))                                        \
            return _mm256_loadu_##ps(from);                                                            \
        return _mm256_maskload_##ps(from, bl__first_##type(left));                                     \
    }                                                                                                  \
    static inline void bl__store_##type(number *to, int64_t left, bl__vector_##type x)                 \
    {                                                                                                  \
        if (BL__LIKELY(left >= (int64_t)(32 / sizeof(number))))                                        \
            _mm256_storeu_##ps(to, x);                                                                 \
        else                                                                                           \
            _mm256_maskstore_##ps(to, bl__first_##type(left), x);                                      \
    }                                                                                                  \
    static inline bl__vector_##type bl__splat_##type(number x)                                         \
    {                                                                                                  \
        return _mm256_set1_##ps(x);                                                                    \
    }                                                                                                  \
    static inline bl__vector_##type bl__abs_##type(bl__vector_##type x)                                \
    {                                                                                                  \
        return _mm256_andnot_##ps(_mm256_set1_##ps((number)-0.0), x);                                  \
    }                                                                                                  \
    static inline bl__vector_##type bl__copy_sign_##type(bl__vector_##type size, bl__vector_##type x)  \
    {                                                                                                  \
        return _mm256_or_##ps(size, _mm256_and_##ps(_mm256_set1_##ps((number)-0.0), x));               \
    }                                                                                                  \
    static inline bl__vector_##type bl__load_or_##type(const number *from, int64_t left, number other) \
    {                                                                                                  \
        if (BL__LIKELY(left >= (int64_t)(32 / sizeof(number))))                                        \
            return _mm256_loadu_##ps(from);                                                            \
        __m256i first = bl__first_##type(left);                                                        \
        return _mm256_blendv_##ps(_mm256_set1_##ps(other), _mm256_maskload_##ps(from, first),          \
                                  _mm256_castsi256_##ps(first));                                       \
    }                                                                                                  \
    static inline bl__vector_##type bl__multiply_add_##type(bl__vector_##type a, bl__vector_##type b,  \
                                                            bl__vector_##type c)                       \
    {                                                                                                  \
        return _mm256_fmadd_##ps(a, b, c);                                                             \
    }                                                                                                  \
    static inline bl__vector_##type bl__max_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm256_max_##ps(a, b);                                                                  \
    }                                                                                                  \
    static inline bl__vector_##type bl__min_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm256_min_##ps(a, b);                                                                  \
    }                                                                                                  \
    static inline bl__mask_##type bl__less_##type(bl__vector_##type a, bl__vector_##type b)            \
    {                                                                                                  \
        return _mm256_cmp_##ps(a, b, _CMP_LT_OQ);                                                      \
    }                                                                                                  \
    static inline bl__mask_##type bl__equal_##type(bl__vector_##type a, bl__vector_##type b)           \
    {                                                                                                  \
        return _mm256_cmp_##ps(a, b, _CMP_EQ_OQ);                                                      \
    }                                                                                                  \
    static inline bl__vector_##type bl__select_##type(bl__mask_##type mask, bl__vector_##type a,       \
                                                      bl__vector_##type b)                             \
    {                                                                                                  \
        return _mm256_blendv_##ps(b, a, mask);                                                         \
    }                                                                                                  \
    static inline bool bl__any_##type(bl__mask_##type mask)                                            \
    {                                                                                                  \
        return _mm256_movemask_##ps(mask) != 0;                                                        \
    }

BL__VECTOR(f32, float, ps)
BL__VECTOR(f64, double, pd)

static inline __m256 bl__power_of_2(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* The first product is exact, so that the second rounds once. */
static inline __m256 bl__scale_f32(__m256 x, __m256 n)
{
    __m256i all = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(all, 1);
    return x * bl__power_of_2(half) * bl__power_of_2(_mm256_sub_epi32(all, half));
}

static inline __m256 bl__two_to_f32(__m256 n)
{
    return bl__power_of_2(_mm256_cvtps_epi32(n));
}

static inline __m256 bl__square_plus_f32(__m256 x, __m256 more)
{
    return _mm256_fmadd_ps(x, x, more);
}

/* The last bits of the sum are the exponent of 2^(n + 100). The first product is exact. */
static inline __m256 bl__lower_f32(__m256 x, __m256 sum)
{
    return x * _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(sum), 23)) * 0x1p-100F;
}

static inline float bl__largest_lane_f32(__m256 x)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline double bl__largest_lane_f64(__m256d x)
{
    __m128d two = _mm_max_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
}

/* The vectors are the rows of a square, which is turned over: pairs of rows are interleaved, then pairs of
 * pairs, and then halves change places. */
static inline void bl__turn_square_f32(__m256 *x)
{
    __m256 pair[8], four[8];
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int j = 0; j < 2; j++) {
            four[i + 2 * j] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0x44);
            four[i + 2 * j + 1] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0xee);
        }
    }
    for (int i = 0; i < 4; i++) {
        x[i] = _mm256_permute2f128_ps(four[i], four[i + 4], 0x20);
        x[i + 4] = _mm256_permute2f128_ps(four[i], four[i + 4], 0x31);
    }
}

static inline void bl__turn_square_f64(__m256d *x)
{
    __m256d pair[4];
    for (int i = 0; i < 4; i += 2) {
        pair[i] = _mm256_unpacklo_pd(x[i], x[i + 1]);
        pair[i + 1] = _mm256_unpackhi_pd(x[i], x[i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        x[i] = _mm256_permute2f128_pd(pair[i], pair[i + 2], 0x20);
        x[i + 2] = _mm256_permute2f128_pd(pair[i], pair[i + 2], 0x31);
    }
}

static inline double bl__sum_lanes_of_4(__m256d x)
{
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline double bl__sum_of_16_f64(const __m256d *x)
{
    return bl__sum_lanes_of_4(_mm256_add_pd(_mm256_add_pd(x[0], x[2]), _mm256_add_pd(x[1], x[3])));
}

static inline double bl__sum_of_16_f32(const __m256 *x)
{
    const __m256d wide[4] = {
        _mm256_cvtps_pd(_mm256_castps256_ps128(x[0])), _mm256_cvtps_pd(_mm256_extractf128_ps(x[0], 1)),
        _mm256_cvtps_pd(_mm256_castps256_ps128(x[1])), _mm256_cvtps_pd(_mm256_extractf128_ps(x[1], 1))};
    return bl__sum_of_16_f64(wide);
}

#define BL__FUNCTION_f32(name, ulp) Sleef_finz_##name##f8_##ulp##avx2
#define BL__FUNCTION_f64(name, ulp) Sleef_finz_##name##d4_##ulp##avx2

#endif
