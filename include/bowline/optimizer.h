/* Optimizers: builders of update nodes over parameters and gradients. */
#ifndef BOWLINE_OPTIMIZER_H
#define BOWLINE_OPTIMIZER_H

#include "parameters.h"

BL_BEGIN_DECLS

/* Settings and state of one optimizer; optimizers.h has those to choose from, optimizer_rule.h says how to
 * write another. Its learning rate (f64 scalar) and step count (i64 scalar) are buffers, so changing them
 * never recompiles; its moments are buffers, one set a parameter, keyed by the parameter's id, and so is the
 * count of the parameter's own updates where the formula asks for it: a parameter that was frozen or not
 * reached for a while goes on where it stopped, as in PyTorch. */
typedef struct bl_optimizer bl_optimizer;

/* Frees an optimizer and its groups; programs that use their state keep that alive. NULL is allowed, and a
 * group is left to its optimizer.
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

/* What a parameter is after the optimizer's last update on this graph, as a tensor: for what is recorded in
 * the same program and looks at the new values, such as a running average of them. A parameter that the
 * update leaves alone is what it is (bl_use); the optimizer's step count can be asked for too.
 * Returns: the values, or the graph's invalid tensor. Errors: BL_ERR_NOT_FOUND (the optimizer recorded no
 * update on this graph), BL_ERR_ARGUMENT, BL_ERR_MEMORY. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_optimizer_value(bl_optimizer *optimizer, bl_graph *graph, bl_parameter *parameter);

/* The name of the optimizer's rule, such as "adam".
 * Returns: the name, "" for NULL. Errors: none. Ownership: the optimizer's. Threads: the context's. */
BL_API const char *bl_optimizer_name(const bl_optimizer *optimizer);

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

/* Has the parameters of which any name in the registry matches a pattern updated by `group`, an optimizer of
 * any kind with options, learning rate and step count of its own; what no group claims is updated by the
 * optimizer itself. Patterns are those of bl_params_set_trainable, below the open scope. They go by the names
 * of the time when an update is recorded: a parameter that is tied, or made, later is claimed by its names
 * then; where its group changes, it begins anew there. One without any name left (its registry was freed)
 * stays where it was. Whenever the optimizer updates, the steps of all its groups count up.
 * Returns: BL_OK or an error, and then the optimizer is what it was.
 * Errors: BL_ERR_NOT_FOUND (no parameter matches), BL_ERR_ARGUMENT (NULL; no pattern; a group twice, of
 * itself, or of another context; groups of a group; and a parameter that two groups claim through any of its
 * names, which an update that is recorded finds too: the message has both patterns and all names),
 * BL_ERR_MEMORY. Ownership: takes `group` over, even when it fails, unless it is in use already: it goes with
 * the optimizer, and bl_optimizer_free leaves it alone. Threads: the context's. */
BL_API bl_status bl_optimizer_add_group(bl_optimizer *optimizer, const bl_params *params, const char *pattern,
                                        bl_optimizer *group);

/* The number of groups, the optimizer itself not counted.
 * Returns: the count, 0 for NULL. Errors: none. Ownership: none. Threads: the context's. */
BL_API size_t bl_optimizer_group_count(const bl_optimizer *optimizer);

/* Group `index` in the order of adding, and its pattern through `pattern` unless NULL. It is for
 * bl_optimizer_lr, _set_lr, _step, _name and the state; updates are recorded with the optimizer.
 * Returns: the group, or NULL past the end. Errors: none. Ownership: the optimizer's.
 * Threads: the context's. */
BL_API bl_optimizer *bl_optimizer_group_at(const bl_optimizer *optimizer, size_t index, const char **pattern);

/* One buffer of an optimizer's state: what it keeps under the name of a slot for a parameter. */
typedef struct bl_optimizer_state {
    bl_parameter *parameter;
    const char *slot; /* "m"; "count" is the count of the parameter's updates */
    bl_parameter *buffer;
    bl_optimizer *optimizer; /* that keeps it: the one asked, or a group of its */
} bl_optimizer_state;

/* The number of buffers that the optimizer and its groups keep for parameters so far; lr and step are not
 * among them. Returns: the count, 0 for NULL. Errors: none. Ownership: none. Threads: the context's. */
BL_API size_t bl_optimizer_state_count(const bl_optimizer *optimizer);

/* Buffer `index`: the optimizer's own, then those of each group; each in the order in which parameters got
 * their state and, of one parameter, in that of the slots.
 * Returns: the buffer and what it is of; all NULL past the end. Errors: none. Ownership: the optimizer's.
 * Threads: the context's. */
BL_API bl_optimizer_state bl_optimizer_state_at(const bl_optimizer *optimizer, size_t index);

/* The buffer of one slot of a parameter, kept by the group that claims it or by the optimizer.
 * Returns: the buffer, or NULL when there is none (yet), which is no error. Errors: none.
 * Ownership: the optimizer's. Threads: the context's. */
BL_API bl_parameter *bl_optimizer_state_find(bl_optimizer *optimizer, const bl_parameter *parameter,
                                             const char *slot);

/* Makes the state of a parameter as its first update would, by the optimizer or the group that claims it, so
 * that it can be filled; what is there already stays. Returns: BL_OK or an error, and then nothing has
 * changed. Errors: BL_ERR_ARGUMENT (NULL, a buffer, another context, two groups that claim it), BL_ERR_SHAPE,
 * BL_ERR_DTYPE (a slot that cannot be), BL_ERR_MEMORY. Ownership: the optimizer's. Threads: the context's. */
BL_API bl_status bl_optimizer_prepare(bl_optimizer *optimizer, bl_parameter *parameter);

BL_END_DECLS

#endif
