/* All that a training run is made of, in one file: parameters, optimizers, generators, counters. A run that
 * is saved, loaded in another process and gone on with ends with the bits of one that was never interrupted.
 *
 *     bl_training_state *state = bl_training_state_new(ctx);
 *     bl_training_state_add_params(state, "model", params);
 *     bl_training_state_add_optimizer(state, "optimizer", adam);
 *     bl_training_state_add_rng(state, "shuffle", rng);
 *     bl_training_state_add_i64(state, "step", &step, 1);
 *     bl_training_state_load(state, "run.safetensors", NULL);
 *     for (; step < steps; step++) {
 *         ...
 *         bl_training_state_save(state, "run.safetensors");
 *     }
 *
 * What a program in training changes is in there: buffers and random states are the registry's, learning rate
 * and step count the optimizer's. What the program is made of is not: options of optimizers besides the
 * learning rate, which parameters are frozen, schedules, which are functions of a step. */
#ifndef BOWLINE_TRAINING_STATE_H
#define BOWLINE_TRAINING_STATE_H

#include "optimizer.h"
#include "tensor_file.h"

BL_BEGIN_DECLS

/* What is saved and loaded together. Each thing has a name of its own, which is not empty, is UTF-8 and has
 * no
 * '/'. What was added must not be freed before the last save or load.
 *
 * The file is a safetensors file (or a sharded set) that any reader of these opens, with the tensors
 *
 *   MODEL/NAME              a parameter or buffer of the registry added as MODEL, once, by its canonical name
 *   OPTIMIZER/lr, /step     the learning rate, f64, and the step count, i64
 *   OPTIMIZER/SLOT/MODEL/NAME   what the optimizer keeps for a parameter: "adam/m/model/head.weight"
 *   OPTIMIZER/group.0/..    the same of a group of the optimizer's
 *   VALUE                   a generator's state, numbers, bytes or text
 *
 * and, as metadata, each further name of a parameter ("model/embedding.weight": "model/head.weight"), the
 * kind of each thing ("bowline.entry.MODEL": "params") and the format's version ("bowline.training_state":
 * "1"). The model alone is read from it by bl_params_load with the prefix "MODEL/". */
typedef struct bl_training_state bl_training_state;

/* One thing in which a file and the state it is to be loaded into differ. */
typedef struct bl_training_problem {
    bl_status code;      /* BL_ERR_NOT_FOUND, _SHAPE, _DTYPE, _STATE, _ARGUMENT, _FORMAT */
    const char *name;    /* of the tensor, alias or thing: "model/head.weight" */
    const char *message; /* all of it in words: "model/head.bias is not in the file" */
} bl_training_problem;

typedef struct bl_training_load_options {
    /* Is told each problem before the call returns; the texts are good until it does. It must not use what
     * the state is made of. Default NULL. */
    void (*report)(void *user, const bl_training_problem *problem);
    void *user;
} bl_training_load_options;

/* A state to which nothing has been added yet.
 * Returns: the state, or NULL without memory or for a NULL context (then bl_context_error tells).
 * Errors: BL_ERR_MEMORY. Ownership: the caller's, until bl_training_state_free. Threads: the context's. */
BL_API bl_training_state *bl_training_state_new(bl_context *context);

/* Frees a state, and nothing that was added to it. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `state`. Threads: the context's. */
BL_API void bl_training_state_free(bl_training_state *state);

/* The first error of the state, code BL_OK when there was none.
 * Returns: a record, never NULL. Errors: none. Ownership: the state's. Threads: the context's. */
BL_API const bl_error *bl_training_state_error(const bl_training_state *state);

/* Forgets the state's error.
 * Returns: nothing. Errors: none. Ownership: unchanged. Threads: the context's. */
BL_API void bl_training_state_clear_error(bl_training_state *state);

/* Adds the parameters and buffers of a registry, all of them, as they are when the state is saved or loaded.
 * A parameter that several registries know is stored once. Returns: BL_OK or an error. Errors:
 * BL_ERR_ARGUMENT (NULL, a name that cannot be, another context), BL_ERR_EXISTS (a name or a registry that
 * was added already), BL_ERR_MEMORY. Ownership: the registry stays the caller's. Threads: the context's. */
