/* Ops: elements chosen by index tensors.
 * What ops.h says of all ops holds for all of them. */
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

BL_END_DECLS

#endif
