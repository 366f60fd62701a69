/* Tile functions of the losses of two classes (ops/losses_binary.c), and of what flows back through
 * logsumexp. */
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

/* g exp(x - y), or g exp(x) / exp(y): see ops/logsumexp.c. */
#define LOGSUMEXP_BACKWARD(name, type)                                                                     \
    static void logsumexp_backward_##name(int64_t n, void *out, const void *const *in, const void *data)   \
    {                                                                                                      \
        const type *x = in[0], *y = in[1], *g = in[2];                                                     \
        bool shifted = ((const bl__logsumexp_attributes *)data)->shift != BL__SHIFT_NONE;                  \
        bl__vector_##name none = bl__splat_##name(-(type)INFINITY), zero = bl__splat_##name(0);            \
        for (int64_t i = 0; i < n; i += BL__LANES_##name) {                                                \
            bl__vector_##name a = bl__load_##name(x + i, n - i), b = bl__load_##name(y + i, n - i), power; \
            if (shifted)                                                                                   \
                power = bl__exp_##name(a - bl__select_##name(bl__equal_##name(b, none), zero, b));         \
            else                                                                                           \
                power = bl__exp_##name(a) / bl__exp_##name(b);                                             \
            bl__store_##name((type *)out + i, n - i, power * bl__load_##name(g + i, n - i));               \
        }                                                                                                  \
    }

LOGSUMEXP_BACKWARD(f32, float)
LOGSUMEXP_BACKWARD(f64, double)
BL__ROW_OF_REALS(logsumexp_backward);
