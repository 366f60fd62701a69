/* Tile functions of minimum, and of clamp and hardtanh, which differ in their derivatives only. */
#include "cpu/tile_forms.h"

#include <math.h>

#define MINIMUM(FORM, op)                         \
    BL__FOR_REALS(FORM, op, BL__SMALLER(a, b))    \
    BL__FOR_INTEGERS(FORM, op, BL__SMALLER(a, b)) \
    BL__ROW_OF_NUMBERS(op);

MINIMUM(BL__BINARY, minimum)
MINIMUM(BL__SCALAR, minimum_scalar)

/* min(max(x, least), most), of bounds in the tensor's dtype: NaN stays. */
#define CLAMP(name, type, lower, upper)                                                           \
    static void clamp_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                             \
        const bl__bounds_attributes *bounds = attributes;                                         \
        const type *x = in[0];                                                                    \
        type *y = out;                                                                            \
        type least = (lower), most = (upper);                                                     \
        BL__EACH_ALONE                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                         \
            type above = x[i] < least ? least : x[i];                                             \
            y[i] = above > most ? most : above;                                                   \
        }                                                                                         \
    }

/* An infinite bound of integers is none. */
#define INTEGER_CLAMP(name, type, smallest, largest)                                 \
    CLAMP(name, type, bounds->least == -INFINITY ? (smallest) : (type)bounds->least, \
          bounds->most == INFINITY ? (largest) : (type)bounds->most)

CLAMP(f32, float, (float)bounds->least, (float)bounds->most)
CLAMP(f64, double, bounds->least, bounds->most)
INTEGER_CLAMP(i32, int32_t, INT32_MIN, INT32_MAX)
INTEGER_CLAMP(i64, int64_t, INT64_MIN, INT64_MAX)

#define ROW                                                                                    \
    {                                                                                          \
        [BL_F32] = clamp_f32, [BL_F64] = clamp_f64, [BL_I32] = clamp_i32, [BL_I64] = clamp_i64 \
    }

const bl__tile BL__TILES(clamp)[BL_DTYPE_COUNT] = ROW;
const bl__tile BL__TILES(hardtanh)[BL_DTYPE_COUNT] = ROW;
