/* lstm: two layers, 512 wide, 35 steps of a batch of 20; the mean square of the outputs and its gradients. */
#include "suite.h"

enum {
    LAYERS = 2,
    WIDTH = 512,
    LENGTH = 35,
    BATCH = 20,
    GATES = 4 * WIDTH
};

static void make(model *m)
{
    bl_recurrent_options options = bl_recurrent_defaults();
    bl_recurrent_weights weights[LAYERS];
    options.layers = LAYERS;
    bl_lstm_params(m->params, "lstm", WIDTH, WIDTH, &options, m->rng);
    bl_recurrent_named(m->graph, m->params, "lstm", &options, weights);
    bl_tensor *x = bl_input(m->graph, "x", BL_F32, BL_SHAPE(LENGTH, BATCH, WIDTH));
    bl_tensor *y = bl_lstm(x, weights, NULL, NULL, &options, NULL, NULL);
    m->loss = bl_mean(bl_square(y), BL_ALL_AXES, false);
    compile_gradients(m);
    bind_normal(m, x);
}

/* The input's part of a layer's gates is one product over all steps, forward, by the weight, and in the
 * second layer by the input. The state's part is a product for each step but the first, whose state is zero;
 * by the weight it is one product over all steps. */
const bench_case case_lstm = {.name = "lstm",
                              .make = make,
                              .products = {{LENGTH * BATCH, GATES, WIDTH, 1, LAYERS},
                                           {GATES, WIDTH, LENGTH *BATCH, 1, LAYERS},
                                           {LENGTH * BATCH, WIDTH, GATES, 1, LAYERS - 1},
                                           {BATCH, GATES, WIDTH, 1, LAYERS *(LENGTH - 1)},
                                           {BATCH, WIDTH, GATES, 1, LAYERS *(LENGTH - 1)},
                                           {GATES, WIDTH, (LENGTH - 1) * BATCH, 1, LAYERS}},
                              .parameter_bytes = GRADIENT_BYTES,
                              .other_bytes = 4.0 * LENGTH * BATCH * WIDTH};
