/* The optimizers to choose from. */
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
} bl_sgd_options;

typedef struct bl_adam_options {
    double lr;           /* default 0.001 */
    double beta1;        /* default 0.9 */
    double beta2;        /* default 0.999 */
    double eps;          /* default 1e-8 */
    double weight_decay; /* default 0: added to the gradient (L2) */
} bl_adam_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_sgd_options bl_sgd_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_adam_options bl_adam_defaults(void);

/* g += weight_decay p; b = momentum b + (1 - dampening) g (b = g at the first step); g = b, or g + momentum b
 * with nesterov; p -= lr g. As torch.optim.SGD. Returns: the optimizer, or NULL (then bl_context_error
 * tells). `options` NULL: the defaults. Errors: BL_ERR_ARGUMENT (an option out of range), BL_ERR_MEMORY.
 * Ownership: the caller's, until bl_optimizer_free. Threads: the context's. Source: PyTorch 1.13
 * torch.optim.SGD; Sutskever et al. 2013. */
BL_API bl_optimizer *bl_sgd(bl_context *context, const bl_sgd_options *options);

/* g += weight_decay p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
 * p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps), t the count of p's updates. As
 * torch.optim.Adam.
 * Returns, Errors, Ownership, Threads: as bl_sgd.
 * Source: Kingma and Ba 2015, "Adam"; PyTorch 1.13 torch.optim.Adam. */
BL_API bl_optimizer *bl_adam(bl_context *context, const bl_adam_options *options);

BL_END_DECLS

#endif
