/* Private. Groups of the same steps over several index spaces, as one instruction: the update of all
 * parameters by an optimizer, say. */
#ifndef BOWLINE_CPU_GROUPS_H
#define BOWLINE_CPU_GROUPS_H

#include "cpu/elementwise.h"

/* The attributes of the instruction. Its inputs are those of one member after the other, and so are its
 * outputs; all members have as many. No member reads what another makes. */
typedef struct bl__groups {
    const bl__group *steps; /* of the first; those of the others are the same but for the space */
    size_t member_count;
    bl__call *member;      /* calls of their own, prepared by bl__kernel_group */
    const bool *is_shared; /* by input: another member reads its storage too */
} bl__groups;

extern const bl__kernel bl__kernel_groups;

#endif
