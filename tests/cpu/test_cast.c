/* The cast kernel: every dtype to every dtype, against a reference that searches the nearest value. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* A long double holds every f64 and every i64. */
typedef long double number;

/* ---- the 16-bit floats, from their definition ---- */

typedef struct format {
    int fraction_bits, bias;
    uint16_t infinity; /* its bits: all above, without the sign, are NaN */
} format;

static const format bf16 = {7, 127, 0x7f80}, f16 = {10, 15, 0x7c00};

/* The value of bits; what stands for infinity counts as the next power of two, where rounding up ends. */
static number magnitude_of(const format *half, uint16_t bits)
{
    int exponent = bits >> half->fraction_bits;
    number fraction = (number)(bits & ((1 << half->fraction_bits) - 1));
    number one = (number)(1 << half->fraction_bits);
    if (exponent == 0)
        return ldexpl(fraction / one, 1 - half->bias);
    return ldexpl(1 + fraction / one, exponent - half->bias);
}

static number value_of(const format *half, uint16_t bits)
{
    uint16_t magnitude = bits & 0x7fff;
    number value = magnitude > half->infinity    ? (number)NAN
                   : magnitude == half->infinity ? (number)INFINITY
                                                 : magnitude_of(half, magnitude);
    return bits & 0x8000 ? -value : value;
}

