/* Private. The attributes of the ops that have any: written by the builders, read by rules, vjps and kernels.
 * Plain data without padding, since nodes are compared by their bytes. */
#ifndef BOWLINE_OPS_ATTRIBUTES_H
#define BOWLINE_OPS_ATTRIBUTES_H

#include <stdint.h>

struct bl_parameter;

typedef struct bl__input_attributes {
    int64_t ordinal;  /* among the graph's inputs */
    const char *name; /* in the graph's arena */
} bl__input_attributes;

typedef struct bl__constant_attributes {
    const void *data; /* in the graph's arena, 64-byte aligned, row by row; NULL without elements */
    int64_t bytes;
} bl__constant_attributes;

typedef struct bl__full_attributes {
    double value;
} bl__full_attributes;

typedef struct bl__parameter_attributes {
    struct bl_parameter *parameter;
    uint64_t generation; /* the parameter's when it was recorded: a tie since then makes programs stale */
} bl__parameter_attributes;

typedef struct bl__assign_attributes { /* assign, assign_slice */
    struct bl_parameter *parameter;
    int64_t axis, start; /* assign_slice */
} bl__assign_attributes;

typedef struct bl__scalar_attributes { /* add_scalar .. scalar_div */
    double value;
} bl__scalar_attributes;

typedef struct bl__cast_attributes { /* cast; the dtype is the output's */
    int64_t dtype;
} bl__cast_attributes;

typedef struct bl__reduce_attributes { /* sum, mean, max, argmax */
    uint32_t axes;                     /* bit d: axis d is reduced */
    uint32_t keepdim;
} bl__reduce_attributes;

typedef struct bl__reshape_attributes { /* reshape, expand */
    int64_t rank;
    int64_t size[8];
} bl__reshape_attributes;

typedef struct bl__permute_attributes {
    int32_t axis[8];
} bl__permute_attributes;

typedef struct bl__slice_attributes { /* slice; slice_backward puts its input at the same places of zeros */
    int64_t axis, start, stop, step;
    int64_t size; /* of the axis in the sliced tensor: the output's size in slice_backward */
} bl__slice_attributes;

typedef struct bl__axis_attributes { /* concat, softmax, log_softmax */
    int64_t axis;
} bl__axis_attributes;

typedef struct bl__embedding_attributes { /* embedding, embedding_backward */
    int64_t padding_index;                /* -1: none */
    int64_t mask_padding;                 /* embedding: rows of the padding index come out as zeros */
    int64_t rows;                         /* embedding_backward: rows of its output */
} bl__embedding_attributes;

typedef struct bl__one_hot_attributes {
    int64_t classes;
    int64_t ignore_index; /* where `ignores`: an index of this value gives a row of zeros */
    int64_t dtype;
    int64_t ignores;
} bl__one_hot_attributes;

typedef struct bl__checkpoint_attributes {
    int64_t first; /* nodes before it are kept */
} bl__checkpoint_attributes;

struct bl_vjp_call;

typedef struct bl__custom_gradient_attributes {
    void (*vjp)(struct bl_vjp_call *call, void *data);
    void *data;
} bl__custom_gradient_attributes;

typedef struct bl__loss_attributes { /* mse_loss, cross_entropy */
    int64_t reduction;               /* a bl_reduction */
    int64_t ignore_index;            /* cross_entropy */
} bl__loss_attributes;

typedef struct bl__margin_loss_attributes { /* smooth_l1_loss, huber_loss, .._ranking_loss, .._embedding_loss
                                             */
    int64_t reduction;
    double margin; /* of the first two: where the line begins */
} bl__margin_loss_attributes;

typedef struct bl__binary_loss_attributes { /* binary_cross_entropy, .._with_logits */
    int64_t reduction;
    int64_t weighted, positive_weighted; /* which weights there are */
} bl__binary_loss_attributes;

typedef struct bl__class_loss_attributes { /* cross_entropy_weighted and _soft, nll_loss, multi_margin_loss */
    int64_t reduction;
    int64_t ignore_index;
    int64_t weighted; /* whether there is a weight of the classes */
    double label_smoothing;
    int64_t p; /* multi_margin_loss */
    double margin;
} bl__class_loss_attributes;

typedef struct bl__take_target_attributes {
    int64_t ignores, ignore_index;
} bl__take_target_attributes;

typedef struct bl__triplet_attributes {
    int64_t reduction, swap;
    double margin, p, eps;
} bl__triplet_attributes;

typedef struct bl__distance_attributes { /* cosine_similarity, pairwise_distance, normalize */
    int64_t axis, keepdim;
    double p, eps;
} bl__distance_attributes;

typedef struct bl__kl_div_attributes {
    int64_t reduction, log_target;
} bl__kl_div_attributes;

typedef struct bl__likelihood_attributes { /* gaussian_nll_loss, poisson_nll_loss */
    int64_t reduction, full, log_input;
    double eps;
} bl__likelihood_attributes;

typedef struct bl__standardize_attributes { /* standardize, layer_norm, rms_norm */
    int64_t axes;                           /* the last so many make a row */
    int64_t centered;                       /* whether the mean is taken off */
    double eps;
    int64_t weighted, biased; /* layer_norm, rms_norm: which of the two there are */
} bl__standardize_attributes;

typedef struct bl__group_norm_attributes { /* group_norm, instance_norm */
    int64_t groups;
    double eps;
    int64_t weighted, biased;
} bl__group_norm_attributes;

typedef struct bl__batch_norm_attributes {
    struct bl_parameter *running_mean, *running_var; /* both or neither */
    int64_t training;
    double momentum, eps;
    int64_t weighted, biased;
} bl__batch_norm_attributes;

typedef struct bl__local_response_norm_attributes {
    int64_t size;
    double alpha, beta, k;
} bl__local_response_norm_attributes;

#endif
