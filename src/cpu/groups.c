/* Runs groups of the same steps as one. Small members are packed: their inputs are copied side by side into
 * tiles, which go through the steps as one, and the results are copied to where they belong. The others run
 * as they would alone. Where it is worth threads, the parts of all are shared out together. Which members
 * share a tile depends on their shapes alone, and no element on its neighbours: the bits are those of each
 * alone. */
#include "cpu/groups.h"
#include "cpu/compound.h"
#include "cpu/flops.h"
#include "cpu/parallel.h"

#include <string.h>

enum {
    PACKED = 128,       /* the most elements of a member that is packed, ... */
    PACKED_OF_STEP = 4, /* ... and how many a step: what is copied takes longer than a few steps */
    TILE_BYTES = 2048,  /* the most of a buffer */
    TILES_OF_PART = 16
};

/* What is copied between an operand and a buffer: `count` elements, or the operand's one as often. */
struct move {
    const bl__operand *operand;
    uint32_t at, count; /* in a thread's scratch */
    uint8_t bytes;      /* of an element */
    bool repeats;
};

/* Where a step finds its values in a thread's scratch. */
struct place {
    uint32_t out, in[BL__TILE_INPUTS];
};

struct packed_tile {
    int64_t count;
    const struct move *move;
    size_t inputs, moves; /* those of inputs, and all */
};

struct plan {
    const bl__group *steps;
    const bl__call **alone; /* the members that are not packed */
    int64_t *first_part;    /* of each of them, and of the tiles */
    struct packed_tile *tile;
    struct move *move;
    struct place *place; /* by step */
    size_t alone_count, tile_count, move_count;
    size_t thread_bytes;
    int64_t parts;
    bool pays;
};

/* ---- prepare: which members are packed ---- */

static bool is_one_element(const bl__operand *operand)
{
    bool one = true;
    for (int d = 0; d < operand->rank; d++)
        one = one && (operand->size[d] == 1 || operand->stride[d] == 0);
    return one;
}

static int64_t count_of(const bl__call *call)
{
    return call->outputs[0]->count;
}

static bool may_be_packed(const bl__group *steps, const bl__call *call)
{
    int64_t count = count_of(call);
    bool may = !steps->reducer && count > 0 && count <= PACKED && count <= PACKED_OF_STEP * steps->step_count;
    for (uint32_t k = 0; k < call->input_count && may; k++)
        may = is_one_element(call->inputs[k]) ||
              (call->inputs[k]->contiguous && call->inputs[k]->count == count);
    return may;
}

/* The most bytes of an element. */
static int64_t widest_element(const bl__groups *groups)
{
    const bl__call *call = &groups->member[0];
    size_t widest = 1;
    for (uint32_t k = 0; k < call->input_count; k++) {
        size_t bytes = bl_dtype_size((bl_dtype)call->inputs[k]->dtype);
        widest = bytes > widest ? bytes : widest;
    }
    for (int64_t s = 0; s < groups->steps->step_count; s++)
        widest = groups->steps->step[s].bytes > widest ? groups->steps->step[s].bytes : widest;
    return (int64_t)widest;
}

/* Members first .. end-1, of which some are packed into one tile. */
struct range {
    size_t first, end, packed;
    int64_t count; /* elements of those */
};

/* The members from `first` on whose packed ones fill a tile of at most so many elements. */
static struct range fill_tile(const bl__groups *groups, size_t first, int64_t most)
{
    struct range range = {.first = first, .end = first};
    for (; range.end < groups->member_count; range.end++) {
        const bl__call *member = &groups->member[range.end];
        if (!may_be_packed(groups->steps, member))
            continue;
        if (range.count + count_of(member) > most)
            break;
        range.count += count_of(member);
        range.packed++;
    }
    return range;
}

/* ---- prepare: where values stand in scratch ---- */

/* The last step that reads each slot; step_count for outputs, which are read at the end. */
static void find_last_uses(const bl__group *steps, uint32_t inputs, int64_t *last)
{
    for (int64_t s = 0; s < steps->step_count; s++) {
        for (int i = 0; i < steps->step[s].input_count; i++)
            last[steps->step[s].input[i]] = s;
        last[inputs + s] = s;
    }
    for (int64_t s = 0; s < steps->step_count; s++) {
        if (steps->step[s].is_output)
            last[inputs + s] = steps->step_count;
    }
}

