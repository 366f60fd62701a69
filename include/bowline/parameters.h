/* Parameters and buffers with identity, their names, weight tying, and effects on them. */
#ifndef BOWLINE_PARAMETERS_H
#define BOWLINE_PARAMETERS_H

#include "graph.h"
#include "random.h"

BL_BEGIN_DECLS

/* A registry: names to parameters. Names are many-to-one. */
typedef struct bl_params bl_params;

/* A tensor with identity that outlives graphs: trainable, or a buffer (running statistics, counters,
 * moments). */
typedef struct bl_parameter bl_parameter;

/* How a parameter's first values are drawn; made by the bl_init_.. functions. */
typedef struct bl_init {
    int kind;
    double a, b;
} bl_init;

/* All zeros. Returns: the rule. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_init bl_init_zeros(void);
/* All ones. Returns: the rule. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_init bl_init_ones(void);
/* One value everywhere. Returns: the rule. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_init bl_init_constant(double value);
/* Normal with mean and standard deviation, PyTorch's numbers (nn.Embedding: 0, 1).
 * Returns: the rule. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_init bl_init_normal(double mean, double deviation);
/* Uniform in [low, high), PyTorch's numbers. Returns: the rule. Errors: none. Ownership: a value. Threads:
 * any. */
BL_API bl_init bl_init_uniform(double low, double high);
/* kaiming_uniform_ with a = sqrt(5), as nn.Linear draws its weight [out, in]: uniform in +-1/sqrt(in), with
 * the bound computed as PyTorch computes it; fan_in is the product of all sizes but the first. Returns: the
 * rule. Errors: none. Ownership: a value. Threads: any. Source: He et al. 2015, "Delving Deep into
 * Rectifiers"; PyTorch 1.13 torch/nn/init.py. */
BL_API bl_init bl_init_kaiming_uniform(void);
/* Uniform in +-1/sqrt(fan_in), as nn.Linear draws its bias.
 * Returns: the rule. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_init bl_init_fan_in_uniform(int64_t fan_in);

/* A new empty registry.
 * Returns: the registry, or NULL without memory or for a NULL context (then bl_context_error tells).
 * Errors: BL_ERR_MEMORY. Ownership: the caller's, until bl_params_free. Threads: the context's. */
BL_API bl_params *bl_params_new(bl_context *context);

/* Frees a registry and drops its hold on its parameters; programs and optimizers that use them keep them
 * alive. NULL is allowed. Returns: nothing. Errors: none. Ownership: takes `params`. Threads: the context's.
 */
BL_API void bl_params_free(bl_params *params);

/* The first error of the registry, code BL_OK when there was none.
 * Returns: a record, never NULL. Errors: none. Ownership: the registry's. Threads: the context's. */
BL_API const bl_error *bl_params_error(const bl_params *params);

/* Forgets the registry's error.
 * Returns: nothing. Errors: none. Ownership: unchanged. Threads: the context's. */
BL_API void bl_params_clear_error(bl_params *params);

/* Opens a scope: names given to the registry stand below it until the matching pop ("block.0" and
 * "attn.weight" make "block.0.attn.weight"); a name that begins with '/' is absolute. Returns: BL_OK or an
 * error. Errors: BL_ERR_ARGUMENT, BL_ERR_MEMORY. Ownership: the name is copied. Threads: the context's. */
BL_API bl_status bl_params_scope_push(bl_params *params, const char *name);

/* Closes the innermost scope.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT when none is open. Ownership: unchanged.
 * Threads: the context's. */
BL_API bl_status bl_params_scope_pop(bl_params *params);

/* Makes a trainable parameter (f32 or f64) and gives it its canonical name. `rng` may be NULL when `init`
 * draws nothing. Returns: the parameter, or NULL (the registry keeps the error). Errors: BL_ERR_EXISTS,
 * BL_ERR_ARGUMENT, BL_ERR_DTYPE, BL_ERR_SHAPE, BL_ERR_OVERFLOW, BL_ERR_MEMORY. Ownership: the registry's.
 * Threads: the context's. */
BL_API bl_parameter *bl_params_add(bl_params *params, const char *name, bl_dtype dtype, bl_shape shape,
                                   bl_init init, bl_rng *rng);

/* Makes a buffer: state of any dtype that is not differentiated or trained, all zero bytes at first.
 * Returns: the buffer, or NULL. Errors: as bl_params_add. Ownership: the registry's. Threads: the context's.
 */
BL_API bl_parameter *bl_params_add_buffer(bl_params *params, const char *name, bl_dtype dtype,
                                          bl_shape shape);

