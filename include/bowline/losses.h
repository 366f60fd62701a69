/* Ops: losses.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_LOSSES_H
#define BOWLINE_LOSSES_H

#include "graph.h"

BL_BEGIN_DECLS

typedef enum bl_reduction {
    BL_REDUCE_NONE,
    BL_REDUCE_MEAN,
    BL_REDUCE_SUM
} bl_reduction;

/* Mean of (prediction - target)^2 over all elements. Equal shapes, reals. PyTorch:
 * torch.nn.functional.mse_loss. */
BL_API bl_tensor *bl_mse_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_mse_loss with another reduction. PyTorch: torch.nn.functional.mse_loss. */
BL_API bl_tensor *bl_mse_loss_reduced(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction);

typedef struct bl_cross_entropy_options {
    int64_t ignore_index;   /* targets of this value do not count; default -100 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN, over the targets that count */
} bl_cross_entropy_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_cross_entropy_options bl_cross_entropy_defaults(void);

/* Mean of -log softmax(logits)[target] over the targets: logits [.., classes] (the last axis), targets i32
 * or i64 [..]. No target that counts: NaN with zero gradient. A target outside 0..classes-1 that is not
 * ignore_index is BL_ERR_INDEX at run. PyTorch: torch.nn.functional.cross_entropy. */
BL_API bl_tensor *bl_cross_entropy(bl_tensor *logits, bl_tensor *targets);
/* bl_cross_entropy with options; NULL: the defaults. PyTorch: torch.nn.functional.cross_entropy. */
BL_API bl_tensor *bl_cross_entropy_with(bl_tensor *logits, bl_tensor *targets,
                                        const bl_cross_entropy_options *options);

BL_END_DECLS

#endif
