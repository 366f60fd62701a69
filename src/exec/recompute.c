/* Fitting a program into a budget: values that are not used for a while are dropped and computed again.
 *
 * A round looks at the instruction during which most bytes are alive, the peak. Of the values that are alive
 * there and used only later, those are chosen that give most bytes for the time that it takes to compute them
 * again: a copy of the instruction, and of those that make what it needs and is gone, is put before the next
 * use. What it needs and is alive at that place costs nothing, and what would have been gone may be kept
 * longer where it is small. Then lifetimes are found anew, and the next round begins, until the plan fits or
 * nothing is left to choose at the peak. Copies are instructions like any others, and may be dropped again.
 *
 * Nothing else happens to a program: copies run the same kernels on the same operands, so bits stay. A state
 * is read before an instruction writes it; instructions that write one, and ops of the user's, are never
 * repeated. What can fail has succeeded before it is repeated. Draws go by counters, so they repeat
 * themselves. */
#include "exec/recompute.h"
#include "exec/place.h"

#include <string.h>

enum {
    MOST_CHAIN = 24,      /* instructions that are repeated for one value */
    MOST_KEPT = 64,       /* values that are kept longer for them */
    SMALL = 4,            /* a value that is gone is kept where it has 1 / SMALL of the bytes that are won */
    PART = 16,            /* a round ends when the peak is lower by 1 / PART ... */
    ALIKE = 2,            /* ... or what is left wins less than 1 / ALIKE of the first for its time */
    MOST_IDLE_ROUNDS = 64 /* in which the most there is has not become less */
};

#define MOST_VISITS ((uint64_t)1 << 32) /* of operands, in all rounds: some seconds */

/* What computing again costs: about what a core of the usual kind takes. */
#define FLOP_NANOSECONDS 0.03
#define BYTE_NANOSECONDS 0.1
#define CALL_NANOSECONDS 200.0

/* An instruction that is to stand before another. */
typedef struct insertion {
    size_t before;
    bl__instruction instruction;
} insertion;

/* One choice: what is repeated before instruction `before`, ascending, and what lives longer for it. */
typedef struct choice {
    size_t instruction, before;
    size_t chain[MOST_CHAIN];
    uint32_t kept[MOST_KEPT];
    int chain_count, kept_count;
    size_t won, paid; /* bytes at the peak */
    double nanoseconds;
} choice;

typedef struct fitting {
    bl__lowering *l;
    bl_program *program;
    const bl_allocator *allocator;
    /* Of the program as it stands in this round: */
    size_t instruction_count, storage_count; /* of which there is room for */
    size_t operand_count;
    int64_t *alive;      /* by instruction: bytes */
    uint32_t *first_use; /* by storage: index into uses; one more at the end */
    uint32_t *uses;      /* instructions, ascending for each storage */
    int64_t *written;    /* by state: the instruction that writes it, INT64_MAX for none */
    uint64_t *key;       /* by instruction: the larger, the better, turned round for sorting */
    uint32_t *candidates, *room;
    uint8_t *marks; /* by storage */
    size_t peak;
    /* Of all rounds: */
    uint32_t *next_version; /* by storage: those that hold the same values, in a circle */
    size_t version_capacity;
    insertion *insertions;
    size_t insertion_count, insertion_capacity;
    uint64_t visits;
} fitting;

enum {
    IS_NEEDED = 1, /* by something that is repeated in this round */
    IS_DROPPED = 2 /* in this round */
};

/* ---- what a round looks at ---- */

static void release_round(fitting *f)
{
    const bl_allocator *a = f->allocator;
    bl__release(a, f->alive, f->instruction_count, sizeof(*f->alive));
    bl__release(a, f->key, f->instruction_count, sizeof(*f->key));
    bl__release(a, f->candidates, 2 * f->instruction_count, sizeof(*f->candidates));
    bl__release(a, f->first_use, f->storage_count + 1, sizeof(*f->first_use));
    bl__release(a, f->marks, f->storage_count, sizeof(*f->marks));
    bl__release(a, f->uses, f->operand_count, sizeof(*f->uses));
    f->alive = NULL;
    f->key = NULL;
    f->candidates = f->first_use = f->uses = NULL;
    f->marks = NULL;
}

