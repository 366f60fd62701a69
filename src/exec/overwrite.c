/* Where a result may be written over what it is made from: a new value of a state straight into the state,
 * which saves a copy of each and the pass that commits it, and any result over a value that dies with it. */
#include "exec/overwrite.h"
#include "cpu/groups.h"

bool bl__same_layout(const bl__operand *a, const bl__operand *b)
{
    if (a->count != b->count || bl_dtype_size((bl_dtype)a->dtype) != bl_dtype_size((bl_dtype)b->dtype))
        return false;
    if (a->contiguous && b->contiguous)
        return true;
    if (a->rank != b->rank)
        return false;
    for (int d = 0; d < a->rank; d++) {
        if (a->size[d] != b->size[d] || (a->size[d] != 1 && a->stride[d] != b->stride[d]))
            return false;
    }
    return true;
}

bl__operand_range bl__inputs_of(const bl__instruction *instruction, size_t output)
{
    const bl__call *call = &instruction->call;
    if (instruction->kernel != &bl__kernel_groups)
        return (bl__operand_range){0, call->input_count};
    const bl__call *member = ((const bl__groups *)call->attributes)->member;
    size_t first = output / member->output_count * member->input_count;
    return (bl__operand_range){first, first + member->input_count};
}

bl__operand_range bl__outputs_beside(const bl__instruction *instruction, size_t output)
{
    const bl__call *call = &instruction->call;
    if (instruction->kernel != &bl__kernel_groups)
        return (bl__operand_range){0, call->output_count};
    size_t own = ((const bl__groups *)call->attributes)->member->output_count;
    return (bl__operand_range){output / own * own, (output / own + 1) * own};
}

/* Whether the kernel reads an element of the input for the last time before, or when, it writes that of the
 * output. Both are of one member, where there are several. */
static bool reads_before(const bl__instruction *instruction, size_t input, size_t output)
{
    const bl__call *call = &instruction->call;
    if (input < BL__IN_PLACE_INPUTS && (instruction->kernel->flags & BL__IN_PLACE_OF(input)))
        return true;
    if (!(instruction->kernel->flags & BL__IN_PLACE))
        return false;
    if (instruction->kernel == &bl__kernel_group)
        return bl__group_reads_before(call->attributes, (int)input, (int)output);
    if (instruction->kernel != &bl__kernel_groups)
        return call->output_count == 1;
    const bl__groups *groups = call->attributes;
    return !groups->is_shared[input] &&
           bl__group_reads_before(groups->steps, (int)(input % groups->member->input_count),
                                  (int)(output % groups->member->output_count));
}

bool bl__may_overwrite(const bl_program *p, const bl__instruction *instruction, size_t root, size_t output)
{
    const bl__call *call = &instruction->call;
    bl__operand_range own = bl__inputs_of(instruction, output);
    bool is_read = false;
    for (size_t i = own.first; i < own.end; i++) {
        const bl__operand *input = call->inputs[i];
        if (p->storages[input->storage].root != root)
            continue;
        if (input->offset != 0 || !bl__same_layout(input, call->outputs[output]) ||
            !reads_before(instruction, i, output))
            return false;
        is_read = true;
    }
    return is_read;
}

/* ---- states ---- */

/* What is known of a storage: what makes it, what reads it last, and how often it is wanted after the run. */
typedef struct use {
    uint32_t instruction; /* + 1; 0 for none */
    uint32_t output;
    uint32_t last_reader; /* + 1 */
    uint32_t wanted;
} use;

typedef struct uses {
    use *of;               /* by storage */
    uint32_t last_failing; /* the last instruction that may fail, + 1 */
} uses;

static void look_at_instructions(const bl_program *p, uses *found)
{
    for (size_t i = 0; i < p->instruction_count; i++) {
        const bl__call *call = &p->instructions[i].call;
        for (size_t k = 0; k < call->input_count; k++)
            found->of[call->inputs[k]->storage].last_reader = (uint32_t)i + 1;
        for (size_t o = 0; o < call->output_count; o++) {
            found->of[call->outputs[o]->storage].instruction = (uint32_t)i + 1;
            found->of[call->outputs[o]->storage].output = (uint32_t)o;
        }
        if (p->instructions[i].kernel->flags & BL__CAN_FAIL)
            found->last_failing = (uint32_t)i + 1;
    }
}

static void look_at_ends(const bl_program *p, uses *found)
{
    for (size_t i = 0; i < p->output_count; i++)
        found->of[p->outputs[i].value->storage].wanted++;
    for (size_t i = 0; i < p->effect_count; i++)
        found->of[p->effects[i].value->storage].wanted++;
}

/* Whether the new value may be written where the old one stands: its effect wants all of it and nothing else
 * does after the run, and no instruction after the one that makes it reads the old one or may fail. */
static bool may_write_state(const bl_program *p, const uses *found, const bl__effect *effect)
{
    const bl__state *state = &p->states[effect->state];
    const bl__storage *storage = &p->storages[effect->value->storage];
    const use *value = &found->of[effect->value->storage];
    if (state->copy || state->drawn || effect->value->dtype != state->parameter->dtype ||
        effect->value->offset != 0 || effect->rows != 1 || effect->run != state->parameter->count ||
        effect->run == 0)
        return false;
    if (!value->instruction || storage->place != BL__WORKSPACE || storage->root != effect->value->storage ||
        value->wanted > 1 || found->last_failing >= value->instruction)
        return false;
    const bl__instruction *instruction = &p->instructions[value->instruction - 1];
    if (instruction->call.outputs[value->output] != effect->value)
        return false;
    uint32_t last_reader = state->read ? found->of[state->storage].last_reader : 0;
    return last_reader < value->instruction ||
           (last_reader == value->instruction &&
            bl__may_overwrite(p, instruction, state->storage, value->output));
}

bool bl__write_states(bl_program *p)
{
    if (p->frozen || p->precision != BL_PRECISION_RECORDED || p->check != BL_CHECK_NOTHING ||
        p->effect_count == 0)
        return true; /* a check may yet refuse what an instruction has made */
    const bl_allocator *a = &p->head.context->allocator;
    uses found = {.of = bl__allocate(a, p->storage_count, sizeof(*found.of))};
    if (!found.of)
        return false;
    look_at_instructions(p, &found);
    look_at_ends(p, &found);
    for (size_t i = 0; i < p->effect_count; i++) {
        bl__effect *effect = &p->effects[i];
        if (!may_write_state(p, &found, effect))
            continue;
        bl__storage *storage = &p->storages[effect->value->storage];
        storage->place = BL__STATE;
        storage->owner = effect->state;
        effect->is_written = true;
    }
    bl__release(a, found.of, p->storage_count, sizeof(*found.of));
    return true;
}
