/* The optimizers to choose from. Each has an options struct, of which a .._defaults() function gives the
 * values to edit, and a constructor that takes NULL for these. p is the parameter before and after, g its
 * gradient, t the count of p's updates; what else is named is state that begins with zeros, unless said
 * otherwise. All of it has p's dtype; scalars are computed in f64. `maximize` turns g round. */
#ifndef BOWLINE_OPTIMIZERS_H
#define BOWLINE_OPTIMIZERS_H

#include "optimizer.h"

BL_BEGIN_DECLS

typedef struct bl_sgd_options {
    double lr;           /* default 0.001 */
    double momentum;     /* default 0 */
    double dampening;    /* default 0 */
    double weight_decay; /* default 0 */
    bool nesterov;       /* default false; needs momentum > 0 and dampening 0 */
    bool maximize;       /* default false */
} bl_sgd_options;

typedef struct bl_adam_options {
    double lr;           /* default 0.001 */
    double beta1;        /* default 0.9 */
    double beta2;        /* default 0.999 */
    double eps;          /* default 1e-8 */
    double weight_decay; /* default of Adam 0, added to the gradient (L2); of AdamW 0.01, apart from it */
    bool amsgrad;        /* default false */
    bool maximize;       /* default false */
} bl_adam_options;

typedef struct bl_adamax_options {
    double lr;           /* default 0.002 */
    double beta1;        /* default 0.9 */
    double beta2;        /* default 0.999 */
    double eps;          /* default 1e-8 */
    double weight_decay; /* default 0 */
    bool maximize;       /* default false */
} bl_adamax_options;

typedef struct bl_nadam_options {
    double lr;             /* default 0.002 */
    double beta1;          /* default 0.9 */
    double beta2;          /* default 0.999 */
    double eps;            /* default 1e-8 */
    double weight_decay;   /* default 0 */
    double momentum_decay; /* default 0.004 */
} bl_nadam_options;

typedef struct bl_radam_options {
    double lr;           /* default 0.001 */
    double beta1;        /* default 0.9 */
    double beta2;        /* default 0.999 */
    double eps;          /* default 1e-8 */
    double weight_decay; /* default 0 */
} bl_radam_options;

typedef struct bl_adagrad_options {
    double lr;                  /* default 0.01 */
    double lr_decay;            /* default 0 */
    double weight_decay;        /* default 0 */
    double initial_accumulator; /* default 0 */
    double eps;                 /* default 1e-10 */
    bool maximize;              /* default false */
} bl_adagrad_options;

typedef struct bl_adadelta_options {
    double lr;           /* default 1 */
    double rho;          /* default 0.9 */
    double eps;          /* default 1e-6 */
    double weight_decay; /* default 0 */
    bool maximize;       /* default false */
} bl_adadelta_options;

typedef struct bl_rmsprop_options {
    double lr;           /* default 0.01 */
    double alpha;        /* default 0.99 */
    double eps;          /* default 1e-8 */
    double weight_decay; /* default 0 */
    double momentum;     /* default 0 */
    bool centered;       /* default false */
    bool maximize;       /* default false */
} bl_rmsprop_options;

typedef struct bl_lion_options {
    double lr;           /* default 0.0001 */
    double beta1;        /* default 0.9 */
    double beta2;        /* default 0.99 */
    double weight_decay; /* default 0 */
} bl_lion_options;

typedef struct bl_adafactor_options {
    double lr;             /* default 0.01 */
    double beta2_decay;    /* default -0.8; below 0 */
    double eps1;           /* default -1: what 1 and the next number of the dtype differ by */
    double eps2;           /* default 0.001: of a parameter's size, at least */
    double clip_threshold; /* default 1; at least 1 */
    double weight_decay;   /* default 0 */
} bl_adafactor_options;

typedef struct bl_lamb_options {
    double lr;           /* default 0.001 */
    double beta1;        /* default 0.9 */
    double beta2;        /* default 0.999 */
    double eps;          /* default 1e-6 */
    double weight_decay; /* default 0.01 */
} bl_lamb_options;

