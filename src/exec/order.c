/* The order of the instructions. The recorded one is changed in two ways, both of them walks that look at
 * each operand a few times:
 *
 * forward, what ends as many bytes as it makes, or nearly, runs as soon as it can: so an optimizer writes a
 * parameter when the gradient is there, and not at the end with all gradients alive;
 * backward, what makes more bytes than it ends runs as late as it can, right before the first use.
 *
 * Neither sees what happens at the peak, so the orders are measured, and the recorded one stays unless
 * another takes less. */
#include "exec/order.h"
#include "exec/overwrite.h"
#include "exec/plan.h"

#include <string.h>

enum {
    LITTLE = 4096,        /* a part of 1 / LITTLE of all bytes */
    LEAST_MEAN = 256,     /* bytes that an instruction makes, in the mean */
    LEAST_WON = 32 * 1024 /* bytes, of the first cache: for less the recorded order stays, in which batch.h
                             finds more to do at once */
};

typedef struct ordering {
    bl__lowering *l;
    bl_program *program;
    const bl_allocator *allocator;
    size_t count, storages, operands;
    bl__instruction *recorded; /* the instructions in their first order */
    bl__instruction *from;     /* in the order that is walked over */
    uint32_t *order, *first; /* what was found so far; the best of all orders, both of numbers in recorded */
    size_t placed;           /* numbers in order */
    uint32_t *maker;         /* by storage: the instruction that makes it, + 1; 0 for none */
    uint32_t *first_use, *uses; /* by storage: index into uses, instructions, each as often as it uses it */
    uint32_t *left;             /* by storage: uses that are not placed */
    uint32_t *own;              /* by storage: 0 but while the uses of one instruction are counted */
    uint32_t *missing;          /* by instruction: uses of, or by, what is not placed */
    uint32_t *number;           /* of what is walked over, in recorded */
    uint32_t *queue;            /* instructions that may go at once, to be looked at */
    bool *is_placed, *is_queued;
    uint32_t *state; /* by storage: of a new value that may be written where the old one is, the
                        state + 1 */
    int64_t *alive;
    bl__candidate *moved, **candidates; /* see move_candidates */
    size_t begun, ended;                /* of the queue, which goes round */
    size_t failing;                     /* instructions that may fail and are not placed */
    size_t little; /* bytes that do not count: what others wait for may be as small as a step size */
} ordering;

/* ---- what is walked over ---- */

static bool make_room(ordering *o)
{
    const bl_program *p = o->program;
    const bl_allocator *a = o->allocator;
    o->count = p->instruction_count;
    o->storages = p->storage_count;
    o->operands = p->operand_count;
    o->recorded = bl__allocate(a, o->count, sizeof(*o->recorded));
    o->from = bl__allocate(a, o->count, sizeof(*o->from));
    o->order = bl__allocate(a, 5 * o->count, sizeof(*o->order));
    o->maker = bl__allocate(a, 5 * o->storages + 1, sizeof(*o->maker));
    o->uses = bl__allocate(a, o->operands, sizeof(*o->uses));
    o->is_placed = bl__allocate(a, 2 * o->count, sizeof(*o->is_placed));
    o->alive = bl__allocate(a, o->count, sizeof(*o->alive));
    o->moved = bl__allocate(a, o->count, sizeof(*o->moved));
    o->candidates = bl__allocate(a, o->count, sizeof(bl__candidate *));
    if (!o->recorded || !o->from || !o->order || !o->maker || !o->uses || !o->is_placed || !o->alive ||
        !o->moved || !o->candidates)
        return false;
    o->first = o->order + o->count;
    o->missing = o->first + o->count;
    o->number = o->missing + o->count;
    o->queue = o->number + o->count;
    o->left = o->maker + o->storages;
    o->state = o->left + o->storages;
    o->own = o->state + o->storages;
    o->first_use = o->own + o->storages;
    o->is_queued = o->is_placed + o->count;
    memcpy(o->recorded, p->instructions, o->count * sizeof(*o->recorded));
    return true;
}

