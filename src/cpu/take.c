/* Moving elements along an axis of any strides to and from places, which are distinct and inside the axis:
 * take_sorted and put_sorted. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    TO,
    FROM,
    AT
};

/* n elements of one row. */
typedef void move(int64_t n, void *to, int64_t to_step, const void *from, int64_t from_step,
                  const int64_t *places, int64_t places_step);

struct plan {
    move *move;
    bl__loop rows; /* over all axes but one */
    int64_t count; /* of places in a row */
    int64_t step[BL__LOOP_OPERANDS];
    bool zero; /* what no place names is zero */
    size_t bytes;
};

#define MOVES(name, type)                                                                              \
    static void take_##name(int64_t n, void *to, int64_t to_step, const void *from, int64_t from_step, \
                            const int64_t *places, int64_t places_step)                                \
    {                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                \
            ((type *)to)[i * to_step] = ((const type *)from)[places[i * places_step] * from_step];     \
    }                                                                                                  \
                                                                                                       \
    static void put_##name(int64_t n, void *to, int64_t to_step, const void *from, int64_t from_step,  \
                           const int64_t *places, int64_t places_step)                                 \
    {                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                \
            ((type *)to)[places[i * places_step] * to_step] = ((const type *)from)[i * from_step];     \
    }

MOVES(f32, float)
MOVES(f64, double)
MOVES(i32, int32_t)
MOVES(i64, int64_t)

static bl_status prepare(bl__call *call, bl__arena *arena, move *const *moves, bool zero)
{
    const bl__operand *y = call->outputs[0], *x = call->inputs[0], *places = call->inputs[1];
    const bl__take_attributes *attributes = call->attributes;
    if (!moves[y->dtype] || places->dtype != BL_I64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s and places of %s",
                               bl_dtype_name(y->dtype), bl_dtype_name(places->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    plan->move = moves[y->dtype];
    plan->zero = zero;
    plan->bytes = bl_dtype_size(y->dtype);
    plan->count = places->size[attributes->axis];
    bl__loop_init(&plan->rows, BL__LOOP_OPERANDS);
    for (int d = 0; d < y->rank; d++) {
        int64_t strides[BL__LOOP_OPERANDS] = {y->stride[d], x->stride[d], places->stride[d]};
        if (d != attributes->axis)
            bl__loop_push(&plan->rows, y->size[d], strides);
        else
            memcpy(plan->step, strides, sizeof(strides));
    }
    call->plan = plan;
    return BL_OK;
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl__place place = {{0}, {0}};
    int64_t rows = bl__loop_row(&plan->rows), step[BL__LOOP_OPERANDS];
    for (int k = 0; k < BL__LOOP_OPERANDS; k++)
        step[k] = bl__loop_step(&plan->rows, k);
    if (plan->zero)
        bl__zero(call->outputs[0]->data, (size_t)call->outputs[0]->count * plan->bytes);
    if (plan->rows.count == 0)
        return BL_OK;
    do {
        for (int64_t r = 0; r < rows; r++) {
            void *to = bl__at(call->outputs[0]->data, plan->bytes, place.offset[TO] + r * step[TO]);
            const void *from =
                bl__at_const(call->inputs[0]->data, plan->bytes, place.offset[FROM] + r * step[FROM]);
            const int64_t *places = (const int64_t *)call->inputs[1]->data + place.offset[AT] + r * step[AT];
            plan->move(plan->count, to, plan->step[TO], from, plan->step[FROM], places, plan->step[AT]);
        }
    } while (bl__loop_next(&plan->rows, &place));
    return BL_OK;
}

#define KERNEL(op, move_name, zero, more)                                                  \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        static move *const moves[BL_DTYPE_COUNT] = {[BL_F32] = move_name##_f32,            \
                                                    [BL_F64] = move_name##_f64,            \
                                                    [BL_I32] = move_name##_i32,            \
                                                    [BL_I64] = move_name##_i64};           \
        *scratch_bytes = 0;                                                                \
        return prepare(call, arena, moves, zero);                                          \
    }                                                                                      \
    const bl__kernel bl__kernel_##op = {BL__STRIDED | (more), prepare_##op, run, bl__flops_none};

KERNEL(take_sorted, take, false, BL__PICKS)
KERNEL(put_sorted, put, true, 0)
