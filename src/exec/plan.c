/* The memory plan: every workspace storage gets an offset, so that those alive together do not overlap. */
#include "exec/program.h"

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

static bool same_layout(const bl__operand *a, const bl__operand *b)
{
    if (a->count != b->count || a->rank != b->rank ||
        bl_dtype_size((bl_dtype)a->dtype) != bl_dtype_size((bl_dtype)b->dtype))
        return false;
    for (int d = 0; d < a->rank; d++) {
        if (a->size[d] != b->size[d] || (a->size[d] != 1 && a->stride[d] != b->stride[d]))
            return false;
    }
    return true;
}

/* The root of an input's storage over which the output can be written: the input covers it whole in the
 * output's layout, dies here, and no other input reads it in another layout. SIZE_MAX when there is none. */
static size_t in_place(const workspace_planner *planner, const bl__instruction *instruction, int64_t index)
{
    const bl_program *p = planner->program;
    const bl__call *call = &instruction->call;
    if (!(instruction->kernel->flags & BL__IN_PLACE) || call->output_count != 1)
        return SIZE_MAX;
    const bl__operand *output = call->outputs[0];
    size_t bytes = planner->lifetimes[output->storage].bytes;
    for (size_t i = 0; i < call->input_count; i++) {
        size_t root = p->storages[call->inputs[i]->storage].root;
        const bl__lifetime *lifetime = &planner->lifetimes[root];
        bool fits = p->storages[root].place == BL__WORKSPACE && lifetime->last == index &&
                    lifetime->bytes == bytes && bytes > 0;
        for (size_t j = 0; j < call->input_count && fits; j++) {
            const bl__operand *input = call->inputs[j];
            if (p->storages[input->storage].root == root)
                fits = input->offset == 0 && same_layout(input, output);
        }
        if (fits)
            return root;
    }
    return SIZE_MAX;
}

static void place_outputs(workspace_planner *planner, const bl__instruction *instruction, int64_t index)
{
    bl_program *p = planner->program;
    const bl__call *call = &instruction->call;
    size_t reused = in_place(planner, instruction, index);
    for (size_t i = 0; i < call->output_count; i++) {
        bl__storage *storage = &p->storages[call->outputs[i]->storage];
        bl__lifetime *lifetime = &planner->lifetimes[call->outputs[i]->storage];
        if (lifetime->last < index)
            lifetime->last = index; /* an output that nobody reads */
        if (reused != SIZE_MAX) {
            storage->root = (uint32_t)reused;
            planner->lifetimes[reused].last = lifetime->last;
            continue;
        }
        storage->offset = take(planner, rounded(lifetime->bytes));
        planner->live += rounded(lifetime->bytes);
    }
    if (planner->live > planner->bound)
        planner->bound = planner->live;
}

static bool release_dead(workspace_planner *planner, const bl__instruction *instruction, int64_t index)
{
    const bl_program *p = planner->program;
    const bl__call *call = &instruction->call;
    size_t count = (size_t)call->input_count + call->output_count;
    for (size_t i = 0; i < count; i++) { /* outputs follow inputs */
        size_t root = p->storages[call->inputs[i]->storage].root;
        bl__lifetime *lifetime = &planner->lifetimes[root];
        if (p->storages[root].place != BL__WORKSPACE || lifetime->last != index || lifetime->bytes == 0)
            continue;
        lifetime->last = -1; /* dead: a second operand on it does not free it again */
        planner->live -= rounded(lifetime->bytes);
        if (!give(planner, p->storages[root].offset, rounded(lifetime->bytes)))
            return false;
    }
    return true;
}

bool bl__plan(bl_program *program, bl__lifetime *lifetimes)
{
    const bl_allocator *allocator = &program->head.context->allocator;
    workspace_planner planner = {.program = program, .lifetimes = lifetimes, .allocator = allocator};
    bool done = true;
    for (size_t i = 0; i < program->instruction_count && done; i++) {
        place_outputs(&planner, &program->instructions[i], (int64_t)i);
        done = planner.top <= (size_t)INT64_MAX / 2 &&
               release_dead(&planner, &program->instructions[i], (int64_t)i);
    }
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
