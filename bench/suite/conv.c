/* conv: one training step of LeNet-5 on 28x28 images, with relu and maxima, cross-entropy and SGD. */
#include "suite.h"

enum {
    BATCH = 128,
    SIDE = 28,
    KERNEL = 5,
    MAPS1 = 6,
    MAPS2 = 16,
    SIDE2 = SIDE / 2 - KERNEL + 1, /* of the second convolution's result */
    FLAT = MAPS2 * (SIDE2 / 2) * (SIDE2 / 2),
    HIDDEN1 = 120,
    HIDDEN2 = 84,
    CLASSES = 10
};

static bl_tensor *of(const model *m, const char *name)
{
    return bl_param(m->graph, m->params, name);
}

static void make(model *m)
{
    bl_conv2d_params(m->params, "conv1", 1, MAPS1, KERNEL, KERNEL, 1, true, m->rng);
    bl_conv2d_params(m->params, "conv2", MAPS1, MAPS2, KERNEL, KERNEL, 1, true, m->rng);
    bl_linear_params(m->params, "fc1", FLAT, HIDDEN1, true, m->rng);
    bl_linear_params(m->params, "fc2", HIDDEN1, HIDDEN2, true, m->rng);
    bl_linear_params(m->params, "fc3", HIDDEN2, CLASSES, true, m->rng);

    bl_conv_options same = bl_conv_defaults();
    same.padding[0] = same.padding[1] = KERNEL / 2;
    bl_tensor *x = bl_input(m->graph, "x", BL_F32, BL_SHAPE(BATCH, 1, SIDE, SIDE));
    bl_tensor *labels = bl_input(m->graph, "labels", BL_I64, BL_SHAPE(BATCH));
    bl_tensor *h = bl_conv2d_with(x, of(m, "conv1.weight"), of(m, "conv1.bias"), &same);
    h = bl_max_pool2d(bl_relu(h), 2); /* [128,6,14,14] */
    h = bl_max_pool2d(bl_relu(bl_conv2d(h, of(m, "conv2.weight"), of(m, "conv2.bias"))), 2);
    h = bl_reshape(h, BL_SHAPE(BATCH, FLAT));
    h = bl_relu(bl_linear(h, of(m, "fc1.weight"), of(m, "fc1.bias")));
    h = bl_relu(bl_linear(h, of(m, "fc2.weight"), of(m, "fc2.bias")));
    m->loss = bl_cross_entropy(bl_linear(h, of(m, "fc3.weight"), of(m, "fc3.bias")), labels);
    m->optimizer = bl_sgd(m->context, NULL);
    compile_step(m);
    bind_normal(m, x);
    bind_integers(m, labels, CLASSES);
}

/* A convolution is a product [maps, window] x [window, places] for each image: forward, by the weight, and
 * the second by its input; a linear layer is three products. */
const bench_case case_conv = {.name = "conv",
                              .make = make,
                              .products = {{MAPS1, SIDE *SIDE, KERNEL *KERNEL, BATCH, 1},
                                           {MAPS1, KERNEL *KERNEL, SIDE *SIDE, BATCH, 1},
                                           {MAPS2, SIDE2 *SIDE2, MAPS1 *KERNEL *KERNEL, BATCH, 1},
                                           {MAPS2, MAPS1 *KERNEL *KERNEL, SIDE2 *SIDE2, BATCH, 1},
                                           {MAPS1 * KERNEL * KERNEL, SIDE2 *SIDE2, MAPS2, BATCH, 1},
                                           {BATCH, HIDDEN1, FLAT, 1, 3},
                                           {BATCH, HIDDEN2, HIDDEN1, 1, 3},
                                           {BATCH, CLASSES, HIDDEN2, 1, 3}},
                              .parameter_bytes = SGD_BYTES,
                              .other_bytes = 4.0 * BATCH * SIDE * SIDE + 8.0 * BATCH};
