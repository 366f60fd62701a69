/* Ops: activation functions.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_ACTIVATIONS_H
#define BOWLINE_ACTIVATIONS_H

#include "graph.h"

BL_BEGIN_DECLS

/* max(x, 0), NaN for NaN. Numbers; derivative 0 for x <= 0, else 1. PyTorch: torch.nn.functional.relu. */
BL_API bl_tensor *bl_relu(bl_tensor *x);
/* min(max(x, 0), 6), NaN for NaN. Numbers; derivative 1 between 0 and 6, else 0. PyTorch:
 * torch.nn.functional.relu6. */
BL_API bl_tensor *bl_relu6(bl_tensor *x);
/* x for x > 0, else slope x. Reals; derivative 1 for x > 0, else slope. Errors: BL_ERR_ARGUMENT also when the
 * slope is not finite. PyTorch: torch.nn.functional.leaky_relu. */
BL_API bl_tensor *bl_leaky_relu(bl_tensor *x, double slope);
/* x for x > 0, else weight x, with a weight of shape [] or [1] for all, or [channels] for x of [N, channels,
 * ..]. Reals; derivative in x as bl_leaky_relu's. PyTorch: torch.nn.functional.prelu. */
BL_API bl_tensor *bl_prelu(bl_tensor *x, bl_tensor *weight);
/* x for x > 0, else alpha (e^x - 1). Reals; at 0 the derivative is alpha. Errors: BL_ERR_ARGUMENT also when
 * alpha is not finite. PyTorch: torch.nn.functional.elu. */
BL_API bl_tensor *bl_elu(bl_tensor *x, double alpha);
/* 1.0507.. elu(x) with alpha = 1.6732.., which keep mean 0 and variance 1. Reals; at 0 the derivative is
 * their product. Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks". PyTorch:
 * torch.nn.functional.selu. */
BL_API bl_tensor *bl_selu(bl_tensor *x);
/* x for x > 0, else alpha (e^(x / alpha) - 1). Reals. Errors: BL_ERR_ARGUMENT also when alpha is 0 or not
 * finite. PyTorch: torch.nn.functional.celu. */
BL_API bl_tensor *bl_celu(bl_tensor *x, double alpha);

/* x P(X <= x) of a standard normal X: x (1 + erf(x / sqrt 2)) / 2. Reals; the limits at the infinities: 0,
 * where PyTorch has NaN, and inf, with derivatives 0 and 1. PyTorch: torch.nn.functional.gelu. */
BL_API bl_tensor *bl_gelu(bl_tensor *x);
/* bl_gelu's approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. Reals; at the infinities as
 * bl_gelu. PyTorch: torch.nn.functional.gelu. */
BL_API bl_tensor *bl_gelu_tanh(bl_tensor *x);
/* x sigmoid(x), also called swish. Reals; at the infinities as bl_gelu. PyTorch: torch.nn.functional.silu. */
BL_API bl_tensor *bl_silu(bl_tensor *x);
/* x tanh(softplus(x)). Reals; at the infinities as bl_gelu. PyTorch: torch.nn.functional.mish. */
BL_API bl_tensor *bl_mish(bl_tensor *x);
/* log(1 + e^(beta x)) / beta, and x where beta x > threshold. Reals; does not overflow, whatever the
 * threshold, which may be infinite; PyTorch's defaults are 1 and 20. 0 at -infinity and inf at infinity.
 * Errors: BL_ERR_ARGUMENT also when beta is 0 or not finite, or the threshold is NaN. PyTorch:
 * torch.nn.functional.softplus. */
BL_API bl_tensor *bl_softplus(bl_tensor *x, double beta, double threshold);
/* log(sigmoid(x)). Reals; does not overflow: x itself far below 0, -inf at -infinity, 0 at infinity. PyTorch:
 * torch.nn.functional.logsigmoid. */
BL_API bl_tensor *bl_log_sigmoid(bl_tensor *x);

/* bl_clamp, but with a derivative of 0 at the bounds. Numbers; PyTorch's defaults are -1 and 1. Errors: as
 * bl_clamp. PyTorch: torch.nn.functional.hardtanh. */
BL_API bl_tensor *bl_hardtanh(bl_tensor *x, double least, double most);
/* (x + 3) / 6, kept in 0 .. 1. Reals; derivative 1/6 for |x| < 3, else 0. PyTorch:
 * torch.nn.functional.hardsigmoid. */
BL_API bl_tensor *bl_hardsigmoid(bl_tensor *x);
/* x hardsigmoid(x). Reals; derivative 0 for x < -3, 1 for x >= 3, else x / 3 + 1/2; 0 at -infinity, where
 * PyTorch has NaN. PyTorch: torch.nn.functional.hardswish. */
BL_API bl_tensor *bl_hardswish(bl_tensor *x);
/* x / (1 + |x|). Reals; NaN at the infinities. PyTorch: torch.nn.functional.softsign. */
BL_API bl_tensor *bl_softsign(bl_tensor *x);
/* x - tanh(x). Reals. PyTorch: torch.nn.functional.tanhshrink. */
BL_API bl_tensor *bl_tanhshrink(bl_tensor *x);
/* x where x > threshold or x is NaN, else value. Reals; derivative 1 or 0. Errors: BL_ERR_ARGUMENT also when
 * the threshold is NaN. PyTorch: torch.nn.functional.threshold. */
BL_API bl_tensor *bl_threshold(bl_tensor *x, double threshold, double value);
/* 0 where |x| <= c, else x, NaN too. Reals; derivative 0 or 1; PyTorch's default is 0.5. Errors:
 * BL_ERR_ARGUMENT also when c is negative or not finite. PyTorch: torch.nn.functional.hardshrink. */
BL_API bl_tensor *bl_hardshrink(bl_tensor *x, double c);
/* 0 where |x| <= c, else x - c or x + c, nearer to 0; NaN for NaN. Reals; derivative 0 or 1; default and
 * errors as bl_hardshrink's. PyTorch: torch.nn.functional.softshrink. */
BL_API bl_tensor *bl_softshrink(bl_tensor *x, double c);
/* a sigmoid(b), where a and b are the first and the second half of x along an axis. Reals. Errors:
 * BL_ERR_SHAPE when the axis has an odd size. PyTorch: torch.nn.functional.glu. */
BL_API bl_tensor *bl_glu(bl_tensor *x, int axis);

/* exp(x - max) / sum exp(x - max) along an axis. Reals. PyTorch: torch.softmax. */
BL_API bl_tensor *bl_softmax(bl_tensor *x, int axis);
/* x - max - log sum exp(x - max) along an axis. Reals. PyTorch: torch.log_softmax. */
BL_API bl_tensor *bl_log_softmax(bl_tensor *x, int axis);

BL_END_DECLS

#endif