static bool make_round(fitting *f)
{
    const bl_program *p = f->program;
    const bl_allocator *a = f->allocator;
    f->instruction_count = p->instruction_count;
    f->storage_count = p->storage_count;
    f->operand_count = 0;
    for (size_t i = 0; i < p->instruction_count; i++)
        f->operand_count += p->instructions[i].call.input_count;
    f->operand_count += f->operand_count == 0; /* an array of nothing is no array */
    f->alive = bl__allocate(a, f->instruction_count, sizeof(*f->alive));
    f->key = bl__allocate(a, f->instruction_count, sizeof(*f->key));
    f->candidates = bl__allocate(a, 2 * f->instruction_count, sizeof(*f->candidates));
    f->first_use = bl__allocate(a, f->storage_count + 1, sizeof(*f->first_use));
    f->marks = bl__allocate(a, f->storage_count, sizeof(*f->marks));
    f->uses = bl__allocate(a, f->operand_count, sizeof(*f->uses));
    f->room = f->candidates + f->instruction_count;
    f->visits += f->operand_count + f->storage_count;
    return f->alive && f->key && f->candidates && f->first_use && f->marks && f->uses;
}

/* Lists the uses of each storage. */
static void list_uses(fitting *f)
{
    const bl_program *p = f->program;
    for (size_t i = 0; i < p->instruction_count; i++) {
        const bl__call *call = &p->instructions[i].call;
        for (size_t k = 0; k < call->input_count; k++)
            f->first_use[call->inputs[k]->storage + 1]++;
    }
    for (size_t s = 0; s < p->storage_count; s++)
        f->first_use[s + 1] += f->first_use[s];
    uint32_t all = f->first_use[p->storage_count];
    for (size_t i = p->instruction_count; i-- > 0;) { /* from the end, so that ends become beginnings */
        const bl__call *call = &p->instructions[i].call;
        for (size_t k = 0; k < call->input_count; k++)
            f->uses[--f->first_use[call->inputs[k]->storage + 1]] = (uint32_t)i;
    }
    memmove(f->first_use, f->first_use + 1, p->storage_count * sizeof(*f->first_use));
    f->first_use[p->storage_count] = all;
}

/* Finds out which instructions write states. */
static void find_writers(fitting *f)
{
    const bl_program *p = f->program;
    for (size_t i = 0; i < p->state_count; i++)
        f->written[i] = INT64_MAX;
    for (size_t i = 0; i < p->effect_count; i++) {
        if (p->effects[i].is_written)
            f->written[p->effects[i].state] = f->l->lifetimes[p->effects[i].value->storage].first;
    }
}

