/* Private. Updates of state that ops recorded in training mode ask for, until something compiles them:
 * running statistics. */
#ifndef BOWLINE_OPS_PENDING_H
#define BOWLINE_OPS_PENDING_H

#include "graph/graph.h"

/* In the graph's arena. */
typedef struct bl__pending {
    struct bl_parameter *state;
    bl_tensor *value;           /* what it is to hold */
    bl_tensor *effect;          /* the assignment */
    bl_tensor *source;          /* what made from it needs the update: only the op's own output is */
    struct bl__pending *before; /* recorded before it */
} bl__pending;

/* The value that a state is to hold after all updates asked for so far, or that it holds. */
bl_tensor *bl__pending_value(bl_graph *graph, struct bl_parameter *state);

/* Asks for state = value wherever something is made from `source`. What goes wrong is the graph's error. */
void bl__pending_add(struct bl_parameter *state, bl_tensor *source, bl_tensor *value);

/* How many there are. */
size_t bl__pending_count(const bl_graph *graph);

/* Appends the newest effect for each state to a list, of those whose source `output` is made from, or of all
 * where that is NULL. False without memory, nothing reported. */
bool bl__pending_effects(bl_graph *graph, const bl_tensor *output, bl_tensor **effects, size_t *count);

#endif