/* Gives every input a buffer, and every other value one until it is read for the last time: a step never
 * writes where it reads. Returns how many buffers there are. */
static uint32_t share_buffers(const bl__group *steps, uint32_t inputs, uint32_t *buffer)
{
    int64_t last[BL__GROUP_SLOTS];
    uint32_t buffers = inputs;
    find_last_uses(steps, inputs, last);
    for (uint32_t k = 0; k < inputs; k++)
        buffer[k] = k;
    for (int64_t s = 0; s < steps->step_count; s++) {
        uint32_t own = inputs;
        for (bool taken = true; taken; own += taken) {
            taken = false;
            for (int64_t before = 0; before < s && !taken; before++)
                taken = buffer[inputs + before] == own && last[inputs + before] >= s;
        }
        buffer[inputs + s] = own;
        buffers = own + 1 > buffers ? own + 1 : buffers;
    }
    return buffers;
}

static void add_move(struct plan *plan, const bl__operand *operand, size_t at, int64_t count, bool repeats)
{
    plan->move[plan->move_count++] = (struct move){.operand = operand,
                                                   .at = (uint32_t)at,
                                                   .count = (uint32_t)count,
                                                   .bytes = (uint8_t)bl_dtype_size((bl_dtype)operand->dtype),
                                                   .repeats = repeats};
}

/* What is common to all members of a tile is there once. */
static bool is_common(const bl__groups *groups, const struct range *range, uint32_t k)
{
    const bl__operand *operand = groups->member[range->first].inputs[k];
    bool common = is_one_element(operand);
    for (size_t i = range->first + 1; i < range->end && common; i++)
        common = groups->member[i].inputs[k] == operand;
    return common;
}

/* Copies of input k into the buffer that begins at `at`. */
static void pack_input(struct plan *plan, const bl__groups *groups, const struct range *range, uint32_t k,
                       size_t at)
{
    if (is_common(groups, range, k)) {
        add_move(plan, groups->member[range->first].inputs[k], at, range->count, true);
        return;
    }
    for (size_t i = range->first; i < range->end; i++) {
        const bl__call *member = &groups->member[i];
        const bl__operand *operand = member->inputs[k];
        int64_t count = count_of(member);
        if (!may_be_packed(groups->steps, member))
            continue;
        add_move(plan, operand, at, count, count > 1 && is_one_element(operand));
        at += (size_t)count * bl_dtype_size((bl_dtype)operand->dtype);
    }
}

/* Copies from the buffer of an output. */
static void pack_output(struct plan *plan, const bl__groups *groups, const struct range *range,
                        uint32_t output, size_t at)
{
    for (size_t i = range->first; i < range->end; i++) {
        const bl__call *member = &groups->member[i];
        const bl__operand *operand = member->outputs[output];
        if (!may_be_packed(groups->steps, member))
            continue;
        add_move(plan, operand, at, operand->count, false);
        at += (size_t)operand->count * bl_dtype_size((bl_dtype)operand->dtype);
    }
}

static void add_tile(struct plan *plan, const bl__groups *groups, const struct range *range,
                     const uint32_t *buffer, size_t buffer_bytes)
{
    struct packed_tile *tile = &plan->tile[plan->tile_count++];
    uint32_t inputs = groups->member[0].input_count, output = 0;
    size_t before = plan->move_count;
    *tile = (struct packed_tile){.count = range->count, .move = &plan->move[before]};
    for (uint32_t k = 0; k < inputs; k++)
        pack_input(plan, groups, range, k, buffer[k] * buffer_bytes);
    tile->inputs = plan->move_count - before;
    for (int64_t s = 0; s < groups->steps->step_count; s++) {
        if (groups->steps->step[s].is_output)
            pack_output(plan, groups, range, output++, buffer[inputs + s] * buffer_bytes);
    }
    tile->moves = plan->move_count - before;
}

static void set_places(struct plan *plan, uint32_t inputs, const uint32_t *buffer, size_t buffer_bytes)
{
    for (int64_t s = 0; s < plan->steps->step_count; s++) {
        const bl__step *step = &plan->steps->step[s];
        plan->place[s].out = (uint32_t)(buffer[inputs + s] * buffer_bytes);
        for (int i = 0; i < BL__TILE_INPUTS; i++)
            plan->place[s].in[i] = (uint32_t)(buffer[step->input[i]] * buffer_bytes);
    }
}

