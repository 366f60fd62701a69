/* Tile functions of arithmetic: two tensors, or a tensor and a number. Integers wrap: they are computed
 * unsigned. exp, pow and their kin are type-generic: on floats they are the float functions. */
#include "cpu/tile.h"
#include "ops/attributes.h"

#include <tgmath.h>

/* y = result, of elements a and b of `type`; `wide` is the type to compute in. */
#define BINARY(op, name, type, wide, result)                                                     \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        const type *left = in[0], *right = in[1];                                                \
        type *y = out;                                                                           \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            wide a = (wide)left[i], b = (wide)right[i];                                          \
            y[i] = (type)(result);                                                               \
        }                                                                                        \
    }

/* y = result, of an element a and the attribute's number b. */
#define SCALAR(op, name, type, wide, result)                                                     \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        const type *left = in[0];                                                                \
        type *y = out;                                                                           \
        wide b = (wide)(type)((const bl__scalar_attributes *)attributes)->value;                 \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            wide a = (wide)left[i];                                                              \
            y[i] = (type)(result);                                                               \
        }                                                                                        \
    }

#define REALS(SHAPE, op, result)         \
    SHAPE(op, f32, float, float, result) \
    SHAPE(op, f64, double, double, result)

#define ROW_OF_REALS(op) \
    const bl__tile bl__tiles_##op[BL_DTYPE_COUNT] = {[BL_F32] = op##_f32, [BL_F64] = op##_f64}

#define NUMBERS(SHAPE, op, result)            \
    REALS(SHAPE, op, result)                  \
    SHAPE(op, i32, int32_t, uint32_t, result) \
    SHAPE(op, i64, int64_t, uint64_t, result)

/* The same for an op that compares: integers stay signed. */
#define SIGNED_NUMBERS(SHAPE, op, result)    \
    REALS(SHAPE, op, result)                 \
    SHAPE(op, i32, int32_t, int32_t, result) \
    SHAPE(op, i64, int64_t, int64_t, result)

#define ROW_OF_NUMBERS(op)                            \
    const bl__tile bl__tiles_##op[BL_DTYPE_COUNT] = { \
        [BL_F32] = op##_f32, [BL_F64] = op##_f64, [BL_I32] = op##_i32, [BL_I64] = op##_i64}

NUMBERS(BINARY, add, a + b)
NUMBERS(BINARY, sub, a - b)
NUMBERS(BINARY, mul, a *b)
REALS(BINARY, div, a / b)
REALS(BINARY, pow, pow(a, b))
SIGNED_NUMBERS(BINARY, maximum, BL__LARGER(a, b))
ROW_OF_NUMBERS(add);
ROW_OF_NUMBERS(sub);
ROW_OF_NUMBERS(mul);
ROW_OF_REALS(div);
ROW_OF_REALS(pow);
ROW_OF_NUMBERS(maximum);

NUMBERS(SCALAR, add_scalar, a + b)
NUMBERS(SCALAR, sub_scalar, a - b)
NUMBERS(SCALAR, mul_scalar, a *b)
REALS(SCALAR, div_scalar, a / b)
REALS(SCALAR, pow_any, pow(a, b))
SIGNED_NUMBERS(SCALAR, maximum_scalar, BL__LARGER(a, b))
NUMBERS(SCALAR, scalar_sub, b - a)
REALS(SCALAR, scalar_div, b / a)
ROW_OF_NUMBERS(add_scalar);
ROW_OF_NUMBERS(sub_scalar);
ROW_OF_NUMBERS(mul_scalar);
ROW_OF_REALS(div_scalar);
ROW_OF_NUMBERS(maximum_scalar);
ROW_OF_NUMBERS(scalar_sub);
ROW_OF_REALS(scalar_div);

/* Squares are most of the powers that occur, and a * a is a ^ 2 rounded once. */
#define POWER(name, dtype)                                                                             \
    static void pow_scalar_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                                  \
        bool two = ((const bl__scalar_attributes *)attributes)->value == 2;                            \
        (two ? bl__tiles_square[dtype] : pow_any_##name)(n, out, in, attributes);                      \
    }

POWER(f32, BL_F32)
POWER(f64, BL_F64)
ROW_OF_REALS(pow_scalar);
