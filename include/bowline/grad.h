/* Differentiation: gradients are nodes on the same graph, made of the same ops. */
#ifndef BOWLINE_GRAD_H
#define BOWLINE_GRAD_H

#include "graph.h"

BL_BEGIN_DECLS

/* Appends the vector-Jacobian product gradients[j] = sum_i cotangents[i] . d outputs[i] / d wrt[j].
 * Shapes: cotangents[i] has the shape and dtype of outputs[i]; `cotangents` NULL, or an entry NULL, means
 * ones; gradients[j] has the shape and dtype of wrt[j]. wrt may be any tensors of the graph, leaves or not.
 * Where no path leads from wrt[j] to an output, gradients[j] is zeros and bl_is_unreached says so. The
 * gradients can be differentiated again. Returns: BL_OK, or the graph's error, with every gradient the
 * invalid tensor. Errors: BL_ERR_ARGUMENT, BL_ERR_SHAPE, BL_ERR_DTYPE (an output or wrt that is not f32 or
 * f64), BL_ERR_GRADIENT (an op on the way has no derivative), BL_ERR_MEMORY. Ownership: the arrays stay the
 * caller's; tensors are the graph's. Threads: the context's. */
BL_API bl_status bl_grad(bl_tensor *const *outputs, size_t output_count, bl_tensor *const *cotangents,
                         bl_tensor *const *wrt, size_t wrt_count, bl_tensor **gradients);

/* The gradient of the sum of one output with respect to one tensor: bl_grad for the commonest case.
 * Returns: the gradient, or the graph's invalid tensor. Errors: as bl_grad. Ownership: the graph's.
 * Threads: the context's. */
BL_API bl_tensor *bl_gradient(bl_tensor *output, bl_tensor *wrt);

/* Whether a tensor is the zeros that bl_grad gives where no path leads.
 * Returns: true when it is. Errors: none. Ownership: none. Threads: the context's. */
BL_API bool bl_is_unreached(const bl_tensor *gradient);

BL_END_DECLS

#endif
