/* Private. Random small convolutions for the samples of the ops that are made of them. */
#ifndef BOWLINE_OPS_CONVOLUTION_SAMPLE_H
#define BOWLINE_OPS_CONVOLUTION_SAMPLE_H

#include "ops/attributes.h"
#include "ops/sampler.h"

/* Settings over `spatial` axes, and shapes x [N, in, ..] and weight [out, in / groups, ..] that fit them. */
typedef struct bl__convolution_sample {
    bl__convolution_attributes attributes;
    bl_shape x, weight;
} bl__convolution_sample;

bl__convolution_sample bl__sample_convolution(bl_sampler *sampler, int spatial);

#endif
