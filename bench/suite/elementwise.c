/* elementwise: sum(tanh(2a+1) sigmoid(a) - a^2/2) over 4 Mi elements, and its gradient. */
#include "suite.h"

enum {
    ELEMENTS = 4 << 20
};

static void make(model *m)
{
    bl_tensor *a = bl_input(m->graph, "a", BL_F32, BL_SHAPE(ELEMENTS));
    bl_tensor *gated = bl_mul(bl_tanh(bl_add_scalar(bl_mul_scalar(a, 2), 1)), bl_sigmoid(a));
    m->loss = bl_sum(bl_sub(gated, bl_mul_scalar(bl_square(a), 0.5)), BL_ALL_AXES, false);
    m->outputs[m->output_count++] = bl_gradient(m->loss, a);
    m->program = bl_compile(m->context, m->loss, m->outputs[0]);
    bind_uniform(m, a, -2, 2);
}

/* a is read and its gradient written; a tanh and the exp of a sigmoid for each element. */
const bench_case case_elementwise = {
    .name = "elementwise", .make = make, .other_bytes = 8.0 * ELEMENTS, .math = ELEMENTS};
