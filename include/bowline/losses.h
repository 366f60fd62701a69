/* Ops: losses.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_LOSSES_H
#define BOWLINE_LOSSES_H

#include "graph.h"

BL_BEGIN_DECLS

typedef enum bl_reduction {
    BL_REDUCE_NONE,
    BL_REDUCE_MEAN,
    BL_REDUCE_SUM,
    BL_REDUCE_BATCH_MEAN /* bl_kl_div alone: the sum, divided by the size of the first axis */
} bl_reduction;

/* What holds for all losses: elements are reduced to their mean unless the options say otherwise; a mean over
 * nothing is NaN, without a gradient; a form with options takes NULL for the defaults. Targets have gradients
 * too, where they are reals. A weight is optional (NULL: none). */

/* ---- of predictions and targets: x and t ---- */

/* (x - t)^2. Equal shapes, reals. PyTorch: torch.nn.functional.mse_loss. */
BL_API bl_tensor *bl_mse_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_mse_loss with another reduction. PyTorch: torch.nn.functional.mse_loss. */
BL_API bl_tensor *bl_mse_loss_reduced(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction);

/* |x - t|. Equal shapes, reals. PyTorch: torch.nn.functional.l1_loss. */
BL_API bl_tensor *bl_l1_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_l1_loss with another reduction. PyTorch: torch.nn.functional.l1_loss. */
BL_API bl_tensor *bl_l1_loss_reduced(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction);

