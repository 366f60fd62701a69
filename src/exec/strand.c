/* Finding instructions that may run side by side, and running them. */
#include "exec/strand.h"
#include "cpu/flops.h"
#include "cpu/groups.h"
#include "cpu/parallel.h"
#include "graph/pool.h"

#include <string.h>

enum {
    MOST_MEMBERS = 32,
    MOST_BYTES = 1 << 18 /* that a band's instructions write: what they keep from others must stay small */
};

/* What a product, and what another operation, is taken to need, and a byte that is moved; nanoseconds. */
#define A_PRODUCT   (1 / 30.0)
#define AN_ELEMENT  (1 / 4.0)
#define A_BYTE      (1 / 16.0)
#define INSTRUCTION 50.0

/* What is known of all instructions. */
struct tables {
    double *takes;       /* by instruction: nanoseconds, about; 0 where it may not be in a band */
    uint32_t *producers; /* by storage: the instruction that computes it + 1; 0 for none */
};

/* A band that begins at an instruction, while it grows. */
struct growth {
    const bl_program *program;
    const struct tables *tables;
    size_t first;
    int count;
    uint8_t strand[MOST_MEMBERS]; /* by member: the first member of its strand */
    double takes[MOST_MEMBERS];   /* by first member of a strand: nanoseconds */
    double sum;
    size_t bytes;
};

/* ---- single instructions ---- */

static size_t bytes_of(const bl__operand *operand)
{
    return operand->unused ? 0 : (size_t)operand->count * bl_dtype_size((bl_dtype)operand->dtype);
}

static double estimate(const bl__instruction *instruction)
{
    const bl__call *call = &instruction->call;
    double flops = (double)instruction->kernel->flops(call), bytes = 0;
    for (uint32_t i = 0; i < call->input_count + call->output_count; i++)
        bytes += (double)bytes_of(call->inputs[i]);
    bool is_product = flops > 2 * bytes;
    return INSTRUCTION + flops * (is_product ? A_PRODUCT : AN_ELEMENT) + bytes * A_BYTE;
}

/* Whether an instruction may be in a band: it cannot fail, for then it would have to be known which failed
 * first; it does not share out its own work; it writes to the workspace alone; and it is none that is several
 * already, whose members know one environment. */
static bool may_join(const bl_program *p, const bl__instruction *instruction)
{
    const bl__call *call = &instruction->call;
    if ((instruction->kernel->flags & BL__CAN_FAIL) || instruction->shares ||
        instruction->kernel == &bl__kernel_groups)
        return false;
    for (uint32_t i = 0; i < call->output_count; i++) {
        if (p->storages[call->outputs[i]->storage].place != BL__WORKSPACE)
            return false;
    }
    return true;
}

/* ---- growing a band ---- */

/* Makes one strand of two. */
static void join(struct growth *g, int a, int b)
{
    int into = g->strand[a], from = g->strand[b];
    if (into == from)
        return;
    g->takes[into] += g->takes[from];
    g->takes[from] = 0;
    for (int i = 0; i < g->count; i++) {
        if (g->strand[i] == from)
            g->strand[i] = (uint8_t)into;
    }
}

/* Takes in the next instruction; false where it cannot be. */
static bool take_in(struct growth *g)
{
    const bl_program *p = g->program;
    size_t index = g->first + (size_t)g->count;
    if (g->count == MOST_MEMBERS || index == p->instruction_count || g->tables->takes[index] == 0)
        return false;
    const bl__call *call = &p->instructions[index].call;
    for (uint32_t i = 0; i < call->output_count; i++)
        g->bytes += bytes_of(call->outputs[i]);
    if (g->bytes > MOST_BYTES)
        return false;
    int member = g->count++;
    g->strand[member] = (uint8_t)member;
    g->takes[member] = g->tables->takes[index];
    g->sum += g->takes[member];
    for (uint32_t i = 0; i < call->input_count; i++) {
        size_t producer = g->tables->producers[call->inputs[i]->storage];
        if (producer > g->first)
            join(g, (int)(producer - 1 - g->first), member);
    }
    return true;
}

/* What running side by side saves, in nanoseconds. */
static double saved(const struct growth *g)
{
    double longest = g->sum / g->program->environment.threads;
    for (int i = 0; i < g->count; i++)
        longest = g->takes[i] > longest ? g->takes[i] : longest;
    return g->sum - longest;
}

/* How many instructions from `first` on make the band that saves most; 0 where none is worth it. */
static int best_count(struct growth *g)
{
    double most = BL__WORTH_NANOSECONDS / 2;
    int best = 0;
    while (take_in(g)) {
        double now = saved(g);
        if (now >= most * 1.01) { /* rather a short one than one that is hardly better */
            most = now;
            best = g->count;
        }
    }
    return best;
}

/* ---- the bands of a program ---- */

/* The strands of a band, the longest first. */
static void order_strands(const struct growth *g, bl__band *band)
{
    double takes[MOST_MEMBERS];
    int ended = 0;
    memcpy(takes, g->takes, sizeof(takes));
    band->strands = 0;
    while (ended < band->count) {
        int longest = 0;
        for (int i = 1; i < band->count; i++)
            longest = takes[i] > takes[longest] ? i : longest;
        for (int i = 0; i < band->count; i++) {
            if (g->strand[i] == longest)
                band->members[ended++] = (uint8_t)i;
        }
        takes[longest] = 0;
        band->ends[band->strands++] = (uint8_t)ended;
    }
}

