/* Parameters of whole layers, drawn in the order and by the rules of PyTorch's modules; and buffers. */
#include "graph/init.h"

/* The product of all sizes but the first; INT64_MAX when that overflows, as only a weight without elements
 * can. */
static int64_t fan_in_of(bl_shape weight)
{
    int64_t fan_in = 1;
    for (int d = 1; d < weight.rank; d++) {
        if (!bl__multiply(fan_in, weight.size[d], &fan_in))
            return INT64_MAX;
    }
    return fan_in;
}

/* NAME.weight, and NAME.bias of `outputs` elements if asked for. */
static bl_status add_layer(bl_params *params, const char *op, const char *name, bl_shape shape, bool bias,
                           int64_t outputs, bl_rng *rng)
{
    bl_init weight_init = bl_init_kaiming_uniform();
    if (!params)
        return BL_ERR_ARGUMENT;
    bl_parameter *weight = bl__params_insert(params, op, name, ".weight", BL_F32, shape, false);
    if (!weight)
        return params->context->error.code;
    bl_parameter *added =
        bias ? bl__params_insert(params, op, name, ".bias", BL_F32, BL_SHAPE(outputs), false) : NULL;
    if (bias && !added) {
        bl__params_undo(params);
        return params->context->error.code;
    }
    if (!bl__init_check(params, op, weight->name, weight_init, shape, rng)) {
        if (bias)
            bl__params_undo(params);
        bl__params_undo(params);
        return params->context->error.code;
    }
    /* Drawn only now: a call that fails has not moved the generator either. */
    bl__init_fill(weight_init, weight, rng);
    if (bias)
        bl__init_fill(bl_init_fan_in_uniform(fan_in_of(shape)), added, rng);
    return BL_OK;
}

bl_status bl_linear_params(bl_params *params, const char *name, int64_t in, int64_t out, bool bias,
                           bl_rng *rng)
{
    return add_layer(params, "linear_params", name, BL_SHAPE(out, in), bias, out, rng);
}

/* ---- convolutions ---- */

/* Whether groups divide the channels on both sides; reported when not. */
static bool groups_divide(bl_params *params, const char *op, const char *name, int64_t in, int64_t out,
                          int64_t groups)
{
    if (groups >= 1 && in % groups == 0 && out % groups == 0)
        return true;
    bl__params_fail(params, BL_ERR_ARGUMENT, op, "%s: %lld groups do not divide %lld and %lld channels",
                    name ? name : "", (long long)groups, (long long)in, (long long)out);
    return false;
}

bl_status bl_conv1d_params(bl_params *params, const char *name, int64_t in, int64_t out, int64_t kernel,
                           int64_t groups, bool bias, bl_rng *rng)
{
    const char *op = "conv1d_params";
    if (!params || !groups_divide(params, op, name, in, out, groups))
        return BL_ERR_ARGUMENT;
    return add_layer(params, op, name, BL_SHAPE(out, in / groups, kernel), bias, out, rng);
}

bl_status bl_conv2d_params(bl_params *params, const char *name, int64_t in, int64_t out, int64_t height,
                           int64_t width, int64_t groups, bool bias, bl_rng *rng)
{
    const char *op = "conv2d_params";
    if (!params || !groups_divide(params, op, name, in, out, groups))
        return BL_ERR_ARGUMENT;
    return add_layer(params, op, name, BL_SHAPE(out, in / groups, height, width), bias, out, rng);
}

bl_status bl_conv_transpose1d_params(bl_params *params, const char *name, int64_t in, int64_t out,
                                     int64_t kernel, int64_t groups, bool bias, bl_rng *rng)
{
    const char *op = "conv_transpose1d_params";
    if (!params || !groups_divide(params, op, name, in, out, groups))
        return BL_ERR_ARGUMENT;
    return add_layer(params, op, name, BL_SHAPE(in, out / groups, kernel), bias, out, rng);
}

bl_status bl_conv_transpose2d_params(bl_params *params, const char *name, int64_t in, int64_t out,
                                     int64_t height, int64_t width, int64_t groups, bool bias, bl_rng *rng)
{
    const char *op = "conv_transpose2d_params";
    if (!params || !groups_divide(params, op, name, in, out, groups))
        return BL_ERR_ARGUMENT;
    return add_layer(params, op, name, BL_SHAPE(in, out / groups, height, width), bias, out, rng);
}

/* ---- embeddings ---- */

bl_status bl_embedding_params(bl_params *params, const char *name, int64_t rows, int64_t width, bl_rng *rng)
{
    const char *op = "embedding_params";
    bl_init init = bl_init_normal(0, 1);
    if (!params)
        return BL_ERR_ARGUMENT;
    bl_parameter *weight =
        bl__params_insert(params, op, name, ".weight", BL_F32, BL_SHAPE(rows, width), false);
    if (!weight)
        return params->context->error.code;
    if (!bl__init_check(params, op, weight->name, init, weight->shape, rng)) {
        bl__params_undo(params);
        return params->context->error.code;
    }
    bl__init_fill(init, weight, rng);
    return BL_OK;
}

/* ---- constants: nothing is drawn ---- */

/* One of a layer's parameters or buffers: NAME.suffix, one value everywhere. */
typedef struct part {
    const char *suffix;
    double value;
    bool buffer;
} part;

/* All of them, or none and the error. */
static bl_status add_parts(bl_params *params, const char *op, const char *name, bl_shape shape,
                           const part *parts, int count)
{
    if (!params)
        return BL_ERR_ARGUMENT;
    for (int i = 0; i < count; i++) {
        bl_parameter *added =
            bl__params_insert(params, op, name, parts[i].suffix, BL_F32, shape, parts[i].buffer);
        if (!added) {
            while (i-- > 0)
                bl__params_undo(params);
            return params->context->error.code;
        }
        bl__init_fill(bl_init_constant(parts[i].value), added, NULL);
    }
    return BL_OK;
}

static const part norm_parts[] = {
    {".weight", 1, false}, {".bias", 0, false}, {".running_mean", 0, true}, {".running_var", 1, true}};

bl_status bl_layer_norm_params(bl_params *params, const char *name, bl_shape shape)
{
    return add_parts(params, "layer_norm_params", name, shape, norm_parts, 2);
}

bl_status bl_rms_norm_params(bl_params *params, const char *name, bl_shape shape)
{
    return add_parts(params, "rms_norm_params", name, shape, norm_parts, 1);
}

bl_status bl_batch_norm_params(bl_params *params, const char *name, int64_t channels)
{
    return add_parts(params, "batch_norm_params", name, BL_SHAPE(channels), norm_parts, 4);
}
