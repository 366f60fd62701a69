/* Private. Where blocks of memory stand that live at different times. */
#ifndef BOWLINE_EXEC_PLACE_H
#define BOWLINE_EXEC_PLACE_H

#include "graph/memory.h"

/* A run of bytes, a multiple of BL__ALIGNMENT and not 0, that is needed from one instruction to another, both
 * included. */
typedef struct bl__block {
    size_t bytes, offset;
    int64_t first, last; /* 0 <= first <= last < INT64_MAX */
} bl__block;

/* Gives every block its offset, so that those alive together do not overlap. `bound` is the most bytes alive
 * at once, and *top how many it takes. The same blocks in the same order get the same places. False without
 * memory, or when it takes more than INT64_MAX / 2. */
bool bl__place_blocks(const bl_allocator *allocator, bl__block *blocks, size_t count, size_t bound,
                      size_t *top);

/* Sorts `count` numbers by a key of theirs, the smallest first and equals as they stand; `room` has space for
 * as many. */
void bl__sort_by_key(uint32_t *numbers, uint32_t *room, size_t count, const uint64_t *key);

#endif
