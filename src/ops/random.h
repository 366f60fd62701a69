/* Private. What ops that draw share. Such an op has the flag BL__OP_RANDOM and a random state for its last
 * input. */
#ifndef BOWLINE_OPS_RANDOM_H
#define BOWLINE_OPS_RANDOM_H

#include "bowline/stochastic.h"
#include "ops/rules.h"

/* A random state as a tensor of the graph; the invalid tensor, with an error in the op's name, for what is
 * none. `graph` is not NULL. */
bl_tensor *bl__use_random(bl_graph *graph, const char *op, bl_parameter *random);

/* Whether the op's last input is a random state. */
bl_status bl__require_random(bl_infer_call *call);

/* Whether p is a probability; reported in the op's name when not. */
bool bl__is_probability(bl_graph *graph, const char *op, double p);

/* The next stream of a graph: no two draws recorded on it have the same. */
uint64_t bl__next_stream(bl_graph *graph);

/* The dropout op with a given stream; 0 < p <= 1. */
bl_tensor *bl__dropout(bl_tensor *x, bl_tensor *state, double p, uint64_t stream);

#endif