/* What Muon multiplies its learning rate by for a matrix of r rows and c columns. */
typedef enum bl_muon_scale {
    BL_MUON_ORIGINAL,   /* sqrt(max(1, r / c)) */
    BL_MUON_MATCH_ADAMW /* 0.2 sqrt(max(r, c)): steps about as large as AdamW's, for its settings */
} bl_muon_scale;

typedef struct bl_muon_options {
    double lr;              /* default 0.001 */
    double momentum;        /* default 0.95 */
    bool nesterov;          /* default true */
    double weight_decay;    /* default 0.1 */
    double coefficients[3]; /* default 3.4445, -4.7750, 2.0315 */
    int iterations;         /* default 5; 0 to 99 */
    double eps;             /* default 1e-7 */
    bl_muon_scale scale;    /* default BL_MUON_ORIGINAL */
} bl_muon_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_sgd_options bl_sgd_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_adam_options bl_adam_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_adam_options bl_adamw_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_adamax_options bl_adamax_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_nadam_options bl_nadam_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_radam_options bl_radam_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_adagrad_options bl_adagrad_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_adadelta_options bl_adadelta_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_rmsprop_options bl_rmsprop_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_lion_options bl_lion_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_adafactor_options bl_adafactor_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_lamb_options bl_lamb_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_muon_options bl_muon_defaults(void);

/* g += weight_decay p; b = momentum b + (1 - dampening) g (b = g at the first step); g = b, or g + momentum b
 * with nesterov; p -= lr g. As torch.optim.SGD. Returns: the optimizer, or NULL (then bl_context_error
 * tells). `options` NULL: the defaults. Errors: BL_ERR_ARGUMENT (an option out of range), BL_ERR_MEMORY.
 * Ownership: the caller's, until bl_optimizer_free. Threads: the context's. Source: PyTorch 1.13
 * torch.optim.SGD; Sutskever et al. 2013. */
BL_API bl_optimizer *bl_sgd(bl_context *context, const bl_sgd_options *options);

/* g += weight_decay p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; s = v, with amsgrad
 * s = v_max = max(v_max, v); p -= lr / (1 - beta1^t) m / (sqrt(s) / sqrt(1 - beta2^t) + eps).
 * As torch.optim.Adam. Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Kingma and Ba 2015, "Adam"; Reddi et al. 2018, "On the Convergence of Adam and Beyond";
 * PyTorch 1.13 torch.optim.Adam. */
BL_API bl_optimizer *bl_adam(bl_context *context, const bl_adam_options *options);

/* p -= lr weight_decay p, then Adam's step without decay in it. As torch.optim.AdamW.
 * Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization"; PyTorch 1.13
 * torch.optim.AdamW. */
BL_API bl_optimizer *bl_adamw(bl_context *context, const bl_adam_options *options);

/* g += weight_decay p; m = beta1 m + (1 - beta1) g; u = max(beta2 u, |g| + eps);
 * p -= lr / (1 - beta1^t) m / u. As torch.optim.Adamax. Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Kingma and Ba 2015, "Adam"; PyTorch 1.13 torch.optim.Adamax. */
BL_API bl_optimizer *bl_adamax(bl_context *context, const bl_adamax_options *options);

/* g += weight_decay p; mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); P = mu_1 .. mu_t;
 * m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; d = sqrt(v / (1 - beta2^t)) + eps;
 * p -= lr ((1 - mu_t) / (1 - P) g + mu_(t+1) / (1 - P mu_(t+1)) m) / d. P is an f64 scalar. As
 * torch.optim.NAdam is documented, and computes with foreach; without, 1.13 has mu_t twice in P mu_(t+1).
 * Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Dozat 2016, "Incorporating Nesterov Momentum into Adam"; PyTorch 1.13 torch.optim.NAdam. */
BL_API bl_optimizer *bl_nadam(bl_context *context, const bl_nadam_options *options);

/* g += weight_decay p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; n = 2 / (1 - beta2) - 1;
 * l = n - 2 t beta2^t / (1 - beta2^t); where l > 5, with r = sqrt((l-4) (l-2) n / ((n-4) (n-2) l)),
 * p -= lr / (1 - beta1^t) m r sqrt(1 - beta2^t) / (sqrt(v) + eps), else p -= lr / (1 - beta1^t) m.
 * As torch.optim.RAdam. Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond"; PyTorch 1.13
 * torch.optim.RAdam. */
