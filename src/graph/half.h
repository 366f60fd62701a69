/* Private. The 16-bit floats, which are storage only: to and from f32, rounding to nearest even. */
#ifndef BOWLINE_GRAPH_HALF_H
#define BOWLINE_GRAPH_HALF_H

#include <stdint.h>
#include <string.h>

static inline float bl__float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint32_t bl__bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* bf16 is the upper half of an f32. */
static inline float bl__bf16_to_f32(uint16_t half)
{
    return bl__float_of_bits((uint32_t)half << 16);
}

static inline uint16_t bl__f32_to_bf16(float value)
{
    uint32_t bits = bl__bits_of_float(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u); /* a quiet NaN stays one */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* f16: sign, 5 exponent bits of bias 15, 10 fraction bits. */
static inline float bl__f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1fu;
    uint32_t fraction = half & 0x3ffu;
    if (exponent == 0x1fu)
        return bl__float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent > 0)
        return bl__float_of_bits(sign | (exponent + 112u) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f; /* subnormal or zero */
    return sign ? -magnitude : magnitude;
}

static inline uint16_t bl__f32_to_f16(float value)
{
    uint32_t bits = bl__bits_of_float(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* from 65520 up, half of the last step above 65504 */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {
        /* Below 2^-14: adding 0.5 makes the fraction's last bit stand for 2^-24, and rounds to it. */
        float shifted = bl__float_of_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (bl__bits_of_float(shifted) - 0x3f000000u));
    }
    uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}

#endif