static void release_room(const ordering *o)
{
    const bl_allocator *a = o->allocator;
    bl__release(a, o->recorded, o->count, sizeof(*o->recorded));
    bl__release(a, o->from, o->count, sizeof(*o->from));
    bl__release(a, o->order, 5 * o->count, sizeof(*o->order));
    bl__release(a, o->maker, 5 * o->storages + 1, sizeof(*o->maker));
    bl__release(a, o->uses, o->operands, sizeof(*o->uses));
    bl__release(a, o->is_placed, 2 * o->count, sizeof(*o->is_placed));
    bl__release(a, o->alive, o->count, sizeof(*o->alive));
    bl__release(a, o->moved, o->count, sizeof(*o->moved));
    bl__release(a, o->candidates, o->count, sizeof(bl__candidate *));
}

/* Finds makers and uses in the order that is walked over. */
static void list_uses(ordering *o)
{
    memset(o->maker, 0, 2 * o->storages * sizeof(*o->maker)); /* and left */
    for (size_t i = 0; i < o->count; i++) {
        const bl__call *call = &o->from[i].call;
        for (size_t k = 0; k < call->output_count; k++)
            o->maker[call->outputs[k]->storage] = (uint32_t)i + 1;
        for (size_t k = 0; k < call->input_count; k++)
            o->left[call->inputs[k]->storage]++;
    }
    uint32_t end = 0;
    for (size_t s = 0; s < o->storages; s++)
        o->first_use[s] = end += o->left[s];
    o->first_use[o->storages] = end;
    for (size_t i = o->count; i-- > 0;) {
        const bl__call *call = &o->from[i].call;
        for (size_t k = 0; k < call->input_count; k++)
            o->uses[--o->first_use[call->inputs[k]->storage]] = (uint32_t)i;
    }
}

/* Begins a walk over an order, of numbers in the recorded one. */
static void begin(ordering *o, const uint32_t *order)
{
    for (size_t i = 0; i < o->count; i++) {
        o->number[i] = order ? order[i] : (uint32_t)i;
        o->from[i] = o->recorded[o->number[i]];
    }
    list_uses(o);
    memset(o->missing, 0, o->count * sizeof(*o->missing));
    memset(o->is_placed, 0, 2 * o->count * sizeof(*o->is_placed));
    o->placed = o->begun = o->ended = o->failing = 0;
}

static size_t bytes_of(const ordering *o, size_t storage)
{
    bool counts = o->program->storages[storage].place == BL__WORKSPACE;
    return counts ? bl__block_bytes(o->l->lifetimes[storage].bytes) : 0;
}

static bool is_kept(const ordering *o, size_t storage)
{
    return o->l->lifetimes[storage].is_kept;
}

static bool may_move(const ordering *o, size_t instruction)
{
    return !(o->from[instruction].kernel->flags & BL__CAN_FAIL);
}

/* Counts how often an instruction uses its storages, for take_uses. */
static void count_uses(const ordering *o, const bl__call *call)
{
    for (size_t i = 0; i < call->input_count; i++)
        o->own[call->inputs[i]->storage]++;
}

/* How often it uses one; 0 when asked again. */
static uint32_t take_uses(const ordering *o, size_t storage)
{
    uint32_t uses = o->own[storage];
    o->own[storage] = 0;
    return uses;
}

static void enqueue(ordering *o, uint32_t instruction)
{
    if (o->is_queued[instruction] || o->is_placed[instruction] || o->missing[instruction] > 0 ||
        !may_move(o, instruction))
        return;
    o->is_queued[instruction] = true; /* so that no more are in the queue than there are */
    o->queue[o->ended++ % o->count] = instruction;
}

static uint32_t dequeue(ordering *o)
{
    uint32_t instruction = o->queue[o->begun++ % o->count];
    o->is_queued[instruction] = false;
    return instruction;
}

/* ---- forward ---- */

/* Whether an output will be written where the state is, if the instruction runs now. */
static bool writes_state(const ordering *o, const bl__call *call, size_t output)
{
    uint32_t state = o->state[call->outputs[output]->storage];
    if (state == 0 || o->failing > 0)
        return false;
    if (!o->program->states[state - 1].read)
        return true;
    size_t old = o->program->states[state - 1].storage;
    uint32_t own = 0;
    for (size_t i = 0; i < call->input_count; i++)
        own += call->inputs[i]->storage == old;
    return o->left[old] == own;
}

