/* Tile functions of one tensor. Integers wrap: they are computed unsigned. exp and its kin are type-generic:
 * on floats they are the float functions. */
#include "cpu/tile.h"

#include <tgmath.h>

/* y = result, of elements x of `type`; `wide` is the type to compute in. */
#define UNARY(op, name, type, wide, result)                                                      \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        const type *from = in[0];                                                                \
        type *y = out;                                                                           \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            wide x = (wide)from[i];                                                              \
            y[i] = (type)(result);                                                               \
        }                                                                                        \
    }

#define REALS(op, result)                  \
    UNARY(op, f32, float, float, result)   \
    UNARY(op, f64, double, double, result) \
    const bl__tile bl__tiles_##op[BL_DTYPE_COUNT] = {[BL_F32] = op##_f32, [BL_F64] = op##_f64};

/* `integer` is the result for integers, of x computed in an unsigned type. */
#define NUMBERS(op, result, integer)                  \
    UNARY(op, f32, float, float, result)              \
    UNARY(op, f64, double, double, result)            \
    UNARY(op, i32, int32_t, uint32_t, integer)        \
    UNARY(op, i64, int64_t, uint64_t, integer)        \
    const bl__tile bl__tiles_##op[BL_DTYPE_COUNT] = { \
        [BL_F32] = op##_f32, [BL_F64] = op##_f64, [BL_I32] = op##_i32, [BL_I64] = op##_i64};

/* The element as it was stored, for what depends on an integer's sign. */
#define SIGNED from[i]

REALS(exp, exp(x))
REALS(log, log(x))
REALS(sqrt, sqrt(x))
REALS(tanh, tanh(x))
NUMBERS(neg, -x, 0 - x)
NUMBERS(square, x *x, x *x)
NUMBERS(abs, fabs(x), SIGNED < 0 ? 0 - x : x)
NUMBERS(sign, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x, SIGNED < 0 ? -1 : x != 0)
NUMBERS(relu, x <= 0 ? 0 : x, SIGNED < 0 ? 0 : x)

/* With z = e^-|x| <= 1: 1 / (1 + z) for x >= 0 and z / (1 + z) below; nothing overflows. */
#define SIGMOID(name, type)                                                                         \
    static void sigmoid_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                               \
        const type *x = in[0];                                                                      \
        type *y = out;                                                                              \
        (void)attributes;                                                                           \
        BL__EACH_ALONE                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                           \
            type z = exp(-fabs(x[i]));                                                              \
            y[i] = (x[i] < 0 ? z : 1) / (1 + z);                                                    \
        }                                                                                           \
    }

SIGMOID(f32, float)
SIGMOID(f64, double)
const bl__tile bl__tiles_sigmoid[BL_DTYPE_COUNT] = {[BL_F32] = sigmoid_f32, [BL_F64] = sigmoid_f64};
