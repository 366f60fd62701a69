/* Private. What the normalisation layers share: checks, standardised rows, weight and bias. */
#ifndef BOWLINE_OPS_NORMS_H
#define BOWLINE_OPS_NORMS_H

#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- parts of shape rules: BL_OK, or the error reported ---- */

bl_status bl__check_eps(bl_infer_call *call, double eps);
/* The inputs after the first, a weight and a bias where there are, have input 0's dtype and this shape. */
bl_status bl__check_affine(bl_infer_call *call, bl_shape shape, bool weighted);
/* Input 0 has reals and channels along its second of at least `rank` axes. */
bl_status bl__check_channels(bl_infer_call *call, int rank);

/* ---- parts of decompositions ---- */

/* (x - mean) / sqrt(variance + eps), or x / sqrt(mean x^2 + eps) where not centered, over the last axes. */
bl_tensor *bl__standardize(bl_tensor *x, int axes, bool centered, double eps);
/* x times inputs[1], where there is a weight, plus the next, where there is a bias; both are reshaped to
 * `shape`, which broadcasts to x. */
bl_tensor *bl__affine(bl_tensor *x, bl_tensor *const *inputs, bl_shape shape, bool weighted, bool biased);
/* The shape in which numbers for each channel broadcast to x: [channels, 1, ..]. */
bl_shape bl__channel_shape(bl_shape x);

/* ---- builders and samples ---- */

/* Applies an op to x, and to weight and bias where there are; *weighted and *biased are in the attributes. */
bl_tensor *bl__apply_affine(const bl_op *op, bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                            const void *attributes, int64_t *weighted, int64_t *biased);
/* A weight or bias, or NULL by chance. */
bl_tensor *bl__sample_affine(bl_sampler *sampler, bl_shape shape);

#endif