/* Makes a random state: an i64 buffer [2] of {seed, run}, for the ops of stochastic.h to draw from; run
 * counts the runs that drew. Returns: the buffer, or NULL. Errors: as bl_params_add. Ownership: the
 * registry's. Threads: the context's. */
BL_API bl_parameter *bl_params_add_random(bl_params *params, const char *name, uint64_t seed);

/* Gives a parameter one more name: whatever asks for that name gets this parameter. This is weight tying. The
 * parameter may come from another registry of the same context; its first name stays canonical.
 * Returns: BL_OK or an error. Errors: BL_ERR_EXISTS, BL_ERR_ARGUMENT, BL_ERR_MEMORY.
 * Ownership: the registry holds the parameter too. Threads: the context's. */
BL_API bl_status bl_params_register(bl_params *params, const char *name, bl_parameter *parameter);

/* Points the name `alias` at the parameter of the name `canonical`, whose values survive; the alias's own
 * parameter goes when nothing else holds it. Programs compiled before that use it become stale.
 * Returns: BL_OK or an error, and then nothing has changed.
 * Errors: BL_ERR_NOT_FOUND, BL_ERR_SHAPE and BL_ERR_DTYPE (naming both), BL_ERR_STATE (the alias already has
 * optimizer state), BL_ERR_ARGUMENT (NULL, or one of the two is a buffer and the other is not),
 * BL_ERR_MEMORY. Ownership: unchanged. Threads: the context's. */
BL_API bl_status bl_params_tie(bl_params *params, const char *alias, const char *canonical);

/* Gives the name `alias` a parameter of its own again, a copy of the shared one. Programs compiled before
 * that use the shared one become stale. A name that shares with no other is left as it is; if it was the
 * shared one's canonical name, the next name becomes that. Returns: BL_OK or an error, and then nothing has
 * changed. Errors: BL_ERR_NOT_FOUND, BL_ERR_ARGUMENT, BL_ERR_BUSY, BL_ERR_MEMORY. Ownership: unchanged.
 * Threads: the context's. */
BL_API bl_status bl_params_untie(bl_params *params, const char *alias);

/* The parameter of a name, below the registry's open scope.
 * Returns: the parameter, or NULL when there is none, which is no error. Errors: none.
 * Ownership: the registry's. Threads: the context's. */
BL_API bl_parameter *bl_params_find(const bl_params *params, const char *name);

/* The number of parameters and buffers, each once however many names it has.
 * Returns: the count. Errors: none. Ownership: none. Threads: the context's. */
BL_API size_t bl_params_count(const bl_params *params);

/* Parameter `index` in the order of adding, each once.
 * Returns: the parameter, or NULL past the end. Errors: none. Ownership: the registry's.
 * Threads: the context's. */
BL_API bl_parameter *bl_params_at(const bl_params *params, size_t index);

/* The number of names.
 * Returns: the count. Errors: none. Ownership: none. Threads: the context's. */
BL_API size_t bl_params_name_count(const bl_params *params);

/* Name `index` in the order of naming, and its parameter through `parameter` unless NULL.
 * Returns: the full name, or NULL past the end. Errors: none. Ownership: the registry's, until the name
 * changes. Threads: the context's. */
BL_API const char *bl_params_name_at(const bl_params *params, size_t index, bl_parameter **parameter);

/* Elements of the trainable parameters, each parameter once.
 * Returns: the count. Errors: none. Ownership: none. Threads: the context's. */
BL_API int64_t bl_params_unique_elements(const bl_params *params);

/* Elements of the trainable parameters, a tied one counted once a name.
 * Returns: the count. Errors: none. Ownership: none. Threads: the context's. */
BL_API int64_t bl_params_named_elements(const bl_params *params);

