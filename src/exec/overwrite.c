/* Where a result may be written over what it is made from: a new value of a state straight into the state,
 * which saves a copy of each and the pass that commits it, and any result over a value that dies with it. */
#include "exec/overwrite.h"
#include "cpu/epilogue.h"
#include "cpu/groups.h"
#include "cpu/kernels.h"

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
    if (instruction->kernel == &bl__kernel_epilogue)
        return bl__epilogue_reads_before(call->attributes, input, output);
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

static void want(bl_program *p, uint32_t storage)
{
    p->storages[storage].is_wanted_twice = p->storages[storage].is_wanted;
    p->storages[storage].is_wanted = true;
}

void bl__find_wanted(bl_program *p)
{
    for (size_t i = 0; i < p->output_count; i++)
        want(p, p->outputs[i].value->storage);
    for (size_t i = 0; i < p->effect_count; i++)
        want(p, p->effects[i].value->storage);
}

/* Positions that an embedding has looked up, and the rows of its table. */
struct looked_up {
    const bl__operand *positions;
    int64_t rows;
};

static void look_up(const bl__call *call, struct looked_up *found)
{
    const bl__operand *positions = call->inputs[1];
    int64_t rows = call->inputs[0]->size[0];
    struct looked_up *own = &found[positions->storage];
    if (own->positions != positions || rows < own->rows)
        *own = (struct looked_up){positions, rows};
}

bool bl__find_failures(bl_program *p)
{
    const bl_allocator *a = &p->head.context->allocator;
    size_t first = 0;
    while (first < p->instruction_count && p->instructions[first].kernel != &bl__kernel_embedding_backward)
        first++;
    if (first == p->instruction_count)
        return true;
    struct looked_up *found = bl__allocate(a, p->storage_count, sizeof(*found));
    for (size_t i = 0; i < p->instruction_count && found; i++) {
        bl__instruction *instruction = &p->instructions[i];
        const bl__call *call = &instruction->call;
        if (instruction->kernel == &bl__kernel_embedding)
            look_up(call, found);
        if (instruction->kernel != &bl__kernel_embedding_backward)
            continue;
        const struct looked_up *own = &found[call->inputs[0]->storage];
        instruction->has_succeeded =
            own->positions == call->inputs[0] && own->rows <= call->outputs[0]->size[0];
    }
    bl__release(a, found, p->storage_count, sizeof(*found));
    return found != NULL;
}

bool bl__may_fail(const bl__instruction *instruction)
{
    return (instruction->kernel->flags & BL__CAN_FAIL) && !instruction->has_succeeded;
}

/* The last instruction that may fail, + 1; 0 for none. */
static size_t end_of_failures(const bl_program *p)
{
    size_t end = p->instruction_count;
    while (end > 0 && !bl__may_fail(&p->instructions[end - 1]))
        end--;
    return end;
}

/* Whether a program may write states before it commits. */
static bool may_write(const bl_program *p)
{
    return !p->frozen && p->precision == BL_PRECISION_RECORDED &&
           p->check == BL_CHECK_NOTHING; /* which may yet refuse what an instruction has made */
}

bool bl__may_become_state(const bl_program *p, const bl__effect *effect)
{
    const bl__state *state = &p->states[effect->state];
    const bl__storage *storage = &p->storages[effect->value->storage];
    if (!may_write(p) || state->copy || state->drawn || effect->value->dtype != state->parameter->dtype ||
        effect->value->offset != 0 || effect->rows != 1 || effect->run != state->parameter->count ||
        effect->run == 0)
        return false;
    return storage->place == BL__WORKSPACE && !storage->is_wanted_twice;
}

/* As which of its outputs an instruction makes a value. */
static size_t output_of(const bl__instruction *instruction, const bl__operand *value)
{
    size_t output = 0;
    while (instruction->call.outputs[output]->storage != value->storage)
        output++;
    return output;
}

/* Whether no instruction from `maker` on fails, none behind it reads the state, and it itself reads each
 * element before it writes it. */
static bool may_write_state(const bl_program *p, const bl__lifetime *lifetimes, const bl__effect *effect,
                            size_t failures)
{
    const bl__state *state = &p->states[effect->state];
    int64_t maker = lifetimes[effect->value->storage].first;
    if (!bl__may_become_state(p, effect) || maker < (int64_t)failures ||
        (state->read && lifetimes[state->storage].last > maker))
        return false;
    const bl__instruction *instruction = &p->instructions[maker];
    return !state->read || lifetimes[state->storage].last < maker ||
           bl__may_overwrite(p, instruction, state->storage, output_of(instruction, effect->value));
}

void bl__write_states(bl_program *p, bl__lifetime *lifetimes)
{
    size_t failures = end_of_failures(p);
    bl__find_uses(p, lifetimes);
    for (size_t i = 0; i < p->effect_count; i++) {
        bl__effect *effect = &p->effects[i];
        if (!may_write_state(p, lifetimes, effect, failures))
            continue;
        bl__storage *storage = &p->storages[effect->value->storage];
        storage->place = BL__STATE;
        storage->owner = effect->state;
        effect->is_written = true;
    }
}

void bl__unwrite_states(bl_program *p)
{
    for (size_t i = 0; i < p->effect_count; i++) {
        bl__effect *effect = &p->effects[i];
        if (effect->is_written)
            p->storages[effect->value->storage].place = BL__WORKSPACE;
        effect->is_written = false;
    }
}
