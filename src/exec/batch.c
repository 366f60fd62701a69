/* Making element-wise instructions of the same steps one.
 *
 * One walk gives every instruction a turn. An instruction with the steps of an earlier one takes the turn of
 * that one where everything that it reads has been made before; any other has a turn of its own, after all so
 * far. So instructions only move towards the beginning, and nothing that they wait for is behind them. Those
 * of one turn are independent, and become one.
 *
 * What moves must not cost more than it saves: values that die within the run live longer where they are made
 * earlier, so only small ones may; and a new value of a state must still be written where the old one stands
 * (overwrite.h), so it does not move past what reads the state or may fail. */
#include "exec/batch.h"
#include "cpu/groups.h"
#include "graph/hash.h"

#include <stdio.h>
#include <string.h>

enum {
    SMALL_BYTES = 1 << 16, /* of all values of a batch that die within the run */
    LEAST_STEPS = 8,       /* fewer steps of all members, ... */
    FEW = 3                /* ... of so few, are as quick apart */
};

/* What is known of a storage on the way. */
typedef struct trace {
    uint32_t turn;  /* + 1: when it is made, or for a state read for the last time so far */
    uint32_t state; /* the storage of the state that it is to be written to, + 1; 0 for none ... */
    bool is_new;    /* ... or where nothing reads the state */
} trace;

/* Instructions that have one turn. */
typedef struct batch {
    const bl__candidate *first;
    uint32_t turn;
    size_t count, small_bytes;
} batch;

typedef struct batching {
    bl__lowering *l;
    bl_program *program;
    trace *traces;              /* by storage */
    uint32_t *turns;            /* by instruction */
    bl__candidate **candidates; /* by instruction; NULL for the others */
    uint32_t *latest;           /* open addressing by steps: index of the latest batch + 1 */
    batch *batches;
    size_t latest_size, batch_count, joined;
    uint32_t turn_count, last_failing; /* turn + 1 */
} batching;

/* ---- steps ---- */

static uint64_t mix_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    for (uint64_t word = 0; bytes > 0; word = 0) {
        size_t n = bytes < sizeof(word) ? bytes : sizeof(word);
        memcpy(&word, from, n);
        hash = bl__mix(hash, word);
        from += n;
        bytes -= n;
    }
    return hash;
}

static uint64_t hash_of(const bl__group *steps, const bl__call *call)
{
    uint64_t hash = bl__mix((uint64_t)steps->step_count, steps->reducer ? steps->reduced + 1 : 0);
    for (int64_t s = 0; s < steps->step_count; s++) {
        const bl__step *step = &steps->step[s];
        hash = mix_bytes(hash, &step->tile, sizeof(step->tile));
        hash = mix_bytes(hash, step->input, sizeof(step->input));
        hash = bl__mix(hash, step->is_output);
        hash = mix_bytes(hash, step->attributes, step->attribute_bytes);
    }
    for (uint32_t k = 0; k < call->input_count; k++)
        hash = bl__mix(hash, call->inputs[k]->dtype);
    return hash;
}

static bool same_step(const bl__step *a, const bl__step *b)
{
    return a->tile == b->tile && a->input_count == b->input_count &&
           memcmp(a->input, b->input, sizeof(a->input)) == 0 && a->bytes == b->bytes &&
           a->is_output == b->is_output && a->attribute_bytes == b->attribute_bytes &&
           (a->attribute_bytes == 0 || memcmp(a->attributes, b->attributes, a->attribute_bytes) == 0);
}

static bool same_steps(const bl_program *p, const bl__candidate *a, const bl__candidate *b)
{
    const bl__call *left = &p->instructions[a->instruction].call,
                   *right = &p->instructions[b->instruction].call;
    const bl__group *own = a->steps, *other = b->steps;
    bool same = a->hash == b->hash && own->step_count == other->step_count &&
                own->reducer == other->reducer && (!own->reducer || own->reduced == other->reduced) &&
                left->input_count == right->input_count && left->output_count == right->output_count;
    for (int64_t s = 0; s < own->step_count && same; s++)
        same = same_step(&own->step[s], &other->step[s]);
    for (uint32_t k = 0; k < left->input_count && same; k++)
        same = left->inputs[k]->dtype == right->inputs[k]->dtype;
    return same;
}

