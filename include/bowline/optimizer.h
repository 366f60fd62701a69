/* Optimizers: builders of update nodes over parameters and gradients. */
#ifndef BOWLINE_OPTIMIZER_H
#define BOWLINE_OPTIMIZER_H

#include "parameters.h"

BL_BEGIN_DECLS

/* Settings and state of one optimizer. Its learning rate (f64 scalar) and step count (i64 scalar) are
 * buffers, so changing them never recompiles; its moments are buffers, one set a parameter, keyed by the
 * parameter's id, and so is the count of the parameter's own updates where the formula asks for it: a
 * parameter that was frozen or not reached for a while goes on where it stopped, as in PyTorch. */
typedef struct bl_optimizer bl_optimizer;

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

/* Frees an optimizer; programs that use its state keep that alive. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `optimizer`. Threads: the context's. */
BL_API void bl_optimizer_free(bl_optimizer *optimizer);

/* The first error of the optimizer, code BL_OK when there was none.
 * Returns: a record, never NULL. Errors: none. Ownership: the optimizer's. Threads: the context's. */
BL_API const bl_error *bl_optimizer_error(const bl_optimizer *optimizer);

/* Forgets the optimizer's error.
 * Returns: nothing. Errors: none. Ownership: unchanged. Threads: the context's. */
BL_API void bl_optimizer_clear_error(bl_optimizer *optimizer);

/* Appends the update of each parameter by its gradient, and the step's count. A gradient that is unreached
 * (bl_is_unreached) skips its parameter: no decay, no moments. A parameter given twice is an error.
 * Shapes: gradients[i] has the shape and dtype of parameters[i].
 * Returns: one effect for bl_compile, or the graph's invalid tensor (NULL when no gradient knows a graph).
 * Errors: BL_ERR_ARGUMENT, BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_MEMORY, kept by graph and optimizer.
 * Ownership: the arrays stay the caller's; state is the optimizer's. Threads: the context's. */
BL_API bl_tensor *bl_optimizer_update(bl_optimizer *optimizer, bl_parameter *const *parameters,
                                      bl_tensor *const *gradients, size_t count);

/* bl_grad of the loss for every trainable parameter that its graph uses and it reaches, then
 * bl_optimizer_update; and the updates of state that the layers which the loss is made from ask for
 * (bl_graph_updates).
 * Returns: one effect for bl_compile, or the graph's invalid tensor.
 * Errors: as bl_grad and bl_optimizer_update; BL_ERR_SHAPE when the loss has not one element; BL_ERR_ARGUMENT
 * when it reaches no trainable parameter. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_minimize(bl_optimizer *optimizer, bl_tensor *loss);

/* The gradient that the optimizer's last update on this graph used for a parameter: an ordinary tensor, which
 * can be an output. Returns: the gradient, or the graph's invalid tensor. Errors: BL_ERR_NOT_FOUND,
 * BL_ERR_ARGUMENT. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_optimizer_gradient(bl_optimizer *optimizer, bl_graph *graph,
                                        const bl_parameter *parameter);

/* The learning rate's buffer: f64, scalar. Returns: the buffer, NULL for NULL. Errors: none.
 * Ownership: the optimizer's. Threads: the context's. */
BL_API bl_parameter *bl_optimizer_lr(bl_optimizer *optimizer);

/* The step count's buffer: i64, scalar, the updates committed so far. Returns: the buffer, NULL for NULL.
 * Errors: none. Ownership: the optimizer's. Threads: the context's. */
BL_API bl_parameter *bl_optimizer_step(bl_optimizer *optimizer);

/* Sets the learning rate, for programs that are compiled already too.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL, negative or not finite), BL_ERR_BUSY.
 * Ownership: unchanged. Threads: the context's. */
BL_API bl_status bl_optimizer_set_lr(bl_optimizer *optimizer, double lr);

BL_END_DECLS

#endif
