/* Exponential moving averages of parameters, for evaluation.
 *
 *     bl_ema *ema = bl_ema_new(context, NULL);
 *     bl_tensor *update = bl_minimize(adam, loss);
 *     bl_program *step = bl_compile(context, loss, update, bl_ema_follow(ema, graph, adam, params));
 *     ...
 *     bl_ema_swap(ema);
 *     evaluate();
 *     bl_ema_swap(ema);
 *
 * Averages are buffers by parameter, and are brought up to date in the pass that updates it. A tied parameter
 * has one. */
#ifndef BOWLINE_EMA_H
#define BOWLINE_EMA_H

#include "optimizer.h"

BL_BEGIN_DECLS

typedef struct bl_ema bl_ema;

typedef struct bl_ema_options {
    double decay; /* default 0.999 */
    bool warm_up; /* the decay of update n = 1, 2, .. is at most (1 + n) / (10 + n); default false */
} bl_ema_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_ema_options bl_ema_defaults(void);

/* average += (1 - decay) (value - average). `options` NULL: the defaults. Returns: the averages of no
 * parameter yet, or NULL (then bl_context_error tells). Errors: BL_ERR_ARGUMENT (decay not in [0, 1]),
 * BL_ERR_MEMORY. Ownership: the caller's, until bl_ema_free. Threads: the context's. Source: Polyak and
 * Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging"; the warm-up as in TensorFlow's
 * ExponentialMovingAverage. */
BL_API bl_ema *bl_ema_new(bl_context *context, const bl_ema_options *options);

/* Frees the averages; programs that use them keep them alive. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `ema`. Threads: the context's. */
BL_API void bl_ema_free(bl_ema *ema);

/* An effect: each average moves towards a value. An average that is new begins at what its parameter is when
 * this is recorded. Shapes: values[i] has the shape and dtype of parameters[i]. Returns: a tensor without
 * elements, or the graph's invalid tensor (NULL when no value knows a graph). Errors: BL_ERR_ARGUMENT (NULL,
 * a buffer, a parameter given twice, another context), BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_BUSY (a run writes
 * a parameter whose average is new), BL_ERR_MEMORY. Ownership: the arrays stay the caller's. Threads: the
 * context's. */
BL_API bl_tensor *bl_ema_update(bl_ema *ema, bl_parameter *const *parameters, bl_tensor *const *values,
                                size_t count);

/* bl_ema_update for every trainable parameter of a registry, each once, by what it is after the optimizer's
 * last update on the graph (bl_optimizer_value), for the program that has the update; with `optimizer` NULL
 * by what it is, for a program of its own. Returns: a tensor without elements, or the graph's invalid tensor
 * (NULL for a NULL graph). Errors: as bl_ema_update; BL_ERR_NOT_FOUND (the optimizer recorded no update on
 * the graph). Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_ema_follow(bl_ema *ema, bl_graph *graph, bl_optimizer *optimizer,
                                const bl_params *params);

/* The average of a parameter as a tensor, which cannot be trained; the parameter itself (bl_use) where it has
 * none. Returns: the tensor, or the graph's invalid tensor. Errors: BL_ERR_ARGUMENT, BL_ERR_MEMORY.
 * Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_ema_value(bl_ema *ema, bl_graph *graph, bl_parameter *parameter);

/* Exchanges the values of all parameters with their averages: once for evaluation, once more to go on.
 * Programs need not be compiled again. Returns: BL_OK or an error, and then nothing has changed. Errors:
 * BL_ERR_ARGUMENT (NULL), BL_ERR_BUSY. Ownership: unchanged. Threads: the context's. */
BL_API bl_status bl_ema_swap(bl_ema *ema);

/* Sets all parameters to their averages.
 * Returns, Errors, Ownership, Threads: as bl_ema_swap. */
BL_API bl_status bl_ema_copy_to_parameters(bl_ema *ema);

/* Sets all averages to their parameters, and the count of updates to 0, as after loading a model.
 * Returns, Errors, Ownership, Threads: as bl_ema_swap. */
BL_API bl_status bl_ema_reset(bl_ema *ema);

/* The decay's buffer: f64, scalar, to be changed by bl_parameter_write. Returns: the buffer, NULL for NULL.
 * Errors: none. Ownership: the averages'. Threads: the context's. */
BL_API bl_parameter *bl_ema_decay(bl_ema *ema);

/* The buffer of the count of updates: i64, scalar. Returns: the buffer, NULL for NULL. Errors: none.
 * Ownership: the averages'. Threads: the context's. */
BL_API bl_parameter *bl_ema_updates(bl_ema *ema);

/* The buffer of average `index`, in the order of recording, and its parameter through `parameter` unless
 * NULL. Returns: the buffer, or NULL past the end. Errors: none. Ownership: the averages'. Threads: the
 * context's. */
BL_API bl_parameter *bl_ema_at(bl_ema *ema, size_t index, bl_parameter **parameter);

BL_END_DECLS

#endif
