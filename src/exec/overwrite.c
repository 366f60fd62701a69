/* Where a result may be written over what it is made from: a new value of a state straight into the state,
 * which saves a copy of each and the pass that commits it, and any result over a value that dies with it. */
#include "exec/overwrite.h"
#include "cpu/epilogue.h"

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

/* Whether the kernel reads an element of the input for the last time before, or when, it writes that of the
 * output. */
static bool reads_before(const bl__instruction *instruction, size_t input, size_t output)
{
    if (input < BL__IN_PLACE_INPUTS && (instruction->kernel->flags & BL__IN_PLACE_OF(input)))
        return true;
    if (!(instruction->kernel->flags & BL__IN_PLACE))
        return false;
    if (instruction->kernel == &bl__kernel_epilogue)
        return bl__epilogue_reads_before(instruction->call.attributes, input, output);
    return instruction->kernel == &bl__kernel_group
               ? bl__group_reads_before(instruction->call.attributes, (int)input, (int)output)
               : instruction->call.output_count == 1;
}

bool bl__may_overwrite(const bl_program *p, const bl__instruction *instruction, size_t root, size_t output)
{
    const bl__call *call = &instruction->call;
    for (size_t i = 0; i < call->input_count; i++) {
        const bl__operand *input = call->inputs[i];
        if (p->storages[input->storage].root == root &&
            (input->offset != 0 || !bl__same_layout(input, call->outputs[output]) ||
             !reads_before(instruction, i, output)))
            return false;
    }
    return true;
}

/* ---- states ---- */

/* The instruction that computes a value, and as which of its outputs. */
typedef struct origin {
    size_t instruction, output;
} origin;

static bool find_origin(const bl_program *p, const bl__operand *value, origin *found)
{
    for (size_t i = p->instruction_count; i-- > 0;) {
        const bl__call *call = &p->instructions[i].call;
        for (size_t o = 0; o < call->output_count; o++) {
            if (call->outputs[o] != value)
                continue;
            *found = (origin){i, o};
            return true;
        }
    }
    return false;
}

/* Whether anything after the run looks at a storage besides one effect. */
static bool is_wanted_after(const bl_program *p, uint32_t storage, const bl__effect *apart_from)
{
    for (size_t i = 0; i < p->output_count; i++) {
        if (p->outputs[i].value->storage == storage)
            return true;
    }
    for (size_t i = 0; i < p->effect_count; i++) {
        if (&p->effects[i] != apart_from && p->effects[i].value->storage == storage)
            return true;
    }
    return false;
}

/* Whether an instruction may fail, or reads the state, after the new value is there. */
static bool is_disturbed(const bl_program *p, const bl__state *state, size_t instruction)
{
    for (size_t i = instruction + 1; i < p->instruction_count; i++) {
        const bl__call *call = &p->instructions[i].call;
        if (p->instructions[i].kernel->flags & BL__CAN_FAIL)
            return true;
        for (size_t k = 0; k < call->input_count && state->read; k++) {
            if (call->inputs[k]->storage == state->storage)
                return true;
        }
    }
    return false;
}

static bool may_write_state(const bl_program *p, const bl__effect *effect, const origin *from)
{
    const bl__state *state = &p->states[effect->state];
    const bl__storage *storage = &p->storages[effect->value->storage];
    const bl__instruction *instruction = &p->instructions[from->instruction];
    if (state->copy || state->drawn || effect->value->dtype != state->parameter->dtype ||
        effect->value->offset != 0 || effect->rows != 1 || effect->run != state->parameter->count ||
        effect->run == 0)
        return false;
    if (storage->place != BL__WORKSPACE || storage->root != effect->value->storage ||
        (instruction->kernel->flags & BL__CAN_FAIL) || is_wanted_after(p, effect->value->storage, effect) ||
        is_disturbed(p, state, from->instruction))
        return false;
    return !state->read || bl__may_overwrite(p, instruction, state->storage, from->output);
}

void bl__write_states(bl_program *p)
{
    if (p->frozen || p->precision != BL_PRECISION_RECORDED || p->check != BL_CHECK_NOTHING)
        return; /* a check may yet refuse what an instruction has made */
    for (size_t i = 0; i < p->effect_count; i++) {
        bl__effect *effect = &p->effects[i];
        origin from;
        if (!find_origin(p, effect->value, &from) || !may_write_state(p, effect, &from))
            continue;
        bl__storage *storage = &p->storages[effect->value->storage];
        storage->place = BL__STATE;
        storage->owner = effect->state;
        effect->is_written = true;
    }
}
