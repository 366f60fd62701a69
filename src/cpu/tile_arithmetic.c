/* Tile functions of arithmetic: two tensors, or a tensor and a number. Integers wrap: they are computed
 * unsigned. */
#include "cpu/tile_forms.h"

#define NUMBERS(FORM, op, result)            \
    BL__FOR_REALS(FORM, op, result)          \
    FORM(op, i32, int32_t, uint32_t, result) \
    FORM(op, i64, int64_t, uint64_t, result)

/* The same for an op that compares: integers stay signed. */
#define SIGNED_NUMBERS(FORM, op, result) \
    BL__FOR_REALS(FORM, op, result)      \
    BL__FOR_INTEGERS(FORM, op, result)

NUMBERS(BL__BINARY, add, a + b)
NUMBERS(BL__BINARY, sub, a - b)
NUMBERS(BL__BINARY, mul, a *b)
BL__FOR_REALS(BL__BINARY, div, a / b)
BL__FOR_REALS(BL__VECTOR_BINARY, pow, BL__OF(a, pow)(a, b))
SIGNED_NUMBERS(BL__BINARY, maximum, BL__LARGER(a, b))
BL__ROW_OF_NUMBERS(add);
BL__ROW_OF_NUMBERS(sub);
BL__ROW_OF_NUMBERS(mul);
BL__ROW_OF_REALS(div);
BL__ROW_OF_REALS(pow);
BL__ROW_OF_NUMBERS(maximum);

NUMBERS(BL__SCALAR, add_scalar, a + b)
NUMBERS(BL__SCALAR, sub_scalar, a - b)
NUMBERS(BL__SCALAR, mul_scalar, a *b)
BL__FOR_REALS(BL__SCALAR, div_scalar, a / b)
BL__FOR_REALS(BL__VECTOR_SCALAR, pow_any, BL__OF(a, pow)(a, b))
SIGNED_NUMBERS(BL__SCALAR, maximum_scalar, BL__LARGER(a, b))
NUMBERS(BL__SCALAR, scalar_sub, b - a)
BL__FOR_REALS(BL__SCALAR, scalar_div, b / a)
BL__ROW_OF_NUMBERS(add_scalar);
BL__ROW_OF_NUMBERS(sub_scalar);
BL__ROW_OF_NUMBERS(mul_scalar);
BL__ROW_OF_REALS(div_scalar);
BL__ROW_OF_NUMBERS(maximum_scalar);
BL__ROW_OF_NUMBERS(scalar_sub);
BL__ROW_OF_REALS(scalar_div);

/* Squares are most of the powers that occur, and a * a is a ^ 2 rounded once. */
#define POWER(name, dtype)                                                                             \
    static void pow_scalar_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                                  \
        bool two = ((const bl__scalar_attributes *)attributes)->value == 2;                            \
        (two ? BL__TILES(square)[dtype] : pow_any_##name)(n, out, in, attributes);                     \
    }

POWER(f32, BL_F32)
POWER(f64, BL_F64)
BL__ROW_OF_REALS(pow_scalar);
