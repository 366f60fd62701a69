/* Random states: buffers that the random ops of a graph draw from. */
#include "graph/params.h"

#include <string.h>

bl_parameter *bl_params_add_random(bl_params *params, const char *name, uint64_t seed)
{
    if (!params)
        return NULL;
    bl_parameter *random =
        bl__params_insert(params, "params_add_random", name, "", BL_I64, BL_SHAPE(2), true);
    if (random)
        memcpy(random->data, &seed, sizeof(seed)); /* {seed, run}: run 0 is there already */
    return random;
}
