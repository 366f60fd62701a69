/* Tile functions of one tensor. Integers wrap: they are computed unsigned. */
#include "cpu/tile_forms.h"

#include <tgmath.h>

#define REALS(op, result)                \
    BL__FOR_REALS(BL__UNARY, op, result) \
    BL__ROW_OF_REALS(op);

/* `integer` is the result for integers, of x computed in an unsigned type. */
#define NUMBERS(op, result, integer)               \
    BL__FOR_REALS(BL__UNARY, op, result)           \
    BL__UNARY(op, i32, int32_t, uint32_t, integer) \
    BL__UNARY(op, i64, int64_t, uint64_t, integer) \
    BL__ROW_OF_NUMBERS(op);

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
