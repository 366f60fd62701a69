/* Private. What the ops of linear algebra share: parts of shape rules, and small builders. */
#ifndef BOWLINE_OPS_LINALG_H
#define BOWLINE_OPS_LINALG_H

#include "bowline/op.h"

/* ---- parts of shape rules: BL_OK, or the error reported ---- */

/* All inputs are f32, or all f64. */
bl_status bl__require_reals(bl_infer_call *call);
/* Input `index` has this rank. */
bl_status bl__require_rank(bl_infer_call *call, size_t index, int rank);
/* Input `index` is [.., n, n]. */
bl_status bl__require_square(bl_infer_call *call, size_t index);

/* A shape without its last `axes` axes, of which it has at least as many. */
bl_shape bl__leading(bl_shape shape, int axes);

/* ---- builders ---- */

/* The lower or upper triangle of square matrices, zeros elsewhere; `strict`: without the diagonal. */
bl_tensor *bl__triangle(bl_tensor *x, bool upper, bool strict);

/* The last two axes exchanged. */
bl_tensor *bl__turned(bl_tensor *x);

/* x [..] as [.., 1, 1]. */
bl_tensor *bl__as_matrices(bl_tensor *x);

#endif
