/* The driver of element-wise ops, single ones and groups: brings inputs of any strides to tile functions,
 * which want contiguous elements, a tile at a time, so that what passes from op to op within a group stays in
 * the cache. The plan says how each input gets there. A single op whose inputs are all contiguous has no
 * plan: a run is one call. */
#include "cpu/elementwise.h"
#include "cpu/compound.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"
#include "cpu/reduce.h"
#include "graph/shape.h"

enum {
    SHORT_ROW = 32, /* a row shorter than this is gathered together with its neighbours into one tile, ... */
    JOINED_ROW = 256,  /* ... and one shorter than this is joined with them where nothing need be gathered */
    TILE_BYTES = 2048, /* the most of a buffer */
    PART = 1 << 15,    /* elements that a thread takes at a time, about */
    MOST_BOUND = 4096, /* steps of a program that remember where their values are */
    NO_BUFFER = 255
};

/* What a byte of memory and a step of an element take, about. */
#define BYTE_NANOSECONDS 0.1
#define STEP_NANOSECONDS 0.2

enum source {
    DIRECT,   /* contiguous over the whole index space: a pointer into it */
    ROWS,     /* rows of unit stride, long enough to be tiles: a pointer to each */
    ONE,      /* one element everywhere, and steps that read it as such: a pointer to it */
    SCALAR,   /* one element everywhere: filled into a buffer once */
    REPEATED, /* short rows, all the same: gathered into a buffer once */
    GATHERED  /* anything else: gathered for every tile */
};

/* How one input gets to the steps. */
struct input {
    enum source source;
    uint32_t bytes;  /* of an element */
    int64_t *stride; /* along the axes of the index space */
};

/* A step with the memory of a run. */
struct bound_step {
    bl__tile tile;
    void *out;
    const void *in[BL__TILE_INPUTS];
    const void *attributes;
};

/* The index space, with axes merged where the strides of all inputs allow, and what becomes of each slot. */
struct plan {
    const bl__group *group;
    int64_t count;
    int64_t rows_per_tile; /* > 1 where rows are short */
    int64_t most;          /* elements of a tile */
    int64_t part;          /* elements of a part: whole rows, or whole tiles of one row */
    double nanoseconds;
    bool pays;            /* for threads */
    bool joins;           /* rows, where they are short */
    size_t scratch_begin; /* where the buffers are */
    size_t buffer_bytes;  /* of each */
    size_t scratch_bytes; /* of all, for one thread */
    size_t
        partial; /* where the accumulators of the parts stand in scratch, where there is a reduction, ... */
    size_t partial_bytes; /* ... and the size of one part's */
    int64_t mask;         /* of lanes */
    int64_t size[BL_MAX_RANK];
    int rank;
    bool gathers;             /* some inputs are GATHERED */
    struct bound_step *bound; /* the steps of a group that is one tile; NULL where there are more */
    void **slot;              /* where their values are */
    uint32_t layout;          /* that both are bound to */
    bool fills;               /* some inputs are SCALAR or REPEATED */
    uint8_t memory_count, output_count;
    uint8_t memory[BL__GROUP_INPUTS];      /* the inputs that are DIRECT, ROWS or ONE */
    uint8_t output[BL__GROUP_STEPS];       /* the slots of the outputs, ... */
    uint8_t output_bytes[BL__GROUP_STEPS]; /* ... and the bytes of their elements */
    uint8_t buffer[BL__GROUP_SLOTS]; /* by slot: the number of its buffer; NO_BUFFER where there is memory to
                                        point at */
    struct input input[];            /* of the instruction */
};

/* A place in the index space: the index over all axes but the last, and the offset of each input's row there.
 */
struct place {
    int64_t index[BL_MAX_RANK];
    int64_t offset[BL__GROUP_INPUTS];
};

/* ---- prepare: the index space ---- */

static int64_t row_of(const struct plan *plan)
{
    return plan->rank > 0 ? plan->size[plan->rank - 1] : 1;
}

