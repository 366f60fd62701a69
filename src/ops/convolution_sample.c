/* Random small convolutions for the samples of the ops that are made of them. */
#include "ops/convolution_sample.h"

static int64_t sample_size(bl_sampler *sampler)
{
    return bl__sample_chance(sampler, 16) ? 0 : bl_sample_int(sampler, 1, 2);
}

/* Axis `d`: settings, a kernel, and an input that it fits into with a few places to spare. */
static void sample_axis(bl_sampler *sampler, bl__convolution_sample *sample, int d)
{
    bl__convolution_attributes *attributes = &sample->attributes;
    int64_t narrow = attributes->spatial > 1; /* more axes, fewer places on each */
    int64_t kernel = bl_sample_int(sampler, 1, 3 - narrow);
    int64_t dilation = bl_sample_int(sampler, 1, attributes->spatial == 3 ? 1 : 2);
    int64_t padding = bl_sample_int(sampler, 0, 2 - narrow);
    int64_t size = dilation * (kernel - 1) + 1 - 2 * padding;
    attributes->stride[d] = bl_sample_int(sampler, 1, 3 - narrow);
    attributes->dilation[d] = dilation;
    attributes->padding[d] = padding;
    sample->weight.size[d + 2] = kernel;
    sample->x.size[d + 2] = (size > 0 ? size : 0) + bl_sample_int(sampler, 0, 3 - narrow);
}

bl__convolution_sample bl__sample_convolution(bl_sampler *sampler, int spatial)
{
    bl__convolution_sample sample = {.attributes = {.spatial = spatial, .groups = 1}};
    int64_t groups = bl__sample_chance(sampler, 3) ? 2 : 1;
    sample.attributes.groups = groups;
    sample.x.rank = sample.weight.rank = spatial + 2;
    sample.x.size[0] = sample_size(sampler);
    sample.weight.size[0] = sample_size(sampler) * groups;
    sample.weight.size[1] = sample_size(sampler);
    sample.x.size[1] = sample.weight.size[1] * groups;
    for (int d = 0; d < spatial; d++)
        sample_axis(sampler, &sample, d);
    return sample;
}
