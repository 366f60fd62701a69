/* Private. Functions of f32 on vectors of 128 bits or more, put in where they are called, which takes two
 * thirds (exp) to an eighth (gelu) of the time of SLEEF's: see vector.h, which includes this. Polynomials
 * are, of their degrees, nearest to the functions, errors being relative; what they are off by themselves is
 * little beside rounding. */
#ifndef BOWLINE_CPU_VECTOR_F32_H
#define BOWLINE_CPU_VECTOR_F32_H

#define BL__HORNER(c, x, rest) bl__multiply_add_f32(rest, x, bl__splat_f32(c))

/* x, or what it is kept within. NaN stays. */
static inline bl__vector_f32 bl__within_f32(bl__vector_f32 x, float least, float most)
{
    return bl__max_f32(bl__splat_f32(least), bl__min_f32(bl__splat_f32(most), x));
}

/* x = n log 2 + r with a whole n, to which *sum adds WHOLE, and |r| <= log(2) / 2. n log 2 is taken off in
 * two parts, of which the first is exact for every n. */
static inline bl__vector_f32 bl__fold_f32(bl__vector_f32 x, bl__vector_f32 *sum)
{
    bl__vector_f32 whole = bl__splat_f32(BL__WHOLE_f32);
    *sum = bl__multiply_add_f32(x, bl__splat_f32(0x1.715476p+0F), whole);
    bl__vector_f32 n = *sum - whole, r = bl__multiply_add_f32(n, bl__splat_f32(-0x1.63p-1F), x);
    return bl__multiply_add_f32(n, bl__splat_f32(0x1.bd0106p-13F), r);
}

/* e^r - 1 = r + r^2 P(r) for |r| <= log(2) / 2. */
static inline bl__vector_f32 bl__growth_f32(bl__vector_f32 r)
{
    bl__vector_f32 p = BL__HORNER(0x1.123a8ep-7F, r, bl__splat_f32(0x1.6a2318p-10F));
    p = BL__HORNER(0x1.5558f6p-5F, r, p);
    p = BL__HORNER(0x1.55549p-3F, r, p);
    p = BL__HORNER(0x1.fffffcp-2F, r, p);
    return bl__multiply_add_f32(r * r, p, r);
}

/* 2^n e^r; beyond -105 .. 89 it is 0 or infinite. 1.1 ulp off at most. */
static inline bl__vector_f32 bl__exp_f32(bl__vector_f32 x)
{
    bl__vector_f32 sum, r = bl__fold_f32(bl__within_f32(x, -105, 89), &sum);
    return bl__scale_f32(bl__splat_f32(1) + bl__growth_f32(r), sum - bl__splat_f32(BL__WHOLE_f32));
}

/* The same of x <= 0, which takes less. */
static inline bl__vector_f32 bl__decay_f32(bl__vector_f32 x)
{
    bl__vector_f32 sum, r = bl__fold_f32(bl__max_f32(bl__splat_f32(-105), x), &sum);
    return bl__lower_f32(bl__splat_f32(1) + bl__growth_f32(r), sum);
}

/* 1 - 2 / (e^2|x| + 1), and near 0, where that cancels, |x| (1 + z P(z)) with z = x^2, where P approximates
 * (tanh(x) / x - 1) / z for |x| <= 9/16, with the sign of x. 1.4 ulp off at most. */
static inline bl__vector_f32 bl__tanh_f32(bl__vector_f32 x)
{
    bl__vector_f32 size = bl__abs_f32(x), z = x * x, one = bl__splat_f32(1), sum;
    bl__vector_f32 r = bl__fold_f32(bl__min_f32(bl__splat_f32(40), size + size), &sum); /* beyond it is 1 */
    bl__vector_f32 scale = bl__two_to_f32(sum - bl__splat_f32(BL__WHOLE_f32));
    bl__vector_f32 far = one - 2.0F / bl__multiply_add_f32(scale, bl__growth_f32(r), scale + one);
    bl__vector_f32 p = BL__HORNER(0x1.582fa8p-6F, z, bl__splat_f32(-0x1.94fff4p-8F));
    p = BL__HORNER(-0x1.b90946p-5F, z, p);
    p = BL__HORNER(0x1.110c72p-3F, z, p);
    p = BL__HORNER(-0x1.555548p-2F, z, p);
    bl__mask_f32 is_far = bl__less_f32(bl__splat_f32(0.5625F), size);
    return bl__copy_sign_f32(bl__select_f32(is_far, far, bl__multiply_add_f32(size * z, p, size)), x);
}

/* ---- the normal distribution, and erf ---- */

/* p(x sqrt(2 scale)) = e^(-scale x^2) / sqrt(2 pi), where p is the density of a standard normal number, with
 * a scale of 1 or 1/2 for 0 <= scale x^2 <= 106: of x^2 = rest - n log(2) / scale, 2^n times a polynomial.
 * The square is not rounded before n log 2 is taken off it: of one that large, what is rounded off counts. */