/* Makes NAME.weight [out, in] and, if asked, NAME.bias [out], f32, drawn as nn.Linear draws them.
 * Returns: BL_OK or an error. Errors: as bl_params_add. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_linear_params(bl_params *params, const char *name, int64_t in, int64_t out, bool bias,
                                  bl_rng *rng);

/* Makes NAME.weight [out, in / groups, kernel] and, if asked, NAME.bias [out], f32, drawn as nn.Conv1d draws
 * them. Returns: BL_OK or an error. Errors: as bl_params_add, and BL_ERR_ARGUMENT when groups do not divide
 * in and out. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_conv1d_params(bl_params *params, const char *name, int64_t in, int64_t out,
                                  int64_t kernel, int64_t groups, bool bias, bl_rng *rng);
/* The same for nn.Conv2d: NAME.weight [out, in / groups, height, width]. Returns: BL_OK or an error. Errors:
 * as bl_conv1d_params. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_conv2d_params(bl_params *params, const char *name, int64_t in, int64_t out,
                                  int64_t height, int64_t width, int64_t groups, bool bias, bl_rng *rng);
/* The same for nn.ConvTranspose1d: NAME.weight [in, out / groups, kernel], NAME.bias [out]. Returns: BL_OK or
 * an error. Errors: as bl_conv1d_params. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_conv_transpose1d_params(bl_params *params, const char *name, int64_t in, int64_t out,
                                            int64_t kernel, int64_t groups, bool bias, bl_rng *rng);
/* The same for nn.ConvTranspose2d: NAME.weight [in, out / groups, height, width]. Returns: BL_OK or an error.
 * Errors: as bl_conv1d_params. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_conv_transpose2d_params(bl_params *params, const char *name, int64_t in, int64_t out,
                                            int64_t height, int64_t width, int64_t groups, bool bias,
                                            bl_rng *rng);

/* Makes NAME.weight [rows, width], f32, drawn as nn.Embedding draws it.
 * Returns: BL_OK or an error. Errors: as bl_params_add. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_embedding_params(bl_params *params, const char *name, int64_t rows, int64_t width,
                                     bl_rng *rng);

/* Makes NAME.weight, ones, and NAME.bias, zeros, of a shape, f32: what bl_layer_norm takes, and with
 * BL_SHAPE(channels) bl_group_norm and bl_instance_norm. As nn.LayerNorm, nn.GroupNorm.
 * Returns: BL_OK or an error. Errors: as bl_params_add. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_layer_norm_params(bl_params *params, const char *name, bl_shape shape);

/* Makes NAME.weight, ones, of a shape, f32: what bl_rms_norm takes.
 * Returns: BL_OK or an error. Errors: as bl_params_add. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_rms_norm_params(bl_params *params, const char *name, bl_shape shape);

/* Makes NAME.weight, ones, NAME.bias, zeros, and the buffers NAME.running_mean, zeros, and NAME.running_var,
 * ones, all [channels], f32, as nn.BatchNorm2d.
 * Returns: BL_OK or an error. Errors: as bl_params_add. Ownership: the registry's. Threads: the context's. */
BL_API bl_status bl_batch_norm_params(bl_params *params, const char *name, int64_t channels);

/* The canonical name. Returns: the name, "" for NULL. Errors: none. Ownership: the parameter's.
 * Threads: the context's. */
BL_API const char *bl_parameter_name(const bl_parameter *parameter);
/* The id, unique in the context and never used again; 0 for NULL. Returns: the id. Errors: none.
 * Ownership: none. Threads: the context's. */
BL_API uint64_t bl_parameter_id(const bl_parameter *parameter);
/* The shape; rank -1 for NULL. Returns: the shape. Errors: none. Ownership: a value. Threads: the context's.
 */
BL_API bl_shape bl_parameter_shape(const bl_parameter *parameter);
/* The dtype; BL_DTYPE_COUNT for NULL. Returns: the dtype. Errors: none. Ownership: none.
 * Threads: the context's. */
BL_API bl_dtype bl_parameter_dtype(const bl_parameter *parameter);
/* Whether it is a buffer. Returns: true for a buffer. Errors: none. Ownership: none. Threads: the context's.
 */
BL_API bool bl_parameter_is_buffer(const bl_parameter *parameter);
/* Whether bl_minimize trains it; false for a buffer. Returns: true when trainable. Errors: none.
 * Ownership: none. Threads: the context's. */
BL_API bool bl_parameter_trainable(const bl_parameter *parameter);
/* Freezes or unfreezes a parameter for graphs recorded from now on. Returns: nothing. Errors: none (a buffer
 * is left alone). Ownership: unchanged. Threads: the context's. */
BL_API void bl_parameter_set_trainable(bl_parameter *parameter, bool trainable);
/* Freezes or unfreezes, for graphs recorded from now on, the parameters of which any name matches a pattern
 * below the registry's open scope ('/' first: absolute): * is any characters, dots too, ? is one, [a-z] one
 * of a set, [!a-z] one of the others, and \ takes what follows as it is. A tied parameter is one, by
 * whichever name; buffers are left alone. Returns: BL_OK or an error, and then nothing has changed. Errors:
 * BL_ERR_NOT_FOUND (no parameter matches), BL_ERR_ARGUMENT (NULL, or no pattern). Ownership: unchanged.
 * Threads: the context's. */
