/* Normal floats from the host's generator: pair by pair for few values, in blocks of 16 for many. Where
 * PyTorch computes in double precision it calls the C library's log, sin and cos, and so does this file: the
 * bits are PyTorch's for the same C library. */
#include "random/rng.h"

#include <math.h>

#define BLOCK 16

static const double two_pi = 6.28318530717958647692;

/* What differs between the dtypes. */
typedef struct normal_kind {
    const char *op;
    size_t size;
    void (*store)(void *value, double normal);
    void (*units)(bl_rng *rng, void *values, size_t count);
    void (*blocks)(void *values, size_t count, double mean, double deviation);
} normal_kind;

/* The next value of Box and Muller's pair r cos a, r sin a: r = sqrt(-2 log(1 - v)), a = 2 pi u. */
static double standard_normal(bl_rng *rng)
{
    if (rng->has_normal) {
        rng->has_normal = false;
        return rng->normal;
    }
    double u = bl__rng_unit_f64(rng);
    double v = bl__rng_unit_f64(rng);
    double radius = sqrt(-2.0 * log(1.0 - v));
    double angle = two_pi * u;
    rng->normal = radius * sin(angle);
    rng->has_normal = true;
    return radius * cos(angle);
}

/* Uniforms everywhere first, then whole blocks of them are transformed; where the count is no multiple of 16,
 * the last 16 values are drawn anew and make one more block over the end of the one before. */
static void fill_blocks(const normal_kind *kind, bl_rng *rng, double mean, double deviation, void *values,
                        size_t count)
{
    kind->units(rng, values, count);
    kind->blocks(values, count / BLOCK, mean, deviation);
    if (count % BLOCK == 0)
        return;
    char *tail = (char *)values + (count - BLOCK) * kind->size;
    kind->units(rng, tail, BLOCK);
    kind->blocks(tail, 1, mean, deviation);
}

static bl_status fill(const normal_kind *kind, bl_rng *rng, double mean, double deviation, void *values,
                      size_t count)
{
    if (!bl__rng_ready(rng, kind->op, values, count))
        return BL_ERR_ARGUMENT;
    if (!(isfinite(mean) && isfinite(deviation) && deviation >= 0))
        return bl__rng_fail(rng, kind->op, "mean or deviation is not finite, or deviation is negative");
    if (count >= BLOCK) {
        fill_blocks(kind, rng, mean, deviation, values, count);
        return BL_OK;
    }
    for (size_t i = 0; i < count; i++)
        kind->store((char *)values + i * kind->size, fma(standard_normal(rng), deviation, mean));
    return BL_OK;
}

static void store_f32(void *value, double normal)
{
    *(float *)value = (float)normal;
}

static void store_f64(void *value, double normal)
{
    *(double *)value = normal;
}

static void units_f32(bl_rng *rng, void *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((float *)values)[i] = bl__rng_unit_f32(rng);
}

static void units_f64(bl_rng *rng, void *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((double *)values)[i] = bl__rng_unit_f64(rng);
}

static void blocks_f32(void *values, size_t count, double mean, double deviation)
{
    bl__rng_normal_blocks_f32(values, count, (float)mean, (float)deviation);
}

/* As bl__rng_normal_blocks_f32 does it, with the C library's functions in double precision. */
static void blocks_f64(void *values, size_t count, double mean, double deviation)
{
    double *block = values;
    for (size_t i = 0; i < count; i++, block += BLOCK) {
        for (int j = 0; j < BLOCK / 2; j++) {
            double radius = sqrt(-2.0 * log(1.0 - block[j]));
            double angle = two_pi * block[j + BLOCK / 2];
            block[j] = fma(radius * cos(angle), deviation, mean);
            block[j + BLOCK / 2] = fma(radius * sin(angle), deviation, mean);
        }
    }
}

bl_status bl_rng_normal_f32(bl_rng *rng, double mean, double deviation, float *values, size_t count)
{
    static const normal_kind kind = {"rng_normal_f32", sizeof(float), store_f32, units_f32, blocks_f32};
    return fill(&kind, rng, mean, deviation, values, count);
}

bl_status bl_rng_normal_f64(bl_rng *rng, double mean, double deviation, double *values, size_t count)
{
    static const normal_kind kind = {"rng_normal_f64", sizeof(double), store_f64, units_f64, blocks_f64};
    return fill(&kind, rng, mean, deviation, values, count);
}