static inline bl__vector_f32 bl__bell_f32(bl__vector_f32 x, float scale)
{
    const float s = -scale;
    bl__vector_f32 whole = bl__splat_f32(BL__WHOLE_f32);
    bl__vector_f32 sum = bl__multiply_add_f32(x * x, bl__splat_f32(0x1.715476p+0F * s), whole),
                   n = sum - whole;
    bl__vector_f32 rest = bl__square_plus_f32(x, n * bl__splat_f32(-0x1.63p-1F / s));
    rest = bl__multiply_add_f32(n, bl__splat_f32(0x1.bd0106p-13F / s), rest);
    bl__vector_f32 p = bl__splat_f32(0x1.b1e2d2p-9F * s * s * s * s * s);
    p = BL__HORNER(0x1.11f86cp-6F * s * s * s * s, rest, p);
    p = BL__HORNER(0x1.105bfcp-4F * s * s * s, rest, p);
    p = BL__HORNER(0x1.988202p-3F * s * s, rest, p);
    p = BL__HORNER(0x1.98844cp-2F * s, rest, p);
    return bl__lower_f32(BL__HORNER(0x1.988456p-2F, rest, p), sum);
}

/* Q(x) / p(x) for 0 <= x <= 14.5 (Mills' ratio), where Q(x) is the chance that a standard normal number
 * exceeds x: 1 / (x + rest / above), in which the ratio of the polynomials counts the less the larger x is,
 * and so does what is rounded in them. All their coefficients are positive, so that no sum cancels. */
static inline bl__vector_f32 bl__mills_f32(bl__vector_f32 x)
{
    bl__vector_f32 above = x + bl__splat_f32(0x1.1b6b92p+3F);
    above = BL__HORNER(0x1.276e26p+5F, x, above);
    above = BL__HORNER(0x1.4a3e62p+6F, x, above);
    above = BL__HORNER(0x1.59da14p+6F, x, above);
    bl__vector_f32 rest = BL__HORNER(0x1.1c63fep+3F, x, bl__splat_f32(0x1.ff9764p-1F));
    rest = BL__HORNER(0x1.13a49p+5F, x, rest);
    rest = BL__HORNER(0x1.13f32ap+6F, x, rest);
    return above / bl__multiply_add_f32(x, above, rest);
}

/* max(x, 0) - |x| Q(|x|): x times the chance that a standard normal number is below it. 6 ulp off at most, 9
 * below -13, where e^(-x^2 / 2) loses bits; -0 at -infinity. */
static inline bl__vector_f32 bl__gelu_f32(bl__vector_f32 x)
{
    bl__vector_f32 size = bl__min_f32(bl__splat_f32(14.5F), bl__abs_f32(x));
    bl__vector_f32 beyond = bl__mills_f32(size) * bl__bell_f32(size, 0.5F);
    return bl__multiply_add_f32(-size, beyond, bl__max_f32(bl__splat_f32(-0.0F), x));
}

/* Its slope: below 0 Q(|x|) - |x| p(x), and above, what that lacks to 1. */
static inline bl__vector_f32 bl__gelu_slope_f32(bl__vector_f32 x)
{
    bl__vector_f32 size = bl__min_f32(bl__splat_f32(14.5F), bl__abs_f32(x));
    bl__vector_f32 low = (bl__mills_f32(size) - size) * bl__bell_f32(size, 0.5F);
    return bl__select_f32(bl__less_f32(x, bl__splat_f32(0)), low, bl__splat_f32(1) - low);
}

#define BL__SQRT_2_f32 0x1.6a09e6p+0F

/* erfc(x) for 0 <= x <= 10.25, beyond which it is 0. */
static inline bl__vector_f32 bl__erfc_above_f32(bl__vector_f32 x)
{
    return 2.0F * bl__mills_f32(x * BL__SQRT_2_f32) * bl__bell_f32(x, 1);
}

/* 1 - erfc(x), and near 0, where that cancels, x (1 + P(x^2)) for |x| <= 1. */
static inline bl__vector_f32 bl__erf_f32(bl__vector_f32 x)
{
    bl__vector_f32 size = bl__min_f32(bl__splat_f32(10.25F), bl__abs_f32(x)), z = size * size;
    bl__vector_f32 far = bl__splat_f32(1) - bl__erfc_above_f32(size);
    bl__vector_f32 p = BL__HORNER(-0x1.a3f7p-11F, z, bl__splat_f32(0x1.496a32p-14F));
    p = BL__HORNER(0x1.5405b2p-8F, z, p);
    p = BL__HORNER(-0x1.b7f90ep-6F, z, p);
    p = BL__HORNER(0x1.ce2cf8p-4F, z, p);
    p = BL__HORNER(-0x1.81273ep-2F, z, p);
    p = BL__HORNER(0x1.06eba8p-3F, z, p);
    bl__mask_f32 is_far = bl__less_f32(bl__splat_f32(1), size);
    return bl__select_f32(is_far, bl__copy_sign_f32(far, x), bl__multiply_add_f32(x, p, x));
}

#endif
