/* A matrix product and an element-wise group behind it. The product is computed where one of the group's
 * outputs will be, so that it takes no memory of its own where nothing else needs it, and the group's tiles
 * write over what they have read. Elements do not depend on each other: the bits are those of the two alone.
 *
 * The group runs over each part of a large product while that is in the cache, if it touches no other memory
 * to speak of: bias and activation, say. Where the group also reads or writes arrays of the product's size, a
 * part's rows are short, and so far apart that they meet in few sets of the cache: the whole product is
 * computed first, and so is one that the cache holds, which gains nothing by parts. */
#include "cpu/epilogue.h"
#include "cpu/epilogue_row.h"
#include "cpu/flops.h"
#include "cpu/kernels.h"
#include "cpu/matmul.h"

enum {
    FACTORS = 2,
    LARGE = 1 << 20, /* elements of a product that the second cache does not hold by far */
    SMALL_SHARE = 16 /* an input of at most this part of the product's elements is nothing to speak of */
};

struct plan {
    const bl__epilogue *epilogue;
    bl__call product, group; /* with operands of their own */
    bool whole;              /* the product is there before the group begins */
    bool alone;              /* the product does all of it */
};

size_t bl__epilogue_home(const bl__group *group, int input, size_t bytes)
{
    size_t output = 0;
    for (int64_t s = 0; s < group->step_count; s++) {
        if (!group->step[s].is_output)
            continue;
        if (group->step[s].bytes == bytes && bl__group_reads_before(group, input, (int)output))
            return output;
        output++;
    }
    return SIZE_MAX;
}

bool bl__epilogue_reads_before(const bl__epilogue *epilogue, size_t input, size_t output)
{
    if (input < FACTORS)
        return false;
    if (input < epilogue->factors || output == epilogue->home)
        return input < epilogue->factors && output == epilogue->home;
    size_t slot = input - epilogue->factors;
    return bl__group_reads_before(epilogue->group, (int)(slot < epilogue->input ? slot : slot + 1),
                                  (int)output);
}

/* ---- prepare ---- */

/* The elements in memory that an operand shows. */
static int64_t shown(const bl__operand *operand)
{
    int64_t count = 1;
    for (int d = 0; d < operand->rank; d++)
        count *= operand->stride[d] == 0 ? 1 : operand->size[d];
    return count;
}

/* Whether the group runs over part after part. A reduction has the order of the index. */
static bool goes_by_parts(const struct plan *plan)
{
    const bl__epilogue *epilogue = plan->epilogue;
    int64_t count = epilogue->product->count;
    bool parts = count >= LARGE && !epilogue->group->reducer && epilogue->outputs == 1 && epilogue->home == 0;
    for (uint32_t i = 0; i < plan->group.input_count && parts; i++)
        parts = i == epilogue->input || shown(plan->group.inputs[i]) <= count / SMALL_SHARE;
    return parts;
}

/* The operands of both calls, in the arena: an instruction's own array may move. */
static bool set_operands(struct plan *plan, const bl__call *call, bl__arena *arena)
{
    const bl__epilogue *epilogue = plan->epilogue;
    uint32_t factors = epilogue->factors, inputs = call->input_count - factors + 1;
    bl__operand **operands =
        bl__arena_take(arena, (factors + 1 + inputs + epilogue->outputs) * sizeof(bl__operand *));
    if (!operands)
        return false;
    bl__operand **own = operands + factors + 1, *const *from = call->inputs;
    for (uint32_t i = 0; i < factors; i++)
        operands[i] = *from++;
    operands[factors] = epilogue->product;
    for (uint32_t i = 0; i < inputs; i++)
        own[i] = i == epilogue->input ? epilogue->in_group : *from++;
    for (uint32_t i = 0; i < epilogue->outputs; i++)
        own[inputs + i] = call->outputs[i];
    plan->product = (bl__call){.inputs = operands,
                               .outputs = operands + factors,
                               .environment = call->environment,
                               .input_count = factors,
                               .output_count = 1};
    plan->group = (bl__call){.inputs = own,
                             .outputs = own + inputs,
                             .attributes = epilogue->group,
                             .environment = call->environment,
                             .input_count = inputs,
                             .output_count = epilogue->outputs};
    return true;
}

/* Leaves a row to the product, if it takes one. */
static bl_status hand_over_row(struct plan *plan, const bl__call *call, bl__arena *arena)
{
    int row = bl__epilogue_find_row(plan->epilogue, call, &plan->group);
    if (row < 0 || !bl__matmul_add_row(&plan->product, plan->group.inputs[row]))
        return BL_OK;
    plan->alone = plan->epilogue->group->step_count == 1;
    return bl__epilogue_drop_row(&plan->group, row, plan->epilogue->input, arena) ? BL_OK : BL_ERR_MEMORY;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.epilogue = call->attributes};
    call->plan = plan;
    if (!set_operands(plan, call, arena))
        return BL_ERR_MEMORY;
    plan->whole = !goes_by_parts(plan);
    size_t bytes = 0, own = 0; /* two runs, one after the other, take the same scratch */
    bl_status status = bl__matmul_prepare(&plan->product, arena, &bytes,
                                          plan->whole ? 0 : bl__group_nanoseconds(&plan->group));
    if (status == BL_OK)
        status = hand_over_row(plan, call, arena);
    if (plan->alone) /* or without memory */
        plan->whole = true;
    else if (status == BL_OK && plan->whole)
        status = bl__kernel_group.prepare(&plan->group, arena, &own);
    else if (status == BL_OK)
        status = bl__group_prepare_parts(&plan->group, arena, &bytes, bl__matmul_workers(&plan->product));
    *scratch_bytes = bytes > own ? bytes : own;
    return status;
}

/* ---- run ---- */

static void go_on(const void *work, bl__stretches part, int worker)
{
    const struct plan *plan = work;
    bl__group_run_stretches(&plan->group, part, worker);
}

static bl_status run(const bl__call *call)
{
    struct plan *plan = call->plan;
    const bl__epilogue *epilogue = plan->epilogue;
    const bl__matmul_listener listener = {go_on, plan};
    plan->product.environment = plan->group.environment = call->environment; /* may be a thread's own */
    epilogue->product->data = epilogue->in_group->data = call->outputs[epilogue->home]->data;
    bl__matmul_run(&plan->product, plan->whole ? NULL : &listener);
    return plan->whole && !plan->alone ? bl__kernel_group.run(&plan->group) : BL_OK;
}

static int64_t flops(const bl__call *call)
{
    const struct plan *plan = call->plan;
    bl__call group = plan->group;
    group.attributes = plan->epilogue->group; /* whoever computes its first step */
    return bl__plus(bl__kernel_matmul.flops(&plan->product), bl__kernel_group.flops(&group));
}

const bl__kernel bl__kernel_epilogue = {BL__STRIDED | BL__IN_PLACE, prepare, run, flops};
