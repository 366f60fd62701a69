/* Private. What recurrent cells and layers share: the kinds of cells, their checks, and one step. */
#ifndef BOWLINE_OPS_RECURRENT_H
#define BOWLINE_OPS_RECURRENT_H

#include "bowline/sequence.h"
#include "ops/rules.h"

typedef enum bl__recurrent_kind {
    BL__RNN,
    BL__LSTM,
    BL__GRU
} bl__recurrent_kind;

/* What a cell carries from step to step; c is an lstm's, else NULL. An h that is known to be zero is not
 * multiplied. */
typedef struct bl__recurrent_state {
    bl_tensor *h, *c;
    bool is_zero;
} bl__recurrent_state;

/* A cell with its weights, checked: `width` is that of its input. `op` is whose name messages have. */
typedef struct bl__recurrent_cell {
    const char *op;
    bl_graph *graph;
    const bl_recurrent_weights *weights;
    bl__recurrent_kind kind;
    bl_nonlinearity nonlinearity;
    bl_dtype dtype;
    int64_t width, hidden;
} bl__recurrent_cell;

int64_t bl__recurrent_gates(bl__recurrent_kind kind);

/* Whether a tensor is the graph's and has the cell's dtype and a shape; reported with `what` when not. */
bool bl__recurrent_fits(const bl__recurrent_cell *cell, const bl_tensor *tensor, bl_shape shape,
                        const char *what);

/* Takes `hidden` from the weights and checks all of them; reported when they do not fit. */
bool bl__recurrent_check(bl__recurrent_cell *cell);

/* The part of the gates that comes from inputs x [.., width]: for many steps it is one product. */
bl_tensor *bl__recurrent_project(const bl__recurrent_cell *cell, bl_tensor *x);

/* The state after one step, from the projected input [N, gates * hidden] and the state before. */
bl__recurrent_state bl__recurrent_step(const bl__recurrent_cell *cell, bl_tensor *projected,
                                       bl__recurrent_state state);

#endif
