/* Tile functions of the mathematical functions, and of rounding. */
#include "cpu/tile_forms.h"

#include <tgmath.h>

#define UNARY(op, result)                \
    BL__FOR_REALS(BL__UNARY, op, result) \
    BL__ROW_OF_REALS(op);
#define BINARY(op, result)                \
    BL__FOR_REALS(BL__BINARY, op, result) \
    BL__ROW_OF_REALS(op);

UNARY(sin, sin(x))
UNARY(cos, cos(x))
UNARY(tan, tan(x))
UNARY(asin, asin(x))
UNARY(acos, acos(x))
UNARY(atan, atan(x))
BINARY(atan2, atan2(a, b))
BINARY(hypot, hypot(a, b))
UNARY(sinh, sinh(x))
UNARY(cosh, cosh(x))
UNARY(asinh, asinh(x))
UNARY(acosh, acosh(x))
UNARY(atanh, atanh(x))
UNARY(expm1, expm1(x))
UNARY(exp2, exp2(x))
UNARY(log1p, log1p(x))
UNARY(log2, log2(x))
UNARY(log10, log10(x))
BINARY(xlogy, b != b ? b : a == 0 ? 0 : a * log(b))
UNARY(rsqrt, 1 / sqrt(x))
UNARY(reciprocal, 1 / x)
UNARY(erf, erf(x))
UNARY(erfc, erfc(x))

/* Integers are whole already. */
#define ROUNDING(op, result)             \
    BL__FOR_REALS(BL__UNARY, op, result) \
    BL__FOR_INTEGERS(BL__UNARY, op, (x)) \
    BL__ROW_OF_NUMBERS(op);

ROUNDING(floor, floor(x))
ROUNDING(ceil, ceil(x))
ROUNDING(round, nearbyint(x))
ROUNDING(trunc, trunc(x))
