/* Tile functions of the activation functions. Where x goes to -infinity and the factor that x is multiplied
 * by to 0, x is taken at a bound below which that factor is 0 in f64 already: the limit, not NaN. */
#include "cpu/gates.h"
#include "cpu/tile_forms.h"

#define ARITHMETIC(FORM, op, result) \
    BL__FOR_REALS(FORM, op, result)  \
    BL__ROW_OF_REALS(op);

/* ---- in pieces ---- */

ARITHMETIC(BL__UNARY, hardsigmoid, x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6)
ARITHMETIC(BL__UNARY, hardswish, x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6)
ARITHMETIC(BL__SCALAR, leaky_relu, a > 0 ? a : b * a)
ARITHMETIC(BL__BINARY, prelu, a > 0 ? a : b * a)

#define ABOVE_ZERO(x) BL__LESS(BL__SPLAT(x, 0), x)
#define SELU_ALPHA    (scalar)1.6732632423543772848170429916717
#define SELU_SCALE    (scalar)1.0507009873554804934193349852946

ARITHMETIC(BL__VECTOR_UNARY, selu, SELU_SCALE *BL__SELECT(ABOVE_ZERO(x), x, SELU_ALPHA *BL__EXPM1(x)))
ARITHMETIC(BL__VECTOR_SCALAR, elu, BL__SELECT(ABOVE_ZERO(a), a, b *BL__EXPM1(a)))
ARITHMETIC(BL__VECTOR_SCALAR, celu, BL__SELECT(ABOVE_ZERO(a), a, b *BL__EXPM1(a / b)))

/* ---- smooth ---- */

ARITHMETIC(BL__VECTOR_UNARY, log_sigmoid, BL__SELECT(ABOVE_ZERO(x), BL__SPLAT(x, 0), x) - BL__SOFT_REST(x))

/* y = result, of x not below `least`, and -0 at -infinity. */
#define SMOOTH_OF(op, name, type, least, result)                        \
    static inline bl__vector_##name op##_of_##name(bl__vector_##name x) \
    {                                                                   \
        bl__vector_##name bound = bl__splat_##name(least);              \
        x = bl__select_##name(bl__less_##name(x, bound), bound, x);     \
        return result;                                                  \
    }                                                                   \
    BL__VECTOR_UNARY(op, name, type, type, op##_of_##name(x))
#define SMOOTH(op, least, result)             \
    SMOOTH_OF(op, f32, float, least, result)  \
    SMOOTH_OF(op, f64, double, least, result) \
    BL__ROW_OF_REALS(op);

/* tanh(softplus(x)) = n / (n + 2) with n = e^x (e^x + 2); 1 from long before 40 on. */
#define MISH_GATE_OF(type)                                                                              \
    static inline bl__vector_##type bl__mish_gate_##type(bl__vector_##type x)                           \
    {                                                                                                   \
        bl__vector_##type most = bl__splat_##type(40), two = bl__splat_##type(2);                       \
        bl__vector_##type power = bl__exp_##type(bl__select_##type(bl__less_##type(most, x), most, x)); \
        bl__vector_##type n = power * (power + two);                                                    \
        return n / (n + two);                                                                           \
    }

MISH_GATE_OF(f32)
MISH_GATE_OF(f64)
#define MISH_GATE(x) BL__OF(x, mish_gate)(x)

#define TWO_SQRT_2_PI 1.59576912160573071176 /* 2 sqrt(2 / pi) */
#define U(x)          (BL__SPLAT(x, TWO_SQRT_2_PI) * (x + BL__SPLAT(x, 0.044715) * x * x * x))

SMOOTH(gelu_tanh, -100, x *BL__SIGMOID(U(x)))
SMOOTH(silu, -1000, x *BL__SIGMOID(x))
SMOOTH(mish, -1000, x *MISH_GATE(x))

ARITHMETIC(BL__VECTOR_UNARY, gelu, BL__GELU(x))
ARITHMETIC(BL__VECTOR_BINARY, gelu_backward, a *BL__GELU_SLOPE(b))

#define BENT(name, type)                                                                               \
    static void softplus_##name(int64_t n, void *out, const void *const *in, const void *attributes)   \
    {                                                                                                  \
        const bl__softplus_attributes *settings = attributes;                                          \
        type beta = (type)settings->beta;                                                              \
        bl__vector_##name threshold = bl__splat_##name((type)settings->threshold);                     \
        const type *from = in[0];                                                                      \
        type *y = out;                                                                                 \
        for (int64_t i = 0; i < n; i += BL__LANES_##name) {                                            \
            bl__vector_##name x = bl__load_##name(from + i, n - i), z = beta * x,                      \
                              zero = bl__splat_##name(0);                                              \
            bl__vector_##name positive = bl__select_##name(bl__less_##name(z, zero), zero, z);         \
            bl__vector_##name bent = (positive + bl__soft_rest_##name(z)) / beta;                      \
            bl__store_##name(y + i, n - i, bl__select_##name(bl__less_##name(threshold, z), x, bent)); \
        }                                                                                              \
    }

BENT(f32, float)
BENT(f64, double)
BL__ROW_OF_REALS(softplus);
