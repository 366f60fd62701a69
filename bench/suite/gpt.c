/* gpt: one training step of a small GPT whose head is tied to its embedding: layer norm before each part,
 * learned positions, causal attention, gelu, AdamW. */
#include "suite.h"

#include <stdio.h>

enum {
    VOCABULARY = 8192,
    WIDTH = 256,
    LAYERS = 4,
    HEADS = 8,
    LENGTH = 256,
    BATCH = 4,
    TOKENS = BATCH * LENGTH,
    EACH = WIDTH / HEADS
};

/* ---- parameters, in the order in which PyTorch's model draws them ---- */

static void add_linear(const model *m, const char *name, int64_t in, int64_t out)
{
    bl_params_scope_push(m->params, name);
    bl_params_add(m->params, "weight", BL_F32, BL_SHAPE(out, in), bl_init_normal(0, 0.02), m->rng);
    bl_params_add(m->params, "bias", BL_F32, BL_SHAPE(out), bl_init_zeros(), NULL);
    bl_params_scope_pop(m->params);
}

static void add_block(const model *m, const char *name)
{
    bl_params_scope_push(m->params, name);
    bl_layer_norm_params(m->params, "norm1", BL_SHAPE(WIDTH));
    add_linear(m, "qkv", WIDTH, 3 * WIDTH);
    add_linear(m, "out", WIDTH, WIDTH);
    bl_layer_norm_params(m->params, "norm2", BL_SHAPE(WIDTH));
    add_linear(m, "up", WIDTH, 4 * WIDTH);
    add_linear(m, "down", 4 * WIDTH, WIDTH);
    bl_params_scope_pop(m->params);
}

static void block_name(char *name, size_t size, int i)
{
    snprintf(name, size, "block.%d", i);
}

static void add_parameters(const model *m)
{
    char name[32];
    bl_init init = bl_init_normal(0, 0.02);
    bl_params_add(m->params, "tokens.weight", BL_F32, BL_SHAPE(VOCABULARY, WIDTH), init, m->rng);
    bl_params_add(m->params, "positions.weight", BL_F32, BL_SHAPE(LENGTH, WIDTH), init, m->rng);
    for (int i = 0; i < LAYERS; i++) {
        block_name(name, sizeof name, i);
        add_block(m, name);
    }
    bl_layer_norm_params(m->params, "norm", BL_SHAPE(WIDTH));
    bl_params_register(m->params, "head.weight", bl_params_find(m->params, "tokens.weight"));
}

/* ---- the model ---- */

static bl_tensor *linear(const model *m, bl_tensor *x, const char *name)
{
    bl_scope_push(m->graph, name);
    bl_tensor *y =
        bl_linear(x, bl_param(m->graph, m->params, "weight"), bl_param(m->graph, m->params, "bias"));
    bl_scope_pop(m->graph);
    return y;
}

static bl_tensor *norm(const model *m, bl_tensor *x, const char *name)
{
    bl_scope_push(m->graph, name);
    bl_tensor *weight = bl_param(m->graph, m->params, "weight");
    bl_tensor *y = bl_layer_norm(x, BL_SHAPE(WIDTH), weight, bl_param(m->graph, m->params, "bias"), 1e-5);
    bl_scope_pop(m->graph);
    return y;
}

/* [B,T,D] -> [B,H,T,D/H] */
static bl_tensor *split_heads(bl_tensor *x)
{
    return bl_permute(bl_reshape(x, BL_SHAPE(BATCH, LENGTH, HEADS, EACH)), BL_AXES(0, 2, 1, 3));
}

static bl_tensor *attention(const model *m, bl_tensor *x)
{
    bl_tensor *parts[3];
    bl_attention_options options = bl_attention_defaults();
    options.causal = true;
    bl_chunk(linear(m, x, "qkv"), 3, -1, parts);
    bl_tensor *y = bl_scaled_dot_product_attention_with(split_heads(parts[0]), split_heads(parts[1]),
                                                        split_heads(parts[2]), &options);
    y = bl_reshape(bl_permute(y, BL_AXES(0, 2, 1, 3)), BL_SHAPE(BATCH, LENGTH, WIDTH));
    return linear(m, y, "out");
}

static bl_tensor *block(const model *m, bl_tensor *x, const char *name)
{
    bl_scope_push(m->graph, name);
    x = bl_add(x, attention(m, norm(m, x, "norm1")));
    x = bl_add(x, linear(m, bl_gelu(linear(m, norm(m, x, "norm2"), "up")), "down"));
    bl_scope_pop(m->graph);
    return x;
}

static void make(model *m)
{
    char name[32];
    add_parameters(m);
    bl_tensor *tokens = bl_input(m->graph, "tokens", BL_I64, BL_SHAPE(BATCH, LENGTH));
    bl_tensor *targets = bl_input(m->graph, "targets", BL_I64, BL_SHAPE(BATCH, LENGTH));
    bl_tensor *x = bl_embedding(bl_param(m->graph, m->params, "tokens.weight"), tokens);
    x = bl_add(x, bl_param(m->graph, m->params, "positions.weight")); /* [B,T,D] */
    for (int i = 0; i < LAYERS; i++) {
        block_name(name, sizeof name, i);
        x = block(m, x, name);
    }
    bl_tensor *logits = bl_linear(norm(m, x, "norm"), bl_param(m->graph, m->params, "head.weight"), NULL);
    m->loss = bl_cross_entropy(logits, targets);
    m->optimizer = bl_adamw(m->context, NULL);
    compile_step(m);
    bind_integers(m, tokens, VOCABULARY);
    bind_integers(m, targets, VOCABULARY);
}

/* A linear layer [TOKENS,in] x [in,out] is two products of that size, forward and by its input (in and out
 * change places), and one [out,TOKENS] x [TOKENS,in] by its weight. Attention is six products for each head,
 * two forward and four backward, of which half lies above the diagonal and need not be computed: written as
 * half the keys. Layers that have the same sizes stand together. */
const bench_case case_gpt = {.name = "gpt",
                             .make = make,
                             .products = {{TOKENS, 3 * WIDTH, WIDTH, 1, LAYERS},
                                          {TOKENS, WIDTH, 3 * WIDTH, 1, LAYERS},
                                          {3 * WIDTH, WIDTH, TOKENS, 1, LAYERS},
                                          {TOKENS, WIDTH, WIDTH, 1, 2 * LAYERS},
                                          {WIDTH, WIDTH, TOKENS, 1, LAYERS},
                                          {TOKENS, 4 * WIDTH, WIDTH, 1, 2 * LAYERS},
                                          {TOKENS, WIDTH, 4 * WIDTH, 1, 2 * LAYERS},
                                          {4 * WIDTH, WIDTH, TOKENS, 1, 2 * LAYERS},
                                          {LENGTH, LENGTH / 2, EACH, BATCH *HEADS, 2 * LAYERS},
                                          {LENGTH, EACH, LENGTH / 2, BATCH *HEADS, 4 * LAYERS},
                                          {TOKENS, VOCABULARY, WIDTH, 1, 1},
                                          {TOKENS, WIDTH, VOCABULARY, 1, 1},
                                          {VOCABULARY, WIDTH, TOKENS, 1, 1}},
                             .parameter_bytes = ADAM_BYTES,
                             .other_bytes = 16.0 * TOKENS,
                             .tokens = TOKENS};