bool bl__notes_steps(const bl__lowering *l)
{
    return l->fuse && l->program->check == BL_CHECK_NOTHING;
}

/* Whether all of its attributes were counted. */
static bool can_be_compared(const bl__group *steps)
{
    bool can = true;
    for (int64_t s = 0; s < steps->step_count; s++)
        can = can && steps->step[s].attribute_bytes < UINT16_MAX;
    return can;
}

bool bl__note_steps(bl__lowering *l, const bl__group *steps)
{
    size_t instruction = l->program->instruction_count - 1;
    if (!bl__notes_steps(l) || !can_be_compared(steps) || instruction >= UINT32_MAX - 1)
        return true;
    if (l->candidate_count == l->candidate_capacity &&
        !bl__grow(l->allocator, &l->candidates, &l->candidate_capacity, sizeof(*l->candidates)))
        return false;
    l->candidates[l->candidate_count++] =
        (bl__candidate){.steps = steps,
                        .hash = hash_of(steps, &l->program->instructions[instruction].call),
                        .instruction = (uint32_t)instruction};
    return true;
}

/* ---- turns ---- */

/* Bytes of outputs that die within the run. */
static size_t passing_bytes(const bl__lowering *l, const bl__call *call)
{
    size_t bytes = 0;
    for (uint32_t o = 0; o < call->output_count; o++) {
        const bl__lifetime *lifetime = &l->lifetimes[call->outputs[o]->storage];
        bytes += lifetime->is_kept ? 0 : lifetime->bytes;
    }
    return bytes;
}

/* The place of a candidate's steps in the table. */
static uint32_t *latest_of(const batching *b, const bl__candidate *candidate)
{
    size_t at = candidate->hash & (b->latest_size - 1);
    while (b->latest[at] && !same_steps(b->program, b->batches[b->latest[at] - 1].first, candidate))
        at = (at + 1) & (b->latest_size - 1);
    return &b->latest[at];
}

/* Whether an instruction may run at a turn that has been given already. */
static bool may_run_at(const batching *b, const bl__call *call, uint32_t turn)
{
    for (uint32_t k = 0; k < call->input_count; k++) {
        uint32_t storage = call->inputs[k]->storage;
        if (b->program->storages[storage].place == BL__WORKSPACE && b->traces[storage].turn > turn)
            return false;
    }
    for (uint32_t o = 0; o < call->output_count; o++) {
        const trace *output = &b->traces[call->outputs[o]->storage];
        if ((output->state && b->traces[output->state - 1].turn > turn + 1) ||
            ((output->state || output->is_new) && b->last_failing > turn + 1))
            return false;
    }
    return true;
}

/* Puts a candidate into a batch, which may be its own. */
static void find_batch(batching *b, bl__candidate *candidate)
{
    const bl__call *call = &b->program->instructions[candidate->instruction].call;
    size_t bytes = passing_bytes(b->l, call);
    uint32_t *latest = latest_of(b, candidate);
    batch *open = *latest ? &b->batches[*latest - 1] : NULL;
    if (open && open->small_bytes + bytes <= SMALL_BYTES && may_run_at(b, call, open->turn)) {
        open->count++;
        open->small_bytes += bytes;
        b->joined++;
    } else {
        b->batches[b->batch_count++] =
            (batch){.first = candidate, .turn = b->turn_count++, .count = 1, .small_bytes = bytes};
        *latest = (uint32_t)b->batch_count;
    }
    candidate->batch = *latest;
    b->turns[candidate->instruction] = b->batches[*latest - 1].turn;
}

