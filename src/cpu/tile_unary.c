/* Tile functions of one tensor. Integers wrap: they are computed unsigned. */
#include "cpu/gates.h"
#include "cpu/tile_forms.h"

#include <tgmath.h>

/* `integer` is the result for integers, of x computed in an unsigned type. */
#define NUMBERS(op, result, integer)               \
    BL__FOR_REALS(BL__UNARY, op, result)           \
    BL__UNARY(op, i32, int32_t, uint32_t, integer) \
    BL__UNARY(op, i64, int64_t, uint64_t, integer) \
    BL__ROW_OF_NUMBERS(op);

/* The element as it was stored, for what depends on an integer's sign. */
#define SIGNED from[i]

NUMBERS(neg, -x, 0 - x)
NUMBERS(square, x *x, x *x)
NUMBERS(abs, fabs(x), SIGNED < 0 ? 0 - x : x)
NUMBERS(sign, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x, SIGNED < 0 ? -1 : x != 0)
NUMBERS(relu, x <= 0 ? 0 : x, SIGNED < 0 ? 0 : x)

BL__FOR_REALS(BL__VECTOR_UNARY, sigmoid, BL__SIGMOID(x))
BL__ROW_OF_REALS(sigmoid);