static bool add_band(bl_program *p, const struct growth *g)
{
    const bl_allocator *a = &p->head.context->allocator;
    if (p->band_count == p->band_capacity && !bl__grow(a, &p->bands, &p->band_capacity, sizeof(*p->bands)))
        return false;
    bl__band band = {.first = g->first, .count = (uint16_t)g->count};
    band.members = bl__arena_take(&p->arena, 2 * (size_t)g->count);
    if (!band.members)
        return false;
    band.ends = band.members + g->count;
    order_strands(g, &band);
    for (size_t i = band.first; i < band.first + band.count; i++) {
        size_t scratch = (size_t)p->instructions[i].scratch * BL__ALIGNMENT;
        p->instructions[i].is_beside = true;
        band.scratch = scratch > band.scratch ? scratch : band.scratch;
    }
    size_t scratch = band.scratch * band.strands;
    p->scratch_bytes = scratch > p->scratch_bytes ? scratch : p->scratch_bytes;
    p->environment.wants_pool = true;
    p->bands[p->band_count++] = band;
    return true;
}

static void begin(struct growth *g, size_t first)
{
    g->first = first;
    g->count = 0;
    g->sum = 0;
    g->bytes = 0;
}

/* Grows a band from each instruction on whose next ones, MOST_MEMBERS at most, take long enough together. */
static bool find(bl_program *p, const struct tables *tables)
{
    struct growth g = {.program = p, .tables = tables};
    double ahead = 0; /* that first .. end-1 take, of which all may join */
    for (size_t first = 0, end = 0; first < p->instruction_count; first++) {
        if (end < first) {
            end = first;
            ahead = 0;
        }
        for (; end < p->instruction_count && end - first < MOST_MEMBERS && tables->takes[end] > 0; end++)
            ahead += tables->takes[end];
        begin(&g, first);
        int best = ahead > BL__WORTH_NANOSECONDS ? best_count(&g) : 0;
        if (best > 0) {
            begin(&g, first);
            while (g.count < best)
                take_in(&g);
            if (!add_band(p, &g))
                return false;
            first += (size_t)best - 1;
            end = 0; /* anew */
        } else if (end > first) {
            ahead -= tables->takes[first];
        }
    }
    return true;
}

static void fill_tables(const bl_program *p, struct tables *tables)
{
    for (size_t i = 0; i < p->instruction_count; i++) {
        const bl__instruction *instruction = &p->instructions[i];
        tables->takes[i] = may_join(p, instruction) ? estimate(instruction) : 0;
        for (uint32_t o = 0; o < instruction->call.output_count; o++)
            tables->producers[instruction->call.outputs[o]->storage] = (uint32_t)i + 1;
    }
}

bool bl__find_bands(bl_program *p)
{
    if (p->environment.threads < 2 || p->check != BL_CHECK_NOTHING || p->instruction_count < 2)
        return true;
    const bl_allocator *a = &p->head.context->allocator;
    struct tables tables = {bl__allocate(a, p->instruction_count, sizeof(*tables.takes)),
                            bl__allocate(a, p->storage_count, sizeof(*tables.producers))};
    bool found = tables.takes && tables.producers;
    if (found) {
        fill_tables(p, &tables);
        found = find(p, &tables);
    }
    bl__release(a, tables.takes, p->instruction_count, sizeof(*tables.takes));
    bl__release(a, tables.producers, p->storage_count, sizeof(*tables.producers));
    return found;
}

void bl__lengthen_lifetimes(const bl_program *p, bl__lifetime *lifetimes)
{
    for (size_t b = 0; b < p->band_count; b++) {
        const bl__band *band = &p->bands[b];
        int64_t end = (int64_t)(band->first + band->count) - 1;
        for (size_t i = band->first; i < band->first + band->count; i++) {
            const bl__call *call = &p->instructions[i].call;
            for (uint32_t k = 0; k < call->input_count + call->output_count; k++) {
                bl__lifetime *lifetime = &lifetimes[p->storages[call->inputs[k]->storage].root];
                lifetime->last = lifetime->last < end ? end : lifetime->last;
            }
        }
    }
}

/* ---- running ---- */

struct work {
    const bl_program *program;
    const bl__band *band;
    bl__profile *profile; /* NULL where strands run side by side */
};

/* One strand, in scratch of its own. */
static void run_strand(const void *given, int64_t strand, int worker)
{
    const struct work *work = given;
    const bl__band *band = work->band;
    bl__environment environment = work->program->environment;
    (void)worker;
    if (environment.scratch)
        environment.scratch = (unsigned char *)environment.scratch + (size_t)strand * band->scratch;
    environment.message = NULL;
    for (int i = strand > 0 ? band->ends[strand - 1] : 0; i < band->ends[strand]; i++) {
        size_t index = band->first + band->members[i];
        const bl__instruction *instruction = &work->program->instructions[index];
        bl__call call = instruction->call;
        call.environment = &environment;
        instruction->kernel->run(&call);
        if (work->profile)
            bl__profile_note(work->profile, index);
    }
}

void bl__run_band(const bl_program *program, const bl__band *band, bl__profile *profile)
{
    const struct work work = {program, band, profile};
    int threads = profile ? 1 : program->environment.threads;
    bl__pool_run(program->environment.pool, threads, band->strands, run_strand, &work);
}
