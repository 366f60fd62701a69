/* Tile functions of the comparisons, whose results are bool, and of where. */
#include "cpu/of_set.h"

#define COMPARE(op, name, type, operator)                                                        \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        const type *a = in[0], *b = in[1];                                                       \
        uint8_t *y = out;                                                                        \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++)                                                          \
            y[i] = a[i] operator b[i];                                                           \
    }

#define NUMBERS(op, operator)           \
    COMPARE(op, f32, float, operator)   \
    COMPARE(op, f64, double, operator)  \
    COMPARE(op, i32, int32_t, operator) \
    COMPARE(op, i64, int64_t, operator)

#define ROW(op, of_bool)                                                 \
    const bl__tile BL__TILES(op)[BL_DTYPE_COUNT] = {[BL_F32] = op##_f32, \
                                                    [BL_F64] = op##_f64, \
                                                    [BL_I32] = op##_i32, \
                                                    [BL_I64] = op##_i64, \
                                                    [BL_BOOL] = (of_bool)}

NUMBERS(equal, ==)
NUMBERS(not_equal, !=)
NUMBERS(less, <)
NUMBERS(less_equal, <=)
NUMBERS(greater, >)
NUMBERS(greater_equal, >=)
COMPARE(equal, bool, uint8_t, ==)
COMPARE(not_equal, bool, uint8_t, !=)

ROW(equal, equal_bool);
ROW(not_equal, not_equal_bool);
ROW(less, 0);
ROW(less_equal, 0);
ROW(greater, 0);
ROW(greater_equal, 0);

/* Both are read whatever the condition, so that the loop has no branch. */
#define WHERE(name, type)                                                                         \
    static void where_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                             \
        const uint8_t *condition = in[0];                                                         \
        const type *a = in[1], *b = in[2];                                                        \
        type *y = out;                                                                            \
        (void)attributes;                                                                         \
        BL__EACH_ALONE                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                         \
            type yes = a[i], no = b[i];                                                           \
            y[i] = condition[i] ? yes : no;                                                       \
        }                                                                                         \
    }

WHERE(f32, float)
WHERE(f64, double)
WHERE(i32, int32_t)
WHERE(i64, int64_t)
WHERE(bool, uint8_t)
ROW(where, where_bool);
