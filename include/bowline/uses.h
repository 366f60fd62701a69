/* Where a parameter is used, and what each use gives to its gradient: for tied parameters above all, whose
 * gradient is the sum over the lookup and the head. */
#ifndef BOWLINE_USES_H
#define BOWLINE_USES_H

#include "gradients.h"

BL_BEGIN_DECLS

/* One use: an input of a node that the parameter is. `op` is what finally takes it: views between the
 * parameter and that (a transpose, as bl_linear has one) are passed over, and label, scope and place are of
 * the same node. The texts are the graph's. */
typedef struct bl_parameter_use {
    const char *op;    /* "embedding" */
    const char *label; /* bl_label's; NULL for none */
    const char *scope; /* "block.0/attn"; NULL at the top */
    const char *file;  /* where it was recorded; NULL where that is not known */
    int line;
    bl_tensor *gradient; /* what flows to the parameter through this use alone, of its shape and dtype */
} bl_parameter_use;

/* All of them, in the order of recording. */
typedef struct bl_uses {
    size_t count;
    const bl_parameter_use *at;
} bl_uses;

/* The uses of a parameter through which something flows to it from a loss. Their gradients are plain tensors,
 * whose sum is the parameter's gradient within rounding; other ways in which a use depends on the parameter
 * are not in its gradient. A parameter that the loss does not reach has no uses. Returns: the uses; none
 * after an error, and for NULL. Errors, kept by the graph: as bl_grad; BL_ERR_ARGUMENT
 * (`parameter` NULL or a buffer). Ownership: the list lives in the graph until it is reset. Threads: the
 * context's. */
BL_API bl_uses bl_parameter_uses(bl_tensor *loss, bl_parameter *parameter);

/* The cosine of the angle between two tensors as vectors, sum(a b) / (|a| |b|): 1 where they pull in one
 * direction, -1 where they pull against each other, 0 where one is all zeros. Shapes: equal; f32 or f64 both.
 * Returns: a scalar, f64, or the graph's invalid tensor (NULL when neither knows a graph). Errors:
 * BL_ERR_ARGUMENT, BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_MEMORY. Ownership: the graph's. Threads: the context's.
 */
BL_API bl_tensor *bl_gradient_cosine(bl_tensor *a, bl_tensor *b);

BL_END_DECLS

#endif