typedef struct bl_smooth_l1_loss_options {
    double beta;            /* >= 0; default 1 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_smooth_l1_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_smooth_l1_loss_options bl_smooth_l1_loss_defaults(void);
/* (x - t)^2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2; with beta 0 it is bl_l1_loss. Equal
 * shapes, reals. PyTorch: torch.nn.functional.smooth_l1_loss. */
BL_API bl_tensor *bl_smooth_l1_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_smooth_l1_loss with options. PyTorch: torch.nn.functional.smooth_l1_loss. */
BL_API bl_tensor *bl_smooth_l1_loss_with(bl_tensor *prediction, bl_tensor *target,
                                         const bl_smooth_l1_loss_options *options);

typedef struct bl_huber_loss_options {
    double delta;           /* > 0; default 1 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_huber_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_huber_loss_options bl_huber_loss_defaults(void);
/* (x - t)^2 / 2 where |x - t| < delta, else delta (|x - t| - delta / 2). Equal shapes, reals. PyTorch:
 * torch.nn.functional.huber_loss. */
BL_API bl_tensor *bl_huber_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_huber_loss with options. PyTorch: torch.nn.functional.huber_loss. */
BL_API bl_tensor *bl_huber_loss_with(bl_tensor *prediction, bl_tensor *target,
                                     const bl_huber_loss_options *options);

typedef struct bl_gaussian_nll_loss_options {
    bool full;              /* adds log(2 pi) / 2; default false */
    double eps;             /* > 0, the least variance; default 1e-6 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_gaussian_nll_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_gaussian_nll_loss_options bl_gaussian_nll_loss_defaults(void);
/* (log v + (x - t)^2 / v) / 2. Equal shapes, reals; the variance v broadcasts to them. A variance below eps
 * counts as eps, and its gradient is that at eps. PyTorch: torch.nn.functional.gaussian_nll_loss. */
BL_API bl_tensor *bl_gaussian_nll_loss(bl_tensor *prediction, bl_tensor *target, bl_tensor *variance);
/* bl_gaussian_nll_loss with options. PyTorch: torch.nn.functional.gaussian_nll_loss. */
BL_API bl_tensor *bl_gaussian_nll_loss_with(bl_tensor *prediction, bl_tensor *target, bl_tensor *variance,
                                            const bl_gaussian_nll_loss_options *options);

typedef struct bl_poisson_nll_loss_options {
    bool log_input;         /* whether predictions are logarithms of the rate; default true */
    bool full;              /* adds Stirling's t log t - t + log(2 pi t) / 2 where t > 1; default false */
    double eps;             /* >= 0, keeps the logarithm of a rate of 0 finite; default 1e-8 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_poisson_nll_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_poisson_nll_loss_options bl_poisson_nll_loss_defaults(void);
/* e^x - t x, or x - t log(x + eps) where x is no logarithm. Equal shapes, reals. PyTorch:
 * torch.nn.functional.poisson_nll_loss. */
BL_API bl_tensor *bl_poisson_nll_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_poisson_nll_loss with options. PyTorch: torch.nn.functional.poisson_nll_loss. */
BL_API bl_tensor *bl_poisson_nll_loss_with(bl_tensor *prediction, bl_tensor *target,
                                           const bl_poisson_nll_loss_options *options);

typedef struct bl_kl_div_options {
    bool log_target; /* whether targets are logarithms too; default false */
    bl_reduction
        reduction; /* default BL_REDUCE_MEAN, over all elements; BL_REDUCE_BATCH_MEAN is the divergence */
} bl_kl_div_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_kl_div_options bl_kl_div_defaults(void);
/* t (log t - x) for x a logarithm, with 0 log 0 = 0; or e^t (t - x). Equal shapes, reals. PyTorch:
 * torch.nn.functional.kl_div. */
BL_API bl_tensor *bl_kl_div(bl_tensor *log_probabilities, bl_tensor *target);
/* bl_kl_div with options. PyTorch: torch.nn.functional.kl_div. */
BL_API bl_tensor *bl_kl_div_with(bl_tensor *log_probabilities, bl_tensor *target,
                                 const bl_kl_div_options *options);

/* ---- two classes ---- */

typedef struct bl_binary_cross_entropy_options {
    bl_tensor *weight;     /* factors of the elements, broadcast to them; default NULL */
    bl_tensor *pos_weight; /* of logits alone: factors of what a target of 1 costs, broadcast; default NULL */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_binary_cross_entropy_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_binary_cross_entropy_options bl_binary_cross_entropy_defaults(void);
/* -(t log p + (1 - t) log(1 - p)), each logarithm at least -100; targets in [0, 1]. Equal shapes, reals; NaN
 * for p outside [0, 1]. The derivative by p is (p - t) / max(p (1 - p), 1e-12). PyTorch:
 * torch.nn.functional.binary_cross_entropy. */
BL_API bl_tensor *bl_binary_cross_entropy(bl_tensor *probability, bl_tensor *target);
/* bl_binary_cross_entropy with options. PyTorch: torch.nn.functional.binary_cross_entropy. */
BL_API bl_tensor *bl_binary_cross_entropy_with(bl_tensor *probability, bl_tensor *target,
                                               const bl_binary_cross_entropy_options *options);

/* bl_binary_cross_entropy of sigmoid(logits), as max(x, 0) - t x + log(1 + e^-|x|): nothing overflows. Equal
 * shapes, reals. PyTorch: torch.nn.functional.binary_cross_entropy_with_logits. */
BL_API bl_tensor *bl_binary_cross_entropy_with_logits(bl_tensor *logits, bl_tensor *target);
/* bl_binary_cross_entropy_with_logits with options. PyTorch:
 * torch.nn.functional.binary_cross_entropy_with_logits. */
BL_API bl_tensor *bl_binary_cross_entropy_with_logits_with(bl_tensor *logits, bl_tensor *target,
                                                           const bl_binary_cross_entropy_options *options);

/* log(1 + e^(-t x)) for targets of -1 or 1. Equal shapes, reals; does not overflow, as PyTorch's does.
 * PyTorch: torch.nn.functional.soft_margin_loss. */
BL_API bl_tensor *bl_soft_margin_loss(bl_tensor *prediction, bl_tensor *target);
/* bl_soft_margin_loss with another reduction. PyTorch: torch.nn.functional.soft_margin_loss. */
BL_API bl_tensor *bl_soft_margin_loss_reduced(bl_tensor *prediction, bl_tensor *target,
                                              bl_reduction reduction);

/* ---- one class among several: rows [.., classes] (the last axis), targets i32 or i64 [..] ----
 * A target outside 0..classes-1, where it is not ignored, is BL_ERR_INDEX at run. */

typedef struct bl_cross_entropy_options {
    int64_t ignore_index; /* targets of this value do not count; default -100 */
    bl_reduction
        reduction;          /* default BL_REDUCE_MEAN: the sum, divided by that of the targets' weights, which
                               are 1 without `weight`; by the number of rows where targets are probabilities */
    double label_smoothing; /* the part, in [0, 1], of each target that goes to all classes; default 0 */
    bl_tensor *weight;      /* a factor for each class, [classes]; default NULL */
} bl_cross_entropy_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_cross_entropy_options bl_cross_entropy_defaults(void);

/* -log softmax(logits)[target]: logits [.., classes], targets [..]. Or -sum_i t_i log softmax(logits)_i, for
 * targets that are probabilities, of the logits' shape and dtype. No target that counts: NaN with zero
 * gradient. PyTorch: torch.nn.functional.cross_entropy. */
BL_API bl_tensor *bl_cross_entropy(bl_tensor *logits, bl_tensor *targets);
/* bl_cross_entropy with options; an ignore_index >= 0 with targets that are probabilities is BL_ERR_ARGUMENT.
 * PyTorch: torch.nn.functional.cross_entropy. */
BL_API bl_tensor *bl_cross_entropy_with(bl_tensor *logits, bl_tensor *targets,
                                        const bl_cross_entropy_options *options);

/* bl_cross_entropy of bl_linear(x, weight, bias), x [.., in], weight [classes, in], bias [classes] or NULL,
 * without keeping the logits: forward and backward need memory for a block of rows only. The same within
 * rounding, and what bl_cross_entropy of bl_linear becomes where nothing else uses the logits. PyTorch:
 * torch.nn.functional.cross_entropy(torch.nn.functional.linear(x, weight, bias), targets). */
BL_API bl_tensor *bl_linear_cross_entropy(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                          bl_tensor *targets);
/* bl_linear_cross_entropy with options. Targets that are probabilities, and class weights together with label
 * smoothing, take the logits all the same. PyTorch:
 * torch.nn.functional.cross_entropy(torch.nn.functional.linear(x, weight, bias), targets). */
BL_API bl_tensor *bl_linear_cross_entropy_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                                               bl_tensor *targets, const bl_cross_entropy_options *options);

typedef struct bl_nll_loss_options {
    int64_t ignore_index;   /* targets of this value do not count; default -100 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN: the sum, divided by that of the targets' weights */
    bl_tensor *weight;      /* a factor for each class, [classes]; default NULL */
} bl_nll_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_nll_loss_options bl_nll_loss_defaults(void);
/* -log_probabilities[target]: [.., classes] and [..]. No target that counts: NaN with zero gradient. PyTorch:
 * torch.nn.functional.nll_loss. */
BL_API bl_tensor *bl_nll_loss(bl_tensor *log_probabilities, bl_tensor *targets);
/* bl_nll_loss with options. PyTorch: torch.nn.functional.nll_loss. */
BL_API bl_tensor *bl_nll_loss_with(bl_tensor *log_probabilities, bl_tensor *targets,
                                   const bl_nll_loss_options *options);

typedef struct bl_multi_margin_loss_options {
    int64_t p;              /* 1 or 2; default 1 */
    double margin;          /* default 1 */
    bl_tensor *weight;      /* a factor for each class, [classes]; default NULL */
    bl_reduction reduction; /* default BL_REDUCE_MEAN, over the rows */
} bl_multi_margin_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_multi_margin_loss_options bl_multi_margin_loss_defaults(void);
/* sum over j != t of max(0, margin - x_t + x_j)^p / classes: scores x [.., classes], targets t [..]; the
 * hinge loss. The derivative is 0 where the maximum is of equals. PyTorch:
 * torch.nn.functional.multi_margin_loss. */
BL_API bl_tensor *bl_multi_margin_loss(bl_tensor *scores, bl_tensor *targets);
/* bl_multi_margin_loss with options. PyTorch: torch.nn.functional.multi_margin_loss. */
BL_API bl_tensor *bl_multi_margin_loss_with(bl_tensor *scores, bl_tensor *targets,
                                            const bl_multi_margin_loss_options *options);

/* ---- with a margin; targets are reals, -1 or 1. max(0, z) has derivative 1 at z = 0 ---- */

typedef struct bl_margin_ranking_loss_options {
    double margin;          /* default 0 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_margin_ranking_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_margin_ranking_loss_options bl_margin_ranking_loss_defaults(void);
/* max(0, margin - t (a - b)). Equal shapes, reals. PyTorch: torch.nn.functional.margin_ranking_loss. */
BL_API bl_tensor *bl_margin_ranking_loss(bl_tensor *a, bl_tensor *b, bl_tensor *target);
/* bl_margin_ranking_loss with options. PyTorch: torch.nn.functional.margin_ranking_loss. */
BL_API bl_tensor *bl_margin_ranking_loss_with(bl_tensor *a, bl_tensor *b, bl_tensor *target,
                                              const bl_margin_ranking_loss_options *options);

typedef struct bl_hinge_embedding_loss_options {
    double margin;          /* default 1 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_hinge_embedding_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_hinge_embedding_loss_options bl_hinge_embedding_loss_defaults(void);
/* x where the target is 1, max(0, margin - x) where it is -1. Equal shapes, reals. PyTorch:
 * torch.nn.functional.hinge_embedding_loss. */
BL_API bl_tensor *bl_hinge_embedding_loss(bl_tensor *distance, bl_tensor *target);
/* bl_hinge_embedding_loss with options. PyTorch: torch.nn.functional.hinge_embedding_loss. */
BL_API bl_tensor *bl_hinge_embedding_loss_with(bl_tensor *distance, bl_tensor *target,
                                               const bl_hinge_embedding_loss_options *options);

typedef struct bl_cosine_embedding_loss_options {
    double margin;          /* default 0 */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_cosine_embedding_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_cosine_embedding_loss_options bl_cosine_embedding_loss_defaults(void);
/* 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1: a and b [.., width], target
 * [..], reals. The squared lengths have 1e-12 added. PyTorch: torch.nn.functional.cosine_embedding_loss. */
BL_API bl_tensor *bl_cosine_embedding_loss(bl_tensor *a, bl_tensor *b, bl_tensor *target);
/* bl_cosine_embedding_loss with options. PyTorch: torch.nn.functional.cosine_embedding_loss. */
BL_API bl_tensor *bl_cosine_embedding_loss_with(bl_tensor *a, bl_tensor *b, bl_tensor *target,
                                                const bl_cosine_embedding_loss_options *options);

typedef struct bl_triplet_margin_loss_options {
    double margin; /* default 1 */
    double p;      /* the order of the norm, >= 1 or infinite; default 2 */
    double eps;    /* added to each difference; default 1e-6 */
    bool swap;     /* the negative's distance is the smaller of those to anchor and positive; false */
    bl_reduction reduction; /* default BL_REDUCE_MEAN */
} bl_triplet_margin_loss_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_triplet_margin_loss_options bl_triplet_margin_loss_defaults(void);
/* max(0, margin + |anchor - positive| - |anchor - negative|), distances as bl_pairwise_distance's: all
 * [.., width], reals, the loss [..]. PyTorch: torch.nn.functional.triplet_margin_loss. */
BL_API bl_tensor *bl_triplet_margin_loss(bl_tensor *anchor, bl_tensor *positive, bl_tensor *negative);
/* bl_triplet_margin_loss with options. PyTorch: torch.nn.functional.triplet_margin_loss. */
BL_API bl_tensor *bl_triplet_margin_loss_with(bl_tensor *anchor, bl_tensor *positive, bl_tensor *negative,
                                              const bl_triplet_margin_loss_options *options);

/* ---- distances ---- */

/* sum (a / max(|a|, eps)) (b / max(|b|, eps)) along an axis, which goes; a and b broadcast. Reals. Below
 * eps the derivative of max(|a|, eps) is a / eps. PyTorch:
 * torch.nn.functional.cosine_similarity. */
BL_API bl_tensor *bl_cosine_similarity(bl_tensor *a, bl_tensor *b, int axis, double eps);

typedef struct bl_pairwise_distance_options {
    double p;     /* the order of the norm, >= 1 or infinite; default 2 */
    double eps;   /* added to each difference; default 1e-6 */
    bool keepdim; /* leaves a size of 1; default false */
} bl_pairwise_distance_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_pairwise_distance_options bl_pairwise_distance_defaults(void);
/* (sum |a - b + eps|^p)^(1/p) along the last axis, which goes; a and b broadcast. Reals; the derivative at a
 * distance of 0 is 0. PyTorch: torch.nn.functional.pairwise_distance. */
BL_API bl_tensor *bl_pairwise_distance(bl_tensor *a, bl_tensor *b);
/* bl_pairwise_distance with options. PyTorch: torch.nn.functional.pairwise_distance. */
BL_API bl_tensor *bl_pairwise_distance_with(bl_tensor *a, bl_tensor *b,
                                            const bl_pairwise_distance_options *options);

BL_END_DECLS

#endif
