/* Lowering effects and outputs: values that must stand still, contiguous, until the run has ended. */
#include "exec/lower.h"
#include "ops/attributes.h"
#include "ops/keys.h"

/* The value of a tensor in workspace memory of its own run of bytes, which nothing overwrites: as it is, or a
 * copy. NULL without memory, reported. */
static const bl__operand *settle(bl__lowering *l, const bl__node *node, const bl_tensor *tensor)
{
    const bl_program *p = l->program;
    bl__operand *value = bl__value_of(l, tensor);
    if (!value->contiguous || p->storages[value->storage].place != BL__WORKSPACE)
        value = bl__copy_value(l, node, value);
    return value;
}

/* state[.., start : start + n, ..] = value as `rows` runs; the whole state is one run. */
static void set_runs(bl__effect *effect, const bl__node *node, const bl_tensor *value)
{
    const bl__assign_attributes *attributes = bl__attributes(node);
    const bl_shape *state = &attributes->parameter->shape;
    *effect = (bl__effect){.rows = 1, .run = value->count, .stride = 0, .start = 0};
    if (node->op->key != BL__KEY_assign_slice)
        return;
    int64_t inner = 1;
    for (int d = (int)attributes->axis + 1; d < state->rank; d++)
        inner *= state->size[d];
    for (int d = 0; d < (int)attributes->axis; d++)
        effect->rows *= state->size[d];
    effect->run = value->size[attributes->axis] * inner;
    effect->stride = state->size[attributes->axis] * inner;
    effect->start = attributes->start * inner;
}

static void lower_assign(bl__lowering *l, const bl__node *node)
{
    const bl__assign_attributes *attributes = bl__attributes(node);
    const bl_tensor *tensor = node->inputs[0];
    bl_program *p = l->program;
    size_t state = bl__state_of(l, attributes->parameter);
    const bl__operand *value = state == SIZE_MAX ? NULL : settle(l, node, tensor);
    const bl__instruction_name *name = NULL;
    if (!value)
        return;
    if (p->check != BL_CHECK_NOTHING && !(name = bl__name_of(l, node->origin, node->op->name))) {
        bl__lower_out_of_memory(l);
        return;
    }
    if (p->states[state].written) {
        bl__program_fail(p, BL_ERR_STATE, "compile",
                         p->states[state].drawn ? "%s is assigned and drawn from in one program"
                                                : "%s is written twice in one program",
                         attributes->parameter->name);
        return;
    }
    p->states[state].written = true;
    if (p->effect_count == p->effect_capacity &&
        !bl__grow(l->allocator, &p->effects, &p->effect_capacity, sizeof(*p->effects))) {
        bl__lower_out_of_memory(l);
        return;
    }
    bl__effect *effect = &p->effects[p->effect_count++];
    set_runs(effect, node, tensor);
    effect->state = state;
    effect->value = value;
    effect->name = name;
}

void bl__lower_effect(bl__lowering *l, const bl__node *node)
{
    if (node->op->key == BL__KEY_assign || node->op->key == BL__KEY_assign_slice)
        lower_assign(l, node);
    else if (node->op->key != BL__KEY_group)
        bl__program_fail(l->program, BL_ERR_UNSUPPORTED, node->op->name, "there is no such effect");
}

/* A draw counts the runs of its random state, which is a write to it. A frozen program draws the same in
 * every run. */
void bl__lower_draw(bl__lowering *l, const bl__node *node)
{
    bl_parameter *random = bl_tensor_parameter(node->inputs[node->input_count - 1]);
    if (!random || random->dtype != BL_I64 || l->program->frozen)
        return;
    size_t index = bl__state_of(l, random);
    if (index == SIZE_MAX)
        return;
    bl__state *state = &l->program->states[index];
    if (state->written && !state->drawn)
        bl__program_fail(l->program, BL_ERR_STATE, "compile", "%s is assigned and drawn from in one program",
                         random->name);
    state->drawn = state->written = true;
}

void bl__lower_output(bl__lowering *l, const bl_tensor *tensor)
{
    bl_program *p = l->program;
    if (tensor->node->op->flags & BL_OP_EFFECT)
        return;
    const bl__operand *value = settle(l, tensor->node, tensor);
    if (!value)
        return;
    p->storages[value->storage].is_checked = true; /* a copy of a number, too */
    if (p->output_count == p->output_capacity &&
        !bl__grow(l->allocator, &p->outputs, &p->output_capacity, sizeof(*p->outputs))) {
        bl__lower_out_of_memory(l);
        return;
    }
    p->outputs[p->output_count++] =
        (bl__output){.node = tensor->node->id,
                     .index = tensor->output,
                     .dtype = (bl_dtype)value->dtype,
                     .shape = bl_tensor_shape(tensor),
                     .bytes = (size_t)value->count * bl_dtype_size((bl_dtype)value->dtype),
                     .value = value};
}
