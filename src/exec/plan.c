/* The memory plan: every workspace storage gets an offset, so that those alive together do not overlap.
 *
 * First in the order of the instructions, each storage into the smallest gap that is there when it is needed.
 * Where that takes more than what is alive at once, the largest storage first, each as low as those that live
 * at the same time let it; the better of the two is kept. */
#include "exec/overwrite.h"

#include <string.h>

enum {
    MOST_BY_SIZE = 4096 /* storages: the second way takes time with their square */
};

/* A free range of the workspace. */
typedef struct range {
    size_t offset, bytes;
} range;

/* The free ranges in the order of their offsets, none touching the next; beyond `top` everything is free. */
typedef struct workspace_planner {
    bl_program *program;
    bl__lifetime *lifetimes; /* by storage */
    const bl_allocator *allocator;
    range *ranges;
    size_t count, capacity;
    size_t top;
    size_t live, bound; /* bytes alive now, and the most there were */
} workspace_planner;

static size_t rounded(size_t bytes)
{
    return (bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
}

/* The smallest free range that is large enough, or new room at the top. */
static size_t take(workspace_planner *p, size_t bytes)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < p->count; i++) {
        if (p->ranges[i].bytes >= bytes && (best == SIZE_MAX || p->ranges[i].bytes < p->ranges[best].bytes))
            best = i;
    }
    if (best == SIZE_MAX) {
        size_t offset = p->top;
        p->top += bytes;
        return offset;
    }
    size_t offset = p->ranges[best].offset;
    p->ranges[best].offset += bytes;
    p->ranges[best].bytes -= bytes;
    if (p->ranges[best].bytes == 0) {
        for (size_t i = best + 1; i < p->count; i++)
            p->ranges[i - 1] = p->ranges[i];
        p->count--;
    }
    return offset;
}

/* Gives a range back, joined with its neighbours. False without memory. */
static bool give(workspace_planner *p, size_t offset, size_t bytes)
{
    size_t at = p->count;
    while (at > 0 && p->ranges[at - 1].offset > offset)
        at--;
    bool joins_left = at > 0 && p->ranges[at - 1].offset + p->ranges[at - 1].bytes == offset;
    bool joins_right = at < p->count && offset + bytes == p->ranges[at].offset;
    if (joins_left && joins_right) {
        p->ranges[at - 1].bytes += bytes + p->ranges[at].bytes;
        for (size_t i = at + 1; i < p->count; i++)
            p->ranges[i - 1] = p->ranges[i];
        p->count--;
    } else if (joins_left) {
        p->ranges[at - 1].bytes += bytes;
    } else if (joins_right) {
        p->ranges[at].offset = offset;
        p->ranges[at].bytes += bytes;
    } else {
        if (p->count == p->capacity && !bl__grow(p->allocator, &p->ranges, &p->capacity, sizeof(*p->ranges)))
            return false;
        for (size_t i = p->count; i > at; i--)
            p->ranges[i] = p->ranges[i - 1];
        p->ranges[at] = (range){offset, bytes};
        p->count++;
    }
    return true;
}

/* ---- lifetimes ---- */

/* The storage over which an output can be written: it is as large, dies here, and no earlier output took it.
 * SIZE_MAX when there is none. */
static size_t in_place(const bl_program *p, bl__lifetime *lifetimes, const bl__instruction *instruction,
                       int64_t index, size_t output)
{
    const bl__call *call = &instruction->call;
    size_t bytes = lifetimes[call->outputs[output]->storage].bytes;
    bl__operand_range inputs = bl__inputs_of(instruction, output),
                      outputs = bl__outputs_beside(instruction, output);
    bool may = (instruction->kernel->flags & BL__IN_PLACE_ANY) && bytes > 0;
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

/* Finds out where every storage begins to live, and which live on in the memory of another. */
static void settle_lifetimes(bl_program *p, bl__lifetime *lifetimes)
{
    for (size_t i = 0; i < p->instruction_count; i++) {
        const bl__call *call = &p->instructions[i].call;
        for (size_t o = 0; o < call->output_count; o++) {
            size_t own = call->outputs[o]->storage;
            bl__lifetime *lifetime = &lifetimes[own];
            if (p->storages[own].place != BL__WORKSPACE)
                continue;
            lifetime->first = (int64_t)i;
            if (lifetime->last < (int64_t)i)
                lifetime->last = (int64_t)i; /* an output that nobody reads */
            size_t root = in_place(p, lifetimes, &p->instructions[i], (int64_t)i, o);
            if (root == SIZE_MAX)
                continue;
            p->storages[own].root = (uint32_t)root;
            lifetimes[root].last = lifetime->last;
        }
    }
}

/* ---- in the order of the instructions ---- */

static bool is_root(const bl_program *p, size_t storage)
{
    return p->storages[storage].place == BL__WORKSPACE && p->storages[storage].root == storage;
}

static void place_outputs(workspace_planner *planner, const bl__call *call)
{
    bl_program *p = planner->program;
    for (size_t i = 0; i < call->output_count; i++) {
        size_t own = call->outputs[i]->storage;
        if (!is_root(p, own))
            continue;
        size_t bytes = rounded(planner->lifetimes[own].bytes);
        p->storages[own].offset = take(planner, bytes);
        planner->live += bytes;
    }
    if (planner->live > planner->bound)
        planner->bound = planner->live;
}

static bool release_dead(workspace_planner *planner, const bl__call *call, int64_t index)
{
    const bl_program *p = planner->program;
    size_t count = (size_t)call->input_count + call->output_count;
    for (size_t i = 0; i < count; i++) { /* outputs follow inputs */
        size_t root = p->storages[call->inputs[i]->storage].root;
        bl__lifetime *lifetime = &planner->lifetimes[root];
        if (lifetime->is_free || p->storages[root].place != BL__WORKSPACE || lifetime->last != index ||
            lifetime->bytes == 0)
            continue;
        lifetime->is_free = true; /* a second operand on it does not free it again */
        planner->live -= rounded(lifetime->bytes);
        if (!give(planner, p->storages[root].offset, rounded(lifetime->bytes)))
            return false;
    }
    return true;
}

static bool plan_by_time(workspace_planner *planner)
{
    const bl_program *p = planner->program;
    for (size_t i = 0; i < p->instruction_count; i++) {
        place_outputs(planner, &p->instructions[i].call);
        if (planner->top > (size_t)INT64_MAX / 2 ||
            !release_dead(planner, &p->instructions[i].call, (int64_t)i))
            return false;
    }
    return true;
}

/* ---- by size ---- */

/* A root storage, and where it is put. */
typedef struct block {
    size_t storage, offset;
} block;

/* The blocks by size, the largest first, and among equals in their order. */
static void sort_by_size(const workspace_planner *planner, block *blocks, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        block moved = blocks[i];
        size_t at = i, bytes = planner->lifetimes[moved.storage].bytes;
        for (; at > 0 && planner->lifetimes[blocks[at - 1].storage].bytes < bytes; at--)
            blocks[at] = blocks[at - 1];
        blocks[at] = moved;
    }
}