/* One more axis inside: merged into the last where every input's strides allow. */
static void push_axis(struct plan *plan, int inputs, int64_t size, const int64_t *strides)
{
    int last = plan->rank - 1;
    bool merges = last >= 0;
    plan->count *= size;
    if (size == 1)
        return;
    for (int k = 0; k < inputs && merges; k++)
        merges = plan->input[k].stride[last] == strides[k] * size;
    if (merges)
        plan->size[last] *= size;
    else
        plan->size[++last] = size;
    for (int k = 0; k < inputs; k++)
        plan->input[k].stride[last] = strides[k];
    plan->rank = last + 1;
}

static void lay_out(struct plan *plan, const bl__call *call)
{
    const bl__group *group = plan->group;
    int inputs = (int)call->input_count;
    plan->rank = 0;
    plan->count = 1;
    for (int d = 0; d < group->rank; d++) {
        int64_t strides[BL__GROUP_INPUTS];
        for (int k = 0; k < inputs; k++)
            strides[k] = bl__broadcast_stride(call->inputs[k], group->rank, d, group->size[d]);
        push_axis(plan, inputs, group->size[d], strides);
    }
}

/* `joins`: whether rows are joined with their neighbours. */
static enum source classify(const struct plan *plan, int k, bool joins)
{
    const struct input *input = &plan->input[k];
    bool read_as_one = plan->group->ones >> k & 1u;
    bool direct = true, scalar = true, repeated = true;
    int64_t contiguous = 1;
    for (int d = plan->rank - 1; d >= 0; d--) {
        direct = direct && input->stride[d] == contiguous;
        scalar = scalar && input->stride[d] == 0;
        repeated = repeated && (d == plan->rank - 1 || input->stride[d] == 0);
        contiguous *= plan->size[d];
    }
    if (direct)
        return DIRECT;
    if (scalar)
        return read_as_one ? ONE : SCALAR;
    if (joins)
        return repeated ? REPEATED : GATHERED;
    return input->stride[plan->rank - 1] == 1 ? ROWS : GATHERED;
}

/* Says how each input gets to the steps; true where rows are joined with their neighbours. */
static bool classify_all(struct plan *plan, int inputs)
{
    bool joins = row_of(plan) < JOINED_ROW;
    plan->gathers = plan->fills = false;
    for (int k = 0; k < inputs; k++) {
        enum source source = classify(plan, k, joins);
        plan->input[k].source = source;
        plan->gathers = plan->gathers || source == GATHERED;
        plan->fills = plan->fills || source == SCALAR || source == REPEATED;
    }
    if (!joins || !plan->gathers || row_of(plan) < SHORT_ROW)
        return joins;
    for (int k = 0; k < inputs; k++)
        plan->input[k].source = classify(plan, k, false);
    return false;
}

bool bl__group_reads_before(const bl__group *group, int input, int output)
{
    int64_t writes = 0;
    for (int seen = -1; writes < group->step_count; writes++) {
        seen += group->step[writes].is_output;
        if (seen == output)
            break;
    }
    for (int64_t s = writes + 1; s < group->step_count; s++) {
        for (int i = 0; i < group->step[s].input_count; i++) {
            if (group->step[s].input[i] == input)
                return false;
        }
    }
    return true;
}

/* ---- prepare: buffers ---- */

/* The last step that reads each slot; the sum at the end comes after all. */
static void find_last_uses(const bl__group *group, int inputs, int64_t *last)
{
    for (int64_t i = 0; i < inputs + group->step_count; i++)
        last[i] = -1;
    for (int64_t s = 0; s < group->step_count; s++) {
        for (int i = 0; i < group->step[s].input_count; i++)
            last[group->step[s].input[i]] = s;
    }
    if (group->reducer)
        last[group->reduced] = group->step_count;
}

/* Gives a buffer to each input that is not in the layout of a tile, for good, and to each value that stays
 * within the group, until it is read for the last time. A step never writes where it reads. The number of
 * buffers. */
