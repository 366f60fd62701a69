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
} bl__constant_attributes;

typedef struct bl__full_attributes {
    double value;
} bl__full_attributes;

typedef struct bl__parameter_attributes {
    struct bl_parameter *parameter;
    uint64_t id;         /* the parameter's: one that was freed may have left its place to another */
    uint64_t generation; /* the parameter's when it was recorded: a tie since then makes programs stale */
} bl__parameter_attributes;

typedef struct bl__assign_attributes { /* assign, assign_slice */
    struct bl_parameter *parameter;
    uint64_t id;         /* the parameter's */
    int64_t axis, start; /* assign_slice */
} bl__assign_attributes;

typedef struct bl__scalar_attributes { /* add_scalar .. scalar_div */
    double value;
} bl__scalar_attributes;

typedef struct bl__cast_attributes { /* cast; the dtype is the output's */
    int64_t dtype;
} bl__cast_attributes;

typedef struct bl__reduce_attributes { /* sum, mean, prod, max, any, logsumexp, .. */
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

typedef struct bl__bounds_attributes { /* clamp, hardtanh */
    double least, most;
} bl__bounds_attributes;

typedef struct bl__softplus_attributes {
    double beta, threshold;
} bl__softplus_attributes;

typedef struct bl__threshold_attributes {
    double threshold, value;
} bl__threshold_attributes;
/* ---- flip.c, pad.c, triangle.c, dynamic_slice.c; gather.c and index_select.c take bl__axis_attributes ----
 */

typedef struct bl__flip_attributes {
    int64_t axes; /* bit d: axis d is turned round */
} bl__flip_attributes;

typedef struct bl__pad_attributes { /* amounts >= 0 an axis */
    double value;
    int64_t before[8], after[8];
} bl__pad_attributes;

typedef struct bl__triangle_attributes { /* tril, triu */
    int64_t diagonal;                    /* in -rows .. columns */
} bl__triangle_attributes;

typedef struct bl__diagonal_attributes { /* diagonal, and diag_embed, which is its transpose */
    int64_t offset;                      /* above 0: over the main diagonal */
    int64_t first, second;               /* axes of rows and columns, in the tensor that has both */
    int64_t rows, columns;               /* their sizes */
} bl__diagonal_attributes;

typedef struct bl__dynamic_slice_attributes {
    int64_t size[8]; /* of the part, an axis of x each */
} bl__dynamic_slice_attributes;
typedef struct bl__einsum_attributes { /* never in a node: einsum is recorded as its decomposition */
    const char *subscripts;
} bl__einsum_attributes;

typedef struct bl__addmm_attributes { /* addmm, addmv, baddbmm */
    double beta, alpha;
} bl__addmm_attributes;

typedef struct bl__matrix_power_attributes {
    int64_t exponent;
} bl__matrix_power_attributes;

typedef struct bl__solve_triangular_attributes { /* truth values */
    int64_t upper, left, unitriangular;
} bl__solve_triangular_attributes;
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

typedef struct bl__linear_cross_entropy_attributes {
    int64_t reduction;
    int64_t ignore_index;
    int64_t biased, weighted; /* which of bias and weights of the rows there are */
    double label_smoothing;
} bl__linear_cross_entropy_attributes;

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
    int64_t weighted, biased; /* which of the two there are */
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
typedef struct bl__random_attributes { /* uniform, normal, bernoulli, dropout */
    uint64_t stream;                   /* the draw's number on its graph */
    int64_t dtype;                     /* as recorded: what is drawn, whatever the program's precision */
    double a, b;                       /* low, high; mean, deviation; p */
    int64_t rank, size[8];             /* of the output, where the only input is the state */
} bl__random_attributes;

typedef struct bl__attention_attributes { /* scaled_dot_product_attention, attention, attention_backward */
    double scale;
    double p;        /* of dropout; with it, the last input is a random state */
    uint64_t stream; /* of dropout */
    int64_t causal, causal_offset;
    int64_t masked;    /* there is a mask */
    int64_t forbids;   /* its bools are true where a query may not attend to a key */
    int64_t undefined; /* a query that may attend to no key gives NaN, not 0 */
} bl__attention_attributes;

typedef struct bl__rotary_attributes {
    double base;
    int64_t interleaved;
    int64_t backwards; /* by the negative angles */
} bl__rotary_attributes;
typedef struct bl__convolution_attributes { /* convolution.c, conv.c */
    int64_t spatial;                        /* axes, at most 3: as many of the entries below count */
    int64_t groups;
    int64_t stride[3], padding[3], dilation[3];
    int64_t output_padding[3]; /* conv_transpose */
    int64_t size[3];           /* of the result's spatial axes in convolution_input, convolution_weight */
} bl__convolution_attributes;

enum {                   /* how bl__window_attributes.method cuts an axis into windows with weights */
    BL__WINDOW_POOL,     /* a kernel that steps along, equal weights */
    BL__WINDOW_ADAPTIVE, /* windows that cover the axis, equal weights */
    BL__WINDOW_NEAREST,  /* one element */
    BL__WINDOW_LINEAR,   /* two elements */
    BL__WINDOW_CUBIC     /* four elements */
};

typedef struct bl__window_attributes { /* max_pool, resample, resample_backward */
    int64_t method;
    int64_t spatial;       /* axes, the last ones, at most 3: as many of the entries below count */
    int64_t in[3], out[3]; /* sizes without and with windows; resample_backward goes from out to in */
    int64_t kernel[3], stride[3], padding[3], dilation[3]; /* POOL; a dilation in max_pool alone */
    int64_t divisor;                                       /* POOL: of all windows; 0: their places */
    int64_t count_padding;                                 /* POOL: places in the padding count too */
    int64_t align_corners;                                 /* LINEAR, CUBIC */
} bl__window_attributes;

typedef struct bl__plane_attributes { /* plane_gather, plane_scatter */
    int64_t spatial;                  /* the last axes are one plane */
    int64_t size[3];                  /* of the plane */
} bl__plane_attributes;
typedef struct bl__var_attributes { /* var, std; as bl__reduce_attributes and more */
    bl__reduce_attributes reduce;
    double correction;
} bl__var_attributes;

/* How the sum of exponentials is kept from overflowing: what is taken off x first, and added after the
 * logarithm. */
enum {
    BL__SHIFT_FINITE, /* max x where that is finite: bl_logsumexp */
    BL__SHIFT_MOST,   /* max x: where that is infinite the result is NaN */
    BL__SHIFT_NONE    /* nothing */
};

typedef struct bl__logsumexp_attributes { /* as bl__reduce_attributes and more; logsumexp_backward */
    bl__reduce_attributes reduce;
    int64_t shift;
} bl__logsumexp_attributes;

typedef struct bl__norm_attributes { /* as bl__reduce_attributes and more */
    bl__reduce_attributes reduce;
    double p;
} bl__norm_attributes;

typedef struct bl__scan_attributes { /* cumsum, cumprod, recurrence */
    int64_t axis;
    int64_t reverse; /* from the last element to the first */
} bl__scan_attributes;

typedef struct bl__sort_attributes { /* sort, topk */
    int64_t axis;
    int64_t descending;
    int64_t count; /* of elements that are kept: all of the axis in sort */
} bl__sort_attributes;

typedef struct bl__take_attributes { /* take_sorted, put_sorted */
    int64_t axis;
    int64_t size; /* of the axis in what is taken from, or put into */
} bl__take_attributes;

#endif
