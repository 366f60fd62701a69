/* Private. Checks of arguments for builders that are made of other builders, and report in their own name. */
#ifndef BOWLINE_OPS_ARGUMENTS_H
#define BOWLINE_OPS_ARGUMENTS_H

#include "graph/graph.h"

/* The axes as a mask, all of them for BL_ALL_AXES; false, reported, when x cannot be used, or an axis is
 * outside its rank or given twice. */
bool bl__mask_axes(const char *op, const bl_tensor *x, bl_axes axes, uint32_t *mask);

/* Whether a tensor made from x can have a shape; reported when not. */
bool bl__possible(const char *op, const bl_tensor *x, bl_shape shape);

/* Whether x, which is known, can get `more` more axes; reported when not. */
bool bl__has_room(const char *op, const bl_tensor *x, int more);

/* Applies an op along an axis of its first input: one with bl__axis_attributes and a fixed number of inputs.
 */
bl_tensor *bl__apply_along(const bl_op *op, bl_tensor *const *inputs, int axis);

/* Puts the one size that makes the counts equal in the place of -1. False where there is none, or where any
 * would do. In shape.c. */
bool bl__complete_shape(bl_shape *shape, int64_t count);

/* The graph of the first tensor of a list that has one; NULL when none has, or the list is NULL. */
bl_graph *bl__graph_of_list(bl_tensor *const *tensors, size_t count);

/* Whether every tensor of a list can be asked for its shape; if not, reported. */
bool bl__all_known(const char *op, bl_graph *graph, bl_tensor *const *tensors, size_t count);

/* What a builder of several tensors returns: BL_OK when it is done, else the graph's error, with every tensor
 * of the list (NULL: none) the graph's invalid one. */
bl_status bl__give_list(bl_graph *graph, bool done, bl_tensor **tensors, size_t count);

#endif
