/* PyTorch's cases of activation functions. */
#include "cases.h"

/* clang-format off */
#define ONE(X) \
    X(gelu) X(gelu_tanh) X(silu) X(mish) X(log_sigmoid) X(selu) X(hardswish) X(relu6) \
    X(softsign) X(tanhshrink)
#define NUMBER(X) X(leaky_relu) X(elu) X(celu) X(hardshrink) X(softshrink)
/* clang-format on */

#define BUILD_ONE(op)    DEFINE_BUILD(op, bl_##op(c->input[0]))
#define BUILD_NUMBER(op) DEFINE_BUILD(op, bl_##op(c->input[0], c->attribute[0]))
ONE(BUILD_ONE)
NUMBER(BUILD_NUMBER)
DEFINE_BUILD(hardsigmoid, bl_hardsigmoid(c->input[0]))
DEFINE_BUILD(softplus, bl_softplus(c->input[0], c->attribute[0], c->attribute[1]))
DEFINE_BUILD(hardtanh, bl_hardtanh(c->input[0], c->attribute[0], c->attribute[1]))
DEFINE_BUILD(threshold, bl_threshold(c->input[0], c->attribute[0], c->attribute[1]))
DEFINE_BUILD(prelu, bl_prelu(c->input[0], c->input[1]))
DEFINE_BUILD(glu, bl_glu(c->input[0], (int)integer_at(c, 0)))

#define LIST(op) ROW(op),
const pytorch_builder pytorch_activations[] = {
    ONE(LIST) NUMBER(LIST) ROW(softplus),
    ROW(hardtanh),
    ROW(threshold),
    ROW(prelu),
    ROW(glu),
    {"hardsigmoid", build_hardsigmoid, .gradient_f64 = 1e-8}, /* PyTorch multiplies by 1/6 rounded to f32 */
    END_ROW};
