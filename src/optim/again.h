/* Private. bl_minimize on a tape that repeats the one before the reset: what it appended then is taken over
 * whole, since it is made from the nodes before it alone. */
#ifndef BOWLINE_OPTIM_AGAIN_H
#define BOWLINE_OPTIM_AGAIN_H

#include "graph/use.h"
#include "optim/optimizer.h"

/* What a minimization worked on and came to. Everything stands in the graph's arena. */
typedef struct bl__minimization {
    bl_tensor *loss, *result;
    bl_tensor **tensors; /* the trainable parameters before the loss */
    size_t count;
    bl_tensor **gradients; /* of those that are reached, and the parameters */
    bl_parameter **parameters;
    bl_optimizer **targets; /* which update them */
    bl__used_update *notes; /* of each, and of the step counts */
    size_t reached;
} bl__minimization;

/* Where a graph stands before a minimization. */
typedef struct bl__minimization_start {
    int64_t first, inputs;
    uint64_t streams, places;
    bool is_rewritten; /* a place of the tape was already */
    bl__arena_mark arena;
} bl__minimization_start;
bl__minimization_start bl__minimize_begin(const bl_graph *graph);

/* The result of the same minimization in the recording before, all of it now on this tape too; NULL when
 * there is none or anything may be different. */
bl_tensor *bl__minimize_again(bl_optimizer *optimizer, bl_graph *graph, const bl_tensor *loss);

/* Remembers a minimization for the recordings to come. Without memory it is not remembered. */
void bl__minimize_remember(const bl_optimizer *optimizer, bl_graph *graph,
                           const bl__minimization_start *start, const bl__minimization *done);

/* Notes what came of each update for bl_optimizer_gradient and bl_optimizer_value: notes[..].value is set,
 * one a parameter and then one for the step count of the optimizer and of each group. */
void bl__note_updates(const bl_optimizer *optimizer, bl_graph *graph, bl_parameter *const *parameters,
                      bl_tensor *const *gradients, size_t count, bl__used_update *notes);

/* Whether a node is one of a trainable parameter. */
bool bl__is_trainable(const bl__node *node);

#endif
