/* Private. The windows of pools: settings checked, and how many places they have on each axis. */
#ifndef BOWLINE_OPS_POOLING_WINDOW_H
#define BOWLINE_OPS_POOLING_WINDOW_H

#include "bowline/tensor.h"
#include "ops/attributes.h"

/* Whether x is usable, of one of the dtypes, and has `spatial` axes with elements; reported in the name of a
 * builder if not. Then *attributes knows the sizes of the axes. */
bool bl__spatial_axes(const char *op, const bl_tensor *x, unsigned dtypes, int spatial,
                      bl__window_attributes *attributes);

/* Checks kernel, stride (0: the kernel), padding and dilation of windows on axes that are known, and counts
 * their places. */
bool bl__pool_windows(const char *op, const bl_tensor *x, bool ceil_mode, bl__window_attributes *attributes);

/* Takes `size` places on each axis, at least `least` of them. */
bool bl__resized_axes(const char *op, const bl_tensor *x, const int64_t *size, int64_t least,
                      bl__window_attributes *attributes);

/* A shape whose last axes have `spatial` other sizes. */
bl_shape bl__with_spatial(bl_shape shape, int64_t spatial, const int64_t *size);

/* Whether the last axes of a shape have these sizes. */
bool bl__has_spatial(bl_shape shape, int64_t spatial, const int64_t *size);

#endif
