/* Between a gradient and an update: the gradients that training needs, their norm, and clipping.
 *
 * All of it works on plain tensors, so that what happens to a gradient is spelled out where it happens:
 *
 *     bl_gradients g = bl_trainable_gradients(loss);
 *     bl_tensor *norm = bl_clip_norm(g.tensors, g.count, 1, 2, g.tensors);
 *     bl_tensor *update = bl_optimizer_update(adam, g.parameters, g.tensors, g.count);
 *     bl_program *step = bl_compile(context, loss, norm, update);
 *
 * A parameter is there once, under however many names and in however many places it is used: its gradient is
 * the sum over all of them, and counts once in the norm. The factor of clipping is one scalar, which
 * multiplies each gradient inside the pass that updates the parameter. */
#ifndef BOWLINE_GRADIENTS_H
#define BOWLINE_GRADIENTS_H

#include "grad.h"
#include "parameters.h"

BL_BEGIN_DECLS

/* Parameters, and the gradient of each. The arrays live in the graph until it is reset, and are the caller's
 * to write to. */
typedef struct bl_gradients {
    size_t count;
    bl_parameter **parameters;
    bl_tensor **tensors;
} bl_gradients;

/* The gradient of a loss by every trainable parameter that its graph uses and it reaches, in the order in
 * which the graph came to use them: those that bl_minimize takes. Updates of state that layers ask for are
 * not in it: bl_graph_updates gives them. Shapes: the loss has one element; each gradient has the shape and
 * dtype of its parameter. Returns: the gradients; after an error one invalid tensor for no parameter, so that
 * what is made from them is invalid too, and for NULL none. Errors, kept by the graph: as bl_grad;
 * BL_ERR_SHAPE, BL_ERR_ARGUMENT (the loss reaches no trainable parameter). Ownership: the graph's. Threads:
 * the context's. */
BL_API bl_gradients bl_trainable_gradients(bl_tensor *loss);

/* (sum over all elements of all tensors of |x|^p)^(1/p), as bl_norm has it for a single one; inf for the
 * largest |x|. Unreached gradients (bl_is_unreached) and tensors without elements count as 0. Shapes: any;
 * f32 or f64, also mixed. Returns: a scalar, f64, or the graph's invalid tensor (NULL when no tensor knows a
 * graph). Errors: BL_ERR_ARGUMENT (NULL, p is NaN or negative), BL_ERR_DTYPE, BL_ERR_MEMORY. Ownership: the
 * array stays the caller's. Threads: the context's. Source: PyTorch 1.13 torch.nn.utils.clip_grad_norm_,
 * which computes it. */
BL_API bl_tensor *bl_global_norm(bl_tensor *const *tensors, size_t count, double p);

/* clipped[i] = gradients[i] * min(1, most / (norm + 1e-6)), norm being bl_global_norm of all of them: their
 * joint norm is at most `most`. A norm that is not finite makes gradients that are not, as in PyTorch.
 * Unreached gradients stay as they are. `clipped` may be the same array as `gradients`. Shapes: those of the
 * gradients. Returns: the norm before clipping, a scalar, f64, that can be an output; or the graph's invalid
 * tensor, and then all entries of `clipped` are that too (NULL when no tensor knows a graph). Errors: as
 * bl_global_norm; BL_ERR_ARGUMENT (`most` is negative or NaN). Ownership: the arrays stay the caller's.
 * Threads: the context's. Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural
 * networks"; PyTorch 1.13 torch.nn.utils.clip_grad_norm_. */
BL_API bl_tensor *bl_clip_norm(bl_tensor *const *gradients, size_t count, double most, double p,
                               bl_tensor **clipped);

/* clipped[i] = gradients[i] with each element between -most and most. Unreached gradients stay as they are.
 * `clipped` may be the same array as `gradients`. Shapes: those of the gradients; f32 or f64.
 * Returns: BL_OK, or the graph's error, with every entry of `clipped` the invalid tensor. Errors:
 * BL_ERR_ARGUMENT (NULL, `most` is negative or NaN), BL_ERR_DTYPE, BL_ERR_MEMORY. Ownership: the arrays stay
 * the caller's. Threads: the context's. Source: PyTorch 1.13 torch.nn.utils.clip_grad_value_. */
BL_API bl_status bl_clip_value(bl_tensor *const *gradients, size_t count, double most, bl_tensor **clipped);

BL_END_DECLS

#endif
