/* take_target: the element that a class index names in each row, or 0 where the index is ignored. */
#include "cpu/indices.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    ROWS,
    TARGETS
};

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    (void)arena;
    *scratch_bytes = 0;
    return bl__indices_prepare(call, call->inputs[TARGETS]);
}

static bl_status run(const bl__call *call)
{
    const bl__operand *rows = call->inputs[ROWS], *targets = call->inputs[TARGETS];
    const bl__take_target_attributes *attributes = call->attributes;
    const int64_t *ignored = attributes->ignores ? &attributes->ignore_index : NULL;
    int64_t classes = rows->size[rows->rank - 1];
    size_t bytes = bl_dtype_size(rows->dtype);
    char *out = call->outputs[0]->data;
    bl_status status = bl__indices_check(call, targets, classes, ignored, "target");
    if (status != BL_OK)
        return status;
    for (int64_t i = 0; i < targets->count; i++, out += bytes) {
        int64_t target = bl__index_at(targets, i);
        if (ignored && target == *ignored)
            bl__zero(out, bytes);
        else
            memcpy(out, bl__at_const(rows->data, bytes, i * classes + target), bytes);
    }
    return BL_OK;
}

const bl__kernel bl__kernel_take_target = {BL__CAN_FAIL | BL__PICKS, prepare, run, bl__flops_none};
