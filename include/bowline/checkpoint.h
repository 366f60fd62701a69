/* Checkpoints: the parameters and buffers of a registry in a safetensors file, each stored once with its
 * other names as metadata, and back again without losing a tie. */
#ifndef BOWLINE_CHECKPOINT_H
#define BOWLINE_CHECKPOINT_H

#include "parameters.h"
#include "tensor_file.h"

BL_BEGIN_DECLS

typedef struct bl_save_options {
    const char *prefix; /* stands before each name in the file; default "" */
    bl_dtype floats; /* what f32 and f64 are stored as: a float dtype; default BL_DTYPE_COUNT: as they are */
    bl_tensor_file_options file; /* metadata besides the aliases, and the size of shards */
} bl_save_options;

/* What can be wrong between a file and a registry. */
typedef enum bl_load_problem_kind {
    BL_LOAD_MISSING,    /* the file has no tensor of any of a parameter's names */
    BL_LOAD_UNEXPECTED, /* the registry has no parameter of a tensor's name */
    BL_LOAD_SHAPE,      /* shapes differ */
    BL_LOAD_DTYPE,      /* dtypes differ, and no conversion was asked for or there is none */
    BL_LOAD_VALUE,      /* a conversion would lose a value, or a bool is neither 0 nor 1 */
    BL_LOAD_UNEQUAL,    /* the file has several names of one parameter, with other values */
    BL_LOAD_UNTIED      /* one tensor of the file is for several parameters */
} bl_load_problem_kind;

/* One thing that is wrong. */
typedef struct bl_load_problem {
    bl_load_problem_kind kind;
    bool refused;        /* the load fails for it; else it is only told, as `strict` off asks */
    const char *name;    /* without the scope and the prefix */
    const char *other;   /* of BL_LOAD_UNEQUAL and BL_LOAD_UNTIED the other name; else NULL */
    const char *message; /* all of it in words: "head.bias f32 [10] is missing" */
} bl_load_problem;

typedef struct bl_load_options {
    const char *prefix; /* names in the file begin with it, what does not is left alone; default "" */
    bool strict;        /* default true. False: what is missing stays as it is, what is unexpected is passed
                           over, and one tensor fills all parameters that the file ties to it */
    bool convert;       /* default false. True: other dtypes are converted, by the rules of bl_stored_read */
    /* Is told each problem, in the order of the registry and then of the file, before the call returns; the
     * texts are good until it does. It must not use the registry. Default NULL. */
    void (*report)(void *user, const bl_load_problem *problem);
    void *user;
} bl_load_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_save_options bl_save_defaults(void);
/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_load_options bl_load_defaults(void);

/* Writes the parameters and buffers below the registry's open scope (all of them, when none is open) to a
 * safetensors file, atomically (bl_tensor_file_write). A parameter is stored once, under its canonical name
 * or else the first that the registry has for it; its other names stand in the file's metadata as alias ->
 * stored name, as safetensors' save_model for PyTorch writes them. Metadata "format": "pt" is added, which
 * Hugging Face's loaders ask for. `options` NULL: the defaults. Returns: BL_OK or an error. Errors: as
 * bl_tensor_file_write, kept by the registry; BL_ERR_BUSY (a run writes a parameter), BL_ERR_EXISTS (an alias
 * is a key of the metadata that were given). Ownership: unchanged. Threads: the context's. Source:
 * safetensors 0.4 bindings/python/py_src/safetensors/torch.py. */
BL_API bl_status bl_params_save(bl_params *params, const char *path, const bl_save_options *options);

/* Reads the values of the parameters and buffers below the registry's open scope from a safetensors file, or
 * a sharded set by its index. A parameter is filled by the tensor of any of its names, whether the file has
 * it or says by its metadata which tensor it is; where several lead to one parameter, they must be equal, bit
 * for bit. A file in which one tensor is for several parameters is refused: tie them (bl_params_tie), or turn
 * `strict` off to fill all. Either all values are loaded or, after an error, none. The first problem's code
 * is the error's, and its message lists as many as it has room for and the number of the others; `report` is
 * told all. `options` NULL: the defaults. Returns: BL_OK or an error. Errors: as bl_tensor_file_open;
 * BL_ERR_NOT_FOUND (missing, unexpected), BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_OVERFLOW or BL_ERR_FORMAT (a
 * value), BL_ERR_STATE (unequal, untied), BL_ERR_BUSY (a run uses a parameter), BL_ERR_ARGUMENT,
 * BL_ERR_MEMORY; kept by the registry. Ownership: unchanged. Threads: the context's. */
BL_API bl_status bl_params_load(bl_params *params, const char *path, const bl_load_options *options);

BL_END_DECLS

#endif
