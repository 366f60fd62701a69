/* Tile functions of the losses of two classes: see ops/losses_binary.c. */
#include "cpu/gates.h"
#include "cpu/tile_forms.h"

/* A logarithm of at least -100; NaN for NaN. */
#define BOUNDED_LOG_OF(type)                                                         \
    static inline bl__vector_##type bl__bounded_log_##type(bl__vector_##type x)      \
    {                                                                                \
        bl__vector_##type least = bl__splat_##type(-100), log_x = bl__log_##type(x); \
        return bl__select_##type(bl__less_##type(log_x, least), least, log_x);       \
    }

BOUNDED_LOG_OF(f32)
BOUNDED_LOG_OF(f64)

/* Of a prediction a and a target b. */
#define LOSS(op, result)                         \
    BL__FOR_REALS(BL__VECTOR_BINARY, op, result) \
    BL__ROW_OF_REALS(op);
#define BOUNDED_LOG(x) BL__OF(x, bounded_log)(x)
#define POSITIVE(x)    BL__SELECT(BL__LESS(x, BL__SPLAT(x, 0)), BL__SPLAT(x, 0), x)

LOSS(probability_loss, (b - (scalar)1) * BOUNDED_LOG((scalar)1 - a) - b * BOUNDED_LOG(a))
LOSS(logistic_loss, POSITIVE(a) - b * a + BL__SOFT_REST(a))
