/* Errors are values: codes, and the record that graphs, parameters, optimizers, programs and contexts keep.
 */
#ifndef BOWLINE_ERROR_H
#define BOWLINE_ERROR_H

#include "export.h"

#include <stddef.h>

BL_BEGIN_DECLS

/* The one place for codes and their texts. */
#define BL_STATUS_LIST(X)                          \
    X(BL_OK, "ok")                                 \
    X(BL_ERR_ARGUMENT, "invalid argument")         \
    X(BL_ERR_SHAPE, "shapes do not fit")           \
    X(BL_ERR_DTYPE, "dtypes do not fit")           \
    X(BL_ERR_OVERFLOW, "size too large")           \
    X(BL_ERR_INDEX, "index out of range")          \
    X(BL_ERR_NOT_FOUND, "name not found")          \
    X(BL_ERR_EXISTS, "name already taken")         \
    X(BL_ERR_GRADIENT, "no derivative")            \
    X(BL_ERR_STATE, "conflicting use of state")    \
    X(BL_ERR_STALE, "program is stale")            \
    X(BL_ERR_BUSY, "state in use by another run")  \
    X(BL_ERR_NOT_FINITE, "a value is not finite")  \
    X(BL_ERR_UNSUPPORTED, "not supported")         \
    X(BL_ERR_IO, "input or output failed")         \
    X(BL_ERR_FORMAT, "file is malformed")          \
    X(BL_ERR_BUDGET, "budget of memory too small") \
    X(BL_ERR_MEMORY, "out of memory")

typedef enum bl_status {
#define BL_STATUS_ENUM(code, text) code,
    BL_STATUS_LIST(BL_STATUS_ENUM)
#undef BL_STATUS_ENUM
    BL_STATUS_COUNT
} bl_status;

/* The first thing that went wrong with an object. `message` reads "bl_matmul: inner dimensions differ: ...".
 */
typedef struct bl_error {
    bl_status code;
    int line;         /* the caller's line, 0 when unknown */
    const char *file; /* the caller's file, NULL when unknown; a string of the caller's program */
    char op[48];      /* the builder or call that failed, such as "matmul"; empty when none */
    char scope[96];   /* the scope that was open, such as "block.0/attn"; empty at the top */
    char message[320];
} bl_error;

/* The name of a code, such as "BL_ERR_SHAPE"; a text for any value.
 * Returns: a constant string. Errors: none. Ownership: static. Threads: any. */
BL_API const char *bl_status_name(bl_status status);

/* The meaning of a code in a few words, such as "shapes do not fit".
 * Returns: a constant string. Errors: none. Ownership: static. Threads: any. */
BL_API const char *bl_status_text(bl_status status);

/* Writes "message (scope, file:line)" into text, always terminated when size > 0, cut when it does not fit.
 * Returns: the length that the whole text needs, without the terminator; 0 for NULL or BL_OK.
 * Errors: none. Ownership: the buffer stays the caller's and may be NULL when size is 0. Threads: any. */
BL_API size_t bl_error_format(const bl_error *error, char *text, size_t size);

BL_END_DECLS

#endif
