/* Kernels of parts whose place is read when they run: dynamic_slice, dynamic_update_slice, of any dtype. */
#include "cpu/indices.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"

enum {
    TO,
    FROM,
    MOVED
};

struct plan {
    bl__loop part; /* between the part and its place in the whole */
    bl__loop copy; /* dynamic_update_slice: from x to the output */
    size_t bytes;
};

static void set_loop(bl__loop *loop, const bl__operand *part, const bl__operand *to, const bl__operand *from)
{
    bl__loop_init(loop, MOVED);
    for (int d = 0; d < part->rank; d++)
        bl__loop_push(loop, part->size[d], (int64_t[MOVED]){to->stride[d], from->stride[d]});
}

static struct plan *new_plan(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    *scratch_bytes = 0;
    if (plan)
        plan->bytes = bl_dtype_size(call->outputs[0]->dtype);
    call->plan = plan;
    return plan;
}

/* How far into the whole the part begins, in elements; or the error of a start outside. */
static bl_status find_place(const bl__call *call, const bl__operand *starts, const bl__operand *whole,
                            const bl__operand *part, int64_t *offset)
{
    *offset = 0;
    for (int d = 0; d < whole->rank; d++) {
        int64_t start = bl__index_at(starts, d * starts->stride[0]), last = whole->size[d] - part->size[d];
        if (start < 0 || start > last)
            return bl__kernel_fail(call, BL_ERR_INDEX, "start %lld at [%d] is outside 0..%lld",
                                   (long long)start, d, (long long)last);
        *offset += start * whole->stride[d];
    }
    return BL_OK;
}

/* ---- dynamic_slice ---- */

enum {
    X,
    STARTS
};

static bl_status prepare_dynamic_slice(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[X], *y = call->outputs[0];
    struct plan *plan = new_plan(call, arena, scratch_bytes);
    if (!plan)
        return BL_ERR_MEMORY;
    set_loop(&plan->part, y, y, x);
    return bl__indices_prepare(call, call->inputs[STARTS]);
}

static bl_status run_dynamic_slice(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__operand *x = call->inputs[X], *y = call->outputs[0];
    int64_t offset;
    bl_status status = find_place(call, call->inputs[STARTS], x, y, &offset);
    if (status == BL_OK && y->count > 0)
        bl__copy_loop(&plan->part, plan->bytes, y->data, bl__at_const(x->data, plan->bytes, offset));
    return status;
}

const bl__kernel bl__kernel_dynamic_slice = {BL__STRIDED | BL__CAN_FAIL | BL__PICKS, prepare_dynamic_slice,
                                             run_dynamic_slice, bl__flops_none};

/* ---- dynamic_update_slice ---- */

enum {
    WHOLE,
    UPDATE,
    PLACES
};

static bl_status prepare_dynamic_update_slice(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[WHOLE], *update = call->inputs[UPDATE], *y = call->outputs[0];
    struct plan *plan = new_plan(call, arena, scratch_bytes);
    if (!plan)
        return BL_ERR_MEMORY;
    set_loop(&plan->copy, y, y, x);
    set_loop(&plan->part, update, y, update);
    return bl__indices_prepare(call, call->inputs[PLACES]);
}

static bl_status run_dynamic_update_slice(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__operand *update = call->inputs[UPDATE], *y = call->outputs[0];
    int64_t offset;
    bl_status status = find_place(call, call->inputs[PLACES], y, update, &offset);
    if (status != BL_OK)
        return status;
    bl__copy_loop(&plan->copy, plan->bytes, y->data, call->inputs[WHOLE]->data);
    if (update->count > 0)
        bl__copy_loop(&plan->part, plan->bytes, bl__at(y->data, plan->bytes, offset), update->data);
    return BL_OK;
}

const bl__kernel bl__kernel_dynamic_update_slice = {BL__STRIDED | BL__CAN_FAIL, prepare_dynamic_update_slice,
                                                    run_dynamic_update_slice, bl__flops_none};
