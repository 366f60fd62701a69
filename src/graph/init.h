/* Private. Filling a new parameter with its first values. */
#ifndef BOWLINE_GRAPH_INIT_H
#define BOWLINE_GRAPH_INIT_H

#include "graph/params.h"

/* Whether a rule can fill an f32 or f64 parameter of a shape from a generator; reports why not. */
bool bl__init_check(bl_params *params, const char *op, const char *name, bl_init init, bl_shape shape,
                    const bl_rng *rng);

/* Fills a parameter by a rule that was checked: nothing is left to fail. */
void bl__init_fill(bl_init init, bl_parameter *parameter, bl_rng *rng);

#endif
