/* Private. Small instructions that do not depend on each other run side by side: each alone is not worth
 * waking threads for, several together are.
 *
 * A band is a run of consecutive instructions, cut into strands: instructions of one strand depend on each
 * other and run in their order, on one thread; strands have nothing to do with each other. */
#ifndef BOWLINE_EXEC_STRAND_H
#define BOWLINE_EXEC_STRAND_H

#include "exec/plan.h"

/* One band. Strand s has the instructions members[ends[s - 1]] .. members[ends[s] - 1], counted from the
 * band's first; the strand that takes longest comes first. */
struct bl__band {
    size_t first;     /* of the program's instructions */
    uint16_t count;   /* of instructions */
    uint16_t strands; /* 2 or more */
    size_t scratch;   /* bytes of each strand */
    uint8_t *members; /* count */
    uint8_t *ends;    /* strands */
};

/* Finds the bands of a lowered program; false without memory. */
bool bl__find_bands(bl_program *program);

/* Lets all that a band uses live until its end, since nobody knows what of it runs first. */
void bl__lengthen_lifetimes(const bl_program *program, bl__lifetime *lifetimes);

/* Runs the instructions of a band side by side; with a profile one after the other, so that each has a time
 * of its own. */
void bl__run_band(const bl_program *program, const bl__band *band, bl__profile *profile);

#endif
