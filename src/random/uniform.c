/* Uniform floats from the host's generator. */
#include "random/rng.h"

#include <float.h>
#include <math.h>

/* The bounds must be finite in the dtype, and so must their distance, which scales the draws. */
static bool check(bl_rng *rng, const char *op, double low, double high, double largest, const void *values,
                  size_t count)
{
    if (!bl__rng_ready(rng, op, values, count))
        return false;
    if (!(fabs(low) <= largest && fabs(high) <= largest && high - low <= largest))
        bl__rng_fail(rng, op, "low, high or high - low is not finite in the dtype");
    else if (low > high)
        bl__rng_fail(rng, op, "low must not be more than high");
    else
        return true;
    return false;
}

/* low + unit (high - low), rounded once. */
bl_status bl_rng_uniform_f32(bl_rng *rng, double low, double high, float *values, size_t count)
{
    if (!check(rng, "rng_uniform_f32", low, high, FLT_MAX, values, count))
        return BL_ERR_ARGUMENT;
    float scale = (float)high - (float)low;
    for (size_t i = 0; i < count; i++)
        values[i] = fmaf(bl__rng_unit_f32(rng), scale, (float)low);
    return BL_OK;
}

bl_status bl_rng_uniform_f64(bl_rng *rng, double low, double high, double *values, size_t count)
{
    if (!check(rng, "rng_uniform_f64", low, high, DBL_MAX, values, count))
        return BL_ERR_ARGUMENT;
    double scale = high - low;
    for (size_t i = 0; i < count; i++)
        values[i] = fma(bl__rng_unit_f64(rng), scale, low);
    return BL_OK;
}
