/* tied_head: the head of a language model with GPT-2's vocabulary: linear layer and cross-entropy, with the
 * gradients of weight and input. */
#include "suite.h"

enum {
    VOCABULARY = 50257,
    WIDTH = 256,
    ROWS = 1024
};

static void make(model *m)
{
    bl_params_add(m->params, "weight", BL_F32, BL_SHAPE(VOCABULARY, WIDTH), bl_init_normal(0, 0.02), m->rng);
    bl_tensor *x = bl_input(m->graph, "x", BL_F32, BL_SHAPE(ROWS, WIDTH));
    bl_tensor *targets = bl_input(m->graph, "targets", BL_I64, BL_SHAPE(ROWS));
    bl_tensor *wrt[] = {bl_param(m->graph, m->params, "weight"), x};
    m->loss = bl_cross_entropy(bl_linear(x, wrt[0], NULL), targets);
    m->output_count = 2;
    bl_grad(&m->loss, 1, NULL, wrt, m->output_count, m->outputs);
    m->program = bl_compile(m->context, m->loss, m->outputs[0], m->outputs[1]);
    bind_normal(m, x);
    bind_integers(m, targets, VOCABULARY);
}

/* Forward, by the input, by the weight. */
const bench_case case_tied_head = {.name = "tied_head",
                                   .make = make,
                                   .products = {{ROWS, VOCABULARY, WIDTH, 1, 1},
                                                {ROWS, WIDTH, VOCABULARY, 1, 1},
                                                {VOCABULARY, WIDTH, ROWS, 1, 1}},
                                   .parameter_bytes = GRADIENT_BYTES,
                                   .other_bytes = 8.0 * ROWS * WIDTH + 8.0 * ROWS};
