/* PyTorch's cases of convolutions and their transposes. */
#include "cases.h"

/* Stride, padding, dilation and output padding of each axis, and the groups. */
static bl_conv_options options_of(const pytorch_case *c)
{
    size_t axes = (c->attribute_count - 1) / 4;
    bl_conv_options options = bl_conv_defaults();
    for (size_t d = 0; d < axes; d++) {
        options.stride[d] = integer_at(c, d);
        options.padding[d] = integer_at(c, axes + d);
        options.dilation[d] = integer_at(c, 2 * axes + d);
        options.output_padding[d] = integer_at(c, 3 * axes + d);
    }
    options.groups = integer_at(c, 4 * axes);
    return options;
}

/* clang-format off */
#define CONVOLUTIONS(X) \
    X(conv1d) X(conv2d) X(conv3d) X(conv_transpose1d) X(conv_transpose2d) X(conv_transpose3d)
/* clang-format on */

#define BUILD(op)                                                                       \
    static void build_##op(pytorch_case *c)                                             \
    {                                                                                   \
        bl_conv_options options = options_of(c);                                        \
        c->output[0] = bl_##op##_with(c->input[0], c->input[1], c->input[2], &options); \
    }
CONVOLUTIONS(BUILD)

/* f32: sums of up to 36 products as large as 4, in another order. */
#define LIST(op) {#op, build_##op, .forward_f32 = 1e-5},
const pytorch_builder pytorch_convolution[] = {CONVOLUTIONS(LIST) END_ROW};
