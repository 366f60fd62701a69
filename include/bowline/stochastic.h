/* Ops: random tensors and dropout. (random.h has the host's generator, which draws initial values and data.)
 * What ops.h says of all ops holds for all of them.
 *
 * They draw from a random state, a buffer made by bl_params_add_random that holds {seed, run}. A draw is a
 * function of the seed, of the run, of the stream, which is the draw's number on its graph (bl_graph_reset
 * starts again at 0), and of an element's index, row by row; of nothing else. So the same model recorded
 * again draws the same, and a node is one draw however many users it has. A run that succeeds adds 1 to the
 * run of each state that its program draws from; one that fails has not drawn, and a gradient check draws the
 * same all the time. A program that draws writes the state: it cannot also assign it, and two that share one
 * cannot run at once. bl_parameter_write of {seed, run} goes back to any place.
 *
 * A program in f64 draws in the dtype that was recorded, and casts. Errors of all: BL_ERR_ARGUMENT for a
 * state that is NULL or none. */
#ifndef BOWLINE_STOCHASTIC_H
#define BOWLINE_STOCHASTIC_H

#include "parameters.h"

BL_BEGIN_DECLS

/* Uniform in [low, high), of 24 random bits in f32 and 53 in f64. dtype f32 or f64; low <= high, finite.
 * PyTorch: torch.Tensor.uniform_. */
BL_API bl_tensor *bl_uniform(bl_graph *graph, bl_parameter *random, bl_dtype dtype, bl_shape shape,
                             double low, double high);

/* Normal with a mean and a standard deviation, by the method of Box and Muller 1958, computed in f64. dtype
 * f32 or f64. For parameters of the distribution that have gradients: mean + deviation * bl_normal(.., 0, 1).
 * PyTorch: torch.normal. */
BL_API bl_tensor *bl_normal(bl_graph *graph, bl_parameter *random, bl_dtype dtype, bl_shape shape,
                            double mean, double deviation);

/* 1 (true) with probability p, to within 2^-33, else 0 (false). dtype f32, f64, i32, i64 or bool.
 * PyTorch: torch.Tensor.bernoulli_. */
BL_API bl_tensor *bl_bernoulli(bl_graph *graph, bl_parameter *random, bl_dtype dtype, bl_shape shape,
                               double p);

/* 1 with the probability that stands at the element's place, else 0, in the probabilities' dtype and shape.
 * Reals. A probability outside [0, 1], or NaN, fails the run with BL_ERR_ARGUMENT. It has no derivative:
 * bl_grad through it is an error, where PyTorch gives zeros; bl_stop_gradient of it lets nothing flow.
 * PyTorch: torch.bernoulli. */
BL_API bl_tensor *bl_bernoulli_of(bl_tensor *probabilities, bl_parameter *random);

/* x / (1 - p) with probability 1 - p, else 0 x, each element by itself. Reals. Where not training, or with p
 * = 0, it is x itself, and `random` may be NULL. The mask is not kept for the derivative but drawn again.
 * PyTorch: torch.nn.functional.dropout. */
BL_API bl_tensor *bl_dropout(bl_tensor *x, double p, bool training, bl_parameter *random);

/* Dropout of whole features: x [N, C, ..] with one draw for each [n, c]. Reals.
 * PyTorch: torch.nn.functional.dropout2d. */
BL_API bl_tensor *bl_feature_dropout(bl_tensor *x, double p, bool training, bl_parameter *random);

/* a x + b with probability 1 - p, else a s + b, with s = -1.7580993 and a, b such that mean 0 and variance 1
 * stay: dropout after SELU. p = 1 gives 0 x. Reals. PyTorch: torch.nn.functional.alpha_dropout. */
BL_API bl_tensor *bl_alpha_dropout(bl_tensor *x, double p, bool training, bl_parameter *random);

BL_END_DECLS

#endif
