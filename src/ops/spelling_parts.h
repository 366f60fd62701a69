/* Private. What spellings look for alike: reductions over axes that are kept, and numbers. */
#ifndef BOWLINE_OPS_SPELLING_PARTS_H
#define BOWLINE_OPS_SPELLING_PARTS_H

#include "graph/rewrite.h"
#include "ops/attributes.h"

/* The reduction by an op that a tensor is, as an inner node, with its axes as sizes of 1: by keepdim, or by a
 * reshape that is one more inner node. *axes of 0 becomes the mask of axes; another must be the same. NULL
 * where it is none. The op's attributes begin with bl__reduce_attributes. */
const bl__node *bl__match_kept(bl__match *match, const bl_tensor *tensor, const bl_op *op, uint32_t *axes);

/* What a tensor is detached from, as an inner node; the tensor itself where it is not. */
const bl_tensor *bl__match_attached(bl__match *match, const bl_tensor *tensor);

/* The number that all elements of a leaf are; NaN when that is not known. What constants hold does not count:
 * a program may be found again for others. */
double bl__match_number(const bl_tensor *tensor);

#endif