/* The index of a storage's first use behind an instruction; its end where there is none. */
static size_t find_use(const fitting *f, size_t storage, int64_t instruction)
{
    size_t low = f->first_use[storage], high = f->first_use[storage + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->uses[middle] > instruction)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The first use of a storage behind an instruction, and the last one up to it, or else where it is made. */
static int64_t use_after(const fitting *f, size_t storage, int64_t instruction)
{
    size_t use = find_use(f, storage, instruction);
    return use < f->first_use[storage + 1] ? f->uses[use] : INT64_MAX;
}

static int64_t use_up_to(const fitting *f, size_t storage, int64_t instruction)
{
    size_t use = find_use(f, storage, instruction);
    return use > f->first_use[storage] ? f->uses[use - 1] : f->l->lifetimes[storage].first;
}

static int64_t last_use(const fitting *f, size_t storage)
{
    if (f->l->lifetimes[storage].is_kept)
        return INT64_MAX;
    return use_up_to(f, storage, INT64_MAX - 1);
}

static size_t bytes_of(const fitting *f, size_t storage)
{
    return bl__block_bytes(f->l->lifetimes[storage].bytes);
}

/* ---- choosing ---- */

/* Whether an instruction may run twice. */
static bool is_repeatable(const fitting *f, size_t index)
{
    const bl__instruction *instruction = &f->program->instructions[index];
    bool repeatable = instruction->kernel != &bl__user_kernel;
    for (size_t i = 0; i < instruction->call.output_count && repeatable; i++)
        repeatable = f->program->storages[instruction->call.outputs[i]->storage].place == BL__WORKSPACE;
    return repeatable;
}

/* Whether a value is alive at the peak only because something uses it later. */
static bool is_waiting(const fitting *f, size_t storage)
{
    int64_t peak = (int64_t)f->peak, first = f->l->lifetimes[storage].first;
    if (f->program->storages[storage].place != BL__WORKSPACE || f->l->lifetimes[storage].is_kept ||
        f->l->lifetimes[storage].bytes == 0 || first < 0 || first >= peak || f->marks[storage])
        return false;
    return use_up_to(f, storage, peak) < peak && use_after(f, storage, peak) != INT64_MAX;
}

/* Whether two storages hold the same values. */
static bool are_versions(const fitting *f, uint32_t a, uint32_t b)
{
    uint32_t version = a;
    do {
        if (version == b)
            return true;
        version = f->next_version[version];
    } while (version != a);
    return false;
}

/* The place in the chain, and the output there, that gives a value to an instruction of it; false where none
 * does. */
static bool find_in_chain(const fitting *f, const choice *c, size_t user, uint32_t storage, int *place,
                          size_t *output)
{
    for (*place = 0; *place < c->chain_count && c->chain[*place] < user; ++*place) {
        const bl__call *call = &f->program->instructions[c->chain[*place]].call;
        for (*output = 0; *output < call->output_count; ++*output) {
            if (are_versions(f, call->outputs[*output]->storage, storage))
                return true;
        }
    }
    return false;
}

/* Keeps the chain ascending. False when there is no room. */
static bool add_to_chain(fitting *f, choice *c, size_t instruction)
{
    if (c->chain_count == MOST_CHAIN || !is_repeatable(f, instruction))
        return false;
    int at = c->chain_count++;
    for (; at > 0 && c->chain[at - 1] > instruction; at--)
        c->chain[at] = c->chain[at - 1];
    c->chain[at] = instruction;
    bl_instruction_info info = bl_program_instruction(f->program, instruction);
    c->nanoseconds += CALL_NANOSECONDS + FLOP_NANOSECONDS * (double)info.flops +
                      BYTE_NANOSECONDS * ((double)info.bytes_read + (double)info.bytes_written);
    return true;
}

/* The version of a value that is there before an instruction, or was until shortly before it; UINT32_MAX when
 * there is none. *last: its last use. */
static uint32_t latest_version(const fitting *f, uint32_t storage, size_t before, int64_t *last)
{
    uint32_t version = storage, best = UINT32_MAX;
    do {
        bool is_there = version < f->storage_count && f->marks[version] != IS_DROPPED;
        int64_t own = is_there ? last_use(f, version) : -1;
        if (own >= 0 && f->l->lifetimes[version].first < (int64_t)before &&
            (best == UINT32_MAX || own > *last)) {
            best = version;
            *last = own;
        }
        version = f->next_version[version];
    } while (version != storage);
    return best;
}

/* Sees to it that a value is there where an instruction of the chain needs it: it is, it is kept, or it is
 * computed again. */
static bool provide(fitting *f, choice *c, size_t user, uint32_t storage)
{
    const bl__storage *described = &f->program->storages[storage];
    int64_t last = -1;
    int place;
    size_t output;
    if (described->place == BL__STATE) /* a new value stays, an old one until it is overwritten */
        return f->l->lifetimes[storage].first >= 0 || f->written[described->owner] >= (int64_t)c->before;
    if (described->place != BL__WORKSPACE || find_in_chain(f, c, user, storage, &place, &output))
        return true;
    uint32_t version = latest_version(f, storage, c->before, &last);
    if (version == UINT32_MAX)
        return false;
    if (last >= (int64_t)c->before)
        return true;
    if (last < (int64_t)f->peak && bytes_of(f, version) > c->won / SMALL)
        return add_to_chain(f, c, (size_t)f->l->lifetimes[storage].first); /* it is before its user */
    for (int i = 0; i < c->kept_count; i++) {
        if (c->kept[i] == version)
            return true;
    }
    if (c->kept_count == MOST_KEPT)
        return false;
    c->kept[c->kept_count++] = version;
    c->paid += last < (int64_t)f->peak ? bytes_of(f, version) : 0;
    return true;
}

/* All that the instructions of the chain need, which may make it longer, by instructions before. */
static bool provide_all(fitting *f, choice *c)
{
    for (int64_t next = (int64_t)c->instruction; next >= 0;) {
        const bl__call *call = &f->program->instructions[next].call;
        for (size_t i = 0; i < call->input_count; i++) {
            if (!provide(f, c, (size_t)next, call->inputs[i]->storage))
                return false;
        }
        int64_t at = next;
        next = -1;
        for (int i = 0; i < c->chain_count && (int64_t)c->chain[i] < at; i++)
            next = (int64_t)c->chain[i];
    }
    return c->won > c->paid;
}

/* What it takes to drop the outputs of an instruction that are waiting. False where it cannot be, or wins
 * nothing. */
static bool consider(fitting *f, size_t instruction, choice *c)
{
    const bl__call *call = &f->program->instructions[instruction].call;
    int64_t before = INT64_MAX;
    c->instruction = instruction;
    c->chain_count = c->kept_count = 0;
    c->won = c->paid = 0;
    c->nanoseconds = 0;
    for (size_t i = 0; i < call->output_count; i++) {
        uint32_t storage = call->outputs[i]->storage;
        if (!is_waiting(f, storage))
            continue;
        int64_t use = use_after(f, storage, (int64_t)f->peak);
        before = use < before ? use : before;
        c->won += bytes_of(f, storage);
    }
    c->before = (size_t)before;
    return c->won > 0 && add_to_chain(f, c, instruction) && provide_all(f, c);
}

/* ---- what a choice does to the bytes alive ---- */

static void add_alive(fitting *f, int64_t first, size_t end, int64_t bytes)
{
    for (int64_t i = first; i < (int64_t)end; i++)
        f->alive[i] += bytes;
}

/* Whether an instruction writes over a value that it uses last. */
static bool is_overwritten(const fitting *f, uint32_t storage, int64_t instruction)
{
    const bl__call *call = &f->program->instructions[instruction].call;
    uint32_t root = f->program->storages[storage].root;
    for (size_t i = 0; i < call->output_count; i++) {
        if (call->outputs[i]->storage != storage &&
            f->program->storages[call->outputs[i]->storage].root == root)
            return true;
    }
    return false;
}

/* Counts a choice in (1) or out again (-1). The first instruction where more may be alive for it. */
static int64_t count_choice(fitting *f, const choice *c, int sign)
{
    const bl__call *call = &f->program->instructions[c->instruction].call;
    int64_t lowest = (int64_t)c->before;
    for (size_t i = 0; i < call->output_count; i++) {
        uint32_t storage = call->outputs[i]->storage;
        if (is_waiting(f, storage))
            add_alive(f, use_up_to(f, storage, (int64_t)f->peak) + 1, c->before,
                      -sign * (int64_t)bytes_of(f, storage));
    }
    for (int i = 0; i < c->kept_count; i++) {
        int64_t last = last_use(f, c->kept[i]);
        int64_t first = last + !is_overwritten(f, c->kept[i], last);
        add_alive(f, first, c->before, sign * (int64_t)bytes_of(f, c->kept[i]));
        lowest = first < lowest ? first : lowest;
    }
    return lowest;
}

/* Of each instruction of the chain the place of the last one that uses what it makes; `over` those that are
 * written over there, as they were the first time. */
static void find_last_users(const fitting *f, const choice *c, int *last, bool *over)
{
    for (int k = 0; k < c->chain_count; k++) {
        const bl__call *call = &f->program->instructions[c->chain[k]].call;
        last[k] = k;
        over[k] = false;
        for (size_t i = 0; i < call->input_count; i++) {
            int place;
            size_t output;
            if (!find_in_chain(f, c, c->chain[k], call->inputs[i]->storage, &place, &output))
                continue;
            last[place] = k;
            over[place] = is_overwritten(f, call->inputs[i]->storage, (int64_t)c->chain[k]);
        }
    }
}

/* The bytes that an instruction of the chain makes, without those that are waiting. */
static int64_t bytes_made(const fitting *f, const choice *c, int place)
{
    const bl__call *call = &f->program->instructions[c->chain[place]].call;
    int64_t bytes = 0;
    for (size_t i = 0; i < call->output_count; i++) {
        uint32_t storage = call->outputs[i]->storage;
        bool is_counted = c->chain[place] == c->instruction && is_waiting(f, storage);
        bytes += is_counted ? 0 : (int64_t)bytes_of(f, storage);
    }
    return bytes;
}

/* The most bytes alive while the chain runs. */
static int64_t alive_in_chain(const fitting *f, const choice *c)
{
    int64_t others = f->alive[c->before], most = 0;
    int last[MOST_CHAIN];
    bool over[MOST_CHAIN];
    const bl__call *user = &f->program->instructions[c->before].call;
    find_last_users(f, c, last, over);
    for (size_t i = 0; i < user->output_count; i++) {
        uint32_t storage = user->outputs[i]->storage;
        others -= bl__is_root(f->program, storage) ? (int64_t)bytes_of(f, storage) : 0;
    }
    for (int i = 0; i < c->kept_count; i++)
        others += (int64_t)bytes_of(f, c->kept[i]);
    for (int k = 0; k < c->chain_count; k++) {
        int64_t alive = others - (c->chain[k] < c->instruction ? (int64_t)c->won : 0);
        for (int i = 0; i <= k; i++)
            alive += last[i] > k || i == k || (last[i] == k && !over[i]) ? bytes_made(f, c, i) : 0;
        most = alive > most ? alive : most;
    }
    return most;
}

/* Counts a choice in, unless it only moves the peak: everywhere less than `most` must be alive. */
static bool count_if_lower(fitting *f, const choice *c, int64_t most)
{
    int64_t first = count_choice(f, c, 1);
    bool lower = alive_in_chain(f, c) < most;
    for (int64_t i = first; i < (int64_t)c->before && lower; i++)
        lower = f->alive[i] < most;
    if (!lower)
        count_choice(f, c, -1);
    return lower;
}

/* ---- repeating ---- */

/* The operands of an instruction, to be changed. */
static bl__operand **operands_of(const bl__instruction *instruction)
{
    union {
        bl__operand *const *read;
        bl__operand **changed;
    } operands = {.read = instruction->call.inputs};
    return operands.changed;
}

/* The operand in another storage; NULL without memory. */
static bl__operand *moved(fitting *f, const bl__operand *operand, uint32_t storage)
{
    bl__operand *copy = bl__arena_take(&f->program->arena, sizeof(*copy));
    if (copy) {
        *copy = *operand;
        copy->storage = storage;
    }
    return copy;
}

/* A storage for the same values as another; SIZE_MAX without memory. */
static size_t new_version(fitting *f, uint32_t storage)
{
    bl_program *p = f->program;
    size_t version = bl__new_storage(f->l, BL__WORKSPACE, f->l->lifetimes[storage].bytes);
    if (version == SIZE_MAX ||
        (version >= f->version_capacity &&
         !bl__grow(f->allocator, &f->next_version, &f->version_capacity, sizeof(*f->next_version))))
        return SIZE_MAX;
    p->storages[version].is_checked = p->storages[storage].is_checked;
    p->storages[version].may_be_infinite = p->storages[storage].may_be_infinite;
    f->l->lifetimes[version].first = -1;
    f->next_version[version] = f->next_version[storage];
    f->next_version[storage] = (uint32_t)version;
    return version;
}

/* The same instruction over a place for operands of its own. False without memory. */
static bool copy_instruction(fitting *f, const bl__instruction *from, bool is_again, bl__instruction *copy)
{
    bl__arena *arena = &f->program->arena;
    size_t count = (size_t)from->call.input_count + from->call.output_count;
    bl__operand **operands = bl__arena_take(arena, count * sizeof(*operands));
    bl__instruction_name *name = bl__arena_take(arena, sizeof(*name));
    if (!operands || !name)
        return false;
    *name = *from->name;
    name->is_again = name->is_again || is_again;
    *copy = *from;
    copy->name = name;
    copy->call.inputs = operands;
    copy->call.outputs = operands + from->call.input_count;
    return true;
}

/* The storage in which an instruction of the chain finds a value, those before it having been copied. */
static uint32_t provided(fitting *f, const choice *c, const bl__instruction *const *copies, size_t user,
                         uint32_t storage)
{
    int place;
    size_t output;
    int64_t last = -1;
    if (f->program->storages[storage].place != BL__WORKSPACE)
        return storage;
    if (find_in_chain(f, c, user, storage, &place, &output))
        return copies[place]->call.outputs[output]->storage;
    uint32_t version = latest_version(f, storage, c->before, &last);
    f->marks[version] = IS_NEEDED;
    return version;
}

/* Fills in a copy's operands, and prepares it. */
static bool complete(fitting *f, const choice *c, const bl__instruction *const *copies, int place)
{
    const bl__call *from = &f->program->instructions[c->chain[place]].call;
    bl__instruction *copy = &f->insertions[f->insertion_count - (size_t)(c->chain_count - place)].instruction;
    bl__operand **operands = operands_of(copy);
    for (size_t i = 0; i < from->input_count; i++) {
        uint32_t storage = provided(f, c, copies, c->chain[place], from->inputs[i]->storage);
        bool same = storage == from->inputs[i]->storage;
        operands[i] = same ? from->inputs[i] : moved(f, from->inputs[i], storage);
        if (!operands[i])
            return false;
    }
    for (size_t i = 0; i < from->output_count; i++) {
        size_t version = new_version(f, from->outputs[i]->storage);
        bl__operand *output = version == SIZE_MAX ? NULL : moved(f, from->outputs[i], (uint32_t)version);
        operands[from->input_count + i] = output;
        if (!output)
            return false;
    }
    return bl__prepare_instruction(f->program, copy);
}

/* Whether a choice leaves an instruction without any use, as when a value is made long before it is used: it
 * is moved then and not repeated. */
static bool is_moved(const fitting *f, size_t instruction)
{
    const bl__instruction *from = &f->program->instructions[instruction];
    bool moves = !(from->kernel->flags & BL__CAN_FAIL);
    for (size_t i = 0; i < from->call.output_count && moves; i++) {
        uint32_t storage = from->call.outputs[i]->storage;
        bool unused = last_use(f, storage) == (int64_t)instruction;
        moves = unused ||
                (is_waiting(f, storage) && use_up_to(f, storage, (int64_t)f->peak) == (int64_t)instruction);
    }
    return moves;
}

/* Has the uses of a storage behind the peak take its new version. They are prepared anew, for what a kernel
 * made may point at the operand. False without memory. */
static bool redirect(fitting *f, uint32_t storage, uint32_t version)
{
    for (size_t at = f->first_use[storage]; at < f->first_use[storage + 1]; at++) {
        bl__instruction *user = &f->program->instructions[f->uses[at]];
        bl__operand **operands = operands_of(user);
        bool changed = false;
        for (size_t i = 0; f->uses[at] > f->peak && i < user->call.input_count; i++) {
            if (operands[i]->storage != storage)
                continue;
            changed = true;
            if (!(operands[i] = moved(f, operands[i], version)))
                return false;
        }
        if (changed && !bl__prepare_instruction(f->program, user))
            return false;
    }
    f->marks[storage] = IS_DROPPED;
    return true;
}

/* Does what was chosen, but for the insertion itself. False without memory. */
static bool repeat(fitting *f, const choice *c)
{
    const bl__instruction *copies[MOST_CHAIN];
    size_t chain = (size_t)c->chain_count;
    if (!bl__reserve(f->allocator, &f->insertions, &f->insertion_capacity, f->insertion_count + chain,
                     sizeof(*f->insertions)))
        return false;
    for (size_t k = 0; k < chain; k++) {
        insertion *own = &f->insertions[f->insertion_count++];
        bool is_again = c->chain[k] != c->instruction || !is_moved(f, c->instruction);
        own->before = c->before;
        copies[k] = &own->instruction;
        if (!copy_instruction(f, &f->program->instructions[c->chain[k]], is_again, &own->instruction))
            return false;
    }
    int at = 0;
    for (int k = 0; k < c->chain_count; k++) {
        if (!complete(f, c, copies, k))
            return false;
        at = c->chain[k] == c->instruction ? k : at;
    }
    const bl__call *call = &f->program->instructions[c->instruction].call;
    for (size_t i = 0; i < call->output_count; i++) {
        uint32_t storage = call->outputs[i]->storage;
        if (is_waiting(f, storage) && !redirect(f, storage, copies[at]->call.outputs[i]->storage))
            return false;
    }
    return true;
}

/* ---- rounds ---- */

/* The candidates, the best first. */
static size_t rank(fitting *f)
{
    size_t count = 0;
    choice c;
    for (size_t i = 0; i < f->peak; i++) {
        union {
            double value; /* not negative: the bits are in its order */
            uint64_t bits;
        } rate = {.value = 0};
        if (!consider(f, i, &c))
            continue;
        rate.value = (double)(c.won - c.paid) / c.nanoseconds;
        f->key[i] = ~rate.bits;
        f->candidates[count++] = (uint32_t)i;
    }
    bl__sort_by_key(f->candidates, f->room, count, f->key);
    return count;
}

/* Chooses until the peak is clearly lower. False without memory. */
static bool choose(fitting *f, int64_t most, size_t *chosen)
{
    size_t count = rank(f);
    double first = 0;
    choice c;
    *chosen = 0;
    for (size_t i = 0; i < count && f->alive[f->peak] > most - most / PART; i++) {
        if (!consider(f, f->candidates[i], &c))
            continue;
        double rate = (double)(c.won - c.paid) / c.nanoseconds;
        if (rate * ALIKE < first)
            break;
        if (!count_if_lower(f, &c, most))
            continue;
        if (!repeat(f, &c))
            return false;
        first = ++*chosen == 1 ? rate : first;
    }
    return true;
}

/* Puts the copies where they are to stand. False without memory. */
static bool insert(fitting *f)
{
    bl_program *p = f->program;
    size_t count = f->insertion_count, left = count;
    uint64_t *key = bl__allocate(f->allocator, count, sizeof(*key));
    uint32_t *order = bl__allocate(f->allocator, 2 * count, sizeof(*order));
    bool done = key && order &&
                bl__reserve(f->allocator, &p->instructions, &p->instruction_capacity,
                            p->instruction_count + count, sizeof(*p->instructions));
    if (done) {
        for (size_t i = 0; i < count; i++) {
            order[i] = (uint32_t)i;
            key[i] = f->insertions[i].before;
        }
        bl__sort_by_key(order, order + count, count, key);
        for (size_t i = p->instruction_count; i-- > 0 && left > 0;) {
            p->instructions[i + left] = p->instructions[i];
            for (; left > 0 && f->insertions[order[left - 1]].before == i; left--)
                p->instructions[i + left - 1] = f->insertions[order[left - 1]].instruction;
        }
        p->instruction_count += count;
        f->insertion_count = 0;
    }
    bl__release(f->allocator, key, count, sizeof(*key));
    bl__release(f->allocator, order, 2 * count, sizeof(*order));
    return done;
}

/* Whether nothing uses what an instruction makes. */
static bool is_dead(const fitting *f, const uint32_t *uses, const bl__instruction *instruction)
{
    const bl__call *call = &instruction->call;
    bool dead = !(instruction->kernel->flags & BL__CAN_FAIL);
    for (size_t i = 0; i < call->output_count && dead; i++) {
        uint32_t storage = call->outputs[i]->storage;
        dead = uses[storage] == 0 && f->program->storages[storage].place == BL__WORKSPACE &&
               !f->l->lifetimes[storage].is_kept;
    }
    return dead;
}

/* Takes out the instructions that have lost their uses. False without memory. */
static bool remove_dead(fitting *f)
{
    bl_program *p = f->program;
    size_t count = p->instruction_count, storages = p->storage_count;
    uint32_t *uses = bl__allocate(f->allocator, storages, sizeof(*uses));
    if (!uses)
        return false;
    for (size_t i = 0; i < count; i++) {
        const bl__call *call = &p->instructions[i].call;
        for (size_t k = 0; k < call->input_count; k++)
            uses[call->inputs[k]->storage]++;
    }
    size_t to = count; /* what stays moves to the end first */
    for (size_t i = count; i-- > 0;) {
        const bl__call *call = &p->instructions[i].call;
        if (is_dead(f, uses, &p->instructions[i])) {
            for (size_t k = 0; k < call->input_count; k++)
                uses[call->inputs[k]->storage]--;
        } else
            p->instructions[--to] = p->instructions[i];
    }
    p->instruction_count = count - to;
    memmove(p->instructions, p->instructions + to, p->instruction_count * sizeof(*p->instructions));
    bl__release(f->allocator, uses, storages, sizeof(*uses));
    return true;
}

/* One round, *chosen choices. False without memory. */
static bool take_round(fitting *f, size_t *chosen, int64_t *most)
{
    bl__find_lifetimes(f->program, f->l->lifetimes);
    bool done = make_round(f);
    if (done) {
        *most = (int64_t)bl__count_alive(f->program, f->l->lifetimes, f->alive);
        for (f->peak = 0; f->alive[f->peak] < *most;)
            f->peak++;
        list_uses(f);
        find_writers(f);
        done = choose(f, *most, chosen);
    }
    release_round(f);
    return done && (*chosen == 0 || (insert(f) && remove_dead(f)));
}

/* Plans, and says whether that fits. False without memory. */
static bool try_plan(fitting *f, size_t budget, bool *fits)
{
    bl_program *p = f->program;
    bool planned = bl__plan(p, f->l->lifetimes);
    *fits = p->planned_bytes <= budget && p->scratch_bytes <= budget - p->planned_bytes;
    return planned;
}

/* Rounds until it fits or none helps any more. False without memory. */
static bool take_rounds(fitting *f, size_t budget, bool *fits)
{
    int64_t least = INT64_MAX, most = INT64_MAX;
    size_t chosen = 1;
    for (int idle = 0; !*fits && chosen > 0 && idle < MOST_IDLE_ROUNDS && f->visits < MOST_VISITS; idle++) {
        if (!take_round(f, &chosen, &most))
            return false;
        if (most < least)
            idle = 0;
        least = most < least ? most : least;
        if (!try_plan(f, budget, fits))
            return false;
    }
    return true;
}

/* Brings the operands into one array again. False without memory. */
static bool gather_operands(fitting *f)
{
    bl_program *p = f->program;
    size_t count = 0, at = 0;
    for (size_t i = 0; i < p->instruction_count; i++)
        count += (size_t)p->instructions[i].call.input_count + p->instructions[i].call.output_count;
    bl__operand **operands = bl__allocate(f->allocator, count, sizeof(*operands));
    if (!operands)
        return count == 0;
    for (size_t i = 0; i < p->instruction_count; i++) {
        bl__call *call = &p->instructions[i].call;
        size_t own = (size_t)call->input_count + call->output_count;
        memcpy(operands + at, call->inputs, own * sizeof(*operands));
        call->inputs = operands + at;
        call->outputs = operands + at + call->input_count;
        at += own;
    }
    bl__release(f->allocator, p->operands, p->operand_capacity, sizeof(*p->operands));
    p->operands = operands;
    p->operand_count = p->operand_capacity = count;
    return true;
}

static bool begin(fitting *f)
{
    const bl_program *p = f->program;
    f->written = bl__allocate(f->allocator, p->state_count, sizeof(*f->written));
    if ((p->state_count > 0 && !f->written) ||
        !bl__reserve(f->allocator, &f->next_version, &f->version_capacity, p->storage_count,
                     sizeof(*f->next_version)))
        return false;
    for (size_t i = 0; i < p->storage_count; i++)
        f->next_version[i] = (uint32_t)i;
    return true;
}

bool bl__fit(bl__lowering *l, size_t budget)
{
    bl_program *p = l->program;
    fitting f = {.l = l, .program = p, .allocator = l->allocator};
    bool fits = false, done = p->instruction_count > 0 && begin(&f) && take_rounds(&f, budget, &fits) &&
                              gather_operands(&f);
    size_t states = p->state_count;
    bl__release(f.allocator, f.written, states, sizeof(*f.written));
    bl__release(f.allocator, f.next_version, f.version_capacity, sizeof(*f.next_version));
    bl__release(f.allocator, f.insertions, f.insertion_capacity, sizeof(*f.insertions));
    size_t bytes = p->planned_bytes + p->scratch_bytes;
    if (!done && bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
    else if (done && !fits)
        bl__program_fail(p, BL_ERR_BUDGET, "compile",
                         "the workspace takes %zu bytes at least, %zu more than the budget of %zu", bytes,
                         bytes - budget, budget);
    return done && fits;
}
