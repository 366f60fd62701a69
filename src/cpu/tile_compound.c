/* Tile functions of several steps at once (compound.h), in the order in which the steps alone round. */
#include "cpu/compound.h"
#include "cpu/of_set.h"
#include "ops/attributes.h"

#include <tgmath.h>

/* The number of step i, as that alone takes it. */
#define NUMBER(type, i) ((type)((const bl__scalar_attributes *)((const void *const *)attributes)[i])->value)

/* y = result, of elements a, b and c of as many inputs, the last of which may be one element, and of
 * `numbers`. */
#define HEAD(op, name, type)                                                                     \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        const type *first = in[0], *second = in[1];                                              \
        type *y = out;
#define TAIL(a_and_b, result)         \
    BL__EACH_ALONE                    \
    for (int64_t i = 0; i < n; i++) { \
        a_and_b;                      \
        y[i] = result;                \
    }                                 \
    }
#define TWO(op, name, type, numbers, result) \
    HEAD(op, name, type)                     \
    numbers;                                 \
    TAIL(type a = first[i]; type b = second[i], result)
#define ONE(op, name, type, numbers, result) \
    HEAD(op, name, type)                     \
    numbers;                                 \
    type b = *second;                        \
    TAIL(type a = first[i], result)
#define THREE(op, name, type, numbers, result) \
    HEAD(op, name, type)                       \
    const type *third = in[2];                 \
    numbers;                                   \
    TAIL(type a = first[i]; type b = second[i]; type c = third[i], result)
#define TWO_AND_ONE(op, name, type, numbers, result) \
    HEAD(op, name, type)                             \
    type c = *(const type *)in[2];                   \
    numbers;                                         \
    TAIL(type a = first[i]; type b = second[i], result)

#define NONE(type)   (void)attributes
#define PAIR(type)   type p = NUMBER(type, 0), q = NUMBER(type, 1)
#define FIRST(type)  type p = NUMBER(type, 0)
#define SECOND(type) type p = NUMBER(type, 1)
#define THIRD(type)  type p = NUMBER(type, 2)

#define COMPOUND(FORM, op, numbers, result)      \
    FORM(op, f32, float, numbers(float), result) \
    FORM(op, f64, double, numbers(double), result)

COMPOUND(TWO, average, PAIR, a *p + b * q)
COMPOUND(TWO, average_square, PAIR, a *p + b * q * b)
COMPOUND(TWO, scaled_root, THIRD, sqrt(a) * b + p)
COMPOUND(ONE, scaled_root_one, THIRD, sqrt(a) * b + p)
COMPOUND(THREE, share, NONE, a *b / c)
COMPOUND(TWO_AND_ONE, share_one, NONE, a *c / b)
COMPOUND(TWO, slope_of_tanh, SECOND, a *(p - b * b))
COMPOUND(TWO, slope_of_sigmoid, FIRST, a *(b *(p - b)))
COMPOUND(THREE, plus_product, NONE, a + b * c)
COMPOUND(THREE, less_product, NONE, a - b * c)
COMPOUND(TWO_AND_ONE, less_product_one, NONE, a - b * c)
COMPOUND(TWO, plus_scaled, FIRST, a *p + b)
COMPOUND(TWO, squared_difference, NONE, (a - b) * (a - b))
COMPOUND(ONE, add_one, NONE, a + b)
COMPOUND(ONE, sub_one, NONE, a - b)
COMPOUND(ONE, mul_one, NONE, a *b)
COMPOUND(ONE, one_mul, NONE, a *b)
COMPOUND(ONE, div_one, NONE, a / b)

#define ROW(op) static const bl__tile op##_row[BL_DTYPE_COUNT] = {[BL_F32] = op##_f32, [BL_F64] = op##_f64};
BL__COMPOUNDS(ROW)
#undef ROW

const bl__tile *const BL__COMPOUND_TILES[BL__COMPOUND_COUNT] = {
#define ROW(op) [BL__COMPOUND_##op] = op##_row,
    BL__COMPOUNDS(ROW)};
