/* Private. Shapes of convolutions: the sizes along an axis, and whether x, weight and result fit. */
#ifndef BOWLINE_OPS_CONVOLUTION_SHAPE_H
#define BOWLINE_OPS_CONVOLUTION_SHAPE_H

#include "bowline/op.h"
#include "ops/attributes.h"

/* (count - 1) step + 1: how many places `count` elements reach over that are `step` apart, count >= 1. False
 * when it overflows. */
bool bl__reach(int64_t count, int64_t step, int64_t *out);

/* The shape [N, out, ..] that the convolution of x [N, in, ..] by a weight [out, in / groups, ..] has; or
 * what does not fit, reported in the name of the call's op. */
bl_status bl__convolution_shape(bl_infer_call *call, bl_shape x, bl_shape weight,
                                const bl__convolution_attributes *attributes, bl_shape *out);

/* The same for the transposed convolution of x [N, in, ..] by a weight [in, out / groups, ..]. */
bl_status bl__convolution_transposed_shape(bl_infer_call *call, bl_shape x, bl_shape weight,
                                           const bl__convolution_attributes *attributes, bl_shape *out);

#endif
