/* Ops: shapes and parts of tensors.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_SHAPES_H
#define BOWLINE_SHAPES_H

#include "graph.h"

BL_BEGIN_DECLS

/* ---- shape: views where the layout allows, any dtype ---- */

/* The same elements, row by row, in another shape of the same count; one size may be -1, to be worked out.
 * PyTorch: torch.reshape. */
BL_API bl_tensor *bl_reshape(bl_tensor *x, bl_shape shape);
/* Axis d of the result is axis axes[d] of x; a permutation of all axes. PyTorch: torch.permute. */
BL_API bl_tensor *bl_permute(bl_tensor *x, bl_axes axes);
/* Two axes exchanged. PyTorch: torch.transpose. */
BL_API bl_tensor *bl_transpose(bl_tensor *x, int axis_a, int axis_b);
/* Broadcast to a shape, without a copy; sizes of 1 grow, leading axes are added. PyTorch:
 * torch.broadcast_to. */
BL_API bl_tensor *bl_expand(bl_tensor *x, bl_shape shape);
/* x[.., start : stop : step, ..] along an axis; 0 <= start <= stop <= size, step >= 1. PyTorch:
 * torch.Tensor.__getitem__. */
BL_API bl_tensor *bl_slice(bl_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
/* Tensors one after the other along an axis; all other sizes equal; count >= 1. PyTorch: torch.cat. */
BL_API bl_tensor *bl_concat(bl_tensor *const *tensors, size_t count, int axis);
/* Consecutive slices of the given sizes along an axis, which they must cover, into parts[0..count-1].
 * Returns: BL_OK or the graph's error, with every part the invalid tensor. PyTorch: torch.split. */
BL_API bl_status bl_split(bl_tensor *x, const int64_t *sizes, size_t count, int axis, bl_tensor **parts);

BL_END_DECLS

#endif
