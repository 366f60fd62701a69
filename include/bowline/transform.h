/* Transformations of recorded functions: products with Jacobians and Hessians, the matrices themselves, and
 * regions of the tape whose derivative is stopped, recomputed or given by hand.
 *
 * All of them append ordinary nodes, so that their results can be differentiated again.
 *
 * What holds for all of them. Returns: tensors, or the graph's invalid tensor; those that fill an array
 * return BL_OK or the graph's error, with every entry the invalid tensor. Errors, kept by the graph:
 * BL_ERR_ARGUMENT (NULL, no or foreign tensors), BL_ERR_SHAPE, BL_ERR_DTYPE (what is differentiated must be
 * f32 or f64), BL_ERR_GRADIENT (an op on the way has no derivative), BL_ERR_MEMORY. Ownership: arrays stay
 * the caller's; tensors are the graph's. Threads: the context's. */
#ifndef BOWLINE_TRANSFORM_H
#define BOWLINE_TRANSFORM_H

#include "grad.h"
#include "op.h"

BL_BEGIN_DECLS

/* The vector-Jacobian product of one output and one tensor: sum_i cotangent_i . d output_i / d wrt, of wrt's
 * shape and dtype. `cotangent` has the output's. For several of either: bl_grad. PyTorch:
 * torch.autograd.functional.vjp. */
BL_API bl_tensor *bl_vjp(bl_tensor *output, bl_tensor *wrt, bl_tensor *cotangent);

/* The Jacobian-vector products products[i] = sum_j d outputs[i] / d wrt[j] . tangents[j], of the outputs'
 * shapes and dtypes: the derivative along the tangents. tangents[j] has the shape and dtype of wrt[j]. It is
 * the derivative of a vjp by its cotangent, so forward mode needs no rules of its own; the nodes of the vjp
 * that only lead there are dropped when a program is compiled. PyTorch: torch.autograd.functional.jvp. */
BL_API bl_status bl_jvp(bl_tensor *const *outputs, size_t output_count, bl_tensor *const *wrt,
                        size_t wrt_count, bl_tensor *const *tangents, bl_tensor **products);

/* The Hessian-vector products products[i] = sum_j d^2 output / d wrt[i] d wrt[j] . vectors[j] of an output of
 * one element, without the matrix. vectors[i] and products[i] have the shape and dtype of wrt[i]. PyTorch:
 * torch.autograd.functional.hvp. */
BL_API bl_status bl_hvp(bl_tensor *output, bl_tensor *const *wrt, size_t wrt_count, bl_tensor *const *vectors,
                        bl_tensor **products);

/* d output / d wrt: the sizes of the output, then those of wrt, of wrt's dtype. Records one vjp an element of
 * the output, so it is for small outputs: more than 4096 elements, or more than 8 axes together, are
 * BL_ERR_SHAPE. PyTorch: torch.autograd.functional.jacobian. */
BL_API bl_tensor *bl_jacobian(bl_tensor *output, bl_tensor *wrt);

/* d^2 output / d wrt^2 of an output of one element: the sizes of wrt twice. Limits as bl_jacobian, for wrt.
 * PyTorch: torch.autograd.functional.hessian. */
BL_API bl_tensor *bl_hessian(bl_tensor *output, bl_tensor *wrt);

/* x, through which no gradient flows. Any dtype. PyTorch: torch.Tensor.detach. */
BL_API bl_tensor *bl_stop_gradient(bl_tensor *x);

/* output, whose backward pass computes again what lies between the inputs and it instead of keeping it:
 * memory for time. The region is every node that leads to the output without passing through one of the
 * inputs or a leaf (parameter, input, constant), which are kept; a model's block that is recorded as usual
 * and then wrapped. Of a region with several outputs, wrap each. The result and its gradients have the same
 * values as without. Effects are not repeated, and random draws are the same ones. PyTorch:
 * torch.utils.checkpoint.checkpoint. */
BL_API bl_tensor *bl_checkpoint(bl_tensor *output, bl_tensor *const *inputs, size_t input_count);

/* The vjp of a region of the caller's: as an op's, with the region's inputs, its one output and that output's
 * cotangent; it stores gradients[i] where needed[i]. Made of builders, so that it can be differentiated
 * again. */
typedef void (*bl_vjp_function)(bl_vjp_call *call, void *data);

/* output, with its derivative by the inputs given by `vjp` instead of by the nodes it was recorded from: a
 * straight-through estimator, a gradient that is clipped or more stable. Nothing flows into the region other
 * than through the inputs. `data` is handed to vjp as it is and must live as long as the graph. PyTorch:
 * torch.autograd.Function. */
BL_API bl_tensor *bl_custom_gradient(bl_tensor *output, bl_tensor *const *inputs, size_t input_count,
                                     bl_vjp_function vjp, void *data);

BL_END_DECLS

#endif
