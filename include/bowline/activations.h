/* Ops: activation functions.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_ACTIVATIONS_H
#define BOWLINE_ACTIVATIONS_H

#include "graph.h"

BL_BEGIN_DECLS

/* max(x, 0), NaN for NaN. Numbers; derivative 0 for x <= 0, else 1. PyTorch: torch.nn.functional.relu. */
BL_API bl_tensor *bl_relu(bl_tensor *x);
/* exp(x - max) / sum exp(x - max) along an axis. Reals. PyTorch: torch.softmax. */
BL_API bl_tensor *bl_softmax(bl_tensor *x, int axis);
/* x - max - log sum exp(x - max) along an axis. Reals. PyTorch: torch.log_softmax. */
BL_API bl_tensor *bl_log_softmax(bl_tensor *x, int axis);

BL_END_DECLS

#endif
