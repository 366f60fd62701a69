/* Private. Scans in either direction, for the derivatives of products, and samples for both. */
#ifndef BOWLINE_OPS_SCAN_H
#define BOWLINE_OPS_SCAN_H

#include "ops/rules.h"

/* y_i = x_0 + .. + x_i and y_i = x_0 .. x_i along an axis of 0..rank-1; from the end where `reverse`. */
bl_tensor *bl__cumsum(bl_tensor *x, int axis, bool reverse);
bl_tensor *bl__cumprod(bl_tensor *x, int axis, bool reverse);
/* The same products without the element itself: y_i = x_0 .. x_(i-1). */
bl_tensor *bl__cumprod_before(bl_tensor *x, int axis, bool reverse);

/* A leaf for an op whose derivatives must be right at zeros: some of its elements, often none, are zero. */
bl_tensor *bl__sample_with_zeros(bl_sampler *sampler, bl_shape shape);

#endif