/* The nearest bits, those with an even last one at a tie. */
static uint16_t nearest(const format *half, number x)
{
    uint16_t low = 0, high = half->infinity, sign = signbit(x) ? 0x8000 : 0;
    number magnitude = fabsl(x);
    if (magnitude >= magnitude_of(half, high))
        return sign | high;
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (magnitude_of(half, middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    number below = magnitude - magnitude_of(half, low), above = magnitude_of(half, high) - magnitude;
    bool up = above < below || (above == below && (high & 1) == 0);
    return sign | (up ? high : low);
}

/* ---- every dtype ---- */

static number read(const tensor *t, int64_t i)
{
    const void *at = element(t, i);
    if (t->operand.dtype == BL_I64)
        return *(const int64_t *)at;
    if (t->operand.dtype == BL_BF16 || t->operand.dtype == BL_F16)
        return value_of(t->operand.dtype == BL_F16 ? &f16 : &bf16, *(const uint16_t *)at);
    return (number)get(t, i);
}

static number whole(number x, number least, number most)
{
    return isnan(x) ? 0 : x <= least ? least : x >= most ? most : truncl(x);
}

static bool as_expected(const tensor *out, int64_t i, number x)
{
    const void *at = element(out, i);
    switch (out->operand.dtype) {
    case BL_F32:
        return same((double)*(const float *)at, (double)(float)x);
    case BL_F64:
        return same(*(const double *)at, (double)x);
    case BL_I32:
        return *(const int32_t *)at == whole(x, INT32_MIN, INT32_MAX);
    case BL_I64:
        return *(const int64_t *)at == whole(x, INT64_MIN, INT64_MAX);
    case BL_BOOL:
        return *(const uint8_t *)at == (x != 0);
    default: {
        const format *half = out->operand.dtype == BL_F16 ? &f16 : &bf16;
        uint16_t bits = *(const uint16_t *)at;
        return isnan(x) ? (bits & 0x7fff) > half->infinity : bits == nearest(half, x);
    }
    }
}

static void cast(const tensor *from, bl_dtype to)
{
    tensor *out = new_tensor(to, bl_shape_of(from->operand.rank, from->size), PLAIN);
    tensor *in[1] = {(tensor *)from};
    cr_assert_eq(call_kernel(BL__KEY_cast, in, 1, out, NULL), BL_OK);
    for (int64_t i = 0; i < from->operand.count; i++)
        cr_assert(as_expected(out, i, read(from, i)), "%s to %s: %.21Lg (element %d) became %.17g",
                  bl_dtype_name(from->operand.dtype), bl_dtype_name(to), read(from, i), (int)i, get(out, i));
    free_tensor(out);
}

static void cast_to_all(tensor *from)
{
    for (int to = 0; to < BL_DTYPE_COUNT; to++)
        cast(from, (bl_dtype)to);
    free_tensor(from);
}

/* Numbers around which something happens; each is taken with its neighbours and both signs. */
static const double edges[] = {
    0,           0.5,        1,        1.5,         2.5,         0x1p-25, /* half of f16's least */
    0x1p-24,     0x1.8p-24,  0x1p-14,  0x1.ffcp-15, 1 + 0x1p-11,          /* ties of f16 */
    1 + 0x3p-11, 1 + 0x1p-8,                                              /* ties of bf16 */
    1 + 0x3p-8,  65504,      65520,                                       /* ties with infinity in f16 */
    0x1.ffp127,  0x1p128,    0x1p-134,                                    /* half of bf16's least */
    0x1p-149,    0x1p-126,   0x1p31,   0x1p31 - 1,  0x1p63,      0x1p62,  1e300};

#define EDGES ((int64_t)(sizeof(edges) / sizeof(edges[0])))

/* Where a long double is no wider than a double, as under valgrind, the reference is not exact. */
static void need_wide_reference(void)
{
    volatile number large = 0x1p63L, sum = large + 1;
    if (sum == large)
        cr_skip_test("a long double does not hold every i64 here");
}

TestSuite(cast, .init = need_wide_reference);

Test(cast, floats_to_all)
{
    tensor *f64 = new_tensor(BL_F64, BL_SHAPE(EDGES, 3, 2), PLAIN);
    tensor *f32 = new_tensor(BL_F32, BL_SHAPE(EDGES, 3, 2), PLAIN);
    for (int64_t i = 0; i < EDGES * 6; i++) {
        double edge = edges[i / 6], sign = i % 2 ? -1 : 1;
        double direction = i / 2 % 3 == 0 ? -(double)INFINITY : (double)INFINITY;
        bool moved = i / 2 % 3 != 1;
        set(f64, i, sign * (moved ? nextafter(edge, direction) : edge));
        float narrow = (float)edge;
        set(f32, i, sign * (double)(moved ? nextafterf(narrow, (float)direction) : narrow));
    }
    cast_to_all(f64);
    cast_to_all(f32);
}

Test(cast, nan_and_infinity)
{
    for (int t = 0; t < 2; t++) {
        tensor *from = new_tensor(t ? BL_F64 : BL_F32, BL_SHAPE(3), PLAIN);
        set(from, 0, (double)NAN);
        set(from, 1, (double)INFINITY);
        set(from, 2, -(double)INFINITY);
        cast_to_all(from);
    }
}

Test(cast, every_16_bit_float)
{
    for (int t = 0; t < 2; t++) {
        tensor *from = new_tensor(t ? BL_BF16 : BL_F16, BL_SHAPE(65536), PLAIN);
        for (int64_t i = 0; i < 65536; i++)
            set(from, i, (double)i);
        cast_to_all(from);
    }
}

Test(cast, integers_to_all)
{
    tensor *i64 = new_tensor(BL_I64, BL_SHAPE(64, 5, 2), PLAIN),
           *i32 = new_tensor(BL_I32, BL_SHAPE(32, 5, 2), PLAIN);
    for (int64_t i = 0; i < 640; i++) {
        uint64_t value = ((uint64_t)1 << i / 10) | ((uint64_t)1 << i / 10 >> 8); /* a tie of bf16, one off */
        value += (uint64_t)(i / 2 % 5) - 2;
        value = i % 2 ? 0 - value : value;
        memcpy(element(i64, i), &value, sizeof(value));
        if (i < 320) {
            uint32_t narrow = (uint32_t)value;
            memcpy(element(i32, i), &narrow, sizeof(narrow));
        }
    }
    cast_to_all(i64);
    cast_to_all(i32);
}

Test(cast, bools_to_all)
{
    tensor *from = new_tensor(BL_BOOL, BL_SHAPE(40), STEPPED);
    set_all(from, 40);
    cast_to_all(from);
}

Test(cast, to_another_dtype_in_its_place)
{
    tensor *in[1] = {new_tensor(BL_F32, BL_SHAPE(67), PLAIN)};
    tensor out = *in[0];
    set_all(in[0], 67);
    double before[67];
    for (int64_t i = 0; i < 67; i++)
        before[i] = trunc(get(in[0], i));
    out.operand.dtype = BL_I32;
    out.operand.size = out.size;
    out.operand.stride = out.stride;
    cr_assert_eq(call_kernel(BL__KEY_cast, in, 1, &out, NULL), BL_OK);
    for (int64_t i = 0; i < 67; i++)
        cr_assert_eq(get(&out, i), before[i]);
    free_tensor(in[0]);
}
