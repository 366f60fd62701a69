/* Private. What the losses share: checks of reductions and shapes, reducing, and their samples. */
#ifndef BOWLINE_OPS_LOSSES_H
#define BOWLINE_OPS_LOSSES_H

#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- parts of shape rules: BL_OK, or the error reported ---- */

/* The reduction is none, mean or sum. */
bl_status bl__check_reduction(bl_infer_call *call, int64_t reduction);
/* The first `count` inputs are reals of one dtype and one shape. */
bl_status bl__check_alike(bl_infer_call *call, size_t count);
/* Input `index`, named in the message, has the dtype of input 0 and broadcasts to a shape. */
bl_status bl__check_factor(bl_infer_call *call, size_t index, bl_shape shape, const char *name);
/* The loss itself: input 0's dtype, and the shape of its elements, or a scalar where they are reduced. */
bl_status bl__infer_loss(bl_infer_call *call, bl_shape elements, int64_t reduction);
/* The whole rule of a loss of two tensors of one shape. */
bl_status bl__infer_pair(bl_infer_call *call, int64_t reduction);

/* ---- parts of decompositions ---- */

/* The elements themselves, their mean or their sum. */
bl_tensor *bl__reduce_loss(bl_tensor *elements, int64_t reduction);
/* x, but 1 where `mask` is true: what is computed there does not count, and must not be infinite. */
bl_tensor *bl__one_where(bl_tensor *mask, bl_tensor *x);
/* sum(losses) / sum(weights), and NaN without a gradient where the weights add up to 0. */
bl_tensor *bl__weighted_mean(bl_tensor *losses, bl_tensor *weights);
/* max(x, 0), whose derivative at 0 is 1, as that of PyTorch's clamp. */
bl_tensor *bl__hinge(bl_tensor *x);
/* (sum |x_i|^p)^(1/p) along an axis, which is kept as a size of 1, p >= 1 or infinite; the derivative at a
 * norm of 0 is 0. */
bl_tensor *bl__vector_norm(bl_tensor *x, int axis, double p);
/* log(1 + e^x) - t x, element by element: what the losses of two classes are made of. */
bl_tensor *bl__logistic_loss(bl_tensor *x, bl_tensor *t);

/* ---- rows [.., classes], each with a target [..], a class index: losses_classes.c ---- */

/* Input 0 has a last axis of at least one class. */
bl_status bl__check_classes(bl_infer_call *call, const char *name);
/* The reduction, and inputs 0 and 1: reals [.., classes], called `name`, and indices [..]. */
bl_status bl__check_rows(bl_infer_call *call, int64_t reduction, const char *name);
/* In 0..1: loss.c. */
bl_status bl__check_label_smoothing(bl_infer_call *call, double label_smoothing);
/* Input 2 is a weight for each class. */
bl_status bl__check_class_weight(bl_infer_call *call);
/* [..]: whether a target is not ignore_index. */
bl_tensor *bl__targets_count(bl_tensor *targets, int64_t ignore_index);
/* [..]: the weight of each target's class; where `counts`, which may be NULL, is false, 0. */
bl_tensor *bl__weights_of(bl_tensor *weight, bl_tensor *targets, bl_tensor *counts);

/* ---- builders and samples ---- */

/* Appends a tensor that may be NULL to a list of inputs; whether it was there. */
bool bl__add_input(bl_tensor **inputs, size_t *count, bl_tensor *optional);

bl_reduction bl__sample_loss_reduction(bl_sampler *sampler);
/* A shape for a loss of this reduction: without sizes of 0 where there is a mean, which would be NaN. */
bl_shape bl__sample_loss_shape(bl_sampler *sampler, int low, int high, int64_t reduction);
/* A shape that broadcasts to another: leading axes go and sizes become 1 by chance. */
bl_shape bl__sample_narrowed(bl_sampler *sampler, bl_shape shape);
/* A constant of -1 and 1, of the sampler's dtype. */
bl_tensor *bl__sample_signs(bl_sampler *sampler, bl_shape shape);
/* Class indices; where `ignore`, some are -1, but none of those at place 0 of the first axis. */
bl_tensor *bl__sample_targets(bl_sampler *sampler, bl_shape shape, int64_t classes, bool ignore);
/* Reals of magnitude 0.4..0.6 or 1.2..1.8 and either sign: away from kinks at 0 and at 0.8..1. */
bl_tensor *bl__sample_two_sizes(bl_sampler *sampler, bl_shape shape);

#endif
