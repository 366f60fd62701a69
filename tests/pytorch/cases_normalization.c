/* PyTorch's cases of normalisation layers. Attributes 1 and 2 say whether there are a weight and a bias, the
 * last inputs. */
#include "cases.h"
#include "ops/pending.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

static bl_tensor *weight_of(const pytorch_case *c)
{
    return integer_at(c, 1) ? c->input[1] : NULL;
}

static bl_tensor *bias_of(const pytorch_case *c)
{
    return integer_at(c, 2) ? c->input[integer_at(c, 1) ? 2 : 1] : NULL;
}

/* The last sizes of the input, as many as attribute 0 says. */
static bl_shape normalized(const pytorch_case *c)
{
    bl_shape shape = bl_tensor_shape(c->input[0]);
    int axes = (int)integer_at(c, 0);
    return bl_shape_of(axes, shape.size + shape.rank - axes);
}

DEFINE_BUILD(layer_norm, bl_layer_norm(c->input[0], normalized(c), weight_of(c), bias_of(c), c->attribute[3]))
DEFINE_BUILD(rms_norm, bl_rms_norm(c->input[0], normalized(c), weight_of(c), c->attribute[3]))
DEFINE_BUILD(normalize, bl_normalize_with(c->input[0], (int)integer_at(c, 0),
                                          &(bl_normalize_options){c->attribute[1], c->attribute[2]}))
DEFINE_BUILD(group_norm,
             bl_group_norm(c->input[0], integer_at(c, 0), weight_of(c), bias_of(c), c->attribute[3]))
DEFINE_BUILD(instance_norm, bl_instance_norm(c->input[0], weight_of(c), bias_of(c), c->attribute[3]))
DEFINE_BUILD(local_response_norm,
             bl_local_response_norm_with(c->input[0], integer_at(c, 0),
                                         &(bl_local_response_norm_options){c->attribute[1], c->attribute[2],
                                                                           c->attribute[3]}))

/* A buffer of three numbers, the attributes from `first` on. */
static bl_parameter *running(const pytorch_case *c, size_t first)
{
    char name[32];
    float narrow[3];
    bl_dtype dtype = bl_tensor_dtype(c->input[0]);
    const void *data = dtype == BL_F32 ? (const void *)narrow : &c->attribute[first];
    for (size_t i = 0; i < 3; i++)
        narrow[i] = (float)c->attribute[first + i];
    snprintf(name, sizeof(name), "running.%zu", bl_params_count(params));
    bl_parameter *buffer = bl_params_add_buffer(params, name, dtype, BL_SHAPE(3));
    cr_assert_eq(bl_parameter_write(buffer, data, 3 * bl_dtype_size(dtype)), BL_OK);
    return buffer;
}

/* Running statistics as the layer asks for them. */
static void build_batch_norm(pytorch_case *c)
{
    bl_batch_norm_options options = {.momentum = c->attribute[3], .eps = c->attribute[4]};
    bl_parameter *mean = running(c, 5), *variance = running(c, 8);
    c->output[0] = bl_batch_norm_with(c->input[0], mean, variance, weight_of(c), bias_of(c),
                                      integer_at(c, 0) != 0, &options);
    c->output[1] = bl_stop_gradient(bl__pending_value(c->graph, mean));
    c->output[2] = bl_stop_gradient(bl__pending_value(c->graph, variance));
}

/* clang-format off */
const pytorch_builder pytorch_normalization[] = {
    ROW(layer_norm), ROW(rms_norm), ROW(normalize),
    /* PyTorch's f32 takes the variance as a difference of squares, which loses digits. */
    {"group_norm", build_group_norm, .forward_f32 = 5e-6},
    ROW(instance_norm), ROW(batch_norm), ROW(local_response_norm), END_ROW};
/* clang-format on */