BL_API bl_optimizer *bl_radam(bl_context *context, const bl_radam_options *options);

/* g += weight_decay p; sum += g^2, from initial_accumulator on;
 * p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(sum) + eps). As torch.optim.Adagrad.
 * Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Duchi et al. 2011, "Adaptive Subgradient Methods"; PyTorch 1.13 torch.optim.Adagrad. */
BL_API bl_optimizer *bl_adagrad(bl_context *context, const bl_adagrad_options *options);

/* g += weight_decay p; v = rho v + (1 - rho) g^2; d = sqrt(a + eps) / sqrt(v + eps) g;
 * a = rho a + (1 - rho) d^2; p -= lr d. As torch.optim.Adadelta. Returns, Errors, Ownership, Threads: as
 * bl_sgd. Source: Zeiler 2012, "ADADELTA"; PyTorch 1.13 torch.optim.Adadelta. */
BL_API bl_optimizer *bl_adadelta(bl_context *context, const bl_adadelta_options *options);

/* g += weight_decay p; v = alpha v + (1 - alpha) g^2; s = v, with centered a = alpha a + (1 - alpha) g and
 * s = v - a^2; r = g / (sqrt(s) + eps); p -= lr r, with momentum b = momentum b + r and p -= lr b.
 * As torch.optim.RMSprop. Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Tieleman and Hinton 2012, lecture 6.5; Graves 2013 (centered); PyTorch 1.13 torch.optim.RMSprop. */
BL_API bl_optimizer *bl_rmsprop(bl_context *context, const bl_rmsprop_options *options);

/* d = sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g; p -= lr (d + weight_decay p).
 * Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2. */
BL_API bl_optimizer *bl_lion(bl_context *context, const bl_lion_options *options);

/* Of a matrix, and of all matrices along the last two axes, the squares' average V is kept as the means of
 * its rows and of its columns: with w = t^beta2_decay, R = (1 - w) R + w mean_columns(g^2), C = (1 - w) C + w
 * mean_rows(g^2), V = R C / max(mean_rows(R), eps1). Of vectors and scalars whole: V = (1 - w) V + w g^2. d =
 * g / sqrt(max(V, eps1^2)); p -= lr weight_decay p; p -= min(lr, 1 / sqrt(t)) max(eps2, rms(p)) d / max(1,
 * rms(d) / clip_threshold), with rms(p) of p before the decay. Returns, Errors, Ownership, Threads: as
 * bl_sgd. Source: Shazeer and Stern 2018, "Adafactor", algorithms 4 and 5, as torch.optim.Adafactor
 * (PyTorch 2.5) has them: lr bounds the relative step, eps1 bounds V from below instead of being added to
 * g^2. */
BL_API bl_optimizer *bl_adafactor(bl_context *context, const bl_adafactor_options *options);

/* m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
 * d = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay p; p -= lr |p| / |d| d, with a ratio
 * of 1 where either length is 0. Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: You et al. 2020, "Large Batch Optimization for Deep Learning", algorithm 2, with phi(z) = z. */
BL_API bl_optimizer *bl_lamb(bl_context *context, const bl_lamb_options *options);

/* For matrices. b = momentum b + (1 - momentum) g; d = b, or with nesterov momentum b + (1 - momentum) g;
 * X = d / max(|d|, eps), transposed when it has more rows than columns, and `iterations` times
 * X = c0 X + (c1 X X^T + c2 (X X^T)^2) X, transposed back; p -= lr weight_decay p; p -= lr scale X. All of it
 * in p's dtype. Returns, Ownership, Threads: as bl_sgd. Errors: as bl_sgd; BL_ERR_SHAPE when an update is
 * recorded of a parameter that is no matrix: put it into a group of another optimizer's.
 * Source: Jordan et al. 2024, "Muon"; the momentum, decay and scales of torch.optim.Muon (PyTorch 2.9). */
BL_API bl_optimizer *bl_muon(bl_context *context, const bl_muon_options *options);

BL_END_DECLS

#endif
