/* Gradient accumulation: the mean of the gradients of several micro-batches, for batches that do not fit at
 * once.
 *
 * A micro program adds its gradients to buffers, an update program reads their mean and clears them:
 *
 *     bl_accumulator *sums = bl_accumulator_new(context);
 *     bl_gradients g = bl_trainable_gradients(loss);
 *     bl_program *micro = bl_compile(context, loss, bl_accumulator_add(sums, g.parameters, g.tensors,
 * g.count));
 *
 *     bl_gradients mean = bl_accumulator_mean(sums, graph);
 *     bl_tensor *update = bl_optimizer_update(adam, mean.parameters, mean.tensors, mean.count);
 *     bl_program *apply = bl_compile(context, update, bl_accumulator_clear(sums, graph));
 *
 * Then run `micro` k times and `apply` once, whatever k is. Where losses are means over equal parts, this is
 * one large batch within rounding. A parameter that no recorded micro program reaches is not among the means,
 * so that it is skipped; a tied one is there once. */
#ifndef BOWLINE_ACCUMULATOR_H
#define BOWLINE_ACCUMULATOR_H

#include "gradients.h"

BL_BEGIN_DECLS

/* Sums of gradients, a buffer for each parameter, and the count of micro-batches in them. */
typedef struct bl_accumulator bl_accumulator;

/* An accumulator that has seen nothing. Returns: the accumulator, or NULL (then bl_context_error tells).
 * Errors: BL_ERR_MEMORY. Ownership: the caller's, until bl_accumulator_free. Threads: the context's. */
BL_API bl_accumulator *bl_accumulator_new(bl_context *context);

/* Frees an accumulator; programs that use its buffers keep those alive. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `accumulator`. Threads: the context's. */
BL_API void bl_accumulator_free(bl_accumulator *accumulator);

/* An effect: sum = sum + gradient for each parameter, and one more micro-batch counted. Unreached gradients
 * are skipped. Two of them in one program are an error at compile, as any two writes of one state. Shapes:
 * gradients[i] has the shape and dtype of parameters[i]. Returns: a tensor without elements, or the graph's
 * invalid tensor (NULL when no gradient knows a graph). Errors: BL_ERR_ARGUMENT (NULL, a buffer, a parameter
 * given twice, another context), BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_MEMORY. Ownership: the arrays stay the
 * caller's. Threads: the context's. */
BL_API bl_tensor *bl_accumulator_add(bl_accumulator *accumulator, bl_parameter *const *parameters,
                                     bl_tensor *const *gradients, size_t count);

/* sum / micro-batches for every parameter that an add was recorded for so far; 0 where there were no
 * micro-batches. A parameter that none of the micro programs that ran reaches, but another does, has a
 * gradient of zeros. Returns: the gradients; after an error one invalid tensor for no parameter. Errors, kept
 * by the graph: BL_ERR_ARGUMENT (NULL, nothing was recorded, another context), BL_ERR_MEMORY. Ownership: the
 * arrays are the graph's. Threads: the context's. */
BL_API bl_gradients bl_accumulator_mean(bl_accumulator *accumulator, bl_graph *graph);

/* The same without the division: for losses that are sums, or that are scaled by the caller.
 * Returns, Errors, Ownership, Threads: as bl_accumulator_mean. */
BL_API bl_gradients bl_accumulator_sum(bl_accumulator *accumulator, bl_graph *graph);

/* An effect: all sums and the count become 0. Reads in the same run see what they were.
 * Returns: a tensor without elements, or the graph's invalid tensor (NULL for a NULL graph). Errors:
 * BL_ERR_ARGUMENT, BL_ERR_MEMORY. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_accumulator_clear(bl_accumulator *accumulator, bl_graph *graph);

/* The count's buffer: i64, scalar, the micro-batches since the sums were cleared. Returns: the buffer, NULL
 * for NULL. Errors: none. Ownership: the accumulator's. Threads: the context's. */
BL_API bl_parameter *bl_accumulator_count(bl_accumulator *accumulator);

/* The buffer of the sum `index`, in the order of recording, and its parameter through `parameter` unless
 * NULL. Returns: the buffer, or NULL past the end. Errors: none. Ownership: the accumulator's. Threads: the
 * context's. */
BL_API bl_parameter *bl_accumulator_at(bl_accumulator *accumulator, size_t index, bl_parameter **parameter);

BL_END_DECLS

#endif
