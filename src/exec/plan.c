/* The memory plan: every workspace storage gets an offset, so that those alive together do not overlap. */
#include "exec/plan.h"
#include "exec/overwrite.h"
#include "exec/place.h"
#include "exec/strand.h"

#include <string.h>

size_t bl__block_bytes(size_t bytes)
{
    return (bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
}

bool bl__is_root(const bl_program *p, size_t storage)
{
    return p->storages[storage].place == BL__WORKSPACE && p->storages[storage].root == storage;
}

/* ---- lifetimes ---- */

/* The storage over which an output can be written: it is as large, dies here, and no earlier output took it;
 * what runs at the same time may be reading it. SIZE_MAX when there is none. */
static size_t in_place(const bl_program *p, const bl__lifetime *lifetimes, const bl__instruction *instruction,
                       int64_t index, size_t output)
{
    const bl__call *call = &instruction->call;
    size_t bytes = lifetimes[call->outputs[output]->storage].bytes;
    bl__operand_range inputs = bl__inputs_of(instruction, output),
                      outputs = bl__outputs_beside(instruction, output);
    bool may = (instruction->kernel->flags & BL__IN_PLACE_ANY) && !instruction->is_beside && bytes > 0;
    for (size_t i = inputs.first; i < inputs.end && may; i++) {
        size_t root = p->storages[call->inputs[i]->storage].root;
        const bl__lifetime *lifetime = &lifetimes[root];
        bool free =
            p->storages[root].place == BL__WORKSPACE && lifetime->last == index && lifetime->bytes == bytes;
        for (size_t o = outputs.first; o < output && free; o++)
            free = p->storages[call->outputs[o]->storage].root != root;
        if (free && bl__may_overwrite(p, instruction, root, output))
            return root;
    }
    return SIZE_MAX;
}

/* Finds out which storages live on in the memory of another. */
static void join_lifetimes(bl_program *p, bl__lifetime *lifetimes)
{
    for (size_t i = 0; i < p->instruction_count; i++) {
        const bl__call *call = &p->instructions[i].call;
        for (size_t o = 0; o < call->output_count; o++) {
            size_t own = call->outputs[o]->storage;
            if (p->storages[own].place != BL__WORKSPACE)
                continue;
            size_t root = in_place(p, lifetimes, &p->instructions[i], (int64_t)i, o);
            if (root == SIZE_MAX)
                continue;
            p->storages[own].root = (uint32_t)root;
            lifetimes[root].last = lifetimes[own].last;
        }
    }
}

/* Has a storage outlive the run. */
static void keep(bl__lifetime *lifetimes, const bl__operand *value)
{
    lifetimes[value->storage].last = INT64_MAX;
    lifetimes[value->storage].is_kept = true;
}

void bl__find_uses(bl_program *p, bl__lifetime *lifetimes)
{
    for (size_t i = 0; i < p->storage_count; i++) {
        p->storages[i].root = (uint32_t)i;
        lifetimes[i] = (bl__lifetime){.bytes = lifetimes[i].bytes, .first = -1, .last = -1};
    }
    for (size_t i = 0; i < p->instruction_count; i++) {
        const bl__call *call = &p->instructions[i].call;
        for (size_t k = 0; k < call->input_count; k++)
            lifetimes[call->inputs[k]->storage].last = (int64_t)i;
        for (size_t k = 0; k < call->output_count; k++) {
            bl__lifetime *output = &lifetimes[call->outputs[k]->storage];
            output->first = output->last = (int64_t)i;
        }
    }
    for (size_t i = 0; i < p->output_count; i++)
        keep(lifetimes, p->outputs[i].value);
    for (size_t i = 0; i < p->effect_count; i++)
        keep(lifetimes, p->effects[i].value);
}

void bl__find_lifetimes(bl_program *p, bl__lifetime *lifetimes)
{
    bl__find_uses(p, lifetimes);
    join_lifetimes(p, lifetimes);
    bl__lengthen_lifetimes(p, lifetimes);
}

/* ---- blocks ---- */

/* The block of a storage; of 0 bytes where it has none of its own. */
static bl__block block_of(const bl_program *p, const bl__lifetime *lifetimes, size_t storage)
{
    const bl__lifetime *lifetime = &lifetimes[storage];
    int64_t end = (int64_t)p->instruction_count - 1;
    if (!bl__is_root(p, storage) || lifetime->first < 0)
        return (bl__block){.bytes = 0};
    return (bl__block){.bytes = bl__block_bytes(lifetime->bytes),
                       .first = lifetime->first,
                       .last = lifetime->last < end ? lifetime->last : end};
}

size_t bl__count_alive(const bl_program *p, const bl__lifetime *lifetimes, int64_t *alive)
{
    memset(alive, 0, p->instruction_count * sizeof(*alive));
    for (size_t i = 0; i < p->storage_count; i++) {
        bl__block block = block_of(p, lifetimes, i);
        if (block.bytes == 0)
            continue;
        alive[block.first] += (int64_t)block.bytes;
        if (block.last + 1 < (int64_t)p->instruction_count)
            alive[block.last + 1] -= (int64_t)block.bytes;
    }
    int64_t most = 0;
    for (size_t i = 0; i < p->instruction_count; i++) {
        alive[i] += i > 0 ? alive[i - 1] : 0;
        most = alive[i] > most ? alive[i] : most;
    }
    return (size_t)most;
}

bool bl__sizes_fit(const bl_program *p, const bl__lifetime *lifetimes)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->storage_count; i++) {
        if (lifetimes[i].bytes > (size_t)INT64_MAX / 4)
            return false;
        sum += bl__is_root(p, i) ? bl__block_bytes(lifetimes[i].bytes) : 0;
        if (sum > (size_t)INT64_MAX / 2)
            return false;
    }
    return true;
}

/* Takes the blocks' places over. */
static bool place(bl_program *p, const bl__lifetime *lifetimes, bl__block *blocks, uint32_t *storages)
{
    size_t count = 0;
    for (size_t i = 0; i < p->storage_count; i++) {
        bl__block block = block_of(p, lifetimes, i);
        if (block.bytes == 0)
            continue;
        storages[count] = (uint32_t)i;
        blocks[count++] = block;
    }
    if (!bl__place_blocks(&p->head.context->allocator, blocks, count, p->bound_bytes, &p->planned_bytes))
        return false;
    for (size_t i = 0; i < count; i++)
        p->storages[storages[i]].offset = blocks[i].offset;
    return true;
}

bool bl__plan(bl_program *p, bl__lifetime *lifetimes)
{
    const bl_allocator *allocator = &p->head.context->allocator;
    size_t instructions = p->instruction_count, storages = p->storage_count;
    p->planned_bytes = p->bound_bytes = 0;
    bl__find_lifetimes(p, lifetimes);
    if (!bl__sizes_fit(p, lifetimes))
        return false;
    if (instructions == 0)
        return true;
    int64_t *alive = bl__allocate(allocator, instructions, sizeof(*alive));
    bl__block *blocks = bl__allocate(allocator, storages, sizeof(*blocks));
    uint32_t *owners = bl__allocate(allocator, storages, sizeof(*owners));
    bool done = alive && blocks && owners;
    if (done) {
        p->bound_bytes = bl__count_alive(p, lifetimes, alive);
        done = place(p, lifetimes, blocks, owners);
    }
    bl__release(allocator, alive, instructions, sizeof(*alive));
    bl__release(allocator, blocks, storages, sizeof(*blocks));
    bl__release(allocator, owners, storages, sizeof(*owners));
    return done;
}