static bool meet(const bl__lifetime *a, const bl__lifetime *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Where a storage fits lowest among the first `count` blocks, which are in the order of their offsets. */
static size_t lowest_gap(const workspace_planner *planner, const block *blocks, size_t count, size_t storage)
{
    const bl__lifetime *own = &planner->lifetimes[storage];
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const bl__lifetime *other = &planner->lifetimes[blocks[i].storage];
        if (!meet(own, other))
            continue;
        if (blocks[i].offset >= at + rounded(own->bytes))
            break;
        size_t end = blocks[i].offset + rounded(other->bytes);
        at = end > at ? end : at;
    }
    return at;
}

/* Puts the blocks in their places; how many bytes that takes. They end in the order of their offsets. */
static size_t place_by_size(const workspace_planner *planner, block *blocks, size_t count)
{
    size_t top = 0;
    sort_by_size(planner, blocks, count);
    for (size_t i = 0; i < count; i++) {
        block placed = blocks[i];
        placed.offset = lowest_gap(planner, blocks, i, placed.storage);
        size_t end = placed.offset + rounded(planner->lifetimes[placed.storage].bytes), at = i;
        top = end > top ? end : top;
        for (; at > 0 && blocks[at - 1].offset > placed.offset; at--)
            blocks[at] = blocks[at - 1];
        blocks[at] = placed;
    }
    return top;
}

/* Tries the second way, and keeps it if it takes less. False without memory. */
static bool plan_by_size(workspace_planner *planner)
{
    bl_program *p = planner->program;
    size_t count = 0;
    for (size_t i = 0; i < p->storage_count; i++)
        count += is_root(p, i) && planner->lifetimes[i].bytes > 0;
    if (count > MOST_BY_SIZE)
        return true;
    block *blocks = bl__allocate(planner->allocator, count, sizeof(*blocks));
    if (!blocks)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < p->storage_count; i++) {
        if (is_root(p, i) && planner->lifetimes[i].bytes > 0)
            blocks[at++] = (block){.storage = i};
    }
    size_t top = place_by_size(planner, blocks, count);
    for (size_t i = 0; i < count && top < planner->top; i++)
        p->storages[blocks[i].storage].offset = blocks[i].offset;
    planner->top = top < planner->top ? top : planner->top;
    bl__release(planner->allocator, blocks, count, sizeof(*blocks));
    return true;
}

bool bl__plan(bl_program *program, bl__lifetime *lifetimes)
{
    const bl_allocator *allocator = &program->head.context->allocator;
    workspace_planner planner = {.program = program, .lifetimes = lifetimes, .allocator = allocator};
    settle_lifetimes(program, lifetimes);
    bool done = plan_by_time(&planner) && (planner.top == planner.bound || plan_by_size(&planner));
    bl__release(allocator, planner.ranges, planner.capacity, sizeof(*planner.ranges));
    program->planned_bytes = planner.top;
    program->bound_bytes = planner.bound;
    if (done && planner.top + program->scratch_bytes > 0) {
        program->workspace = bl__allocate_data(allocator, planner.top + program->scratch_bytes);
        done = program->workspace != NULL;
        if (done)
            program->environment.scratch = program->workspace + planner.top;
    }
    if (!done)
        bl__program_fail(program, BL_ERR_MEMORY, "compile", "no memory for a workspace of %zu bytes",
                         planner.top + program->scratch_bytes);
    return done;
}
