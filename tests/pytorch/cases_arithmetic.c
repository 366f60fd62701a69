/* PyTorch's cases of arithmetic and comparisons. */
#include "cases.h"

/* clang-format off */
#define TWO(X) \
    X(add) X(sub) X(mul) X(div) X(pow) X(maximum) X(equal) X(not_equal) X(less) X(less_equal) X(greater) \
    X(greater_equal)
#define NUMBER(X) \
    X(add_scalar) X(sub_scalar) X(mul_scalar) X(div_scalar) X(pow_scalar) X(maximum_scalar)
/* clang-format on */

#define BUILD_TWO(op)    DEFINE_BUILD(op, bl_##op(c->input[0], c->input[1]))
#define BUILD_NUMBER(op) DEFINE_BUILD(op, bl_##op(c->input[0], c->attribute[0]))
TWO(BUILD_TWO)
NUMBER(BUILD_NUMBER)
DEFINE_BUILD(scalar_sub, bl_scalar_sub(c->attribute[0], c->input[0]))
DEFINE_BUILD(scalar_div, bl_scalar_div(c->attribute[0], c->input[0]))
DEFINE_BUILD(where, bl_where(c->input[0], c->input[1], c->input[2]))

#define LIST(op) ROW(op),
const pytorch_builder pytorch_arithmetic[] = {TWO(LIST) NUMBER(LIST) ROW(scalar_sub), ROW(scalar_div),
                                              ROW(where), END_ROW};
