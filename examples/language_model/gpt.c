/* The GPT's body: layer norm before each part, learned positions, causal attention. A cache of keys and
 * values lets it go on from tokens that it has seen. Source: Radford et al. 2019, "Language Models are
 * Unsupervised Multitask Learners". */
#include "model.h"

#include <math.h>
#include <stdio.h>

/* ---- parameters, as GPT-2 draws them: what goes into the sum of layers is smaller the more of them there
 * are
 * ---- */

static void add_linear(bl_params *params, const char *name, int64_t in, int64_t out, double deviation,
                       bl_rng *rng)
{
    bl_params_scope_push(params, name);
    bl_params_add(params, "weight", BL_F32, BL_SHAPE(out, in), bl_init_normal(0, deviation), rng);
    bl_params_add(params, "bias", BL_F32, BL_SHAPE(out), bl_init_zeros(), NULL);
    bl_params_scope_pop(params);
}

static void block_name(char name[32], int64_t i)
{
    snprintf(name, 32, "block.%d", (int)i);
}

static void add_block(bl_params *params, const char *name, const model_options *options, bl_rng *rng)
{
    int64_t width = options->hidden;
    double init = options->init, into_sum = init / sqrt(2 * (double)options->layers);
    bl_params_scope_push(params, name);
    bl_layer_norm_params(params, "norm1", BL_SHAPE(width));
    add_linear(params, "qkv", width, 3 * width, init, rng);
    add_linear(params, "out", width, width, into_sum, rng);
    bl_layer_norm_params(params, "norm2", BL_SHAPE(width));
    add_linear(params, "up", width, 4 * width, init, rng);
    add_linear(params, "down", 4 * width, width, into_sum, rng);
    bl_params_scope_pop(params);
}

bl_status gpt_parameters(bl_params *params, const model_options *options, bl_rng *rng)
{
    bl_init init = bl_init_normal(0, options->init);
    int64_t width = options->hidden;
    if (options->width != width)
        bl_params_add(params, "input.weight", BL_F32, BL_SHAPE(width, options->width), init, rng);
    bl_params_add(params, "positions.weight", BL_F32, BL_SHAPE(options->context, width), init, rng);
    for (int64_t i = 0; i < options->layers; i++) {
        char name[32];
        block_name(name, i);
        add_block(params, name, options, rng);
    }
    bl_layer_norm_params(params, "norm", BL_SHAPE(width));
    return bl_params_error(params)->code;
}

/* ---- the forward pass ---- */

static bl_tensor *norm(bl_graph *graph, const model *m, bl_tensor *x, const char *name)
{
    bl_scope_push(graph, name);
    bl_tensor *weight = bl_param(graph, m->params, "weight"), *bias = bl_param(graph, m->params, "bias");
    bl_tensor *y = bl_layer_norm(x, BL_SHAPE(m->options.hidden), weight, bias, 1e-5);
    bl_scope_pop(graph);
    return y;
}

static bl_tensor *dropout(const model *m, bl_tensor *x, const application *applied)
{
    return bl_dropout(x, m->options.dropout, applied->training, m->random);
}

/* [B,T,H] -> [B,heads,T,H/heads] */
static bl_tensor *split_heads(const model *m, bl_tensor *x)
{
    bl_shape shape = bl_tensor_shape(x);
    bl_shape split =
        BL_SHAPE(shape.size[0], shape.size[1], m->options.heads, m->options.hidden / m->options.heads);
    return bl_permute(bl_reshape(x, split), BL_AXES(0, 2, 1, 3));
}

/* Puts new keys or values into the cache, whose new value is what the queries see. */
static bl_tensor *cached(bl_graph *graph, bl_parameter *cache, bl_tensor *x, application *applied)
{
    bl_tensor *all = bl_dynamic_update_slice(bl_use(graph, cache), x, applied->start);
    applied->effects[applied->effect_count++] = bl_assign(cache, all);
    return all;
}

/* The places of the tokens behind a cache, which begin with what was seen before them: i64 [T]. */
static bl_tensor *places(bl_graph *graph, const application *applied)
{
    bl_tensor *counted = bl_arange(graph, BL_I64, 0, (double)bl_tensor_shape(applied->tokens).size[1], 1);
    return bl_add(counted, bl_narrow(applied->start, 0, 2, 1));
}

/* [T,H] */
static bl_tensor *positions(bl_graph *graph, const model *m, const application *applied)
{
    bl_tensor *all = bl_param(graph, m->params, "positions.weight");
    if (applied->start)
        return bl_embedding(all, places(graph, applied));
    return bl_narrow(all, 0, 0, bl_tensor_shape(applied->tokens).size[1]);
}

static bl_tensor *attention(bl_graph *graph, const model *m, bl_tensor *x, int64_t layer,
                            application *applied)
{
    bl_tensor *parts[3] = {NULL, NULL, NULL};
    bl_attention_options options = bl_attention_defaults();
    bl_chunk(model_linear(graph, m, x, "qkv"), 3, -1, parts);
    bl_tensor *q = split_heads(m, parts[0]), *k = split_heads(m, parts[1]), *v = split_heads(m, parts[2]);
    if (applied->start) {
        /* Every place up to a query's own; what stands in the cache behind that is not yet, or no more. */
        bl_tensor *keys = bl_arange(graph, BL_I64, 0, (double)m->options.context, 1);
        bl_tensor *own = bl_unsqueeze(places(graph, applied), 1);
        options.mask = bl_less_equal(keys, own); /* [T,context] */
        k = cached(graph, applied->state->keys[layer], k, applied);
        v = cached(graph, applied->state->values[layer], v, applied);
    } else {
        options.causal = true;
    }
    bl_tensor *y = bl_scaled_dot_product_attention_with(q, k, v, &options);
    y = bl_reshape(bl_permute(y, BL_AXES(0, 2, 1, 3)), bl_tensor_shape(x));
    return model_linear(graph, m, y, "out");
}

static bl_tensor *block(bl_graph *graph, const model *m, bl_tensor *x, int64_t layer, application *applied)
{
    char name[32];
    block_name(name, layer);
    bl_scope_push(graph, name);
    bl_tensor *y = attention(graph, m, norm(graph, m, x, "norm1"), layer, applied);
    x = bl_add(x, dropout(m, y, applied));
    y = bl_gelu_tanh(model_linear(graph, m, norm(graph, m, x, "norm2"), "up"));
    x = bl_add(x, dropout(m, model_linear(graph, m, y, "down"), applied));
    bl_scope_pop(graph);
    return x;
}

bl_tensor *gpt_forward(bl_graph *graph, const model *m, bl_tensor *embedded, application *applied)
{
    bl_tensor *x = embedded;
    if (bl_params_find(m->params, "input.weight"))
        x = bl_linear(x, bl_param(graph, m->params, "input.weight"), NULL);
    x = bl_add(x, positions(graph, m, applied));
    x = dropout(m, x, applied);
    for (int64_t i = 0; i < m->options.layers; i++)
        x = block(graph, m, x, i, applied);
    return norm(graph, m, x, "norm");
}
