/* Parameters of whole layers, drawn in the order and by the rules of PyTorch's modules. */
#include "graph/init.h"

bl_status bl_linear_params(bl_params *params, const char *name, int64_t in, int64_t out, bool bias,
                           bl_rng *rng)
{
    const char *op = "linear_params";
    bl_init weight_init = bl_init_kaiming_uniform(), bias_init = bl_init_fan_in_uniform(in);
    if (!params)
        return BL_ERR_ARGUMENT;
    bl_parameter *weight = bl__params_insert(params, op, name, ".weight", BL_F32, BL_SHAPE(out, in), false);
    if (!weight)
        return params->context->error.code;
    bl_parameter *added =
        bias ? bl__params_insert(params, op, name, ".bias", BL_F32, BL_SHAPE(out), false) : NULL;
    if (bias && !added) {
        bl__params_undo(params);
        return params->context->error.code;
    }
    if (!bl__init_check(params, op, weight->name, weight_init, weight->shape, rng)) {
        if (bias)
            bl__params_undo(params);
        bl__params_undo(params);
        return params->context->error.code;
    }
    /* Drawn only now: a call that fails has not moved the generator either. */
    bl__init_fill(weight_init, weight, rng);
    if (bias)
        bl__init_fill(bias_init, added, rng);
    return BL_OK;
}

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
