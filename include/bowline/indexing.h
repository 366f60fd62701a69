/* Ops: elements chosen by index tensors.
 * What ops.h says of all ops holds for all of them. Indices are i32 or i64 and count from 0; one that is
 * negative or too large is BL_ERR_INDEX at run, before anything is written, and the message names it, its
 * place and the limit. */
#ifndef BOWLINE_INDEXING_H
#define BOWLINE_INDEXING_H

#include "graph.h"

BL_BEGIN_DECLS

/* weight[indices]: weight [rows, width], indices i32 or i64 of any shape -> [.., width]. The gradient adds
 * up the cotangents of each row. An index outside 0..rows-1 is BL_ERR_INDEX at run. PyTorch:
 * torch.nn.functional.embedding. */
BL_API bl_tensor *bl_embedding(bl_tensor *weight, bl_tensor *indices);
/* bl_embedding whose row `padding_index` gets no gradient (-1: none). PyTorch:
 * torch.nn.functional.embedding. */
BL_API bl_tensor *bl_embedding_padded(bl_tensor *weight, bl_tensor *indices, int64_t padding_index);
/* dtype 1 at the index and 0 elsewhere: indices i32 or i64 [..] -> [.., classes]. An index outside
 * 0..classes-1 is BL_ERR_INDEX at run. Not differentiable. PyTorch: torch.nn.functional.one_hot. */
BL_API bl_tensor *bl_one_hot(bl_tensor *indices, int64_t classes, bl_dtype dtype);

/* ---- along an axis ---- */

/* y[i, j, k] = x[i, index[i, j, k], k] for axis 1. The index has x's rank, and but for the axis sizes of at
 * most x's; the result has its shape. Any dtype. The gradient adds up the cotangents of each element.
 * PyTorch: torch.gather. */
BL_API bl_tensor *bl_gather(bl_tensor *x, int axis, bl_tensor *index);
/* bl_gather of x and an index of one rank, which broadcast but for the axis. PyTorch: torch.take_along_dim.
 */
BL_API bl_tensor *bl_take_along_axis(bl_tensor *x, bl_tensor *index, int axis);
/* A copy of x in which y[i, index[i, j, k], k] = source[i, j, k] for axis 1. The index is as in bl_gather,
 * and has sizes of at most the source's. Any dtype. Where several elements go to one place, the last one, row
 * by row, stays, and it alone has the gradient of the place; elements of x that were replaced have none.
 * PyTorch: torch.scatter. */
BL_API bl_tensor *bl_scatter(bl_tensor *x, int axis, bl_tensor *index, bl_tensor *source);
/* A copy of x in which y[i, index[i, j, k], k] += source[i, j, k] for axis 1, in the dtype itself and row by
 * row; index and source are as in bl_scatter. Numbers; integers wrap. PyTorch: torch.scatter_add. */
BL_API bl_tensor *bl_scatter_add(bl_tensor *x, int axis, bl_tensor *index, bl_tensor *source);
/* y[.., i, ..] = x[.., index[i], ..] along an axis: index [n]. Any dtype. The gradient adds up the cotangents
 * of each part. PyTorch: torch.index_select. */
BL_API bl_tensor *bl_index_select(bl_tensor *x, int axis, bl_tensor *index);
/* A copy of x in which y[.., index[i], ..] += source[.., i, ..] along an axis, in the dtype itself and in
 * the order of i: index [n]. Numbers; integers wrap. PyTorch: torch.index_add. */
BL_API bl_tensor *bl_index_add(bl_tensor *x, int axis, bl_tensor *index, bl_tensor *source);

/* ---- at places read at run ---- */

/* The part of x of these sizes whose first element is x[starts[0], starts[1], ..]: starts [rank of x]. A part
 * that does not lie inside x is BL_ERR_INDEX at run. Any dtype. What starts are given changes no program. */
BL_API bl_tensor *bl_dynamic_slice(bl_tensor *x, bl_tensor *starts, bl_shape sizes);
/* A copy of x in which the part of the size of `update` that begins at `starts` is the update. Otherwise as
 * bl_dynamic_slice. */
BL_API bl_tensor *bl_dynamic_update_slice(bl_tensor *x, bl_tensor *update, bl_tensor *starts);

/* ---- by a mask ---- */

/* `value`, which the dtype must hold, where the mask, of bools, is true, and x elsewhere; the two broadcast.
 * PyTorch: torch.Tensor.masked_fill. */
BL_API bl_tensor *bl_masked_fill(bl_tensor *x, bl_tensor *mask, double value);

BL_END_DECLS

#endif
