/* Private. Element-wise ops: groups that run as one instruction, whose steps are its attributes; and the
 * driver of single ops, for kernels that look at their inputs before the tiles run. */
#ifndef BOWLINE_CPU_ELEMENTWISE_H
#define BOWLINE_CPU_ELEMENTWISE_H

#include "cpu/loop.h"
#include "cpu/tile.h"

enum {
    BL__GROUP_STEPS = 32,
    BL__GROUP_INPUTS = 16,
    BL__GROUP_SLOTS = BL__GROUP_INPUTS + BL__GROUP_STEPS
};

/* One op of a group. Values are told apart by slots: first the instruction's inputs, then one for each step.
 * A value that nothing outside the group needs stays in a tile; the others are the instruction's outputs, in
 * the order of their steps. */
typedef struct bl__step {
    bl__tile tile;
    const void *attributes;
    uint8_t input_count;
    uint8_t input[BL__TILE_INPUTS]; /* slots, all of earlier steps; 0 beyond the inputs */
    uint8_t bytes;                  /* of an element */
    bool is_output;
    uint16_t attribute_bytes; /* of a step that comes from a node; UINT16_MAX for as many or more */
} bl__step;

typedef struct bl__group {
    const int64_t *size; /* of the index space */
    uint8_t rank;
    uint16_t ones;                     /* inputs, by bit, whose one element steps read as such (compound.h) */
    uint8_t reduced;                   /* the slot whose elements are reduced, ... */
    const struct bl__reducer *reducer; /* ... all to one, the instruction's last output; NULL for none */
    int64_t step_count;
    bl__step step[BL__GROUP_STEPS]; /* step_count of them are there */
} bl__group;

/* Runs a group: outputs of one shape, to which the inputs broadcast, and the reduction of a value. Where
 * there is a reduction, inputs are contiguous or one element. Its prepare function leaves the bytes of
 * scratch that are asked for already alone. */
extern const bl__kernel bl__kernel_group;

/* What the run of a prepared group takes: parts of it (cut by shape alone) and nanoseconds, about; scratch of
 * a thread; and scratch for what the parts leave, where there is a reduction. */
typedef struct bl__group_needs {
    int64_t parts;
    double nanoseconds;
    size_t thread_bytes, part_bytes;
} bl__group_needs;
bl__group_needs bl__group_needs_of(const bl__call *call);

/* For a group whose parts are shared out by another: where in scratch they keep what they leave, and from
 * where to where a thread's scratch is. Then, in a run: any parts in any order, and the end after all. */
void bl__group_set_scratch(const bl__call *call, size_t thread_bytes, size_t parts_at);
void bl__group_run_part(const bl__call *call, int64_t part, int worker);
void bl__group_finish(const bl__call *call);

/* For a group as the end of an instruction that computes its inputs part after part. Prepares a run of that
 * kind, by `workers` at once, whose scratch begins behind the bytes that *scratch_bytes says and is added to
 * them; one worker's nanoseconds for all elements, about; and a worker's way through some of them. Such a
 * group has no reduction. */
bl_status bl__group_prepare_parts(bl__call *call, bl__arena *arena, size_t *scratch_bytes, int workers);
double bl__group_nanoseconds(const bl__call *call);
void bl__group_run_stretches(const bl__call *call, bl__stretches part, int worker);

/* Whether a group reads the elements of an input for the last time before, or when, it writes those of
 * an output. */
bool bl__group_reads_before(const bl__group *group, int input, int output);

/* Prepare and run of a kernel that is no more than a tile function; NULL where there is none for the call's
 * dtypes. */
bl_status bl__elementwise_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, bl__tile tile);
bl_status bl__elementwise_run(const bl__call *call, bl__tile tile);

#endif
