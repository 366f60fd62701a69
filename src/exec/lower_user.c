/* Lowering an op of the user's: its compute function behind the kernels' interface. */
#include "cpu/flops.h"
#include "exec/lower.h"

typedef struct user_plan {
    bl_status (*compute)(const bl_compute_call *call);
    bl_compute_call call;
    const void **inputs;
    void **outputs;
} user_plan;

static bl_status run_user(const bl__call *call)
{
    user_plan *plan = call->plan;
    for (size_t i = 0; i < call->input_count; i++)
        plan->inputs[i] = call->inputs[i]->data;
    for (size_t i = 0; i < call->output_count; i++)
        plan->outputs[i] = call->outputs[i]->data;
    return plan->compute(&plan->call);
}

const bl__kernel bl__user_kernel = {.flags = BL__CAN_FAIL, .run = run_user, .flops = bl__flops_output};

void *bl__user_plan(bl__lowering *l, const bl_op *op, const bl__instruction *instruction)
{
    bl__arena *arena = &l->program->arena;
    const bl__call *call = &instruction->call;
    size_t inputs = call->input_count, outputs = call->output_count, all = inputs + outputs;
    user_plan *plan = bl__arena_take(arena, sizeof(*plan));
    bl_shape *shapes = bl__arena_take(arena, all * sizeof(*shapes));
    bl_dtype *dtypes = bl__arena_take(arena, all * sizeof(*dtypes));
    const void **in = bl__arena_take(arena, inputs * sizeof(*in));
    void **out = bl__arena_take(arena, outputs * sizeof(*out));
    if (!plan || !shapes || !dtypes || !in || !out)
        return NULL;
    for (size_t i = 0; i < all; i++) {
        shapes[i] = bl_shape_of(call->inputs[i]->rank, call->inputs[i]->size);
        dtypes[i] = (bl_dtype)call->inputs[i]->dtype;
    }
    *plan = (user_plan){.compute = op->compute,
                        .call = {.attributes = call->attributes,
                                 .input_count = inputs,
                                 .inputs = in,
                                 .input_shapes = shapes,
                                 .input_dtypes = dtypes,
                                 .outputs = out,
                                 .output_shapes = shapes + inputs,
                                 .output_dtypes = dtypes + inputs},
                        .inputs = in,
                        .outputs = out};
    return plan;
}
