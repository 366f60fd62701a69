/* Kernels that put their input at certain places of an output that is one value elsewhere: pad, diag_embed.
 */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

enum {
    TO,
    FROM,
    MOVED
};

struct plan {
    bl__loop loop;  /* over TO and FROM */
    int64_t offset; /* of the input's first element in the output */
    int64_t count;  /* of the output's elements, where some are not the input's, else 0 */
    size_t bytes;
    unsigned char element[8]; /* the value of those */
};

/* A plan that moves nothing yet; NULL without memory. The element is 0. */
static struct plan *new_plan(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[0], *y = call->outputs[0];
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    *scratch_bytes = 0;
    if (!plan)
        return NULL;
    *plan = (struct plan){.count = y->count > x->count ? y->count : 0, .bytes = bl_dtype_size(y->dtype)};
    bl__loop_init(&plan->loop, MOVED);
    call->plan = plan;
    return plan;
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    char *out = call->outputs[0]->data;
    bl__copy_elements(plan->bytes, plan->count, out, 1, plan->element, 0);
    if (plan->loop.count > 0)
        bl__copy_loop(&plan->loop, plan->bytes, bl__at(out, plan->bytes, plan->offset),
                      call->inputs[0]->data);
    return BL_OK;
}

/* ---- pad ---- */

/* False where the dtype does not compute. */
static bool set_element(unsigned char *element, bl_dtype dtype, double value)
{
    const float f32 = (float)value;
    const int32_t i32 = dtype == BL_I32 ? (int32_t)value : 0;
    const int64_t i64 = dtype == BL_I64 ? (int64_t)value : 0;
    const uint8_t boolean = value != 0;
    const void *const values[BL_DTYPE_COUNT] = {
        [BL_F32] = &f32, [BL_F64] = &value, [BL_I32] = &i32, [BL_I64] = &i64, [BL_BOOL] = &boolean};
    if (values[dtype])
        memcpy(element, values[dtype], bl_dtype_size(dtype));
    return values[dtype] != NULL;
}

static bl_status prepare_pad(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[0], *y = call->outputs[0];
    const bl__pad_attributes *attributes = call->attributes;
    struct plan *plan = new_plan(call, arena, scratch_bytes);
    if (!plan)
        return BL_ERR_MEMORY;
    if (!set_element(plan->element, y->dtype, attributes->value))
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(y->dtype));
    for (int d = 0; d < x->rank; d++) {
        int64_t strides[MOVED] = {y->stride[d], x->stride[d]};
        plan->offset += attributes->before[d] * strides[TO];
        bl__loop_push(&plan->loop, x->size[d], strides);
    }
    return BL_OK;
}

const bl__kernel bl__kernel_pad = {BL__STRIDED, prepare_pad, run, bl__flops_none};

/* ---- diag_embed: a step along the input's last axis is one along both axes of the diagonal ---- */

static bl_status prepare_diag_embed(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *x = call->inputs[0], *y = call->outputs[0];
    const bl__diagonal_attributes *of = call->attributes;
    struct plan *plan = new_plan(call, arena, scratch_bytes);
    if (!plan)
        return BL_ERR_MEMORY;
    int64_t down = y->stride[of->first], right = y->stride[of->second];
    int last = x->rank - 1;
    for (int d = 0, left = 0; d < y->rank; d++) {
        int64_t strides[MOVED] = {y->stride[d], 0};
        if (d == of->first || d == of->second)
            continue;
        strides[FROM] = x->stride[left++];
        bl__loop_push(&plan->loop, y->size[d], strides);
    }
    bl__loop_push(&plan->loop, x->size[last], (int64_t[MOVED]){down + right, x->stride[last]});
    if (x->count > 0)
        plan->offset = of->offset > 0 ? of->offset * right : -of->offset * down;
    return BL_OK;
}

const bl__kernel bl__kernel_diag_embed = {BL__STRIDED, prepare_diag_embed, run, bl__flops_none};
