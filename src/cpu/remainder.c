/* Kernels and tile functions of fmod and remainder. A zero among the divisors of integers is found before
 * anything is computed; the tile functions themselves give 0 for it, and for -1, by which the smallest
 * integer cannot be divided. */
#include "cpu/elementwise.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/tile_forms.h"

#include <tgmath.h>

/* ---- tile functions ---- */

/* The remainder has the sign of the divisor. */
#define FLOAT(name, type)                                            \
    static inline type floored_##name(type a, type b)                \
    {                                                                \
        type rest = fmod(a, b);                                      \
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest; \
    }
#define INTEGER(name, type)                                          \
    static inline type truncated_##name(type a, type b)              \
    {                                                                \
        return b == 0 || b == -1 ? 0 : a % b;                        \
    }                                                                \
    static inline type floored_##name(type a, type b)                \
    {                                                                \
        type rest = truncated_##name(a, b);                          \
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest; \
    }

FLOAT(f32, float)
FLOAT(f64, double)
INTEGER(i32, int32_t)
INTEGER(i64, int64_t)

#define TILES(FORM, fmod_op, remainder_op)                       \
    BL__FOR_REALS(FORM, fmod_op, fmod(a, b))                     \
    FORM(fmod_op, i32, int32_t, int32_t, truncated_i32(a, b))    \
    FORM(fmod_op, i64, int64_t, int64_t, truncated_i64(a, b))    \
    FORM(remainder_op, f32, float, float, floored_f32(a, b))     \
    FORM(remainder_op, f64, double, double, floored_f64(a, b))   \
    FORM(remainder_op, i32, int32_t, int32_t, floored_i32(a, b)) \
    FORM(remainder_op, i64, int64_t, int64_t, floored_i64(a, b)) \
    BL__ROW_OF_NUMBERS(fmod_op);                                 \
    BL__ROW_OF_NUMBERS(remainder_op);

TILES(BL__BINARY, fmod, remainder)
TILES(BL__SCALAR, fmod_scalar, remainder_scalar)

/* ---- kernels ---- */

enum {
    DIVIDEND,
    DIVISOR
};

static bool is_zero(bl_dtype dtype, const void *data, int64_t offset)
{
    if (dtype == BL_I32)
        return ((const int32_t *)data)[offset] == 0;
    return ((const int64_t *)data)[offset] == 0;
}

/* Whether there is a zero among the elements of an operand of integers. */
static bool has_zero(const bl__operand *x)
{
    bl__loop loop;
    bl__place place = {{0}, {0}};
    bl__loop_init(&loop, 1);
    for (int d = 0; d < x->rank; d++)
        bl__loop_push(&loop, x->size[d], &x->stride[d]);
    if (loop.count == 0)
        return false;
    do {
        for (int64_t i = 0; i < bl__loop_row(&loop); i++)
            if (is_zero(x->dtype, x->data, place.offset[0] + i * bl__loop_step(&loop, 0)))
                return true;
    } while (bl__loop_next(&loop, &place));
    return false;
}

static bl_status run(const bl__call *call, const bl__tile *tiles)
{
    const bl__operand *divisor = call->inputs[DIVISOR];
    bool integers = divisor->dtype == BL_I32 || divisor->dtype == BL_I64;
    if (integers && call->outputs[0]->count > 0 && has_zero(divisor))
        return bl__kernel_fail(call, BL_ERR_ARGUMENT, "%s divided by zero", bl_dtype_name(divisor->dtype));
    return bl__elementwise_run(call, tiles[divisor->dtype]);
}

#define KERNEL(op)                                                                                        \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes)                \
    {                                                                                                     \
        bl__tile tile = BL__TILES(op)[call->inputs[DIVISOR]->dtype];                                      \
        return bl__elementwise_prepare(call, arena, scratch_bytes, tile);                                 \
    }                                                                                                     \
    static bl_status run_##op(const bl__call *call)                                                       \
    {                                                                                                     \
        return run(call, BL__TILES(op));                                                                  \
    }                                                                                                     \
    const bl__kernel BL__KERNEL(op) = {BL__STRIDED | BL__IN_PLACE | BL__CAN_FAIL, prepare_##op, run_##op, \
                                       bl__flops_output};
BL__DIVIDING_OPS(KERNEL)
