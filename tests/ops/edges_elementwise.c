/* Rows of edges.h: element-wise ops. */
#include "edges.h"
#include "ops/rules.h"

/* clang-format off */
#define UNARY(kind) (kind ":abc", kind ":1a11b1c1", NULL, "+", NULL)
#define BINARY(kinds, kind) (kinds ":ab1 " kind ":1bc", kinds ":1a11b111 " kind ":1111b1c1", NULL, "+++", "ac")

#define ROWS(X) \
    X(neg, UNARY("r"), bl_neg(x[0])) \
    X(exp, UNARY("r"), bl_exp(x[0])) \
    X(square, UNARY("r"), bl_square(x[0])) \
    X(abs, UNARY("r"), bl_abs(x[0])) \
    X(sign, UNARY("r"), bl_sign(x[0])) \
    X(relu, UNARY("r"), bl_relu(x[0])) \
    X(tanh, UNARY("r"), bl_tanh(x[0])) \
    X(sigmoid, UNARY("r"), bl_sigmoid(x[0])) \
    X(sin, UNARY("r"), bl_sin(x[0])) \
    X(cos, UNARY("r"), bl_cos(x[0])) \
    X(tan, UNARY("r"), bl_tan(x[0])) \
    X(asin, UNARY("r"), bl_asin(x[0])) \
    X(acos, UNARY("r"), bl_acos(x[0])) \
    X(atan, UNARY("r"), bl_atan(x[0])) \
    X(sinh, UNARY("r"), bl_sinh(x[0])) \
    X(cosh, UNARY("r"), bl_cosh(x[0])) \
    X(asinh, UNARY("r"), bl_asinh(x[0])) \
    X(atanh, UNARY("r"), bl_atanh(x[0])) \
    X(expm1, UNARY("r"), bl_expm1(x[0])) \
    X(exp2, UNARY("r"), bl_exp2(x[0])) \
    X(erf, UNARY("r"), bl_erf(x[0])) \
    X(erfc, UNARY("r"), bl_erfc(x[0])) \
    X(floor, UNARY("r"), bl_floor(x[0])) \
    X(ceil, UNARY("r"), bl_ceil(x[0])) \
    X(round, UNARY("r"), bl_round(x[0])) \
    X(trunc, UNARY("r"), bl_trunc(x[0])) \
    X(relu6, UNARY("r"), bl_relu6(x[0])) \
    X(isnan, UNARY("r"), bl_isnan(x[0])) \
    X(isinf, UNARY("r"), bl_isinf(x[0])) \
    X(isfinite, UNARY("r"), bl_isfinite(x[0])) \
    X(gelu, UNARY("r"), bl_gelu(x[0])) \
    X(gelu_backward, BINARY("r", "r"), bl__apply_2(&bl__op_gelu_backward, x[0], x[1], NULL)) \
    X(gelu_tanh, UNARY("r"), bl_gelu_tanh(x[0])) \
    X(silu, UNARY("r"), bl_silu(x[0])) \
    X(mish, UNARY("r"), bl_mish(x[0])) \
    X(log_sigmoid, UNARY("r"), bl_log_sigmoid(x[0])) \
    X(selu, UNARY("r"), bl_selu(x[0])) \
    X(hardsigmoid, UNARY("r"), bl_hardsigmoid(x[0])) \
    X(hardswish, UNARY("r"), bl_hardswish(x[0])) \
    X(softsign, UNARY("r"), bl_softsign(x[0])) \
    X(tanhshrink, UNARY("r"), bl_tanhshrink(x[0])) \
    X(log, UNARY("p"), bl_log(x[0])) \
    X(sqrt, UNARY("p"), bl_sqrt(x[0])) \
    X(log1p, UNARY("p"), bl_log1p(x[0])) \
    X(log2, UNARY("p"), bl_log2(x[0])) \
    X(log10, UNARY("p"), bl_log10(x[0])) \
    X(rsqrt, UNARY("p"), bl_rsqrt(x[0])) \
    X(reciprocal, UNARY("p"), bl_reciprocal(x[0])) \
    X(acosh, UNARY("g"), bl_acosh(x[0])) \
    X(logical_not, UNARY("b"), bl_logical_not(x[0])) \
    X(cast, UNARY("r"), bl_cast(x[0], BL_F32)) \
    X(add_scalar, UNARY("r"), bl_add_scalar(x[0], 0.7)) \
    X(sub_scalar, UNARY("r"), bl_sub_scalar(x[0], 0.7)) \
    X(mul_scalar, UNARY("r"), bl_mul_scalar(x[0], 0.7)) \
    X(div_scalar, UNARY("r"), bl_div_scalar(x[0], 0.7)) \
    X(maximum_scalar, UNARY("r"), bl_maximum_scalar(x[0], 0.7)) \
    X(minimum_scalar, UNARY("r"), bl_minimum_scalar(x[0], 0.7)) \
    X(fmod_scalar, UNARY("r"), bl_fmod_scalar(x[0], 0.7)) \
    X(remainder_scalar, UNARY("r"), bl_remainder_scalar(x[0], 0.7)) \
    X(pow_scalar, UNARY("p"), bl_pow_scalar(x[0], 1.7)) \
    X(scalar_sub, UNARY("r"), bl_scalar_sub(0.7, x[0])) \
    X(scalar_div, UNARY("p"), bl_scalar_div(0.7, x[0])) \
    X(clamp, UNARY("r"), bl_clamp(x[0], -0.5, 0.5)) \
    X(hardtanh, UNARY("r"), bl_hardtanh(x[0], -0.5, 0.5)) \
    X(softplus, UNARY("r"), bl_softplus(x[0], 2, 20)) \
    X(leaky_relu, UNARY("r"), bl_leaky_relu(x[0], 0.1)) \
    X(elu, UNARY("r"), bl_elu(x[0], 1.5)) \
    X(celu, UNARY("r"), bl_celu(x[0], 1.5)) \
    X(threshold, UNARY("r"), bl_threshold(x[0], 0.1, 0.2)) \
    X(hardshrink, UNARY("r"), bl_hardshrink(x[0], 0.5)) \
    X(softshrink, UNARY("r"), bl_softshrink(x[0], 0.5)) \
    X(add, BINARY("r", "r"), bl_add(x[0], x[1])) \
    X(sub, BINARY("r", "r"), bl_sub(x[0], x[1])) \
    X(mul, BINARY("r", "r"), bl_mul(x[0], x[1])) \
    X(div, BINARY("r", "r"), bl_div(x[0], x[1])) \
    X(maximum, BINARY("r", "r"), bl_maximum(x[0], x[1])) \
    X(minimum, BINARY("r", "r"), bl_minimum(x[0], x[1])) \
    X(fmod, BINARY("r", "r"), bl_fmod(x[0], x[1])) \
    X(remainder, BINARY("r", "r"), bl_remainder(x[0], x[1])) \
    X(atan2, BINARY("r", "r"), bl_atan2(x[0], x[1])) \
    X(hypot, BINARY("r", "r"), bl_hypot(x[0], x[1])) \
    X(equal, BINARY("r", "r"), bl_equal(x[0], x[1])) \
    X(not_equal, BINARY("r", "r"), bl_not_equal(x[0], x[1])) \
    X(less, BINARY("r", "r"), bl_less(x[0], x[1])) \
    X(less_equal, BINARY("r", "r"), bl_less_equal(x[0], x[1])) \
    X(greater, BINARY("r", "r"), bl_greater(x[0], x[1])) \
    X(greater_equal, BINARY("r", "r"), bl_greater_equal(x[0], x[1])) \
    X(logical_and, BINARY("b", "b"), bl_logical_and(x[0], x[1])) \
    X(logical_or, BINARY("b", "b"), bl_logical_or(x[0], x[1])) \
    X(logical_xor, BINARY("b", "b"), bl_logical_xor(x[0], x[1])) \
    X(pow, BINARY("p", "r"), bl_pow(x[0], x[1])) \
    X(xlogy, BINARY("r", "p"), bl_xlogy(x[0], x[1])) \
    X(probability_loss, BINARY("p", "p"), bl__apply(&bl__op_probability_loss, x, 2, NULL)) \
    X(logistic_loss, BINARY("r", "r"), bl__apply(&bl__op_logistic_loss, x, 2, NULL)) \
    X(where, ("b:ab1 r:1bc r:b1", "b:1a11b111 r:1111b1c1 r:b111", NULL, "++++", "ac"), bl_where(x[0], x[1], x[2])) \
    X(prelu, ("r:abc r:b", "r:ab11111c r:b", NULL, "-++", NULL), bl_prelu(x[0], x[1]))
/* clang-format on */

ROWS(EDGE_BUILD)

const edge_row edge_rows_elementwise[] = {ROWS(EDGE_ROW){0}};