BL_API bl_status bl_training_state_add_params(bl_training_state *state, const char *name, bl_params *params);

/* Adds an optimizer: its learning rate and step count, what it keeps for parameters, and its groups. The
 * parameters must be those of registries that are added too, before or after.
 * Returns: BL_OK or an error. Errors: as bl_training_state_add_params. Ownership: the optimizer stays the
 * caller's. Threads: the context's. */
BL_API bl_status bl_training_state_add_optimizer(bl_training_state *state, const char *name,
                                                 bl_optimizer *optimizer);

/* Adds a generator of the host's.
 * Returns: BL_OK or an error. Errors: as bl_training_state_add_params. Ownership: the generator stays the
 * caller's. Threads: the context's. */
BL_API bl_status bl_training_state_add_rng(bl_training_state *state, const char *name, bl_rng *rng);

/* Adds `count` integers, such as a cursor in the data: they are read when the state is saved, and written
 * when it is loaded, from a file that has as many. Returns: BL_OK or an error. Errors: as
 * bl_training_state_add_params. Ownership: the values stay the caller's. Threads: the context's. */
BL_API bl_status bl_training_state_add_i64(bl_training_state *state, const char *name, int64_t *values,
                                           size_t count);
/* Adds `count` numbers, such as the best loss so far; NaN and infinities too. Returns: BL_OK or an error.
 * Errors, Ownership, Threads: as bl_training_state_add_i64. */
BL_API bl_status bl_training_state_add_f64(bl_training_state *state, const char *name, double *values,
                                           size_t count);
/* Adds `count` bytes, whatever they mean. Returns: BL_OK or an error. Errors, Ownership, Threads: as
 * bl_training_state_add_i64. */
BL_API bl_status bl_training_state_add_bytes(bl_training_state *state, const char *name, void *bytes,
                                             size_t count);
/* Adds a string that ends within `size` bytes, its 0 included; one that is loaded may be of another length,
 * as far as it fits. Returns: BL_OK or an error. Errors, Ownership, Threads: as bl_training_state_add_i64. */
BL_API bl_status bl_training_state_add_text(bl_training_state *state, const char *name, char *text,
                                            size_t size);

/* Writes everything that was added to a file, atomically: whatever happens, a killed process included, the
 * path is the old file or the new one (bl_tensor_file_write, which says what paths can be).
 * Returns: BL_OK or an error. Errors: as bl_tensor_file_write; BL_ERR_NOT_FOUND (the optimizer keeps
 * something for a parameter that no registry of the state has), BL_ERR_BUSY (a run writes a parameter),
 * BL_ERR_ARGUMENT (a text without an end; what makes two tensors of one name); kept by the state. Ownership:
 * unchanged. Threads: the context's. */
BL_API bl_status bl_training_state_save(bl_training_state *state, const char *path);

/* Reads everything that was added back from a file. File and state must have the same things, and of each the
 * same: the kind of optimizers and the number of their groups, names, shapes, dtypes, and ties: a name that
 * shares its parameter with another in one of the two must do so in the other (bl_params_tie,
 * bl_params_untie), whichever of them is canonical. Only what an optimizer keeps may be more or less: it is
 * made where the file has it, and is as at first where the file has not. All that differs is told through
 * `options` (NULL: the defaults) and, as far as there is room, in the message; the code is that of the first
 * problem. Either everything is loaded or, after an error, nothing has changed.
 * Returns: BL_OK or an error. Errors: as bl_tensor_file_open; BL_ERR_FORMAT (no training state, or values
 * that none can have), BL_ERR_UNSUPPORTED (a version of the format that is unknown), those of
 * bl_training_problem, BL_ERR_BUSY (a run uses a parameter), BL_ERR_MEMORY; kept by the state. Ownership:
 * unchanged. Threads: the context's. */
BL_API bl_status bl_training_state_load(bl_training_state *state, const char *path,
                                        const bl_training_load_options *options);

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_training_load_options bl_training_load_defaults(void);

BL_END_DECLS

#endif
