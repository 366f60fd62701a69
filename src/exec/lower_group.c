/* Lowering a group of element-wise nodes: its steps, and the values that others need. */
#include "cpu/reduce.h"
#include "exec/batch.h"
#include "graph/shape.h"
#include "graph/text.h"

#include <string.h>

/* The slot of a tensor in the group: an input's, or that of the step that computes it. */
static uint8_t slot_of(const bl__lowering *l, const bl__fusion_group *group, const bl_tensor *tensor)
{
    const bl__fusion_node *node = &l->fusion.nodes[tensor->node->id];
    bool is_member = node->group == l->fusion.nodes[group->members[0]].group && !tensor->node->op->view;
    if (is_member && tensor->node->id + 1 != group->product)
        return (uint8_t)(group->input_count + node->step);
    int slot = 0;
    while (group->inputs[slot] != tensor)
        slot++;
    return (uint8_t)slot;
}

static bool set_step(bl__lowering *l, const bl__fusion_group *group, const bl__node *node, bl__step *step)
{
    const bl_op *op = node->op;
    bl_dtype dtype = bl__lower_dtype(l, (bl_dtype)node->outputs[0].dtype);
    bl_dtype last = bl__lower_dtype(l, (bl_dtype)node->inputs[node->input_count - 1]->dtype);
    void *attributes = NULL;
    if (op->attributes_size > 0) {
        attributes = bl__arena_take(&l->program->arena, op->attributes_size);
        if (!attributes)
            return false;
        memcpy(attributes, bl__attributes(node), op->attributes_size);
    }
    *step = (bl__step){.tile = bl__tile_of(&l->fusion, op, last, dtype),
                       .attributes = attributes,
                       .input_count = (uint8_t)node->input_count,
                       .bytes = (uint8_t)bl__dtype_bytes(dtype),
                       .is_output = l->fusion.nodes[node->id].is_used,
                       .attribute_bytes =
                           op->attributes_size <= UINT16_MAX ? (uint16_t)op->attributes_size : UINT16_MAX};
    for (size_t i = 0; i < node->input_count; i++)
        step->input[i] = slot_of(l, group, node->inputs[i]);
    return true;
}

static const char *make_name(bl__lowering *l, const bl__named_group *named)
{
    char text[160];
    bl__text out = {text, sizeof(text), 0};
    if (named->product)
        bl__text_add(&out, named->product > 1 ? "matmul+add+" : "matmul+");
    for (int i = 0; i < BL__NAMED_OPS && named->op[i]; i++)
        bl__text_add(&out, "%s%s", i > 0 ? "+" : "", named->op[i]->name);
    if (named->member_count > BL__NAMED_OPS)
        bl__text_add(&out, "+%u more", named->member_count - BL__NAMED_OPS);
    if (named->sums)
        bl__text_add(&out, "+sum");
    return bl__arena_string(&l->program->arena, text);
}

/* The names of its first ops in their order, as messages and listings have them: "mul+add+tanh",
 * "mul+add+tanh+neg+2 more". Mostly the same pointer for the same name; NULL without memory. */
static const char *name_group(bl__lowering *l, const bl__fusion_group *group)
{
    bl__named_group named = {.member_count = group->member_count, .sums = group->reduction != 0};
    if (group->product)
        named.product = l->fusion.nodes[group->product - 1].product ? 2 : 1;
    size_t hash = (size_t)group->member_count + named.product;
    for (int i = 0; i < group->member_count && i < BL__NAMED_OPS; i++) {
        named.op[i] = l->graph->nodes[group->members[i]]->op;
        hash = hash * 3 + (size_t)named.op[i]->key;
    }
    bl__named_group *known = &l->group_names[hash & (BL__GROUP_NAME_CACHE - 1)];
    bool same = known->name && known->member_count == named.member_count && known->sums == named.sums &&
                known->product == named.product;
    for (int i = 0; i < BL__NAMED_OPS && same; i++)
        same = known->op[i] == named.op[i];
    if (same)
        return known->name;
    named.name = make_name(l, &named);
    *known = named;
    return named.name;
}

