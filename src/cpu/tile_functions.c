/* Tile functions of the mathematical functions, and of rounding. */
#include "cpu/tile_forms.h"

#include <tgmath.h>

/* `name` of one vector or of two. */
#define UNARY(name)                                           \
    BL__FOR_REALS(BL__VECTOR_UNARY, name, BL__OF(x, name)(x)) \
    BL__ROW_OF_REALS(name);
#define BINARY(name)                                              \
    BL__FOR_REALS(BL__VECTOR_BINARY, name, BL__OF(a, name)(a, b)) \
    BL__ROW_OF_REALS(name);

UNARY(sin)
UNARY(cos)
UNARY(tan)
UNARY(asin)
UNARY(acos)
UNARY(atan)
BINARY(atan2)
BINARY(hypot)
UNARY(sinh)
UNARY(cosh)
UNARY(tanh)
UNARY(asinh)
UNARY(acosh)
UNARY(atanh)
UNARY(exp)
UNARY(exp2)
UNARY(expm1)
UNARY(log)
UNARY(log2)
UNARY(log10)
UNARY(log1p)
UNARY(erf)
UNARY(erfc)

#define XLOGY \
    BL__SELECT(BL__EQUAL(b, b), BL__SELECT(BL__EQUAL(a, BL__SPLAT(a, 0)), BL__SPLAT(a, 0), a *BL__LOG(b)), b)
BL__FOR_REALS(BL__VECTOR_BINARY, xlogy, XLOGY)
BL__ROW_OF_REALS(xlogy);

#define ARITHMETIC(op, result)           \
    BL__FOR_REALS(BL__UNARY, op, result) \
    BL__ROW_OF_REALS(op);

ARITHMETIC(sqrt, sqrt(x))
ARITHMETIC(rsqrt, 1 / sqrt(x))
ARITHMETIC(reciprocal, 1 / x)

/* Integers are whole already. */
#define ROUNDING(op, result)             \
    BL__FOR_REALS(BL__UNARY, op, result) \
    BL__FOR_INTEGERS(BL__UNARY, op, (x)) \
    BL__ROW_OF_NUMBERS(op);

ROUNDING(floor, floor(x))
ROUNDING(ceil, ceil(x))
ROUNDING(round, nearbyint(x))
ROUNDING(trunc, trunc(x))
