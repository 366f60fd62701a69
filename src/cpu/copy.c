/* Kernels that only move elements, of any dtype: copy to contiguous, concat, slice_backward. Each is a list
 * of moves of strided elements into parts of the output. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    TO,
    FROM,
    MOVED
};

struct move {
    bl__loop loop;  /* over TO and FROM */
    int64_t offset; /* of its first element in the output */
};

struct plan {
    bool zero; /* what no move reaches is zero */
    int64_t output_count;
    size_t bytes;
    uint32_t moves; /* one an input */
    struct move move[];
};

/* A plan with a move for each input, which begin as nothing; NULL without memory. */
static struct plan *new_plan(bl__call *call, bl__arena *arena)
{
    struct plan *plan = bl__arena_take(arena, sizeof(*plan) + call->input_count * sizeof(struct move));
    if (!plan)
        return NULL;
    plan->zero = false;
    plan->output_count = call->outputs[0]->count;
    plan->bytes = bl_dtype_size(call->outputs[0]->dtype);
    plan->moves = call->input_count;
    call->plan = plan;
    return plan;
}

/* Input elements go to the output's place that begins at `start` along `axis` and steps by `step` there. */
static void set_move(struct move *move, const bl__operand *to, const bl__operand *from, int64_t axis,
                     int64_t start, int64_t step)
{
    bl__loop_init(&move->loop, MOVED);
    move->offset = 0;
    for (int d = 0; d < from->rank; d++) {
        int64_t strides[MOVED] = {to->stride[d], from->stride[d]};
        if (d == axis) {
            move->offset = start * strides[TO];
            strides[TO] *= step;
        }
        bl__loop_push(&move->loop, from->size[d], strides);
    }
}

static bl_status prepare_copy(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    struct plan *plan = new_plan(call, arena);
    *scratch_bytes = 0;
    if (!plan)
        return BL_ERR_MEMORY;
    set_move(&plan->move[0], call->outputs[0], call->inputs[0], 0, 0, 1);
    return BL_OK;
}

static bl_status prepare_concat(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__axis_attributes *attributes = call->attributes;
    struct plan *plan = new_plan(call, arena);
    int64_t start = 0;
    *scratch_bytes = 0;
    if (!plan)
        return BL_ERR_MEMORY;
    for (uint32_t i = 0; i < plan->moves; i++) {
        set_move(&plan->move[i], call->outputs[0], call->inputs[i], attributes->axis, start, 1);
        start += call->inputs[i]->size[attributes->axis];
    }
    return BL_OK;
}

static bl_status prepare_slice_backward(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__slice_attributes *attributes = call->attributes;
    struct plan *plan = new_plan(call, arena);
    *scratch_bytes = 0;
    if (!plan)
        return BL_ERR_MEMORY;
    set_move(&plan->move[0], call->outputs[0], call->inputs[0], attributes->axis, attributes->start,
             attributes->step);
    plan->zero = plan->output_count > plan->move[0].loop.count;
    return BL_OK;
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    if (plan->zero)
        bl__zero(call->outputs[0]->data, (size_t)plan->output_count * plan->bytes);
    for (uint32_t i = 0; i < plan->moves; i++)
        bl__copy_loop(&plan->move[i].loop, plan->bytes,
                      bl__at(call->outputs[0]->data, plan->bytes, plan->move[i].offset),
                      call->inputs[i]->data);
    return BL_OK;
}

const bl__kernel bl__kernel_copy = {BL__STRIDED, prepare_copy, run, bl__flops_none};
const bl__kernel bl__kernel_concat = {BL__STRIDED, prepare_concat, run, bl__flops_none};
const bl__kernel bl__kernel_slice_backward = {BL__STRIDED, prepare_slice_backward, run, bl__flops_none};