/* Describes a value in a storage of its own; false without memory. */
static bool make_output(bl__lowering *l, const bl_tensor *output)
{
    size_t size = bl__dtype_bytes(bl__lower_dtype(l, (bl_dtype)output->dtype));
    size_t storage = bl__new_storage(l, BL__WORKSPACE, (size_t)output->count * size);
    if (storage == SIZE_MAX)
        return false;
    l->program->storages[storage].is_checked = true;
    return bl__contiguous_value(l, output, storage, bl__value_of(l, output));
}

/* The index space, which is that of any member. */
static bool set_space(bl__lowering *l, const bl__fusion_group *group, bl__group *steps)
{
    const bl_tensor *member = &l->graph->nodes[group->members[0]]->outputs[0];
    const bl__dims *dims = bl__dims_of(l, member->rank, member->size);
    if (!dims)
        return false;
    steps->size = dims->size;
    steps->rank = member->rank;
    steps->ones = 0;
    steps->reducer = NULL;
    return true;
}

static bool set_reduction(bl__lowering *l, const bl__fusion_group *group, bl__group *steps)
{
    const bl__node *sum = l->graph->nodes[group->reduction - 1];
    steps->reducer =
        l->program->environment.kernels->sums[bl__lower_dtype(l, (bl_dtype)sum->inputs[0]->dtype)];
    steps->reduced = slot_of(l, group, sum->inputs[0]);
    return make_output(l, &sum->outputs[0]);
}

static bool add_group(bl__lowering *l, const bl__fusion_group *group)
{
    bl__operand *inputs[BL__GROUP_INPUTS], *outputs[BL__GROUP_STEPS + 2];
    size_t output_count = 0, count = group->member_count;
    bl__group *steps =
        bl__arena_take(&l->program->arena, offsetof(bl__group, step) + count * sizeof(bl__step));
    const char *name = name_group(l, group);
    if (!steps || !name)
        return false;
    steps->step_count = (int64_t)count;
    for (int i = 0; i < group->input_count; i++)
        inputs[i] = bl__value_of(l, group->inputs[i]);
    for (size_t i = 0; i < count; i++)
        l->fusion.nodes[group->members[i]].step = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        const bl__node *node = l->graph->nodes[group->members[i]];
        if (!set_step(l, group, node, &steps->step[i]))
            return false;
        if (!steps->step[i].is_output)
            continue;
        if (!make_output(l, &node->outputs[0]))
            return false;
        outputs[output_count++] = bl__value_of(l, &node->outputs[0]);
    }
    const bl__node *last = l->graph->nodes[group->members[count - 1]];
    if (!set_space(l, group, steps) || (group->reduction && !set_reduction(l, group, steps)))
        return false;
    if (group->reduction)
        outputs[output_count++] = bl__value_of(l, &l->graph->nodes[group->reduction - 1]->outputs[0]);
    if (group->product)
        return bl__add_epilogue(l, group, steps, name, inputs, outputs, output_count);
    return bl__add_instruction(l, last, name, &bl__kernel_group, inputs, group->input_count, outputs,
                               output_count, steps) &&
           bl__note_steps(l, steps);
}

void bl__lower_group(bl__lowering *l, const bl__fusion_group *group)
{
    if (!add_group(l, group) && bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
}

bool bl__note_single(bl__lowering *l, const bl__node *node)
{
    uint32_t index = l->fusion.nodes[node->id].group;
    if (!index || !bl__notes_steps(l))
        return true;
    const bl__fusion_group *group = &l->fusion.groups[index - 1];
    bl__group *steps = bl__arena_take(&l->program->arena, offsetof(bl__group, step) + sizeof(bl__step));
    if (!steps || !set_step(l, group, node, &steps->step[0]) || !set_space(l, group, steps))
        return false;
    for (size_t i = 0; i < node->input_count; i++)
        steps->step[0].input[i] = (uint8_t)i; /* the instruction's, of which several may be one tensor */
    steps->step_count = 1;
    return bl__note_steps(l, steps);
}
