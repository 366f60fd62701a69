/* The tile functions of every instruction set that runs here (cpu/kernel_set.h): how far exp and its kin are
 * from the numbers themselves, NaN, infinities and zeros, and that an element does not depend on where it
 * stands. */
#include "cpu/kernel_set.h"
#include "ops/attributes.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SAMPLES = 1 << 17,
    SINGLE = 0,
    DOUBLE = 1
};

/* One op and the numbers that it stands for. Its values are at most ulps[SINGLE] units in the last place off
 * in f32 and ulps[DOUBLE] in f64, those of numbers below `from` counted as at `from`. */
typedef struct function {
    int key, inputs;
    double ulps[2], from;
    long double (*value)(long double a, long double b);
} function;

#define VALUE(name, result)                               \
    static long double name(long double a, long double b) \
    {                                                     \
        (void)b;                                          \
        return result;                                    \
    }
/* clang-format off */
#define UNARIES(X) \
    X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) \
    X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(erf) X(erfc)
/* clang-format on */
#define BINARIES(X)  X(pow) X(atan2) X(hypot)
#define UNARY(name)  VALUE(name##_of, name##l(a))
#define BINARY(name) VALUE(name##_of, name##l(a, b))
UNARIES(UNARY)
BINARIES(BINARY)
#undef UNARY
#undef BINARY

#define PI         3.141592653589793238462643383279502884L
#define SIZE(x)    ((x) < 0 ? -(x) : (x))
#define SIGMOID(x) ((x) < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-(x))))
VALUE(sigmoid_of, SIGMOID(a))
VALUE(silu_of, a == -INFINITY ? -0.0L : a * SIGMOID(a))
VALUE(gelu_of, a == -INFINITY ? -0.0L : a / 2 * erfcl(-a / sqrtl(2)))
VALUE(gelu_slope_of, a *(isinf(b) ? b > 0 : erfcl(-b / sqrtl(2)) / 2 + b * expl(-b * b / 2) / sqrtl(2 * PI)))
VALUE(log_sigmoid_of, (a > 0 ? 0 : a) - log1pl(expl(-SIZE(a))))
VALUE(mish_of, a == -INFINITY ? -0.0L : a > 50 ? a : a * tanhl(log1pl(expl(a))))
VALUE(xlogy_of, isnan(b) ? b : a == 0 ? 0 : a * logl(b))

#define TINY 0x1p-100 /* below which gates may lose digits to underflow, and the sign of zero */

static const function functions[] = {
#define UNARY(name)  {BL__KEY_##name, 1, {2, 2}, 0, name##_of},
#define BINARY(name) {BL__KEY_##name, 2, {2, 2}, 0, name##_of},
    UNARIES(UNARY) BINARIES(BINARY)
#undef UNARY
#undef BINARY
        {BL__KEY_sigmoid, 1, {4, 4}, 0, sigmoid_of},
    {BL__KEY_silu, 1, {4, 4}, TINY, silu_of},
    {BL__KEY_mish, 1, {6, 6}, TINY, mish_of},
    {BL__KEY_log_sigmoid, 1, {4, 4}, TINY, log_sigmoid_of},
    {BL__KEY_gelu, 1, {4, 4}, 1, gelu_of},
    /* f64 goes through erfc of a rounded x / sqrt(2): far below 0 that costs x^2 times as much. */
    {BL__KEY_gelu, 1, {8, 2000}, TINY, gelu_of},
    {BL__KEY_xlogy, 2, {2, 2}, 0, xlogy_of},
};

/* ---- sets ---- */

/* The kernels for a set; NULL, said, where it does not run. */
static const bl__kernel_set *kernels_for(int set)
{
    const bl__kernel_set *kernels = bl__kernel_set_of((bl_instruction_set)set);
    if (!kernels)
        cr_log_info("%s: not run, this build or the processor lacks it",
                    bl_instruction_set_name((bl_instruction_set)set));
    return kernels;
}

/* ---- numbers ---- */

static uint64_t state;

