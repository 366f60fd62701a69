/* Kernels of parts chosen along an axis by a list of indices: index_select copies them, of any dtype;
 * index_add adds to them, in the order of the list. */
#include "cpu/indices.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    X,
    INDEX,
    SOURCE
};

enum {
    TO,
    FROM,
    WALKED
};

/* A part is a block of the axes inside the axis; there is one of each index for each place outside. */
struct plan {
    bl__loop outside, block;
    bl__loop copy;    /* index_add: from x to the output */
    int64_t to, from; /* strides along the axis */
    int64_t limit;    /* its size, below which indices are */
    size_t bytes;
    void (*add)(int64_t n, void *to, int64_t to_step, const void *from, int64_t from_step);
};

#define ADD(name, type)                                                                               \
    static void add_##name(int64_t n, void *to, int64_t to_step, const void *from, int64_t from_step) \
    {                                                                                                 \
        type *y = to;                                                                                 \
        const type *x = from;                                                                         \
        for (int64_t i = 0; i < n; i++)                                                               \
            y[i * to_step] += x[i * from_step];                                                       \
    }

ADD(f32, float)
ADD(f64, double)
ADD(i32, uint32_t) /* wraps around */
ADD(i64, uint64_t)

/* ---- prepare ---- */

static struct plan *new_plan(bl__call *call, bl__arena *arena, const bl__operand *to, const bl__operand *from)
{
    int64_t axis = ((const bl__axis_attributes *)call->attributes)->axis;
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return NULL;
    plan->to = to->stride[axis];
    plan->from = from->stride[axis];
    plan->bytes = bl_dtype_size(to->dtype);
    bl__loop_init(&plan->outside, WALKED);
    bl__loop_init(&plan->block, WALKED);
    for (int d = 0; d < to->rank; d++) {
        int64_t strides[WALKED] = {to->stride[d], from->stride[d]};
        if (d != axis)
            bl__loop_push(d < axis ? &plan->outside : &plan->block, to->size[d], strides);
    }
    plan->limit = call->inputs[X]->size[axis];
    call->plan = plan;
    return plan;
}

static bl_status prepare_index_select(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    *scratch_bytes = 0;
    if (!new_plan(call, arena, call->outputs[0], call->inputs[X]))
        return BL_ERR_MEMORY;
    return bl__indices_prepare(call, call->inputs[INDEX]);
}

static bl_status prepare_index_add(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[X], *y = call->outputs[0];
    struct plan *plan = new_plan(call, arena, y, call->inputs[SOURCE]);
    *scratch_bytes = 0;
    if (!plan)
        return BL_ERR_MEMORY;
    plan->add = x->dtype == BL_F32   ? add_f32
                : x->dtype == BL_F64 ? add_f64
                : x->dtype == BL_I32 ? add_i32
                : x->dtype == BL_I64 ? add_i64
                                     : NULL;
    if (!plan->add)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    bl__loop_init(&plan->copy, WALKED);
    for (int d = 0; d < x->rank; d++)
        bl__loop_push(&plan->copy, x->size[d], (int64_t[WALKED]){y->stride[d], x->stride[d]});
    return bl__indices_prepare(call, call->inputs[INDEX]);
}

/* ---- run ---- */

static void add_block(const struct plan *plan, char *to, const char *from)
{
    int64_t row = bl__loop_row(&plan->block);
    int64_t to_step = bl__loop_step(&plan->block, TO), from_step = bl__loop_step(&plan->block, FROM);
    bl__place place = {{0}, {0}};
    do {
        plan->add(row, bl__at(to, plan->bytes, place.offset[TO]), to_step,
                  bl__at_const(from, plan->bytes, place.offset[FROM]), from_step);
    } while (bl__loop_next(&plan->block, &place));
}

/* The blocks of one place outside. The index is of the side that is read, or where there are sums, written.
 */
static void run_blocks(const struct plan *plan, const bl__operand *index, bool adds, char *to,
                       const char *from)
{
    for (int64_t i = 0; i < index->count; i++) {
        int64_t chosen = bl__index_at(index, i * index->stride[0]);
        if (adds)
            add_block(plan, bl__at(to, plan->bytes, chosen * plan->to),
                      bl__at_const(from, plan->bytes, i * plan->from));
        else
            bl__copy_loop(&plan->block, plan->bytes, bl__at(to, plan->bytes, i * plan->to),
                          bl__at_const(from, plan->bytes, chosen * plan->from));
    }
}

static void run_all(const bl__call *call, bool adds, char *to, const char *from)
{
    const struct plan *plan = call->plan;
    int64_t row = bl__loop_row(&plan->outside);
    int64_t to_step = bl__loop_step(&plan->outside, TO), from_step = bl__loop_step(&plan->outside, FROM);
    bl__place place = {{0}, {0}};
    if (plan->outside.count == 0 || plan->block.count == 0)
        return;
    do {
        for (int64_t k = 0; k < row; k++)
            run_blocks(plan, call->inputs[INDEX], adds,
                       bl__at(to, plan->bytes, place.offset[TO] + k * to_step),
                       bl__at_const(from, plan->bytes, place.offset[FROM] + k * from_step));
    } while (bl__loop_next(&plan->outside, &place));
}

static bl_status run_index_select(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl_status status = bl__indices_check_strided(call, call->inputs[INDEX], plan->limit, "index");
    if (status == BL_OK)
        run_all(call, false, call->outputs[0]->data, call->inputs[X]->data);
    return status;
}

static bl_status run_index_add(const bl__call *call)
{
    const struct plan *plan = call->plan;
    char *out = call->outputs[0]->data;
    bl_status status = bl__indices_check_strided(call, call->inputs[INDEX], plan->limit, "index");
    if (status != BL_OK)
        return status;
    if (call->inputs[X]->data != out)
        bl__copy_loop(&plan->copy, plan->bytes, out, call->inputs[X]->data);
    run_all(call, true, out, call->inputs[SOURCE]->data);
    return BL_OK;
}

static int64_t flops_index_add(const bl__call *call)
{
    return call->inputs[SOURCE]->count;
}

const bl__kernel bl__kernel_index_select = {BL__STRIDED | BL__CAN_FAIL | BL__PICKS, prepare_index_select,
                                            run_index_select, bl__flops_none};
const bl__kernel bl__kernel_index_add = {BL__STRIDED | BL__CAN_FAIL | BL__IN_PLACE_OF(X), prepare_index_add,
                                         run_index_add, flops_index_add};