static int share_buffers(struct plan *plan, const bl__group *group, int inputs)
{
    int64_t last[BL__GROUP_SLOTS];
    uint8_t unused[BL__GROUP_SLOTS];
    int buffers = 0, unused_count = 0;
    find_last_uses(group, inputs, last);
    for (int k = 0; k < inputs; k++)
        plan->buffer[k] = plan->input[k].source >= SCALAR ? (uint8_t)buffers++ : NO_BUFFER;
    for (int64_t s = 0; s < group->step_count; s++) {
        const bl__step *step = &group->step[s];
        uint8_t *own = &plan->buffer[inputs + s];
        if (step->is_output)
            *own = NO_BUFFER;
        else
            *own = unused_count > 0 ? unused[--unused_count] : (uint8_t)buffers++;
        for (int i = 0; i < step->input_count; i++) {
            int slot = step->input[i];
            if (last[slot] != s || slot < inputs || plan->buffer[slot] == NO_BUFFER)
                continue;
            unused[unused_count++] = plan->buffer[slot];
            last[slot] = -1; /* it may be another input of the step too */
        }
    }
    return buffers;
}

/* Which slots point into memory that is not of the group's own. */
static void list_memory(struct plan *plan, int inputs)
{
    plan->memory_count = plan->output_count = 0;
    for (int k = 0; k < inputs; k++) {
        if (plan->input[k].source < SCALAR)
            plan->memory[plan->memory_count++] = (uint8_t)k;
    }
    for (int64_t s = 0; s < plan->group->step_count; s++) {
        if (!plan->group->step[s].is_output)
            continue;
        plan->output_bytes[plan->output_count] = plan->group->step[s].bytes;
        plan->output[plan->output_count++] = (uint8_t)(inputs + s);
    }
}

/* The most bytes of an element of any slot. */
static uint32_t widest_element(const bl__group *group, const struct plan *plan, int inputs)
{
    uint32_t widest = 1;
    for (int k = 0; k < inputs; k++)
        widest = plan->input[k].bytes > widest ? plan->input[k].bytes : widest;
    for (int64_t s = 0; s < group->step_count; s++)
        widest = group->step[s].bytes > widest ? group->step[s].bytes : widest;
    return widest;
}

/* The strides, which stood in a place for the time being, in the arena. */
static bool keep_strides(struct plan *plan, int inputs, bl__arena *arena)
{
    size_t rank = (size_t)plan->rank;
    int64_t *kept = bl__arena_take(arena, (size_t)inputs * rank * sizeof(*kept));
    if (!kept)
        return false;
    for (int k = 0; k < inputs; k++) {
        if (rank > 0)
            memcpy(kept + (size_t)k * rank, plan->input[k].stride, rank * sizeof(*kept));
        plan->input[k].stride = kept + (size_t)k * rank;
    }
    return true;
}

static bool is_whole(const struct plan *plan, int inputs)
{
    bool whole = true;
    for (int k = 0; k < inputs; k++)
        whole = whole && plan->input[k].source == DIRECT;
    return whole;
}

static double bytes_of(bl__operand *const *operands, uint32_t count)
{
    double bytes = 0;
    for (uint32_t k = 0; k < count; k++)
        bytes += (double)operands[k]->count * (double)bl__dtype_bytes((bl_dtype)operands[k]->dtype);
    return bytes;
}

static double nanoseconds_of(const bl__call *call, const bl__group *group)
{
    double count = 1;
    for (int d = 0; d < group->rank; d++)
        count *= (double)group->size[d];
    return (bytes_of(call->inputs, call->input_count) + bytes_of(call->outputs, call->output_count)) *
               BYTE_NANOSECONDS +
           count * (double)group->step_count * STEP_NANOSECONDS;
}

double bl__group_nanoseconds(const bl__call *call)
{
    return nanoseconds_of(call, call->attributes);
}

/* Cuts the index space into parts; elements do not depend on each other, so any cut gives the same bits. */
static void share_out(struct plan *plan, const bl__call *call)
{
    int64_t row = row_of(plan), unit = plan->rows_per_tile > 1 ? plan->rows_per_tile * row : row;
    plan->nanoseconds = nanoseconds_of(call, plan->group);
    plan->pays = bl__pays_for_threads(call, plan->nanoseconds);
    if (row > PART) {
        plan->most = plan->most > PART ? PART : plan->most;
        plan->part = plan->group->reducer ? bl__reduce_block(plan->count) : PART / plan->most * plan->most;
    } else
        plan->part = unit > 0 ? (PART + unit - 1) / unit * unit : 1;
}

