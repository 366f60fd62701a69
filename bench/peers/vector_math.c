/* tanh and exp of arrays by SLEEF. Its header declares only what the file's flags allow, so the two functions
 * for each of two instruction sets are declared here. */
#include "vector_math.h"

#if defined(BENCH_SLEEF) && defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define ON_AVX2   __attribute__((target("avx2")))
#define ON_AVX512 __attribute__((target("avx512f")))

ON_AVX2 __m256 Sleef_tanhf8_u10avx2(__m256);
ON_AVX2 __m256 Sleef_expf8_u10avx2(__m256);
ON_AVX512 __m512 Sleef_tanhf16_u10avx512f(__m512);
ON_AVX512 __m512 Sleef_expf16_u10avx512f(__m512);

bool vector_math_known(void)
{
    return __builtin_cpu_supports("avx2");
}

ON_AVX2 static void tanh_avx2(const float *in, float *out, size_t count)
{
    for (size_t i = 0; i < count; i += 8)
        _mm256_storeu_ps(out + i, Sleef_tanhf8_u10avx2(_mm256_loadu_ps(in + i)));
}

ON_AVX2 static void exp_avx2(const float *in, float *out, size_t count)
{
    for (size_t i = 0; i < count; i += 8)
        _mm256_storeu_ps(out + i, Sleef_expf8_u10avx2(_mm256_loadu_ps(in + i)));
}

ON_AVX512 static void tanh_avx512(const float *in, float *out, size_t count)
{
    for (size_t i = 0; i < count; i += 16)
        _mm512_storeu_ps(out + i, Sleef_tanhf16_u10avx512f(_mm512_loadu_ps(in + i)));
}

ON_AVX512 static void exp_avx512(const float *in, float *out, size_t count)
{
    for (size_t i = 0; i < count; i += 16)
        _mm512_storeu_ps(out + i, Sleef_expf16_u10avx512f(_mm512_loadu_ps(in + i)));
}

void vector_tanh(const float *in, float *out, size_t count)
{
    (__builtin_cpu_supports("avx512f") ? tanh_avx512 : tanh_avx2)(in, out, count);
}

void vector_exp(const float *in, float *out, size_t count)
{
    (__builtin_cpu_supports("avx512f") ? exp_avx512 : exp_avx2)(in, out, count);
}

#else

bool vector_math_known(void)
{
    return false;
}

void vector_tanh(const float *in, float *out, size_t count)
{
    (void)in;
    (void)out;
    (void)count;
}

void vector_exp(const float *in, float *out, size_t count)
{
    (void)in;
    (void)out;
    (void)count;
}

#endif
