/* The ops: builders that check their arguments and append a node, a header a family. No arithmetic happens
 * here.
 *
 * What holds for all of them. Returns: the new tensor, or the graph's invalid tensor, which flows through
 * later builders like a NaN (NULL only when no argument knows a graph). Errors, kept by the graph:
 * BL_ERR_ARGUMENT (a NULL or foreign tensor, an axis outside the rank), BL_ERR_SHAPE, BL_ERR_DTYPE,
 * BL_ERR_OVERFLOW, BL_ERR_MEMORY. Ownership: tensors are the graph's. Threads: the context's. "real" is f32
 * or f64; "number" adds i32 and i64; tensors that meet have one dtype, there is no promotion; shapes that
 * meet broadcast as in NumPy. NaN and infinity propagate. Each block says only what is particular, and ends
 * with PyTorch's name for the same. */
#ifndef BOWLINE_OPS_H
#define BOWLINE_OPS_H

#include "activations.h"
#include "convolution.h"
#include "elementwise.h"
#include "indexing.h"
#include "linalg.h"
#include "losses.h"
#include "normalization.h"
#include "ordering.h"
#include "pooling.h"
#include "reductions.h"
#include "sequence.h"
#include "shapes.h"
#include "stochastic.h"

#endif
