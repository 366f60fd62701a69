/* The context: allocator and last error. Everything hangs on one; there is no other state. */
#ifndef BOWLINE_CONTEXT_H
#define BOWLINE_CONTEXT_H

#include "error.h"

BL_BEGIN_DECLS

typedef struct bl_context bl_context;

/* Where all memory of a context comes from. `allocate` gives `bytes` (> 0) aligned to `alignment` (a power of
 * two, at most 64) or NULL; `release` takes back a block with the same `bytes`. They are called from the
 * threads that use the context's objects. */
typedef struct bl_allocator {
    void *(*allocate)(void *user, size_t bytes, size_t alignment);
    void (*release)(void *user, void *block, size_t bytes);
    void *user;
} bl_allocator;

typedef struct bl_context_options {
    bl_allocator allocator;
} bl_context_options;

/* The options of a context that the caller does not wish to edit: the C library's allocator.
 * Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_context_options bl_context_defaults(void);

/* A new context. One context serves one thread at a time; different contexts are independent.
 * Returns: the context, or NULL when there is no memory or an option is unusable. `options` NULL: defaults.
 * Errors: none is kept. Ownership: the caller's, until bl_context_free. Threads: any. */
BL_API bl_context *bl_context_new(const bl_context_options *options);

/* Gives the context back. Graphs, parameters, optimizers and programs made from it stay usable: its memory
 * goes when the last of them is freed, so the order of frees does not matter. NULL is allowed. Returns:
 * nothing. Errors: none. Ownership: takes `context`. Threads: the context's. */
BL_API void bl_context_free(bl_context *context);

/* The most recent error of any object of the context; its code is BL_OK when there was none.
 * Returns: a record that lives as long as the context and changes with the next error; never NULL
 * (for a NULL context, a record with BL_ERR_ARGUMENT).
 * Errors: none. Ownership: the context's. Threads: the context's. */
BL_API const bl_error *bl_context_error(const bl_context *context);

/* Forgets the context's last error.
 * Returns: nothing. Errors: none. Ownership: unchanged. Threads: the context's. */
BL_API void bl_context_clear_error(bl_context *context);

BL_END_DECLS

#endif
