/* Runs an op whose results are parts of one value. */
#include "cpu/parts.h"
#include "cpu/loop.h"

struct plan {
    bl__call member; /* with outputs of its own; its inputs and environment are looked up at each run */
    bl__operand part[];
};

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__parts *parts = call->attributes;
    struct plan *plan = bl__arena_take(arena, sizeof(*plan) + parts->count * sizeof(*plan->part));
    bl__operand **outputs = bl__arena_take(arena, parts->count * sizeof(*outputs));
    if (!plan || !outputs)
        return BL_ERR_MEMORY;
    for (uint32_t i = 0; i < parts->count; i++) {
        plan->part[i] = parts->part[i];
        outputs[i] = &plan->part[i];
    }
    plan->member = *call;
    plan->member.attributes = parts->attributes;
    plan->member.outputs = outputs;
    plan->member.output_count = parts->count;
    plan->member.plan = NULL;
    call->plan = plan;
    return parts->kernel->prepare ? parts->kernel->prepare(&plan->member, arena, scratch_bytes) : BL_OK;
}

static bl_status run(const bl__call *call)
{
    const bl__parts *parts = call->attributes;
    struct plan *plan = call->plan;
    for (uint32_t i = 0; i < parts->count; i++) {
        bl__operand *part = &plan->part[i];
        part->data = bl__at(call->outputs[0]->data, bl_dtype_size((bl_dtype)part->dtype), part->offset);
    }
    plan->member.inputs = call->inputs;
    plan->member.environment = call->environment;
    return parts->kernel->run(&plan->member);
}

static int64_t flops(const bl__call *call)
{
    const bl__parts *parts = call->attributes;
    bl__call member = ((const struct plan *)call->plan)->member;
    member.inputs = call->inputs;
    return parts->kernel->flops(&member);
}

const bl__kernel bl__kernel_parts = {BL__STRIDED, prepare, run, flops};