BL_API bl_status bl_params_set_trainable(bl_params *params, const char *pattern, bool trainable);
/* The values, row by row, 64-byte aligned; they change when a program commits. Returns: the values, NULL for
 * NULL. Errors: none. Ownership: the parameter's. Threads: not while a program that writes it runs. */
BL_API const void *bl_parameter_data(const bl_parameter *parameter);
/* Copies all values out. Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL, or `bytes` is not the
 * size of the values), BL_ERR_BUSY. Ownership: the buffer stays the caller's. Threads: the context's. */
BL_API bl_status bl_parameter_read(const bl_parameter *parameter, void *data, size_t bytes);
/* Copies all values in. Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL, or `bytes` is not the size
 * of the values), BL_ERR_BUSY. Ownership: the buffer stays the caller's. Threads: the context's. */
BL_API bl_status bl_parameter_write(bl_parameter *parameter, const void *data, size_t bytes);

/* The parameter of a name as a tensor of the graph, looked up below the graph's open scope ('/' first:
 * absolute). Asked for twice, through one name or several, it is one node. Returns: the tensor, or the
 * graph's invalid tensor. Errors: BL_ERR_NOT_FOUND, BL_ERR_ARGUMENT, BL_ERR_MEMORY. Ownership: the graph's.
 * Threads: the context's. */
BL_API bl_tensor *bl_param(bl_graph *graph, const bl_params *params, const char *name);

/* A parameter or buffer as a tensor of the graph; one node however often it is used.
 * Returns: the tensor, or the graph's invalid tensor. Errors: BL_ERR_ARGUMENT, BL_ERR_MEMORY.
 * Ownership: the graph holds the parameter. Threads: the context's. */
BL_API bl_tensor *bl_use(bl_graph *graph, bl_parameter *parameter);

/* The parameter that a tensor is; NULL for any other tensor.
 * Returns: the parameter. Errors: none. Ownership: the graph's. Threads: the context's. */
BL_API bl_parameter *bl_tensor_parameter(const bl_tensor *tensor);

/* An effect: when a program that compiles it has run, state = value. Reads in the same run see the old
 * values. Returns: a tensor without elements to hand to bl_compile, or the graph's invalid tensor. Errors:
 * BL_ERR_ARGUMENT, BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_MEMORY; two writes to one state in one program are
 * BL_ERR_STATE at compile. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_assign(bl_parameter *state, bl_tensor *value);

/* An effect on a part: state[.., start : start + n, ..] = value along one axis, n being the value's size
 * there. Returns, Errors: as bl_assign, with BL_ERR_SHAPE when the part does not lie inside. Ownership: the
 * graph's. Threads: the context's. */
BL_API bl_tensor *bl_assign_slice(bl_parameter *state, int axis, int64_t start, bl_tensor *value);

/* Several effects as one tensor.
 * Returns: a tensor without elements, or the graph's invalid tensor. Errors: BL_ERR_ARGUMENT, BL_ERR_MEMORY.
 * Ownership: the array stays the caller's. Threads: the context's. */
BL_API bl_tensor *bl_group(bl_graph *graph, bl_tensor *const *effects, size_t count);

/* The effect, or nothing of it, as a condition says at each run: where it is false, every state that the
 * effect writes keeps its value, bit for bit. Values are computed either way; keeping or not is part of the
 * pass that writes them. For steps that are skipped (a gradient is not finite), or taken every k-th time. The
 * effect's own tensor must not be compiled besides. Shapes: the condition is a bool scalar. Returns: a tensor
 * without elements, or the graph's invalid tensor (NULL when none of the two knows a graph). Errors:
 * BL_ERR_ARGUMENT (NULL, or no effect), BL_ERR_DTYPE, BL_ERR_SHAPE, BL_ERR_MEMORY. Ownership: the graph's.
 * Threads: the context's. */
BL_API bl_tensor *bl_when(bl_tensor *condition, bl_tensor *effect);

/* The updates of state that layers recorded in training mode ask for, such as batch_norm's running
 * statistics, as one effect: each state's newest, whatever needs it. bl_minimize includes those of the layers
 * that its loss is made from, so this is for programs without it. An effect may stand in both.
 * Returns: a tensor without elements, or the graph's invalid tensor (NULL for NULL). Errors: BL_ERR_MEMORY.
 * Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_graph_updates(bl_graph *graph);

BL_END_DECLS

#endif
