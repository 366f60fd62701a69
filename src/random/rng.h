/* Private. The state of the host's generator: MT19937, and the normal value that the short path keeps back.
 */
#ifndef BOWLINE_RANDOM_RNG_H
#define BOWLINE_RANDOM_RNG_H

#include "bowline/random.h"
#include "graph/context.h"

#include <stdbool.h>

struct bl_rng {
    bl_context *context;
    uint32_t state[624];
    uint32_t next; /* index of the next word; 624: the state must be twisted first */
    bool has_normal;
    double normal; /* the second value of the last pair below 16 elements, before scale and shift */
};

#endif