/* Whether as many bytes end with an instruction as it makes, or nearly. */
static bool ends_enough(const ordering *o, size_t instruction)
{
    const bl__call *call = &o->from[instruction].call;
    size_t made = 0, ends = 0;
    for (size_t i = 0; i < call->output_count; i++) {
        if (writes_state(o, call, i))
            continue;
        if (o->state[call->outputs[i]->storage])
            return false; /* it will when it runs later */
        made += bytes_of(o, call->outputs[i]->storage);
    }
    count_uses(o, call);
    for (size_t i = 0; i < call->input_count; i++) {
        size_t storage = call->inputs[i]->storage;
        uint32_t own = take_uses(o, storage);
        ends += own > 0 && own == o->left[storage] && !is_kept(o, storage) ? bytes_of(o, storage) : 0;
    }
    return ends + o->little >= made;
}

static void place_forward(ordering *o, uint32_t instruction)
{
    const bl__call *call = &o->from[instruction].call;
    o->is_placed[instruction] = true;
    o->order[o->placed++] = o->number[instruction];
    for (size_t i = 0; i < call->output_count; i++) {
        size_t storage = call->outputs[i]->storage;
        for (size_t at = o->first_use[storage]; at < o->first_use[storage + 1]; at++) {
            o->missing[o->uses[at]]--;
            enqueue(o, o->uses[at]);
        }
    }
    for (size_t i = 0; i < call->input_count; i++) {
        size_t storage = call->inputs[i]->storage;
        bool few = --o->left[storage] <= 2; /* perhaps all of one instruction */
        for (size_t at = o->first_use[storage]; at < o->first_use[storage + 1] && few; at++)
            enqueue(o, o->uses[at]);
    }
    if (bl__may_fail(&o->from[instruction]) && --o->failing == 0) {
        for (size_t i = 0; i < o->count; i++)
            enqueue(o, (uint32_t)i);
    }
}

static void walk_forward(ordering *o)
{
    for (size_t i = 0; i < o->count; i++) {
        const bl__call *call = &o->from[i].call;
        for (size_t k = 0; k < call->input_count; k++)
            o->missing[i] += o->maker[call->inputs[k]->storage] != 0;
        o->failing += bl__may_fail(&o->from[i]);
    }
    for (uint32_t i = 0; i < o->count; i++) {
        if (!o->is_placed[i])
            place_forward(o, i);
        while (o->begun < o->ended) {
            uint32_t next = dequeue(o);
            if (!o->is_placed[next] && ends_enough(o, next))
                place_forward(o, next);
        }
    }
}

/* ---- backward: `left` is uses placed so far ---- */

/* Whether an instruction makes more than would live longer if it ran later. */
static bool makes_more(const ordering *o, size_t instruction)
{
    const bl__call *call = &o->from[instruction].call;
    size_t made = 0, longer = 0;
    for (size_t i = 0; i < call->output_count; i++) {
        if (is_kept(o, call->outputs[i]->storage))
            return false;
        made += bytes_of(o, call->outputs[i]->storage);
    }
    for (size_t i = 0; i < call->input_count; i++) {
        const bl__storage *described = &o->program->storages[call->inputs[i]->storage];
        if (described->place == BL__STATE && o->program->states[described->owner].written &&
            !o->program->states[described->owner].drawn)
            return false; /* its new value could not be written before */
    }
    count_uses(o, call);
    for (size_t i = 0; i < call->input_count; i++) {
        size_t storage = call->inputs[i]->storage;
        bool lives_on = o->left[storage] > 0 || is_kept(o, storage);
        longer += take_uses(o, storage) > 0 && !lives_on ? bytes_of(o, storage) : 0;
    }
    return made > longer;
}

/* From the last place on. */
static void place_backward(ordering *o, uint32_t instruction)
{
    const bl__call *call = &o->from[instruction].call;
    o->is_placed[instruction] = true;
    o->order[o->count - ++o->placed] = o->number[instruction];
    for (size_t i = 0; i < call->input_count; i++)
        o->left[call->inputs[i]->storage]++;
    for (size_t i = 0; i < call->input_count; i++) {
        size_t storage = call->inputs[i]->storage;
        if (o->maker[storage]) {
            o->missing[o->maker[storage] - 1]--;
            enqueue(o, o->maker[storage] - 1);
        }
    }
}

static void walk_backward(ordering *o)
{
    for (size_t i = 0; i < o->count; i++) {
        const bl__call *call = &o->from[i].call;
        for (size_t k = 0; k < call->output_count; k++)
            o->missing[i] += o->left[call->outputs[k]->storage];
    }
    memset(o->left, 0, o->storages * sizeof(*o->left));
    for (uint32_t i = (uint32_t)o->count; i-- > 0;) {
        if (!o->is_placed[i])
            place_backward(o, i);
        while (o->begun < o->ended) {
            uint32_t next = dequeue(o);
            if (!o->is_placed[next] && makes_more(o, next))
                place_backward(o, next);
        }
    }
}

