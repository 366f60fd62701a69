/* Tile functions of the activation functions. Where x goes to -infinity and the factor that x is multiplied
 * by to 0, x is taken at a bound below which that factor is 0 in f64 already: the limit, not NaN. */
#include "cpu/tile_forms.h"

#include <tgmath.h>

#define UNARY(op, result)                \
    BL__FOR_REALS(BL__UNARY, op, result) \
    BL__ROW_OF_REALS(op);
#define SCALAR(op, result)                \
    BL__FOR_REALS(BL__SCALAR, op, result) \
    BL__ROW_OF_REALS(op);

/* ---- in pieces ---- */

#define SELU_ALPHA (number)1.6732632423543772848170429916717
#define SELU_SCALE (number)1.0507009873554804934193349852946

UNARY(selu, SELU_SCALE *(x > 0 ? x : SELU_ALPHA * expm1(x)))
UNARY(hardsigmoid, x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6)
UNARY(hardswish, x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6)
SCALAR(leaky_relu, a > 0 ? a : b * a)
SCALAR(elu, a > 0 ? a : b * expm1(a))
SCALAR(celu, a > 0 ? a : b * expm1(a / b))
BL__FOR_REALS(BL__BINARY, prelu, a > 0 ? a : b * a)
BL__ROW_OF_REALS(prelu);

/* ---- smooth ---- */

/* max(x, 0) + log(1 + e^-|x|): nothing overflows. */
#define SOFTPLUS(x) ((x < 0 ? 0 : x) + log1p(exp(-fabs(x))))

UNARY(log_sigmoid, (x > 0 ? 0 : x) - log1p(exp(-fabs(x))))

/* y = result, of x not below `least`, and -0 at -infinity. */
#define VANISHING(op, name, type, least, result)                                                 \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        typedef type number;                                                                     \
        const number *from = in[0];                                                              \
        number *y = out;                                                                         \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            number x = from[i] < (least) ? (least) : from[i];                                    \
            y[i] = (result);                                                                     \
        }                                                                                        \
    }
#define SMOOTH(op, least, result)             \
    VANISHING(op, f32, float, least, result)  \
    VANISHING(op, f64, double, least, result) \
    BL__ROW_OF_REALS(op);

/* With z = e^-|u| <= 1: 1 / (1 + z) for u >= 0 and z / (1 + z) below; nothing overflows. */
#define SIGMOID_OF(type)                      \
    static inline type sigmoid_##type(type u) \
    {                                         \
        type z = exp(-fabs(u));               \
        return (u < 0 ? z : 1) / (1 + z);     \
    }

SIGMOID_OF(float)
SIGMOID_OF(double)
#define SIGMOID(u) _Generic((u), float : sigmoid_float, double : sigmoid_double)(u)

#define SQRT_HALF     (number)0.70710678118654752440 /* 1 / sqrt(2) */
#define TWO_SQRT_2_PI (number)1.59576912160573071176 /* 2 sqrt(2 / pi) */
#define U(x)          (TWO_SQRT_2_PI * (x + (number)0.044715 * x * x * x))

SMOOTH(gelu, -40, x / 2 * erfc(-SQRT_HALF * x))
SMOOTH(gelu_tanh, -100, x *SIGMOID(U(x)))
SMOOTH(silu, -1000, x *SIGMOID(x))
SMOOTH(mish, -1000, x *tanh(log1p(exp(x))))

#define BENT(name, type)                                                                             \
    static void softplus_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                                \
        const bl__softplus_attributes *settings = attributes;                                        \
        type beta = (type)settings->beta, threshold = (type)settings->threshold;                     \
        const type *x = in[0];                                                                       \
        type *y = out;                                                                               \
        BL__EACH_ALONE                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                            \
            type z = beta * x[i];                                                                    \
            y[i] = z > threshold ? x[i] : SOFTPLUS(z) / beta;                                        \
        }                                                                                            \
    }

BENT(f32, float)
BENT(f64, double)
BL__ROW_OF_REALS(softplus);
