/* tiny_mlp: 16-32-1 with tanh, a batch of 32, squared error, Adam. mlp: 784-1024-1024-10 with relu, a batch
 * of 128, cross-entropy, Adam. */
#include "suite.h"

static bl_tensor *layer(const model *m, bl_tensor *x, const char *name)
{
    bl_scope_push(m->graph, name);
    bl_tensor *y =
        bl_linear(x, bl_param(m->graph, m->params, "weight"), bl_param(m->graph, m->params, "bias"));
    bl_scope_pop(m->graph);
    return y;
}

/* ---- tiny_mlp ---- */

enum {
    TINY_BATCH = 32,
    TINY_IN = 16,
    TINY_HIDDEN = 32
};

static void make_tiny(model *m)
{
    bl_linear_params(m->params, "hidden", TINY_IN, TINY_HIDDEN, true, m->rng);
    bl_linear_params(m->params, "head", TINY_HIDDEN, 1, true, m->rng);
    bl_tensor *x = bl_input(m->graph, "x", BL_F32, BL_SHAPE(TINY_BATCH, TINY_IN));
    bl_tensor *target = bl_input(m->graph, "target", BL_F32, BL_SHAPE(TINY_BATCH, 1));
    m->loss = bl_mse_loss(layer(m, bl_tanh(layer(m, x, "hidden")), "head"), target);
    m->optimizer = bl_adam(m->context, NULL);
    compile_step(m);
    bind_normal(m, x);
    bind_normal(m, target);
}

const bench_case case_tiny_mlp = {.name = "tiny_mlp",
                                  .make = make_tiny,
                                  .anew = true,
                                  /* Both layers forward and by their weights, the second by its input too. */
                                  .products = {{TINY_BATCH, TINY_HIDDEN, TINY_IN, 1, 1},
                                               {TINY_HIDDEN, TINY_IN, TINY_BATCH, 1, 1},
                                               {TINY_BATCH, 1, TINY_HIDDEN, 1, 1},
                                               {1, TINY_HIDDEN, TINY_BATCH, 1, 1},
                                               {TINY_BATCH, TINY_HIDDEN, 1, 1, 1}},
                                  .parameter_bytes = ADAM_BYTES,
                                  .other_bytes = 4.0 * TINY_BATCH * (TINY_IN + 1)};

/* ---- mlp ---- */

enum {
    BATCH = 128,
    IN = 784,
    HIDDEN = 1024,
    CLASSES = 10
};

static void make_mlp(model *m)
{
    bl_linear_params(m->params, "fc1", IN, HIDDEN, true, m->rng);
    bl_linear_params(m->params, "fc2", HIDDEN, HIDDEN, true, m->rng);
    bl_linear_params(m->params, "fc3", HIDDEN, CLASSES, true, m->rng);
    bl_tensor *x = bl_input(m->graph, "x", BL_F32, BL_SHAPE(BATCH, IN));
    bl_tensor *labels = bl_input(m->graph, "labels", BL_I64, BL_SHAPE(BATCH));
    bl_tensor *h = bl_relu(layer(m, bl_relu(layer(m, x, "fc1")), "fc2"));
    m->loss = bl_cross_entropy(layer(m, h, "fc3"), labels);
    m->optimizer = bl_adam(m->context, NULL);
    compile_step(m);
    bind_normal(m, x);
    bind_integers(m, labels, CLASSES);
}

const bench_case case_mlp = {.name = "mlp",
                             .make = make_mlp,
                             /* Each layer [BATCH,in] x [in,out] forward, [out,BATCH] x [BATCH,in] by its
                              * weight, and all but the first [BATCH,out] x [out,in] by its input. */
                             .products = {{BATCH, HIDDEN, IN, 1, 1},
                                          {HIDDEN, IN, BATCH, 1, 1},
                                          {BATCH, HIDDEN, HIDDEN, 1, 2},
                                          {HIDDEN, HIDDEN, BATCH, 1, 1},
                                          {BATCH, CLASSES, HIDDEN, 1, 1},
                                          {CLASSES, HIDDEN, BATCH, 1, 1},
                                          {BATCH, HIDDEN, CLASSES, 1, 1}},
                             .parameter_bytes = ADAM_BYTES,
                             .other_bytes = 4.0 * BATCH * IN + 8.0 * BATCH};
