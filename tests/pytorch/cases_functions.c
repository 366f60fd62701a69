/* PyTorch's cases of element-wise functions, rounding, remainders, bounds and logic. */
#include "cases.h"

/* clang-format off */
#define ONE(X) \
    X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(asinh) X(acosh) X(atanh) X(expm1) X(exp2) \
    X(log1p) X(log2) X(log10) X(rsqrt) X(reciprocal) X(erf) X(erfc) X(floor) X(ceil) X(round) X(trunc) \
    X(logical_not) X(isnan) X(isinf) X(isfinite)
#define TWO(X) \
    X(atan2) X(hypot) X(xlogy) X(minimum) X(fmod) X(remainder) X(logical_and) X(logical_or) X(logical_xor)
#define NUMBER(X) X(minimum_scalar) X(fmod_scalar) X(remainder_scalar)
/* clang-format on */

#define BUILD_ONE(op)    DEFINE_BUILD(op, bl_##op(c->input[0]))
#define BUILD_TWO(op)    DEFINE_BUILD(op, bl_##op(c->input[0], c->input[1]))
#define BUILD_NUMBER(op) DEFINE_BUILD(op, bl_##op(c->input[0], c->attribute[0]))
ONE(BUILD_ONE)
TWO(BUILD_TWO)
NUMBER(BUILD_NUMBER)
DEFINE_BUILD(clamp, bl_clamp(c->input[0], c->attribute[0], c->attribute[1]))

#define LIST(op) ROW(op),
const pytorch_builder pytorch_functions[] = {ONE(LIST) TWO(LIST) NUMBER(LIST) ROW(clamp), END_ROW};