/* A group that is one tile remembers where its steps find their values: small programs are mostly driver. In
 * a long one that would come from memory, no sooner than it is found again. */
static bool remember_steps(struct plan *plan, const bl__call *call, bl__arena *arena)
{
    int64_t most = plan->rows_per_tile > 1 ? plan->rows_per_tile * row_of(plan) : plan->most;
    plan->bound = NULL;
    if (plan->pays || plan->gathers || plan->group->reducer || plan->count > most || plan->count == 0 ||
        (plan->rank > 1 && plan->rows_per_tile <= 1))
        return true;
    size_t steps = (size_t)plan->group->step_count;
    if (call->environment->bound_steps + steps > MOST_BOUND)
        return true;
    call->environment->bound_steps += steps;
    plan->bound = bl__arena_take(arena, steps * sizeof(*plan->bound));
    plan->slot = bl__arena_take(arena, (call->input_count + steps) * sizeof(*plan->slot));
    plan->layout = call->environment->layout - 1;
    return plan->bound && plan->slot;
}

static int64_t parts_of(const struct plan *plan)
{
    return plan->count > 0 ? (plan->count - 1) / plan->part + 1 : 0;
}

/* Every part leaves its accumulators behind the buffers. The lanes are those of the reduction alone
 * (reduce.c). */
static void plan_reduction(struct plan *plan, size_t *scratch_bytes)
{
    int64_t parts = parts_of(plan);
    plan->mask = plan->count > BL__LANES ? BL__LANES - 1 : 0;
    plan->partial = *scratch_bytes;
    plan->partial_bytes = BL__LANES * plan->group->reducer->bytes;
    *scratch_bytes += (size_t)(parts > 0 ? parts : 1) * plan->partial_bytes;
}

/* Fills a new plan for a group, and says how many scratch bytes a run needs; NULL without memory. */
static struct plan *make_plan(const bl__call *call, const bl__group *group, bl__arena *arena,
                              size_t *scratch_bytes)
{
    int inputs = (int)call->input_count;
    int64_t strides[BL__GROUP_INPUTS][BL_MAX_RANK];
    struct plan *plan = bl__arena_take(arena, sizeof(*plan) + (size_t)inputs * sizeof(struct input));
    if (!plan || !group)
        return NULL;
    plan->group = group;
    for (int k = 0; k < inputs; k++) {
        plan->input[k].stride = strides[k];
        plan->input[k].bytes = (uint32_t)bl__dtype_bytes((bl_dtype)call->inputs[k]->dtype);
    }
    lay_out(plan, call);
    bool joins = plan->joins = classify_all(plan, inputs);
    int buffers = share_buffers(plan, group, inputs);
    list_memory(plan, inputs);
    uint32_t widest = widest_element(group, plan, inputs);
    int64_t row = row_of(plan), tile = TILE_BYTES / (int64_t)widest;
    plan->rows_per_tile = joins && row > 0 && row <= tile ? tile / row : 1;
    plan->most = buffers > 0 && row > tile ? tile : row;
    size_t all = (size_t)plan->count < (size_t)tile ? (size_t)plan->count * widest : TILE_BYTES;
    plan->buffer_bytes = (all + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    plan->scratch_bytes = (size_t)buffers * plan->buffer_bytes;
    plan->scratch_begin = *scratch_bytes;
    share_out(plan, call);
    *scratch_bytes += plan->scratch_bytes * (size_t)(plan->pays ? call->environment->threads : 1);
    if (group->reducer)
        plan_reduction(plan, scratch_bytes);
    return keep_strides(plan, inputs, arena) && remember_steps(plan, call, arena) ? plan : NULL;
}

/* The group of a call with the steps that there are at once; NULL without memory. */
static const bl__group *steps_of(const bl__call *call, const bl__group *group, bl__arena *arena)
{
    return bl__group_of_compounds(call, group, true, arena);
}

static bl_status prepare_group(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    call->plan = make_plan(call, steps_of(call, call->attributes, arena), arena, scratch_bytes);
    return call->plan ? BL_OK : BL_ERR_MEMORY;
}

bl_status bl__group_prepare_parts(bl__call *call, bl__arena *arena, size_t *scratch_bytes, int workers)
{
    size_t begin = *scratch_bytes;
    struct plan *plan = make_plan(call, steps_of(call, call->attributes, arena), arena, scratch_bytes);
    if (!plan)
        return BL_ERR_MEMORY;
    *scratch_bytes = begin + plan->scratch_bytes * (size_t)workers;
    call->plan = plan;
    return BL_OK;
}

/* A single op is a group of one step, unless none is needed. */
bl_status bl__elementwise_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, bl__tile tile)
{
    const bl__operand *output = call->outputs[0];
    uint32_t inputs = call->input_count;
    bl_dtype dtype = call->inputs[inputs - 1]->dtype;
    *scratch_bytes = 0;
    if (!tile || inputs > BL__TILE_INPUTS)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(dtype));
    bl__step step = {.tile = tile,
                     .attributes = call->attributes,
                     .input_count = (uint8_t)inputs,
                     .input = {0, inputs > 1 ? 1 : 0, inputs > 2 ? 2 : 0},
                     .bytes = (uint8_t)bl__dtype_bytes(output->dtype),
                     .is_output = true};
    bl__arena_mark before = bl__arena_position(arena);
    bl__group *group = bl__arena_take(arena, offsetof(bl__group, step) + sizeof(step));
    if (!group)
        return BL_ERR_MEMORY;
    group->size = output->size; /* there is room for one step only */
    group->rank = output->rank;
    group->ones = 0;
    group->reducer = NULL;
    group->step_count = 1;
    group->step[0] = step;
    struct plan *plan = make_plan(call, steps_of(call, group, arena), arena, scratch_bytes);
    if (!plan)
        return BL_ERR_MEMORY;
    call->plan = plan;
    if (is_whole(plan, (int)inputs) && !plan->pays) {
        bl__arena_rewind(arena, before);
        call->plan = NULL;
    }
    return BL_OK;
}

