/* Private. What activations and losses are made of, on vectors (vector.h). */
#ifndef BOWLINE_CPU_GATES_H
#define BOWLINE_CPU_GATES_H

#include "cpu/vector.h"

/* e^x of x <= 0. Of f32, vectors have their own (vector_f32.h). */
static inline bl__vector_f64 bl__decay_f64(bl__vector_f64 x)
{
    return bl__exp_f64(x);
}

#if BL__VECTOR_BYTES == 0
static inline float bl__decay_f32(float x)
{
    return bl__exp_f32(x);
}
#endif

/* With z = e^-|x| <= 1: 1 / (1 + z) for x >= 0 and z / (1 + z) below; nothing overflows. */
#define BL__SIGMOID_OF(type)                                                                   \
    static inline bl__vector_##type bl__sigmoid_##type(bl__vector_##type x)                    \
    {                                                                                          \
        bl__vector_##type one = bl__splat_##type(1), z = bl__decay_##type(-bl__abs_##type(x)); \
        bl__mask_##type below = bl__less_##type(x, bl__splat_##type(0));                       \
        return bl__select_##type(below, z, one) / (one + z);                                   \
    }

/* log(1 + e^-|x|), by which log(1 + e^x) is more than max(x, 0). */
#define BL__SOFT_REST_OF(type)                                                \
    static inline bl__vector_##type bl__soft_rest_##type(bl__vector_##type x) \
    {                                                                         \
        return bl__log1p_##type(bl__decay_##type(-bl__abs_##type(x)));        \
    }

/* gelu(x) = x P(x), and its slope P(x) + x p(x), where P(x) is the chance that a standard normal number is
 * below x, and p its density; taken at a bound beyond which both are what they tend to. Of f32, vectors have
 * their own (vector_f32.h). */
static inline bl__vector_f64 bl__normal_area_f64(bl__vector_f64 x)
{
    return 0.5 * bl__erfc_f64(bl__splat_f64(-0.70710678118654752440) * x);
}

static inline bl__vector_f64 bl__gelu_f64(bl__vector_f64 x)
{
    x = bl__max_f64(bl__splat_f64(-40), x);
    return x * bl__normal_area_f64(x);
}

static inline bl__vector_f64 bl__gelu_slope_f64(bl__vector_f64 x)
{
    x = bl__max_f64(bl__splat_f64(-40), bl__min_f64(bl__splat_f64(40), x));
    return bl__normal_area_f64(x) + x * (bl__exp_f64(-0.5 * (x * x)) * 0.39894228040143267794);
}

#if BL__VECTOR_BYTES == 0
static inline float bl__gelu_f32(float x)
{
    return (float)bl__gelu_f64((double)x);
}

static inline float bl__gelu_slope_f32(float x)
{
    return (float)bl__gelu_slope_f64((double)x);
}
#endif

BL__SIGMOID_OF(f32)
BL__SIGMOID_OF(f64)
BL__SOFT_REST_OF(f32)
BL__SOFT_REST_OF(f64)

#define BL__SIGMOID(x)    BL__OF(x, sigmoid)(x)
#define BL__SOFT_REST(x)  BL__OF(x, soft_rest)(x)
#define BL__GELU(x)       BL__OF(x, gelu)(x)
#define BL__GELU_SLOPE(x) BL__OF(x, gelu_slope)(x)

#endif