static void trace_operands(batching *b, const bl__instruction *instruction, uint32_t turn)
{
    const bl__call *call = &instruction->call;
    for (uint32_t k = 0; k < call->input_count; k++) {
        trace *input = &b->traces[call->inputs[k]->storage];
        if (b->program->storages[call->inputs[k]->storage].place == BL__STATE && input->turn < turn + 1)
            input->turn = turn + 1;
    }
    for (uint32_t o = 0; o < call->output_count; o++)
        b->traces[call->outputs[o]->storage].turn = turn + 1;
    if (instruction->kernel->flags & BL__CAN_FAIL)
        b->last_failing = turn + 1;
}

static void give_turns(batching *b)
{
    const bl_program *p = b->program;
    bl__candidate *next = b->l->candidates, *end = next + b->l->candidate_count;
    for (size_t i = 0; i < p->effect_count; i++) {
        const bl__state *state = &p->states[p->effects[i].state];
        trace *value = &b->traces[p->effects[i].value->storage];
        value->state = state->read ? (uint32_t)state->storage + 1 : 0;
        value->is_new = !state->read;
    }
    for (size_t i = 0; i < p->instruction_count; i++) {
        if (next < end && next->instruction == i)
            find_batch(b, b->candidates[i] = next++);
        else
            b->turns[i] = b->turn_count++;
        trace_operands(b, &p->instructions[i], b->turns[i]);
    }
}

/* ---- one instruction for several ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The members' name with their number; what else is said of them is where it is the same of all. */
static const bl__instruction_name *name_of(const batching *b, const uint32_t *order, size_t count)
{
    char text[192];
    bl_program *p = b->program;
    const bl__instruction_name *first = p->instructions[order[0]].name;
    bl__instruction_name *name = bl__arena_take(&p->arena, sizeof(*name));
    snprintf(text, sizeof(text), "%s x %zu", first->op, count);
    const char *op = bl__arena_string(&p->arena, text);
    if (!name || !op)
        return NULL;
    *name = *first;
    name->op = op;
    for (size_t i = 1; i < count; i++) {
        const bl__instruction_name *other = p->instructions[order[i]].name;
        if (!same_text(other->label, first->label))
            name->label = NULL;
        if (!same_text(other->scope, first->scope))
            name->scope = NULL;
    }
    return name;
}

/* What becomes of the program's instructions. */
typedef struct emission {
    const batching *b;
    bl__instruction *instructions;
    bl__operand **operands;
    size_t instruction_count, operand_count;
    uint32_t *order;  /* of the old ones, by turns */
    uint32_t *reader; /* by storage: the member that reads it, + 1; 0 but while a batch is looked at */
} emission;

/* Appends operands, and returns where they stand. */
static bl__operand **emit_operands(emission *e, bl__operand *const *operands, size_t count)
{
    bl__operand **to = e->operands + e->operand_count;
    for (size_t i = 0; i < count; i++)
        to[i] = operands[i];
    e->operand_count += count;
    return to;
}

static void emit_one(emission *e, const bl__instruction *instruction)
{
    bl__instruction *to = &e->instructions[e->instruction_count++];
    const bl__call *call = &instruction->call;
    *to = *instruction;
    to->call.inputs = emit_operands(e, call->inputs, call->input_count);
    to->call.outputs = emit_operands(e, call->outputs, call->output_count);
}

