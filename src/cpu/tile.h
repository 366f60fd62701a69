/* Private. Element-wise ops as tile functions: one op on one dtype over n contiguous elements. The driver of
 * single ops (elementwise.c) calls them, and whatever computes several ops a tile at a time can. */
#ifndef BOWLINE_CPU_TILE_H
#define BOWLINE_CPU_TILE_H

#include "bowline/op.h"
#include "ops/keys.h"

enum {
    BL__TILE_INPUTS = BL_MAX_TILE_INPUTS /* the most of an element-wise op */
};

/* out may be one of the inputs when their elements have the same size. */
typedef bl_tile_function bl__tile;

/* The ops whose tile functions are told apart by one dtype: that of the last input. cast needs two. */
/* clang-format off */
#define BL__TILED_OPS(X) \
    X(add) X(sub) X(mul) X(div) X(pow) X(maximum) \
    X(add_scalar) X(sub_scalar) X(mul_scalar) X(div_scalar) X(pow_scalar) X(maximum_scalar) \
    X(scalar_sub) X(scalar_div) \
    X(neg) X(exp) X(log) X(sqrt) X(square) X(abs) X(sign) X(relu) X(tanh) X(sigmoid) \
    /* tile_functions.c */ X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(atan2) X(hypot) \
    X(sinh) X(cosh) X(asinh) X(acosh) X(atanh) \
    X(expm1) X(exp2) X(log1p) X(log2) X(log10) X(xlogy) X(rsqrt) X(reciprocal) X(erf) X(erfc) \
    X(floor) X(ceil) X(round) X(trunc) \
    /* tile_bounds.c */ X(minimum) X(minimum_scalar) X(clamp) X(hardtanh) \
    /* tile_logic.c */ X(logical_and) X(logical_or) X(logical_xor) X(logical_not) \
    X(isnan) X(isinf) X(isfinite) \
    /* tile_activations.c */ X(gelu) X(gelu_backward) X(gelu_tanh) X(silu) X(mish) \
    X(softplus) X(log_sigmoid) \
    X(leaky_relu) X(elu) X(selu) X(celu) X(hardsigmoid) X(hardswish) X(prelu) \
    /* remainder.c */ X(fmod_scalar) X(remainder_scalar) \
    X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) X(where) \
    /* tile_losses.c */ X(probability_loss) X(logistic_loss) X(logsumexp_backward)
/* clang-format on */

/* The ops whose kernels refuse integers divided by zero first (remainder.c). */
#define BL__DIVIDING_OPS(X) X(fmod) X(remainder)

/* The larger of two numbers, NaN when either is: where a is no NaN and a > b is false, b is larger or NaN. */
#define BL__LARGER(a, b) ((((a) > (b)) | ((a) != (a))) ? (a) : (b))

/* The smaller one, likewise. */
#define BL__SMALLER(a, b) ((((a) < (b)) | ((a) != (a))) ? (a) : (b))

/* Before a loop over elements that touches element i of every operand in turn i only: operands may coincide,
 * but no turn depends on another. */
#if defined(__clang__)
#define BL__EACH_ALONE _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define BL__EACH_ALONE _Pragma("GCC ivdep")
#else
#define BL__EACH_ALONE
#endif

#endif
