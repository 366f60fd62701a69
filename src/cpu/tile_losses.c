/* Tile functions of the losses of two classes: see ops/losses_binary.c. The functions are type-generic. */
#include "cpu/tile.h"

#include <tgmath.h>

/* y = result, of elements x and t; `yes` and `no` are numbers that it is made of. */
#define LOSS(op, name, type, first, second, result)                                              \
    static void op##_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                            \
        const type *predictions = in[0], *targets = in[1];                                       \
        type *y = out;                                                                           \
        (void)attributes;                                                                        \
        BL__EACH_ALONE                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                        \
            type x = predictions[i], t = targets[i], yes = (first), no = (second);               \
            y[i] = (result);                                                                     \
        }                                                                                        \
    }

#define LOSSES(op, first, second, result)        \
    LOSS(op, f32, float, first, second, result)  \
    LOSS(op, f64, double, first, second, result) \
    const bl__tile bl__tiles_##op[BL_DTYPE_COUNT] = {[BL_F32] = op##_f32, [BL_F64] = op##_f64};

/* A logarithm of at least -100; NaN for NaN. */
#define BOUNDED(logarithm) ((logarithm) < -100 ? -100 : (logarithm))

LOSSES(probability_loss, log(x), log(1 - x), (t - 1) * BOUNDED(no) - t * BOUNDED(yes))
LOSSES(logistic_loss, x < 0 ? 0 : x, log1p(exp(-fabs(x))), yes - t * x + no)
