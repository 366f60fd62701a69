/* Tile functions of the logic of bools, and of tests of floats; bool results. */
#include "cpu/tile_forms.h"

#include <math.h>
#include <string.h>

/* b8 is bool, whose name is a macro. A byte other than 0 is true. */
#define LOGIC(FORM, op, result)            \
    FORM(op, b8, uint8_t, uint8_t, result) \
    const bl__tile BL__TILES(op)[BL_DTYPE_COUNT] = {[BL_BOOL] = op##_b8};

LOGIC(BL__BINARY, logical_and, (a != 0) & (b != 0))
LOGIC(BL__BINARY, logical_or, (a | b) != 0)
LOGIC(BL__BINARY, logical_xor, (a != 0) != (b != 0))
LOGIC(BL__UNARY, logical_not, x == 0)

#define TEST(op, name, type, result)                                                             \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        const type *x = in[0];                                                                   \
        uint8_t *y = out;                                                                        \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++)                                                          \
            y[i] = (result);                                                                     \
    }

/* All integers have the same answer. */
#define ANSWER(op, answer)                                                                    \
    static void op##_all(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                         \
        (void)in;                                                                             \
        (void)attributes;                                                                     \
        if (n > 0)                                                                            \
            memset(out, (answer), (size_t)n);                                                 \
    }

#define TESTS(op, result, answer)                    \
    TEST(op, f32, float, result)                     \
    TEST(op, f64, double, result)                    \
    ANSWER(op, answer)                               \
    const bl__tile BL__TILES(op)[BL_DTYPE_COUNT] = { \
        [BL_F32] = op##_f32, [BL_F64] = op##_f64, [BL_I32] = op##_all, [BL_I64] = op##_all};

TESTS(isnan, x[i] != x[i], 0)
TESTS(isinf, (x[i] > 0 ? x[i] : -x[i]) == INFINITY, 0)
TESTS(isfinite, x[i] - x[i] == 0, 1)