/* Bytes from buffer to buffer, for the largest tile: an odd number of cache lines, for a set of the cache
 * does not hold many of the same. */
static size_t room_for_tile(const bl__groups *groups, int64_t most, int64_t widest)
{
    struct range range = {.end = 0};
    int64_t largest = 0;
    while (range.end < groups->member_count) {
        range = fill_tile(groups, range.end, most);
        largest = range.packed > 1 && range.count > largest ? range.count : largest;
    }
    size_t lines = ((size_t)(largest * widest) + BL__ALIGNMENT - 1) / BL__ALIGNMENT;
    return (lines | 1) * BL__ALIGNMENT;
}

/* Cuts the members into tiles and those that run alone. */
static void pack(struct plan *plan, const bl__groups *groups)
{
    uint32_t inputs = groups->member[0].input_count, buffer[BL__GROUP_SLOTS];
    uint32_t buffers = share_buffers(groups->steps, inputs, buffer);
    int64_t widest = widest_element(groups), most = TILE_BYTES / widest;
    size_t buffer_bytes = room_for_tile(groups, most, widest);
    struct range range = {.end = 0};
    while (range.end < groups->member_count) {
        range = fill_tile(groups, range.end, most);
        for (size_t i = range.first; i < range.end; i++) {
            if (range.packed < 2 || !may_be_packed(groups->steps, &groups->member[i]))
                plan->alone[plan->alone_count++] = &groups->member[i];
        }
        if (range.packed >= 2)
            add_tile(plan, groups, &range, buffer, buffer_bytes);
    }
    set_places(plan, inputs, buffer, buffer_bytes);
    plan->thread_bytes = plan->tile_count > 0 ? (size_t)buffers * buffer_bytes : 0;
}

/* ---- prepare: threads ---- */

/* Numbers the parts of all, and finds room in scratch for what they leave. */
static void share_out(struct plan *plan, const bl__call *call, size_t *scratch_bytes)
{
    double nanoseconds = 0;
    for (size_t i = 0; i < plan->alone_count; i++) {
        bl__group_needs needs = bl__group_needs_of(plan->alone[i]);
        plan->first_part[i] = plan->parts;
        plan->parts += needs.parts;
        nanoseconds += needs.nanoseconds;
        plan->thread_bytes =
            needs.thread_bytes > plan->thread_bytes ? needs.thread_bytes : plan->thread_bytes;
    }
    plan->first_part[plan->alone_count] = plan->parts;
    plan->parts += ((int64_t)plan->tile_count + TILES_OF_PART - 1) / TILES_OF_PART;
    plan->pays = bl__pays_for_threads(call, nanoseconds);
    *scratch_bytes = plan->thread_bytes * (size_t)(plan->pays ? call->environment->threads : 1);
    for (size_t i = 0; i < plan->alone_count; i++) {
        size_t left = bl__group_needs_of(plan->alone[i]).part_bytes;
        bl__group_set_scratch(plan->alone[i], plan->thread_bytes, *scratch_bytes);
        *scratch_bytes += left;
    }
}

static bl_status prepare_groups(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    bl__groups groups = *(const bl__groups *)call->attributes;
    size_t members = groups.member_count;
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    groups.steps = bl__group_of_compounds(&groups.member[0], groups.steps, false, arena);
    if (!plan || !groups.steps)
        return BL_ERR_MEMORY;
    *plan = (struct plan){
        .steps = groups.steps,
        .alone = bl__arena_take(arena, members * sizeof(*plan->alone)),
        .first_part = bl__arena_take(arena, (members + 1) * sizeof(*plan->first_part)),
        .tile = bl__arena_take(arena, members * sizeof(*plan->tile)),
        .move = bl__arena_take(arena, ((size_t)call->input_count + call->output_count) * sizeof(*plan->move)),
        .place = bl__arena_take(arena, (size_t)groups.steps->step_count * sizeof(*plan->place))};
    if (!plan->alone || !plan->first_part || !plan->tile || !plan->move || !plan->place)
        return BL_ERR_MEMORY;
    pack(plan, &groups);
    share_out(plan, call, scratch_bytes);
    call->plan = plan;
    return BL_OK;
}

/* ---- run ---- */

