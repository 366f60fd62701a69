/* Dynamic loss scaling, for gradients that would underflow: the loss is multiplied by a scale and gradients
 * are divided by it; where one is not finite the step is skipped and the scale cut, and after many good steps
 * the scale grows.
 *
 *     bl_loss_scaler *scaler = bl_loss_scaler_new(context, NULL);
 *     bl_gradients g = bl_trainable_gradients(bl_loss_scaler_scale(scaler, loss));
 *     bl_tensor *finite = bl_loss_scaler_unscale(scaler, g.tensors, g.count, g.tensors);
 *     bl_tensor *update = bl_optimizer_update(adam, g.parameters, g.tensors, g.count);
 *     bl_program *step = bl_compile(context, loss, bl_loss_scaler_step(scaler, finite, update));
 *
 * All of it is nodes of the program and buffers, so nothing is compiled again, and nothing is decided on the
 * host. */
#ifndef BOWLINE_LOSS_SCALER_H
#define BOWLINE_LOSS_SCALER_H

#include "gradients.h"

BL_BEGIN_DECLS

typedef struct bl_loss_scaler bl_loss_scaler;

typedef struct bl_loss_scaler_options {
    double scale;     /* at first; default 65536 */
    double growth;    /* what it is multiplied by when it grows; default 2 */
    double backoff;   /* what it is multiplied by after a skipped step; default 0.5 */
    int64_t interval; /* good steps in a row after which it grows; default 2000 */
} bl_loss_scaler_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_loss_scaler_options bl_loss_scaler_defaults(void);

/* A scale. `options` NULL: the defaults. Returns: the scaler, or NULL (then bl_context_error tells). Errors:
 * BL_ERR_ARGUMENT (scale not above 0, growth not above 1, backoff not in (0, 1), interval below 1, or one not
 * finite), BL_ERR_MEMORY. Ownership: the caller's, until bl_loss_scaler_free. Threads: the context's. Source:
 * Micikevicius et al. 2018, "Mixed Precision Training"; PyTorch 1.13 torch.cuda.amp.GradScaler. */
BL_API bl_loss_scaler *bl_loss_scaler_new(bl_context *context, const bl_loss_scaler_options *options);

/* Frees a scaler; programs that use its buffers keep those alive. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `scaler`. Threads: the context's. */
BL_API void bl_loss_scaler_free(bl_loss_scaler *scaler);

/* loss * scale. Shapes: any; f32 or f64. Returns: the scaled loss, or the graph's invalid tensor (NULL when
 * the loss knows no graph). Errors: BL_ERR_ARGUMENT, BL_ERR_DTYPE, BL_ERR_MEMORY. Ownership: the graph's.
 * Threads: the context's.
 */
BL_API bl_tensor *bl_loss_scaler_scale(bl_loss_scaler *scaler, bl_tensor *loss);

/* unscaled[i] = gradients[i] / scale. Unreached gradients stay as they are. `unscaled` may be the same array
 * as `gradients`. Shapes: those of the gradients; f32 or f64. Returns: whether every element of the gradients
 * is finite, a bool scalar; or the graph's invalid tensor, and then all entries of `unscaled` are that too
 * (NULL when no gradient knows a graph). Errors: BL_ERR_ARGUMENT, BL_ERR_DTYPE, BL_ERR_MEMORY. Ownership: the
 * arrays stay the caller's. Threads: the context's. */
BL_API bl_tensor *bl_loss_scaler_unscale(bl_loss_scaler *scaler, bl_tensor *const *gradients, size_t count,
                                         bl_tensor **unscaled);

/* The effects of a step where it is good (bl_when), and the scale that follows from it: after a bad step
 * scale * backoff, after `interval` good ones in a row scale * growth unless f32 cannot hold that. Several
 * effects are given as one by bl_group. Shapes: `finite` is a bool scalar. Returns: one effect for
 * bl_compile, or the graph's invalid tensor (NULL when neither tensor knows a graph). Errors: as bl_when;
 * BL_ERR_ARGUMENT. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_loss_scaler_step(bl_loss_scaler *scaler, bl_tensor *finite, bl_tensor *effects);

/* The scale's buffer: f64, scalar. Returns: the buffer, NULL for NULL. Errors: none. Ownership: the scaler's.
 * Threads: the context's. */
BL_API bl_parameter *bl_loss_scaler_value(bl_loss_scaler *scaler);

/* The buffer of the count of good steps since the scale changed: i64, scalar. Returns: the buffer, NULL for
 * NULL. Errors: none. Ownership: the scaler's. Threads: the context's. */
BL_API bl_parameter *bl_loss_scaler_good_steps(bl_loss_scaler *scaler);

BL_END_DECLS

#endif