/* Marks the inputs that another member reads too. */
static void find_shared(emission *e, const bl__groups *groups, bool *is_shared)
{
    const uint32_t several = UINT32_MAX;
    for (size_t i = 0; i < groups->member_count; i++) {
        const bl__call *call = &groups->member[i];
        for (uint32_t k = 0; k < call->input_count; k++) {
            uint32_t *reader = &e->reader[call->inputs[k]->storage];
            *reader = *reader == 0 || *reader == i + 1 ? (uint32_t)i + 1 : several;
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < groups->member_count; i++) {
        for (uint32_t k = 0; k < groups->member[i].input_count; k++)
            is_shared[at++] = e->reader[groups->member[i].inputs[k]->storage] == several;
    }
    for (size_t i = 0; i < groups->member_count; i++) {
        for (uint32_t k = 0; k < groups->member[i].input_count; k++)
            e->reader[groups->member[i].inputs[k]->storage] = 0;
    }
}

/* A member's call of its own, prepared as a group where it was a single op. */
static bool make_member(bl_program *p, const bl__instruction *instruction, const bl__group *steps,
                        bl__call *member)
{
    const bl__call *call = &instruction->call;
    size_t count = (size_t)call->input_count + call->output_count, scratch = 0;
    bl__operand **operands = bl__arena_take(&p->arena, count * sizeof(bl__operand *));
    if (!operands)
        return false;
    memcpy(operands, call->inputs, count * sizeof(bl__operand *)); /* outputs follow inputs */
    *member = *call;
    member->attributes = steps;
    member->inputs = operands;
    member->outputs = operands + call->input_count;
    return instruction->kernel == &bl__kernel_group ||
           bl__kernel_group.prepare(member, &p->arena, &scratch) == BL_OK;
}

/* The attributes of the instruction for instructions order[0 .. count-1]; NULL without memory. */
static bl__groups *make_groups(emission *e, const uint32_t *order, size_t count)
{
    const batching *b = e->b;
    bl_program *p = b->program;
    size_t inputs = count * p->instructions[order[0]].call.input_count;
    bl__groups *groups = bl__arena_take(&p->arena, sizeof(*groups));
    bl__call *members = bl__arena_take(&p->arena, count * sizeof(*members));
    bool *is_shared = bl__arena_take(&p->arena, inputs * sizeof(*is_shared));
    if (!groups || !members || !is_shared)
        return NULL;
    *groups = (bl__groups){b->candidates[order[0]]->steps, count, members, is_shared};
    for (size_t i = 0; i < count; i++) {
        if (!make_member(p, &p->instructions[order[i]], b->candidates[order[i]]->steps, &members[i]))
            return NULL;
    }
    find_shared(e, groups, is_shared);
    return groups;
}

/* Appends one instruction for several. */
static bool emit_batch(emission *e, const uint32_t *order, size_t count)
{
    bl_program *p = e->b->program;
    const bl__groups *groups = make_groups(e, order, count);
    const bl__instruction_name *name = name_of(e->b, order, count);
    if (!groups || !name)
        return false;
    bl__instruction *to = &e->instructions[e->instruction_count++];
    const bl__call *first = &groups->member[0];
    *to = (bl__instruction){.kernel = &bl__kernel_groups,
                            .call = {.attributes = groups,
                                     .environment = &p->environment,
                                     .input_count = (uint32_t)count * first->input_count,
                                     .output_count = (uint32_t)count * first->output_count},
                            .name = name};
    to->call.inputs = e->operands + e->operand_count;
    for (size_t i = 0; i < count; i++)
        emit_operands(e, groups->member[i].inputs, first->input_count);
    to->call.outputs = e->operands + e->operand_count;
    for (size_t i = 0; i < count; i++)
        emit_operands(e, groups->member[i].outputs, first->output_count);
    return bl__prepare_instruction(p, to);
}

/* The instructions by turns, those of one in their order. */
static void sort_by_turn(const batching *b, uint32_t *order, uint32_t *begin)
{
    for (size_t i = 0; i < b->program->instruction_count; i++)
        begin[b->turns[i] + 1]++;
    for (uint32_t turn = 0; turn < b->turn_count; turn++)
        begin[turn + 1] += begin[turn];
    for (size_t i = 0; i < b->program->instruction_count; i++)
        order[begin[b->turns[i]]++] = (uint32_t)i;
}

static bool pays(const batching *b, const uint32_t *order, size_t count)
{
    return count > FEW ||
           (count > 1 && b->candidates[order[0]]->steps->step_count * (int64_t)count >= LEAST_STEPS);
}

/* Appends everything; false without memory. */
static bool emit_all(emission *e)
{
    const batching *b = e->b;
    size_t all = b->program->instruction_count, end;
    for (size_t i = 0; i < all; i = end) {
        for (end = i + 1; end < all && b->turns[e->order[end]] == b->turns[e->order[i]];)
            end++;
        if (pays(b, &e->order[i], end - i)) {
            if (!emit_batch(e, &e->order[i], end - i))
                return false;
            continue;
        }
        for (size_t k = i; k < end; k++)
            emit_one(e, &b->program->instructions[e->order[k]]);
    }
    return true;
}

/* Puts what was emitted in the place of what was there. */
static void replace(emission *e, size_t instructions, size_t operands)
{
    bl_program *p = e->b->program;
    const bl_allocator *a = e->b->l->allocator;
    bl__release(a, p->instructions, p->instruction_capacity, sizeof(*p->instructions));
    bl__release(a, p->operands, p->operand_capacity, sizeof(*p->operands));
    p->instructions = e->instructions;
    p->operands = e->operands;
    p->instruction_capacity = instructions;
    p->operand_capacity = operands;
    p->instruction_count = e->instruction_count;
    e->instructions = NULL;
    e->operands = NULL;
}

static bool emit(batching *b)
{
    const bl_allocator *a = b->l->allocator;
    bl_program *p = b->program;
    size_t instructions = p->instruction_count, operands = p->operand_count, turns = b->turn_count + 1;
    emission e = {.b = b,
                  .instructions = bl__allocate(a, instructions, sizeof(*e.instructions)),
                  .operands = bl__allocate(a, operands, sizeof(*e.operands)),
                  .order = bl__allocate(a, instructions, sizeof(*e.order)),
                  .reader = bl__allocate(a, p->storage_count, sizeof(*e.reader))};
    uint32_t *begin = bl__allocate(a, turns, sizeof(*begin));
    bool done = e.instructions && e.operands && e.order && e.reader && begin;
    if (done)
        sort_by_turn(b, e.order, begin);
    bl__release(a, begin, turns, sizeof(*begin));
    done = done && emit_all(&e);
    if (done)
        replace(&e, instructions, operands);
    bl__release(a, e.instructions, instructions, sizeof(*e.instructions));
    bl__release(a, e.operands, operands, sizeof(*e.operands));
    bl__release(a, e.order, instructions, sizeof(*e.order));
    bl__release(a, e.reader, p->storage_count, sizeof(*e.reader));
    return done;
}

/* ---- all of it ---- */

bool bl__batch(bl__lowering *l)
{
    bl_program *p = l->program;
    const bl_allocator *a = l->allocator;
    size_t candidates = l->candidate_count, instructions = p->instruction_count;
    batching b = {.l = l, .program = p, .latest_size = 16};
    if (candidates < 2 || p->instruction_count >= UINT32_MAX - 1)
        return true;
    bl__find_uses(p, l->lifetimes);
    while (b.latest_size < 2 * candidates)
        b.latest_size *= 2;
    b.traces = bl__allocate(a, p->storage_count, sizeof(*b.traces));
    b.turns = bl__allocate(a, instructions, sizeof(*b.turns));
    b.candidates = bl__allocate(a, instructions, sizeof(bl__candidate *));
    b.latest = bl__allocate(a, b.latest_size, sizeof(*b.latest));
    b.batches = bl__allocate(a, candidates, sizeof(*b.batches));
    bool done = b.traces && b.turns && b.candidates && b.latest && b.batches;
    if (done)
        give_turns(&b);
    done = done && (b.joined == 0 || emit(&b));
    bl__release(a, b.traces, p->storage_count, sizeof(*b.traces));
    bl__release(a, b.turns, instructions, sizeof(*b.turns));
    bl__release(a, b.candidates, instructions, sizeof(bl__candidate *));
    bl__release(a, b.latest, b.latest_size, sizeof(*b.latest));
    bl__release(a, b.batches, candidates, sizeof(*b.batches));
    return done;
}
