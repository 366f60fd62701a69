/* weight_tying: one training step of the tied model of examples/weight_tying, with Adam. rerecord: the same
 * step, recorded and compiled anew each time. */
#include "suite.h"

enum {
    CLASSES = 10,
    WIDTH = 3,
    ROWS = 2,
    LENGTH = 3,
    TOKENS = ROWS * LENGTH
};

static void make_parameters(model *m)
{
    bl_linear_params(m->params, "head", WIDTH, CLASSES, true, m->rng);
    bl_params_register(m->params, "embedding.weight", bl_params_find(m->params, "head.weight"));
    m->optimizer = bl_adam(m->context, NULL);
}

static void record(model *m)
{
    const int64_t tokens[] = {4, 9, 3, 0, 3, 9};
    bl_tensor *input = bl_constant(m->graph, BL_I64, BL_SHAPE(ROWS, LENGTH), tokens);
    bl_tensor *weight = bl_param(m->graph, m->params, "head.weight");
    bl_tensor *bias = bl_param(m->graph, m->params, "head.bias");
    bl_tensor *embedded = bl_embedding(bl_param(m->graph, m->params, "embedding.weight"), input);
    bl_tensor *predicted = bl_softmax(bl_linear(embedded, weight, bias), -1); /* [2,3,10] */
    m->loss = bl_mse_loss(predicted, bl_one_hot(input, CLASSES, BL_F32));
    m->program = bl_compile(m->context, m->loss, bl_minimize(m->optimizer, m->loss));
}

static void make(model *m)
{
    make_parameters(m);
    record(m);
}

static bl_status record_and_run(model *m)
{
    bl_program_free(m->program);
    bl_graph_reset(m->graph);
    record(m);
    return bl_run(m->program);
}

/* Forward x W^T; backward by W and by x. */
#define FLOOR                                     \
    .products = {{TOKENS, CLASSES, WIDTH, 1, 1},  \
                 {CLASSES, WIDTH, TOKENS, 1, 1},  \
                 {TOKENS, WIDTH, CLASSES, 1, 1}}, \
    .parameter_bytes = ADAM_BYTES, .other_bytes = 8.0 * TOKENS

const bench_case case_weight_tying = {.name = "weight_tying", .make = make, .anew = true, FLOOR};
const bench_case case_rerecord = {
    .name = "rerecord", .make = make, .step = record_and_run, .anew = true, FLOOR};
