/* Ops: normalisation.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_NORMALIZATION_H
#define BOWLINE_NORMALIZATION_H

#include "parameters.h"

BL_BEGIN_DECLS

/* Training and evaluation: a layer that differs in the two takes `training` when it is recorded, so a program
 * is compiled for one of them. In training such a layer may ask for updates of its state; bl_minimize
 * includes those of the layers that its loss is made from, bl_graph_updates gives all of a graph. Like other
 * effects they are committed after a run, whose reads all see the values from before it.
 *
 * Weights and biases are optional (NULL: none) and have x's dtype. eps >= 0 is added inside the root. */

/* (x - mean) / sqrt(variance + eps) weight + bias, over the last axes: `normalized` is their shape, at least
 * one, and that of weight and bias. Reals; mean and variance are taken in f64 for f32 too. PyTorch's
 * eps is 1e-5. PyTorch: torch.nn.functional.layer_norm. */
BL_API bl_tensor *bl_layer_norm(bl_tensor *x, bl_shape normalized, bl_tensor *weight, bl_tensor *bias,
                                double eps);
/* x / sqrt(mean x^2 + eps) weight over the last axes, as in bl_layer_norm. Reals. Source: Zhang and
 * Sennrich 2019, "Root Mean Square Layer Normalization". PyTorch: torch.nn.functional.rms_norm. */
BL_API bl_tensor *bl_rms_norm(bl_tensor *x, bl_shape normalized, bl_tensor *weight, double eps);
/* bl_layer_norm of each group of neighbouring channels, together with all axes after them: x [batch,
 * channels,
 * ..], weight and bias [channels]; the number of groups divides that of channels. Reals. PyTorch's
 * eps is 1e-5. PyTorch: torch.nn.functional.group_norm. */
BL_API bl_tensor *bl_group_norm(bl_tensor *x, int64_t groups, bl_tensor *weight, bl_tensor *bias, double eps);
/* bl_group_norm with a group for each channel: x [batch, channels, size, ..]. There are no running
 * statistics. Reals. PyTorch: torch.nn.functional.instance_norm. */
BL_API bl_tensor *bl_instance_norm(bl_tensor *x, bl_tensor *weight, bl_tensor *bias, double eps);

typedef struct bl_batch_norm_options {
    double momentum; /* the part of the batch in the new running statistics; default 0.1 */
    double eps;      /* default 1e-5 */
} bl_batch_norm_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_batch_norm_options bl_batch_norm_defaults(void);
/* (x - mean) / sqrt(variance + eps) weight + bias for each channel: x [batch, channels, ..], all else
 * [channels]. Reals. In training by the mean and variance of the batch, and the running ones are to become
 * (1 - momentum) running + momentum of the batch, its variance unbiased; applied again to the same state, a
 * layer goes on from what it asked for before. Otherwise by the running ones. They may be NULL, both, in
 * training. A batch of one element for each channel is BL_ERR_SHAPE in training; one of none leaves the
 * running statistics alone. PyTorch: torch.nn.functional.batch_norm. */
BL_API bl_tensor *bl_batch_norm(bl_tensor *x, bl_parameter *running_mean, bl_parameter *running_var,
                                bl_tensor *weight, bl_tensor *bias, bool training);
/* bl_batch_norm with options; NULL: the defaults. PyTorch: torch.nn.functional.batch_norm. */
BL_API bl_tensor *bl_batch_norm_with(bl_tensor *x, bl_parameter *running_mean, bl_parameter *running_var,
                                     bl_tensor *weight, bl_tensor *bias, bool training,
                                     const bl_batch_norm_options *options);

typedef struct bl_local_response_norm_options {
    double alpha; /* default 1e-4 */
    double beta;  /* default 0.75 */
    double k;     /* default 1 */
} bl_local_response_norm_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_local_response_norm_options bl_local_response_norm_defaults(void);
/* x / (k + alpha / size s)^beta, s the sum of the squares of `size` channels around each: size / 2 before it,
 * (size - 1) / 2 after it, as many as there are. x [batch, channels, size, ..], reals. Source: Krizhevsky et
 * al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks". PyTorch:
 * torch.nn.functional.local_response_norm. */
BL_API bl_tensor *bl_local_response_norm(bl_tensor *x, int64_t size);
/* bl_local_response_norm with options or NULL. PyTorch: torch.nn.functional.local_response_norm. */
BL_API bl_tensor *bl_local_response_norm_with(bl_tensor *x, int64_t size,
                                              const bl_local_response_norm_options *options);

typedef struct bl_normalize_options {
    double p;   /* the order of the norm, >= 1 or infinite; default 2 */
    double eps; /* the least norm; default 1e-12 */
} bl_normalize_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_normalize_options bl_normalize_defaults(void);
/* x / max(|x|, eps), |x| its length along an axis. Reals; a row of zeros has a finite gradient. PyTorch:
 * torch.nn.functional.normalize. */
BL_API bl_tensor *bl_normalize(bl_tensor *x, int axis);
/* bl_normalize with options; NULL: the defaults. PyTorch: torch.nn.functional.normalize. */
BL_API bl_tensor *bl_normalize_with(bl_tensor *x, int axis, const bl_normalize_options *options);

BL_END_DECLS

#endif