/* n bytes, mostly few: in pieces of which the last may lie over the one before. */
static inline void copy_bytes(unsigned char *to, const unsigned char *from, size_t n)
{
    enum {
        PIECE = 16,
        FEW = 128
    };
    if (n > FEW)
        memcpy(to, from, n);
    else if (n >= PIECE) {
        for (size_t i = 0; i < n - PIECE; i += PIECE)
            memcpy(to + i, from + i, PIECE);
        memcpy(to + n - PIECE, from + n - PIECE, PIECE);
    } else if (n >= 8) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        memcpy(to, from, 4);
        memcpy(to + n - 4, from + n - 4, 4);
    } else {
        for (size_t i = 0; i < n; i++)
            to[i] = from[i];
    }
}

/* One element `count` times: a piece of it again and again, the last over the one before. */
static inline void repeat(unsigned char *to, const unsigned char *from, size_t bytes, size_t count)
{
    unsigned char piece[16];
    size_t n = bytes * count;
    for (size_t i = 0; i < sizeof(piece); i += bytes)
        memcpy(piece + i, from, bytes);
    if (n < sizeof(piece)) {
        memcpy(to, piece, n);
        return;
    }
    for (size_t i = 0; i < n - sizeof(piece); i += sizeof(piece))
        memcpy(to + i, piece, sizeof(piece));
    memcpy(to + n - sizeof(piece), piece, sizeof(piece));
}

static void bring(unsigned char *scratch, const struct move *move)
{
    unsigned char *to = scratch + move->at;
    const unsigned char *from = move->operand->data;
    if (!move->repeats)
        copy_bytes(to, from, (size_t)move->count * move->bytes);
    else if (move->bytes == 4)
        repeat(to, from, 4, move->count);
    else if (move->bytes == 8)
        repeat(to, from, 8, move->count);
    else
        memset(to, *from, move->count);
}

static void run_tile(const struct plan *plan, size_t index, unsigned char *scratch)
{
    const struct packed_tile *tile = &plan->tile[index];
    const struct move *move = tile->move, *end = move + tile->inputs;
    for (; move < end; move++)
        bring(scratch, move);
    const struct place *place = plan->place;
    const bl__step *step = plan->steps->step, *last = step + plan->steps->step_count;
    for (; step < last; step++, place++) {
        const void *in[BL__TILE_INPUTS] = {scratch + place->in[0], scratch + place->in[1],
                                           scratch + place->in[2]};
        step->tile(tile->count, scratch + place->out, in, step->attributes);
    }
    for (end = tile->move + tile->moves; move < end; move++)
        copy_bytes(move->operand->data, scratch + move->at, (size_t)move->count * move->bytes);
}

/* The last of the members alone whose first part is no later. */
static size_t member_at(const struct plan *plan, int64_t part)
{
    size_t low = 0, high = plan->alone_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (plan->first_part[middle] <= part)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void run_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t first_tile = (part - plan->first_part[plan->alone_count]) * TILES_OF_PART;
    if (first_tile < 0) {
        size_t i = member_at(plan, part);
        bl__group_run_part(plan->alone[i], part - plan->first_part[i], worker);
        return;
    }
    unsigned char *scratch =
        (unsigned char *)call->environment->scratch + (size_t)worker * plan->thread_bytes;
    for (size_t t = (size_t)first_tile; t < plan->tile_count && t < (size_t)first_tile + TILES_OF_PART; t++)
        run_tile(plan, t, scratch);
}

static bl_status run_groups(const bl__call *call)
{
    const struct plan *plan = call->plan;
    if (plan->pays) {
        bl__parallel(call, true, plan->parts, run_part, plan);
        for (size_t i = 0; i < plan->alone_count; i++)
            bl__group_finish(plan->alone[i]);
        return BL_OK;
    }
    for (size_t i = 0; i < plan->alone_count; i++)
        bl__kernel_group.run(plan->alone[i]);
    for (size_t t = 0; t < plan->tile_count; t++)
        run_tile(plan, t, call->environment->scratch);
    return BL_OK;
}

static int64_t flops_groups(const bl__call *call)
{
    const bl__groups *groups = call->attributes;
    int64_t flops = 0;
    for (size_t i = 0; i < groups->member_count; i++)
        flops = bl__plus(flops, bl__kernel_group.flops(&groups->member[i]));
    return flops;
}

const bl__kernel bl__kernel_groups = {BL__STRIDED | BL__IN_PLACE, prepare_groups, run_groups, flops_groups};
