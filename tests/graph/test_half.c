/* The 16-bit floats against their definition. Looks at graph/half.h. */
#include "graph/half.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

/* The value of a half by its definition: `exponent_bits` and `fraction_bits` after a sign. */
static double defined(uint16_t half, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = half >> fraction_bits & ((1 << exponent_bits) - 1);
    int fraction = half & ((1 << fraction_bits) - 1);
    double sign = half & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction ? NAN : sign * HUGE_VAL;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

static int same(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

Test(half, every_half_is_what_its_bits_say_and_comes_back)
{
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        uint16_t half = (uint16_t)bits;
        cr_assert(same((double)bl__f16_to_f32(half), defined(half, 5, 10)), "f16 %04x", bits);
        cr_assert(same((double)bl__bf16_to_f32(half), defined(half, 8, 7)), "bf16 %04x", bits);
        uint16_t f16 = bl__f32_to_f16(bl__f16_to_f32(half)), bf16 = bl__f32_to_bf16(bl__bf16_to_f32(half));
        if (isnan(defined(half, 5, 10)))
            cr_assert(isnan(bl__f16_to_f32(f16)) && (f16 & 0x8000) == (half & 0x8000), "f16 %04x", bits);
        else
            cr_assert_eq(f16, half, "f16 %04x gave %04x", bits, f16);
        if (isnan(defined(half, 8, 7)))
            cr_assert(isnan(bl__bf16_to_f32(bf16)) && (bf16 & 0x8000) == (half & 0x8000), "bf16 %04x", bits);
        else
            cr_assert_eq(bf16, half, "bf16 %04x gave %04x", bits, bf16);
    }
}

/* Between two neighbouring halves: below the middle the lower, above it the upper, at it the even one. */
static void check_between(uint16_t lower, int f16)
{
    uint16_t upper = (uint16_t)(lower + 1);
    double low = f16 ? defined(lower, 5, 10) : defined(lower, 8, 7);
    double high = f16 ? defined(upper, 5, 10) : defined(upper, 8, 7);
    if (isinf(high)) /* where the next value would be, had the exponent one more step */
        high = f16 ? 65536.0 : ldexp(1, 128);
    float middle = (float)((low + high) / 2);
    uint16_t even = lower & 1 ? upper : lower;
    float points[3] = {nextafterf(middle, 0), middle, nextafterf(middle, INFINITY)};
    uint16_t wanted[3] = {lower, even, upper};
    for (int i = 0; i < 3; i++) {
        for (int sign = 0; sign < 2; sign++) {
            float x = sign ? -points[i] : points[i];
            uint16_t got = f16 ? bl__f32_to_f16(x) : bl__f32_to_bf16(x);
            cr_assert_eq(got, (uint16_t)(wanted[i] | (sign ? 0x8000 : 0)), "%s %a gave %04x",
                         f16 ? "f16" : "bf16", (double)x, got);
        }
    }
}

Test(half, rounding_is_to_nearest_even)
{
    for (unsigned bits = 0; bits < 0x7c00; bits++)
        check_between((uint16_t)bits, 1);
    for (unsigned bits = 1; bits < 0x7f80; bits++)
        check_between((uint16_t)bits, 0);
    cr_expect_eq(bl__f32_to_f16(65519.0f), 0x7bff);
    cr_expect_eq(bl__f32_to_f16(65520.0f), 0x7c00);
    cr_expect_eq(bl__f32_to_f16(FLT_MAX), 0x7c00);
    cr_expect_eq(bl__f32_to_bf16(FLT_MAX), 0x7f80);
    cr_expect_eq(bl__f32_to_f16(0x1p-25f), 0, "half of the least subnormal is even at zero");
    cr_expect_eq(bl__f32_to_f16(0x1.000002p-25f), 1);
    cr_expect_eq(bl__f32_to_f16(-0.0f), 0x8000);
    cr_expect_eq(bl__f32_to_f16(FLT_TRUE_MIN), 0);
    /* A NaN whose payload lies only in the bits that are cut off stays a NaN. */
    cr_expect(isnan(bl__bf16_to_f32(bl__f32_to_bf16(bl__float_of_bits(0x7f800001u)))));
    cr_expect(isnan(bl__f16_to_f32(bl__f32_to_f16(bl__float_of_bits(0x7f800001u)))));
}