/* ---- measuring ---- */

/* Puts the instructions into an order; NULL: the recorded one. */
static void take_order(const ordering *o, const uint32_t *order)
{
    for (size_t i = 0; i < o->count; i++)
        o->program->instructions[i] = o->recorded[order ? order[i] : i];
}

/* The most bytes alive in the order that the program has. */
static size_t measure(const ordering *o)
{
    bl__write_states(o->program, o->l->lifetimes);
    bl__find_lifetimes(o->program, o->l->lifetimes);
    size_t most = bl__count_alive(o->program, o->l->lifetimes, o->alive);
    bl__unwrite_states(o->program);
    return most;
}

/* The bytes of the plan. False without memory, or when there is none. */
static bool plan(const ordering *o, size_t *bytes)
{
    bl__write_states(o->program, o->l->lifetimes);
    bool planned = bl__plan(o->program, o->l->lifetimes);
    bl__unwrite_states(o->program);
    *bytes = o->program->planned_bytes;
    return planned;
}

/* Tries the order that a walk has found; keeps it if less is alive than in all before. */
static void try_order(const ordering *o, size_t *least, bool *found)
{
    take_order(o, o->order);
    size_t most = measure(o);
    if (most >= *least)
        return;
    *least = most;
    *found = true;
    memcpy(o->first, o->order, o->count * sizeof(*o->order));
}

/* Finds the best order of all; whether it is another than the recorded one. */
static bool find_order(ordering *o)
{
    bool found = false;
    size_t least = measure(o);
    o->little = least / LITTLE;
    for (size_t i = 0; i < o->program->effect_count; i++) {
        const bl__effect *effect = &o->program->effects[i];
        if (bl__may_become_state(o->program, effect))
            o->state[effect->value->storage] = (uint32_t)effect->state + 1;
    }
    begin(o, NULL);
    walk_backward(o);
    try_order(o, &least, &found);
    begin(o, NULL);
    walk_forward(o);
    try_order(o, &least, &found);
    memcpy(o->queue, o->order, o->count * sizeof(*o->order));
    begin(o, o->queue);
    walk_backward(o);
    try_order(o, &least, &found);
    return found;
}

/* Has the candidates for batches, which are in the order of their instructions, follow them. */
static void move_candidates(const ordering *o)
{
    const bl__lowering *l = o->l;
    bl__candidate **of = o->candidates;
    memset(of, 0, o->count * sizeof(bl__candidate *));
    memcpy(o->moved, l->candidates, l->candidate_count * sizeof(*o->moved));
    for (size_t i = 0; i < l->candidate_count; i++)
        of[o->moved[i].instruction] = &o->moved[i];
    size_t to = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (!of[o->first[i]])
            continue;
        l->candidates[to] = *of[o->first[i]];
        l->candidates[to++].instruction = (uint32_t)i;
    }
}

/* Whether an instruction takes enough bytes in the mean: a program of scalars is long and wins next to
 * nothing. */
static bool is_worth_it(const bl_program *p, const bl__lifetime *lifetimes)
{
    size_t bytes = 0;
    for (size_t i = 0; i < p->storage_count; i++)
        bytes += bl__is_root(p, i) ? lifetimes[i].bytes : 0;
    return bytes > LEAST_WON && bytes / LEAST_MEAN >= p->instruction_count;
}

bool bl__order(bl__lowering *l)
{
    bl_program *p = l->program;
    ordering o = {.l = l, .program = p, .allocator = l->allocator};
    if (p->instruction_count < 2 || p->check != BL_CHECK_NOTHING)
        return true;
    bl__find_uses(p, l->lifetimes);
    if (!bl__sizes_fit(p, l->lifetimes) || !is_worth_it(p, l->lifetimes))
        return true; /* of what does not fit the plan will say so */
    bool done = make_room(&o);
    if (done && find_order(&o)) {
        size_t before = 0, after = 0;
        take_order(&o, NULL);
        done = plan(&o, &before);
        take_order(&o, o.first);
        done = done && plan(&o, &after);
        if (after + LEAST_WON > before)
            take_order(&o, NULL);
        else
            move_candidates(&o);
    } else if (done)
        take_order(&o, NULL);
    release_room(&o);
    return done;
}
