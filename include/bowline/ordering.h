/* Ops: the order of elements along an axis.
 * What ops.h says of all ops holds for all of them. In their order NaN is larger than every number, and
 * elements that are equal keep the order in which they stand. */
#ifndef BOWLINE_ORDERING_H
#define BOWLINE_ORDERING_H

#include "graph.h"

BL_BEGIN_DECLS

/* The elements along an axis in ascending or descending order; bl_output(.., 1) are the i64 places at which
 * they stood. Numbers, rank at least 1; the cotangent goes back to those places. PyTorch: torch.sort. */
BL_API bl_tensor *bl_sort(bl_tensor *x, int axis, bool descending);
/* The places alone: bl_output(bl_sort(x, axis, descending), 1). PyTorch: torch.argsort. */
BL_API bl_tensor *bl_argsort(bl_tensor *x, int axis, bool descending);
/* The first k elements of the order that begins with the largest, or the smallest; bl_output(.., 1) are their
 * i64 places. Numbers, rank at least 1; 0 <= k <= size, else BL_ERR_SHAPE; the cotangent goes back to those
 * places. PyTorch: torch.topk. */
BL_API bl_tensor *bl_topk(bl_tensor *x, int64_t k, int axis, bool largest);

BL_END_DECLS

#endif
