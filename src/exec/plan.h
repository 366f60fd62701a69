/* Private. What is alive when, and the plan of the workspace that is made from it. */
#ifndef BOWLINE_EXEC_PLAN_H
#define BOWLINE_EXEC_PLAN_H

#include "exec/program.h"

/* The size of a storage, and the first and the last instruction that use it; the last is INT64_MAX when it
 * must outlive the run, and -1 where none does. A storage that lives on in the memory of another has its own
 * lifetime all the same; the other's reaches to its end. */
typedef struct bl__lifetime {
    size_t bytes;
    int64_t first, last;
    bool is_kept; /* outlives the run */
} bl__lifetime;

/* Whether a storage has memory of its own in the workspace. */
bool bl__is_root(const bl_program *program, size_t storage);

/* The bytes that a storage takes there. */
size_t bl__block_bytes(size_t bytes);

/* Finds out when each storage, whose bytes are known, is made and used in the order that the instructions
 * have.
 */
void bl__find_uses(bl_program *program, bl__lifetime *lifetimes);

/* Finds out when each storage lives, whose bytes are known, in the order that the instructions have, and
 * which are computed in the memory of another. */
void bl__find_lifetimes(bl_program *program, bl__lifetime *lifetimes);

/* Whether the sum of all sizes stays where sums of them cannot overflow; to be asked before bl__count_alive.
 */
bool bl__sizes_fit(const bl_program *program, const bl__lifetime *lifetimes);

/* The bytes alive at each instruction, which takes `alive` of them, an element for each; the most of all. */
size_t bl__count_alive(const bl_program *program, const bl__lifetime *lifetimes, int64_t *alive);

/* Finds the lifetimes and lays the workspace out by them. False without memory or on overflow. */
bool bl__plan(bl_program *program, bl__lifetime *lifetimes);

#endif
