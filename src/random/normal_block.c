/* Box and Muller on blocks of 16 single-precision uniforms, by Cephes' polynomials for log, sine and cosine.
 */
#include "graph/half.h"
#include "random/rng.h"

#include <math.h>
#include <string.h>

#define PAIRS 8 /* in a block: value j goes with value j + 8 */

#if defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE inline
#endif

/* log x for a normal x > 0: with x = m 2^e, sqrt(1/2) <= m < sqrt(2), and f = m - 1,
 *   log x = f - f^2/2 + f^3 P(f) + e log 2,
 * log 2 in two parts, the larger one of few bits, so that its product with e is exact. */
static ALWAYS_INLINE float log_f32(float x)
{
    const uint32_t root = 0x3f3504f3U; /* sqrt(1/2): where its bits are passed, e goes up by one */
    uint32_t bits = bl__bits_of_float(x);
    uint32_t biased = (bits - root + (127U << 23)) >> 23;
    float exponent = (float)((int32_t)biased - 127);
    float f = bl__float_of_bits(bits - ((biased - 127U) << 23)) - 1.0F;

    float square = f * f;
    float p = 7.0376836292e-2F;
    p = fmaf(p, f, -1.1514610310e-1F);
    p = fmaf(p, f, 1.1676998740e-1F);
    p = fmaf(p, f, -1.2420140846e-1F);
    p = fmaf(p, f, 1.4249322787e-1F);
    p = fmaf(p, f, -1.6668057665e-1F);
    p = fmaf(p, f, 2.0000714765e-1F);
    p = fmaf(p, f, -2.4999993993e-1F);
    p = fmaf(p, f, 3.3333331174e-1F);
    p = fmaf(p * f, square, exponent * -2.12194440e-4F);
    p = fmaf(square, -0.5F, p);
    return fmaf(exponent, 0.693359375F, f + p);
}

/* sin x and cos x for x >= 0: x is brought to [-pi/4, pi/4] by taking off the nearest even multiple j of
 * pi/4, itself in three parts; j then says which polynomial serves which function, and with what sign. */
static ALWAYS_INLINE void sin_cos_f32(float x, float *sine, float *cosine)
{
    uint32_t j = ((uint32_t)(int32_t)(x * 1.27323954473516F) + 1U) & ~1U;
    float multiple = (float)(int32_t)j;
    x = fmaf(multiple, -0.78515625F, x);
    x = fmaf(multiple, -2.4187564849853515625e-4F, x);
    x = fmaf(multiple, -3.77489497744594108e-8F, x);

    float square = x * x;
    float c = 2.443315711809948e-5F;
    c = fmaf(c, square, -1.388731625493765e-3F);
    c = fmaf(c, square, 4.166664568298827e-2F);
    c = fmaf(c * square, square, square * -0.5F) + 1.0F;
    float s = -1.9515295891e-4F;
    s = fmaf(s, square, 8.3321608736e-3F);
    s = fmaf(s, square, -1.6666654611e-1F);
    s = fmaf(s * square, x, x);

    bool swapped = (j & 2U) != 0;
    uint32_t sine_sign = (j & 4U) << 29;
    uint32_t cosine_sign = (~(j - 2U) & 4U) << 29;
    *sine = bl__float_of_bits(bl__bits_of_float(swapped ? c : s) ^ sine_sign);
    *cosine = bl__float_of_bits(bl__bits_of_float(swapped ? s : c) ^ cosine_sign);
}

/* For each pair of uniforms u, v: r = sqrt(-2 log(1 - u)), a = 2 pi v; r cos a and r sin a are normal. Loops
 * of eight without branches, for the compiler to turn into vectors; that changes no lane's bits. */
static ALWAYS_INLINE void transform(float *values, float mean, float deviation)
{
    float radius[PAIRS];
    for (int i = 0; i < PAIRS; i++)
        radius[i] = -2.0F * log_f32(1.0F - values[i]);
    for (int i = 0; i < PAIRS; i++)
        radius[i] = sqrtf(radius[i]);
    for (int i = 0; i < PAIRS; i++) {
        float sine, cosine;
        sin_cos_f32(6.28318530717958648F * values[i + PAIRS], &sine, &cosine);
        values[i] = fmaf(radius[i] * cosine, deviation, mean);
        values[i + PAIRS] = fmaf(radius[i] * sine, deviation, mean);
    }
}

static ALWAYS_INLINE void transform_all(float *values, size_t blocks, float mean, float deviation)
{
    for (size_t i = 0; i < blocks; i++)
        transform(values + i * 2 * PAIRS, mean, deviation);
}

void bl__rng_normal_blocks_plain_f32(float *values, size_t blocks, float mean, float deviation)
{
    transform_all(values, blocks, mean, deviation);
}

#if defined(__x86_64__) && defined(__GNUC__)
/* The same code where fma is an instruction: the same bits, ten times faster than with the C library's calls.
 */
__attribute__((target("avx2,fma"))) static void transform_all_avx2(float *values, size_t blocks, float mean,
                                                                   float deviation)
{
    transform_all(values, blocks, mean, deviation);
}

void bl__rng_normal_blocks_f32(float *values, size_t blocks, float mean, float deviation)
{
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        transform_all_avx2(values, blocks, mean, deviation);
    else
        bl__rng_normal_blocks_plain_f32(values, blocks, mean, deviation);
}
#else
void bl__rng_normal_blocks_f32(float *values, size_t blocks, float mean, float deviation)
{
    bl__rng_normal_blocks_plain_f32(values, blocks, mean, deviation);
}
#endif
