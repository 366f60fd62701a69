/* Ops: linear algebra.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_LINALG_H
#define BOWLINE_LINALG_H

#include "graph.h"

BL_BEGIN_DECLS

/* Matrix product over the last two axes, [.., m, k] x [.., k, n] -> [.., m, n]; leading axes broadcast; a
 * rank-1 operand is a row (left) or column (right) whose axis goes from the result. Reals. PyTorch:
 * torch.matmul. */
BL_API bl_tensor *bl_matmul(bl_tensor *a, bl_tensor *b);
/* x . weight^T + bias: [.., in], weight [out, in], bias [out] or NULL -> [.., out]. Reals. PyTorch:
 * torch.nn.functional.linear. */
BL_API bl_tensor *bl_linear(bl_tensor *x, bl_tensor *weight, bl_tensor *bias);

BL_END_DECLS

#endif