/* ---- run ---- */

/* What a thread is at: a part of a group's elements, and where the values of the slots are. */
struct turn {
    const struct plan *plan;
    const bl__call *call;
    void *lanes; /* of the part, where there is a reduction */
    void **slot;
    struct place place;
};

/* Points slots at their buffers, which are the same for all tiles. */
static void point_at_buffers(struct turn *turn, unsigned char *scratch)
{
    const struct plan *plan = turn->plan;
    int64_t slots = turn->call->input_count + plan->group->step_count;
    for (int64_t i = 0; i < slots; i++) {
        if (plan->buffer[i] != NO_BUFFER)
            turn->slot[i] = scratch + (size_t)plan->buffer[i] * plan->buffer_bytes;
    }
}

/* Brings row elements first .. first + n - 1 of the row at `place` into a buffer, from element `start` on. */
static void gather(const struct turn *turn, int k, const struct place *place, int64_t first, int64_t n,
                   int64_t start)
{
    const struct plan *plan = turn->plan;
    const struct input *input = &plan->input[k];
    int64_t step = plan->rank > 0 ? input->stride[plan->rank - 1] : 0;
    const char *from =
        bl__at_const(turn->call->inputs[k]->data, input->bytes, place->offset[k] + step * first);
    bl__copy_elements(input->bytes, n, bl__at(turn->slot[k], input->bytes, start), 1, from, step);
}

/* Gathers what differs from tile to tile. */
static void gather_all(const struct turn *turn, int64_t first, int64_t n, int64_t start)
{
    for (int k = 0; k < (int)turn->call->input_count; k++) {
        if (turn->plan->input[k].source == GATHERED)
            gather(turn, k, &turn->place, first, n, start);
    }
}

/* Fills what stays the same over the whole run: one element or one row, then what is there again and again.
 */