static uint64_t random_bits(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Every exponent and both signs in turn; every other number from where most functions do something. */
static double sample(int width, int64_t i)
{
    uint64_t bits = random_bits();
    if (i % 2) {
        double unit = (double)(bits >> 11) * 0x1p-52 - 1;
        return i % 4 == 1 ? 5 * unit : (width == SINGLE ? 110 : 750) * unit;
    }
    if (width == SINGLE) {
        uint32_t half = (uint32_t)(i / 2 % 512) << 23 | (uint32_t)(bits & 0x7fffff);
        float value;
        memcpy(&value, &half, sizeof(value));
        return (double)value;
    }
    uint64_t whole = (uint64_t)(i / 2 % 4096) << 52 | (bits & 0xfffffffffffffu);
    double value;
    memcpy(&value, &whole, sizeof(value));
    return value;
}

/* What is special, of either width. */
static const double specials[] = {0,         -0.0, 1,     -1,  0.5,  -0.5,     2,
                                  -2,        3,    -3,    2.5, -2.5, NAN,      INFINITY,
                                  -INFINITY, 1e10, -1e10, 88,  -88,  16777215, -16777215};
enum {
    SPECIALS = sizeof(specials) / sizeof(specials[0]),
    EXTREMES = 10,
    SPECIAL_COUNT = SPECIALS + EXTREMES
};

static double special(int width, int i)
{
    static const double extremes[2][EXTREMES / 2] = {
        {0x1p-149, 0x1p-126, 0x1.fffffcp-127, 0x1.fffffep127, 89},
        {0x1p-1074, 0x1p-1022, 0x1.ffffffffffffep-1023, 0x1.fffffffffffffp1023, 710}};
    if (i < SPECIALS)
        return specials[i];
    double extreme = extremes[width][(i - SPECIALS) / 2];
    return i % 2 ? extreme : -extreme;
}

/* How many units in the last place `got` is from `want`, of numbers not below `from`. */
static double ulps(int width, double got, long double want, double from)
{
    int digits = width == SINGLE ? FLT_MANT_DIG : DBL_MANT_DIG, exponent;
    int least = width == SINGLE ? FLT_MIN_EXP : DBL_MIN_EXP;
    long double end = ldexpl(1, width == SINGLE ? FLT_MAX_EXP : DBL_MAX_EXP);
    long double target = width == SINGLE ? (long double)(float)want : (long double)(double)want;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if ((long double)got == target)
        return target != 0 || from > 0 || !signbit(got) == !signbit(target) ? 0 : INFINITY;
    if (isinf(want))
        return INFINITY;
    frexpl(SIZE(want) > from ? want : (long double)from, &exponent);
    long double value = isinf(got) ? copysignl(end, got) : (long double)got;
    return (double)(fabsl(value - want) / ldexpl(1, (exponent > least ? exponent : least) - digits));
}

/* ---- running a tile function ---- */

typedef union numbers {
    float single[SAMPLES];
    double wide[SAMPLES];
} numbers;

static void put(numbers *to, int width, int64_t i, double value)
{
    if (width == SINGLE)
        to->single[i] = (float)value;
    else
        to->wide[i] = value;
}

static double at(const numbers *from, int width, int64_t i)
{
    return width == SINGLE ? (double)from->single[i] : from->wide[i];
}

static numbers left, right, result;
static long double want[SAMPLES];

/* Checks n elements of left (and right) on every set. */
static void check(const function *f, int width, int64_t n)
{
    bl_dtype dtype = width == SINGLE ? BL_F32 : BL_F64;
    for (int64_t i = 0; i < n; i++)
        want[i] = f->value((long double)at(&left, width, i), (long double)at(&right, width, i));
    for (int set = BL_ISA_PLAIN; set < BL_ISA_COUNT; set++) {
        const bl__kernel_set *kernels = bl__kernel_set_of((bl_instruction_set)set);
        if (!kernels)
            continue;
        /* The C library's functions are not held to it everywhere. */
        double worst = 0, most = f->ulps[width] + (set == BL_ISA_PLAIN ? 2 : 0);
        bl__tile_find(kernels, f->key, dtype, dtype)(n, &result, (const void *[]){&left, &right}, NULL);
        for (int64_t i = 0; i < n; i++) {
            double off = ulps(width, at(&result, width, i), want[i], f->from);
            worst = off > worst ? off : worst;
            cr_expect_leq(off, most, "op %d, %s, %s: of %a and %a, %a is %g ulp from %La", f->key,
                          bl_instruction_set_name((bl_instruction_set)set), bl_dtype_name(dtype),
                          at(&left, width, i), at(&right, width, i), at(&result, width, i), off, want[i]);
            if (off > most)
                break;
        }
        cr_log_info("op %d, %s, %s: %.3f ulp", f->key, bl_instruction_set_name((bl_instruction_set)set),
                    bl_dtype_name(dtype), worst);
    }
}

/* Whether a long double tells how far an f64 is off; not under valgrind. */
static bool can_judge(int width)
{
    volatile long double one = 1;
    return width == SINGLE || one + 0x1p-60L != one;
}

#define EACH_FUNCTION(f, width)                                   \
    for (const function *f = functions; f < (&functions)[1]; f++) \
        for (int width = SINGLE; width <= DOUBLE; width++)        \
            if (can_judge(width))

Test(vector, functions_are_within_two_units_of_the_last_place, .timeout = 300)
{
    for (int set = BL_ISA_PLAIN; set < BL_ISA_COUNT; set++)
        kernels_for(set);
    EACH_FUNCTION(f, width)
    {
        state = 88172645463325252u;
        for (int64_t i = 0; i < SAMPLES; i++) {
            put(&left, width, i, sample(width, i));
            put(&right, width, i, sample(width, i / 3));
        }
        check(f, width, SAMPLES);
    }
}

Test(vector, special_values)
{
    EACH_FUNCTION(f, width)
    {
        int64_t n = 0;
        for (int i = 0; i < SPECIAL_COUNT; i++)
            for (int j = 0; j < (f->inputs > 1 ? SPECIAL_COUNT : 1); j++, n++) {
                put(&left, width, n, special(width, i));
                put(&right, width, n, special(width, j));
            }
        check(f, width, n);
    }
}

/* With a cotangent of 1, P(x) + x p(x): around its zero and beyond, the error is one of 1. */
Test(vector, the_slope_of_gelu_is_within_four_units)
{
    const function slope = {BL__KEY_gelu_backward, 2, {4, 4}, 1, gelu_slope_of};
    state = 88172645463325252u;
    for (int width = SINGLE; width <= DOUBLE && can_judge(width); width++) {
        for (int64_t i = 0; i < SAMPLES; i++) {
            put(&left, width, i, 1);
            put(&right, width, i, i < SPECIAL_COUNT ? special(width, (int)i) : sample(width, i));
        }
        check(&slope, width, SAMPLES);
    }
}

/* ---- tails ---- */

enum {
    MOST = 41,
    BYTES = 8 * MOST
};

/* What the op's tile function may look at, whichever it is. */
static const void *attributes_of(int key)
{
    static const bl__scalar_attributes scalar = {.value = 1.5};
    static const bl__bounds_attributes bounds = {.least = -1, .most = 2};
    static const bl__softplus_attributes softplus = {.beta = 2, .threshold = 20};
    static const bl__logsumexp_attributes logsumexp = {.shift = BL__SHIFT_FINITE};
    switch (key) {
    case BL__KEY_clamp:
    case BL__KEY_hardtanh:
        return &bounds;
    case BL__KEY_softplus:
        return &softplus;
    case BL__KEY_logsumexp_backward:
        return &logsumexp;
    default:
        return &scalar;
    }
}

static void fill_any(bl_dtype dtype, void *data, int shift)
{
    for (int i = 0; i < MOST; i++) {
        int number = (i * 7 + shift) % SPECIAL_COUNT;
        if (dtype == BL_F32)
            ((float *)data)[i] = (float)(i % 3 ? sample(SINGLE, i) : special(SINGLE, number));
        else if (dtype == BL_F64)
            ((double *)data)[i] = i % 3 ? sample(DOUBLE, i) : special(DOUBLE, number);
        else if (dtype == BL_I32)
            ((int32_t *)data)[i] = (int32_t)random_bits();
        else if (dtype == BL_I64)
            ((int64_t *)data)[i] = (int64_t)random_bits();
        else
            ((uint8_t *)data)[i] = random_bits() & 1;
    }
}

/* Equal bits, or any two NaN. */
static bool same_element(size_t bytes, bl_dtype dtype, const void *a, const void *b)
{
    if (memcmp(a, b, bytes) == 0)
        return true;
    if (dtype == BL_F32 && bytes == sizeof(float))
        return isnan(*(const float *)a) && isnan(*(const float *)b);
    return dtype == BL_F64 && bytes == sizeof(double) && isnan(*(const double *)a) &&
           isnan(*(const double *)b);
}

/* n elements from `first` on are what they are among all of them, and nothing is written beyond. */
static void check_part(bl__tile tile, int key, bl_dtype dtype, size_t out_bytes,
                       unsigned char (*inputs)[BYTES], const unsigned char *whole, int first, int n)
{
    _Alignas(64) unsigned char part[BYTES + 8];
    const void *in[BL__TILE_INPUTS];
    for (int k = 0; k < BL__TILE_INPUTS; k++) {
        bool condition = key == BL__KEY_where && k == 0;
        in[k] = inputs[k] + (size_t)first * (condition ? 1 : bl_dtype_size(dtype));
    }
    memset(part, 0xa5, sizeof(part));
    tile(n, part, in, attributes_of(key));
    for (int i = 0; i < n; i++)
        cr_assert(same_element(out_bytes, dtype, part + (size_t)i * out_bytes,
                               whole + (size_t)(first + i) * out_bytes),
                  "op %d, %s: element %d of %d from %d", key, bl_dtype_name(dtype), i, n, first);
    for (size_t i = (size_t)n * out_bytes; i < sizeof(part); i++)
        cr_assert_eq(part[i], 0xa5, "op %d, %s: %d elements write byte %zu", key, bl_dtype_name(dtype), n, i);
}

/* The bytes of an element that a tile function writes. */
static size_t written(bl__tile tile, unsigned char (*inputs)[BYTES], int key)
{
    unsigned char out[2][8];
    size_t bytes = sizeof(out[0]);
    const void *in[BL__TILE_INPUTS] = {inputs[0], inputs[1], inputs[2]};
    for (int i = 0; i < 2; i++) {
        memset(out[i], i, sizeof(out[i]));
        tile(1, out[i], in, attributes_of(key));
    }
    while (bytes > 1 && out[0][bytes - 1] != out[1][bytes - 1])
        bytes--;
    return bytes;
}

static void check_tails(bl__tile tile, int key, bl_dtype dtype)
{
    _Alignas(64) unsigned char inputs[BL__TILE_INPUTS][BYTES], whole[BYTES];
    const void *in[BL__TILE_INPUTS] = {inputs[0], inputs[1], inputs[2]};
    for (int k = 0; k < BL__TILE_INPUTS; k++)
        fill_any(key == BL__KEY_where && k == 0 ? BL_BOOL : dtype, inputs[k], 5 * k);
    size_t bytes = written(tile, inputs, key);
    tile(MOST, whole, in, attributes_of(key));
    for (int n = 0; n < MOST; n++) {
        check_part(tile, key, dtype, bytes, inputs, whole, 0, n);
        check_part(tile, key, dtype, bytes, inputs, whole, MOST - n, n);
        check_part(tile, key, dtype, bytes, inputs, whole, n, 1);
    }
}

Test(vector, elements_do_not_depend_on_where_they_stand)
{
    state = 88172645463325252u;
    for (int set = BL_ISA_PLAIN; set < BL_ISA_COUNT; set++) {
        const bl__kernel_set *kernels = kernels_for(set);
        int functions_checked = 0;
        for (int key = 1; kernels && key < BL__KEY_COUNT; key++)
            for (int dtype = 0; dtype < BL_DTYPE_COUNT && kernels->tiles[key]; dtype++)
                if (kernels->tiles[key][dtype]) {
                    check_tails(kernels->tiles[key][dtype], key, (bl_dtype)dtype);
                    functions_checked++;
                }
        cr_assert(!kernels || functions_checked > 150, "%d", functions_checked);
    }
}

/* Both have fma. Of plain C and SSE2 that is not said. */
Test(vector, avx2_and_avx512_give_the_same_bits)
{
    _Alignas(64) unsigned char inputs[BL__TILE_INPUTS][BYTES], narrow[BYTES], wide[BYTES];
    const void *in[BL__TILE_INPUTS] = {inputs[0], inputs[1], inputs[2]};
    const bl__kernel_set *avx2 = kernels_for(BL_ISA_AVX2), *avx512 = kernels_for(BL_ISA_AVX512);
    state = 362436069362436069u;
    for (int round = 0; avx2 && avx512 && round < 200; round++)
        for (const function *f = functions; f < (&functions)[1]; f++)
            for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
                size_t bytes = bl_dtype_size(dtype);
                for (int k = 0; k < BL__TILE_INPUTS; k++)
                    fill_any(dtype, inputs[k], 5 * k + round);
                bl__tile_find(avx2, f->key, dtype, dtype)(MOST, narrow, in, NULL);
                bl__tile_find(avx512, f->key, dtype, dtype)(MOST, wide, in, NULL);
                for (size_t i = 0; i < MOST; i++)
                    cr_assert(same_element(bytes, dtype, narrow + i * bytes, wide + i * bytes),
                              "op %d, %s, element %zu", f->key, bl_dtype_name(dtype), i);
            }
}
