/* The context: allocator and last error. Everything hangs on one; there is no other state. */
#ifndef BOWLINE_CONTEXT_H
#define BOWLINE_CONTEXT_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

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

/* The instructions of the processor that the kernels of a program are made of. Within one set a program gives
 * the same bits every time; from set to set the last bits of exp and its kin may differ. */
typedef enum bl_instruction_set {
    BL_ISA_DEFAULT, /* of a program: its context's; of a context: the best that run */
    BL_ISA_PLAIN,   /* C alone, and the C library's functions: any processor */
    BL_ISA_SSE2,    /* any x86-64 */
    BL_ISA_AVX2,    /* AVX2 and FMA */
    BL_ISA_AVX512   /* AVX-512 F, BW, DQ and VL */
} bl_instruction_set;

enum {
    BL_ISA_COUNT = BL_ISA_AVX512 + 1
};

/* Whether programs can use an instruction set here: this build has kernels of it and the processor runs them.
 * Returns: true for BL_ISA_DEFAULT and BL_ISA_PLAIN anywhere. Errors: none. Ownership: none. Threads: any. */
BL_API bool bl_instruction_set_runs(bl_instruction_set set);

/* Returns: "avx2", "plain" and so on; "unknown" for a number that is none. Errors: none. Ownership: a
 * literal. Threads: any. */
BL_API const char *bl_instruction_set_name(bl_instruction_set set);

typedef struct bl_context_options {
    bl_allocator allocator;
    int threads;            /* that one run may use, the caller's own included; 1 or more */
    size_t cached_programs; /* freed programs kept for the next compile of the same: at most so many, default
                               64; 0: none. See bl_program_free */
    size_t cached_bytes;    /* and at most so many bytes of theirs, default 64 MiB */
    bl_instruction_set instruction_set; /* of programs that do not name one; default BL_ISA_DEFAULT */
} bl_context_options;

/* The options of a context that the caller does not wish to edit: the C library's allocator, the defaults
 * named above, and as many threads as this process may use CPUs. The threads are the context's own; they are
 * made when a program is compiled that has work for several, take no signals, sleep while there is nothing to
 * do, and end with the context. A program's bits do not depend on how many there are. Returns: the options.
 * Errors: none. Ownership: a value. Threads: any. */
BL_API bl_context_options bl_context_defaults(void);

/* A new context. One context serves one thread at a time; different contexts are independent.
 * Returns: the context, or NULL when there is no memory or an option is unusable. `options` NULL: defaults.
 * Errors: none is kept. Ownership: the caller's, until bl_context_free. Threads: any. */
BL_API bl_context *bl_context_new(const bl_context_options *options);

/* The threads that a run may use. Returns: the number, 0 for a NULL context. Errors: none. Ownership: none.
 * Threads: any. */
BL_API int bl_context_threads(const bl_context *context);

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

/* What the context keeps of freed programs, and how often that helped. */
typedef struct bl_cache_info {
    uint64_t hits;   /* compiles that were given a kept program */
    uint64_t misses; /* compiles that made a new one */
    size_t programs; /* kept now */
    size_t bytes;    /* of theirs */
} bl_cache_info;

/* The state of the context's program cache. Zeros for NULL.
 * Returns: the numbers. Errors: none. Ownership: a value. Threads: the context's. */
BL_API bl_cache_info bl_context_cache_info(const bl_context *context);

/* Gives back the memory of all programs that the context keeps. Programs in the caller's hands are left as
 * they are. Returns: nothing. Errors: none. Ownership: unchanged. Threads: the context's. */
BL_API void bl_context_cache_clear(bl_context *context);

BL_END_DECLS

#endif