static void fill(const struct turn *turn)
{
    static const struct place origin = {{0}, {0}};
    const struct plan *plan = turn->plan;
    int64_t row = row_of(plan), tile = plan->rows_per_tile > 1 ? plan->rows_per_tile * row : plan->most;
    int64_t n = plan->count < tile ? plan->count : tile;
    for (int k = 0; k < (int)turn->call->input_count; k++) {
        size_t bytes = plan->input[k].bytes;
        if (plan->input[k].source != SCALAR && plan->input[k].source != REPEATED)
            continue;
        void *buffer = turn->slot[k];
        if (plan->input[k].source == SCALAR) {
            bl__copy_elements(bytes, n, buffer, 1, turn->call->inputs[k]->data, 0);
            continue;
        }
        gather(turn, k, &origin, 0, row, 0);
        for (int64_t done = row, all = n / row * row, more; done < all; done += more) {
            more = done <= all - done ? done : all - done;
            bl__copy_elements(bytes, more, bl__at(buffer, bytes, done), 1, buffer, 1);
        }
    }
}

/* Points the slots that a tile has in memory there: it begins with element `done` of the index space, and
 * with element `row` of the row at the turn's place. */
static void point_at_memory(struct turn *turn, int64_t row, int64_t done)
{
    const struct plan *plan = turn->plan;
    const bl__call *call = turn->call;
    for (int i = 0; i < plan->memory_count; i++) {
        int k = plan->memory[i];
        int64_t first = plan->input[k].source == DIRECT ? done
                        : plan->input[k].source == ROWS ? turn->place.offset[k] + row
                                                        : 0;
        turn->slot[k] = bl__at(call->inputs[k]->data, plan->input[k].bytes, first);
    }
    for (int i = 0; i < plan->output_count; i++)
        turn->slot[plan->output[i]] = bl__at(call->outputs[i]->data, plan->output_bytes[i], done);
}

/* Takes n elements through the steps; GATHERED inputs are in their buffers already. */
static void run_tile(struct turn *turn, int64_t row, int64_t done, int64_t n)
{
    const struct plan *plan = turn->plan;
    void **slot = turn->slot, **value = slot + turn->call->input_count;
    point_at_memory(turn, row, done);
    const bl__step *step = plan->group->step, *end = step + plan->group->step_count;
    for (; step < end; step++) {
        const void *in[BL__TILE_INPUTS] = {slot[step->input[0]], slot[step->input[1]], slot[step->input[2]]};
        step->tile(n, *value++, in, step->attributes);
    }
    if (plan->group->reducer)
        plan->group->reducer->across(turn->lanes, plan->mask, n, slot[plan->group->reduced], 1, done);
}

/* The place of a row. */
static void go_to_row(const struct plan *plan, int inputs, int64_t row, struct place *place)
{
    for (int k = 0; k < inputs; k++)
        place->offset[k] = 0;
    for (int d = plan->rank - 2; d >= 0; d--) {
        place->index[d] = row % plan->size[d];
        row /= plan->size[d];
        for (int k = 0; k < inputs; k++)
            place->offset[k] += place->index[d] * plan->input[k].stride[d];
    }
}

/* Goes to the next row; back at the first after the last. */
static void next_row(const struct plan *plan, int inputs, struct place *place)
{
    for (int d = plan->rank - 2; d >= 0; d--) {
        bool wraps = ++place->index[d] == plan->size[d];
        int64_t steps = wraps ? 1 - plan->size[d] : 1;
        for (int k = 0; k < inputs; k++)
            place->offset[k] += steps * plan->input[k].stride[d];
        if (!wraps)
            return;
        place->index[d] = 0;
    }
}

/* Elements done .. end-1 in tiles of whole rows. */
static void run_short_rows(struct turn *turn, int64_t done, int64_t end)
{
    const struct plan *plan = turn->plan;
    int64_t row = row_of(plan), most = plan->rows_per_tile * row;
    for (int64_t n; done < end; done += n) {
        n = end - done < most ? end - done : most;
        for (int64_t start = 0; plan->gathers && start < n; start += row) {
            gather_all(turn, 0, row, start);
            next_row(plan, (int)turn->call->input_count, &turn->place);
        }
        run_tile(turn, 0, done, n);
    }
}

/* Elements done .. end-1 in tiles that end where a row ends. */
static void run_long_rows(struct turn *turn, int64_t done, int64_t end)
{
    const struct plan *plan = turn->plan;
    int64_t row = row_of(plan), first = done > 0 ? done % row : 0;
    for (int64_t n; done < end; done += n, first += n) {
        if (first == row) {
            next_row(plan, (int)turn->call->input_count, &turn->place);
            first = 0;
        }
        n = row - first < plan->most ? row - first : plan->most;
        n = end - done < n ? end - done : n;
        if (plan->gathers)
            gather_all(turn, first, n, 0);
        run_tile(turn, first, done, n);
    }
}

