/* Private. How most tile functions are written: as one expression of the elements, for each dtype. Inside it
 * `number` is the type that it is computed in: an element's, and integers wrap where that is unsigned; or in
 * the forms for vectors those of vector.h, with `scalar` for constants. */
#ifndef BOWLINE_CPU_TILE_FORMS_H
#define BOWLINE_CPU_TILE_FORMS_H

#include "cpu/of_set.h"
#include "cpu/vector.h"
#include "ops/attributes.h"

/* y = result, of elements x of `type`; from[i] is x as it was stored. */
#define BL__UNARY(op, name, type, wide, result)                                                  \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        typedef wide number;                                                                     \
        const type *from = in[0];                                                                \
        type *y = out;                                                                           \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            number x = (number)from[i];                                                          \
            y[i] = (type)(result);                                                               \
        }                                                                                        \
    }

/* y = result, of elements a and b. */
#define BL__BINARY(op, name, type, wide, result)                                                 \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        typedef wide number;                                                                     \
        const type *left = in[0], *right = in[1];                                                \
        type *y = out;                                                                           \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            number a = (number)left[i], b = (number)right[i];                                    \
            y[i] = (type)(result);                                                               \
        }                                                                                        \
    }

/* y = result, of an element a and the attribute's number b. */
#define BL__SCALAR(op, name, type, wide, result)                                                 \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        typedef wide number;                                                                     \
        const type *left = in[0];                                                                \
        type *y = out;                                                                           \
        number b = (number)(type)((const bl__scalar_attributes *)attributes)->value;             \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            number a = (number)left[i];                                                          \
            y[i] = (type)(result);                                                               \
        }                                                                                        \
    }

/* y = result for n elements, vector by vector, each of them once `loads` has loaded it: whole vectors, which
 * need no mask, and then the rest. */
#define BL__EACH_VECTOR(name, loads, result)                   \
    int64_t i = 0;                                             \
    for (; i <= n - BL__LANES_##name; i += BL__LANES_##name) { \
        enum {                                                 \
            left = BL__LANES_##name                            \
        };                                                     \
        loads;                                                 \
        bl__store_##name(y + i, left, result);                 \
    }                                                          \
    if (i < n) {                                               \
        const int64_t left = n - i;                            \
        loads;                                                 \
        bl__store_##name(y + i, left, result);                 \
    }

/* The same three for reals, vector by vector. */
#define BL__VECTOR_UNARY(op, name, type, wide, result)                                           \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        typedef bl__vector_##name number;                                                        \
        typedef type scalar;                                                                     \
        const scalar *from = in[0];                                                              \
        scalar *y = out;                                                                         \
        (void)attributes;                                                                        \
        BL__EACH_VECTOR(name, number x = bl__load_##name(from + i, left), result)                \
    }

#define BL__VECTOR_BINARY(op, name, type, wide, result)                                          \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        typedef bl__vector_##name number;                                                        \
        typedef type scalar;                                                                     \
        const scalar *first = in[0], *second = in[1];                                            \
        scalar *y = out;                                                                         \
        (void)attributes;                                                                        \
        BL__EACH_VECTOR(name, number a = bl__load_##name(first + i, left);                       \
                        number b = bl__load_##name(second + i, left), result)                    \
    }

#define BL__VECTOR_SCALAR(op, name, type, wide, result)                                          \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        typedef bl__vector_##name number;                                                        \
        typedef type scalar;                                                                     \
        const scalar *first = in[0];                                                             \
        scalar *y = out;                                                                         \
        number b = bl__splat_##name((scalar)((const bl__scalar_attributes *)attributes)->value); \
        BL__EACH_VECTOR(name, number a = bl__load_##name(first + i, left), result)               \
    }

/* A form for f32 and f64, and the row of an op that takes these. */
#define BL__FOR_REALS(FORM, op, result) \
    FORM(op, f32, float, float, result) \
    FORM(op, f64, double, double, result)
#define BL__ROW_OF_REALS(op) \
    const bl__tile BL__TILES(op)[BL_DTYPE_COUNT] = {[BL_F32] = op##_f32, [BL_F64] = op##_f64}

/* A form for i32 and i64, signed, and the row of an op that takes all four. */
#define BL__FOR_INTEGERS(FORM, op, result)  \
    FORM(op, i32, int32_t, int32_t, result) \
    FORM(op, i64, int64_t, int64_t, result)
#define BL__ROW_OF_NUMBERS(op)                       \
    const bl__tile BL__TILES(op)[BL_DTYPE_COUNT] = { \
        [BL_F32] = op##_f32, [BL_F64] = op##_f64, [BL_I32] = op##_i32, [BL_I64] = op##_i64}

#endif