static inline unsigned char *buffers_of(const bl__call *call, const struct plan *plan, int worker)
{
    return (unsigned char *)call->environment->scratch + plan->scratch_begin +
           (size_t)worker * plan->scratch_bytes;
}

/* Goes to the row that has an element. */
static inline void find_place(struct turn *turn, int64_t element)
{
    const struct plan *plan = turn->plan;
    int inputs = (int)turn->call->input_count;
    if (plan->rank > 1)
        go_to_row(plan, inputs, element > 0 ? element / row_of(plan) : 0, &turn->place);
    else
        memset(turn->place.offset, 0, (size_t)inputs * sizeof(turn->place.offset[0]));
}

/* Where the accumulators of a part stand. */
static void *lanes_of(const bl__call *call, const struct plan *plan, int64_t part)
{
    return (unsigned char *)call->environment->scratch + plan->partial + (size_t)part * plan->partial_bytes;
}

static void run_range(const bl__call *call, const struct plan *plan, int64_t begin, int64_t end, int worker)
{
    struct turn turn; /* not zeroed: for small groups even that takes time */
    void *slot[BL__GROUP_SLOTS];
    turn.plan = plan;
    turn.call = call;
    turn.slot = slot;
    if (plan->group->reducer) {
        turn.lanes = lanes_of(call, plan, begin / plan->part);
        plan->group->reducer->start(plan->mask + 1, turn.lanes);
    }
    point_at_buffers(&turn, buffers_of(call, plan, worker));
    find_place(&turn, begin);
    if (plan->fills)
        fill(&turn);
    (plan->rows_per_tile > 1 ? run_short_rows : run_long_rows)(&turn, begin, end);
}

static void run_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = work;
    int64_t begin = part * plan->part, end = begin + plan->part;
    run_range(call, plan, begin, end < plan->count ? end : plan->count, worker);
}

/* ---- run: parts that another cut has made ---- */

/* Short rows that begin or end in the middle, each for itself. */
static void run_pieces(struct turn *turn, int64_t begin, int64_t end)
{
    const struct plan *plan = turn->plan;
    int64_t row = row_of(plan), first = begin % row;
    int inputs = (int)turn->call->input_count;
    for (int64_t n; begin < end; begin += n, first = 0) {
        n = row - first < end - begin ? row - first : end - begin;
        gather_all(turn, first, n, 0);
        for (int k = 0; k < inputs; k++) {
            if (plan->input[k].source == REPEATED)
                turn->slot[k] = bl__at(turn->slot[k], plan->input[k].bytes, first);
        }
        run_tile(turn, first, begin, n);
        for (int k = 0; k < inputs; k++) {
            if (plan->input[k].source == REPEATED)
                turn->slot[k] = bl__at(turn->slot[k], plan->input[k].bytes, -first);
        }
        next_row(plan, inputs, &turn->place);
    }
}

void bl__group_run_stretches(const bl__call *call, bl__stretches part, int worker)
{
    const struct plan *plan = call->plan;
    int64_t row = row_of(plan);
    void *slot[BL__GROUP_SLOTS];
    struct turn turn;
    if (part.columns == part.apart)
        part = (bl__stretches){part.begin, 1, part.rows * part.columns, 0};
    turn.plan = plan;
    turn.call = call;
    turn.slot = slot;
    point_at_buffers(&turn, buffers_of(call, plan, worker));
    if (plan->fills)
        fill(&turn);
    for (int64_t r = 0; r < part.rows; r++) {
        int64_t begin = part.begin + r * part.apart, end = begin + part.columns;
        bool whole = !plan->joins || (begin % row == 0 && end % row == 0);
        find_place(&turn, begin);
        (!whole ? run_pieces : plan->rows_per_tile > 1 ? run_short_rows : run_long_rows)(&turn, begin, end);
    }
}

/* ---- run: a whole group ---- */

/* The reduction of all parts. */
static void finish(const bl__call *call, const struct plan *plan)
{
    const bl__reducer *reducer = plan->group->reducer;
    void *lanes = lanes_of(call, plan, 0), *out = call->outputs[call->output_count - 1]->data;
    if (plan->count == 0)
        reducer->start(plan->mask + 1, lanes);
    for (int64_t done = plan->part, part = 1; done < plan->count; done += plan->part, part++)
        reducer->join(plan->mask + 1, lanes, lanes_of(call, plan, part));
    reducer->finish(1, out, lanes, plan->mask + 1, 1);
}

/* Finds the memory of the steps of a group that is one tile. */
static void bind_steps(struct plan *plan, struct turn *turn)
{
    const bl__step *step = plan->group->step;
    point_at_buffers(turn, buffers_of(turn->call, plan, 0));
    point_at_memory(turn, 0, 0);
    for (int64_t s = 0; s < plan->group->step_count; s++, step++) {
        struct bound_step *bound = &plan->bound[s];
        *bound = (struct bound_step){
            step->tile, turn->slot[turn->call->input_count + s], {NULL}, step->attributes};
        for (int i = 0; i < BL__TILE_INPUTS; i++)
            bound->in[i] = turn->slot[step->input[i]];
    }
    plan->layout = turn->call->environment->layout;
}

static void run_bound(const bl__call *call, struct plan *plan)
{
    const struct bound_step *step = plan->bound, *end = step + plan->group->step_count;
    struct turn turn;
    turn.plan = plan;
    turn.call = call;
    turn.slot = plan->slot;
    if (plan->layout != call->environment->layout)
        bind_steps(plan, &turn);
    if (plan->fills)
        fill(&turn);
    for (; step < end; step++)
        step->tile(plan->count, step->out, step->in, step->attributes);
}

static bl_status run_group(const bl__call *call)
{
    struct plan *plan = call->plan;
    const bl__reducer *reducer = plan->group->reducer;
    if (plan->bound) {
        run_bound(call, plan);
        return BL_OK;
    }
    if (plan->count > 0 && (plan->pays || reducer))
        bl__parallel(call, plan->pays, parts_of(plan), run_part, plan);
    else if (plan->count > 0)
        run_range(call, plan, 0, plan->count, 0);
    if (reducer)
        finish(call, plan);
    return BL_OK;
}

/* ---- parts that another shares out ---- */

bl__group_needs bl__group_needs_of(const bl__call *call)
{
    const struct plan *plan = call->plan;
    int64_t parts = parts_of(plan);
    return (bl__group_needs){
        .parts = parts,
        .nanoseconds = plan->nanoseconds,
        .thread_bytes = plan->scratch_bytes,
        .part_bytes = plan->group->reducer ? (size_t)(parts > 0 ? parts : 1) * plan->partial_bytes : 0};
}

void bl__group_set_scratch(const bl__call *call, size_t thread_bytes, size_t parts_at)
{
    struct plan *plan = call->plan;
    plan->scratch_begin = 0;
    plan->scratch_bytes = thread_bytes;
    plan->partial = parts_at;
}

void bl__group_run_part(const bl__call *call, int64_t part, int worker)
{
    run_part(call, call->plan, part, worker);
}

void bl__group_finish(const bl__call *call)
{
    const struct plan *plan = call->plan;
    if (plan->group->reducer)
        finish(call, plan);
}

bl_status bl__elementwise_run(const bl__call *call, bl__tile tile)
{
    if (call->plan)
        return run_group(call);
    const void *in[BL__TILE_INPUTS] = {NULL};
    for (uint32_t k = 0; k < call->input_count; k++)
        in[k] = call->inputs[k]->data;
    tile(call->outputs[0]->count, call->outputs[0]->data, in, call->attributes);
    return BL_OK;
}

static int64_t flops_group(const bl__call *call)
{
    const bl__group *group = call->attributes;
    int64_t count = 1;
    for (int d = 0; d < group->rank; d++)
        count = bl__times(count, group->size[d]);
    (void)call;
    return bl__times(group->step_count + (group->reducer != NULL), count);
}

const bl__kernel bl__kernel_group = {BL__STRIDED | BL__IN_PLACE, prepare_group, run_group, flops_group};
