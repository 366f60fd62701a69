/* Private. The context, and how an object of it reports an error. */
#ifndef BOWLINE_GRAPH_CONTEXT_H
#define BOWLINE_GRAPH_CONTEXT_H

#include "bowline/context.h"
#include "graph/memory.h"
#include "graph/pool.h"

#include <stdarg.h>
#include <stdatomic.h>

/* What every program begins with. A context has one of its own, without a program behind it, for bl_compile
 * to give when it fails. */
typedef struct bl__program_head {
    bl_context *context;
    bool valid; /* a whole bl_program stands here */
    bl_error error;
} bl__program_head;

struct bl__pattern;

enum {
    BL__CACHE_BUCKETS = 64 /* a power of two */
};

/* Programs that nobody holds, by the hash of what they were compiled from: exec/cache.c. They hold neither
 * the context nor parameters. */
typedef struct bl__cache {
    struct bl__pattern *buckets[BL__CACHE_BUCKETS];
    struct bl__pattern *newest, *oldest; /* by the time they were put in */
    void (*clear)(bl_context *context);  /* set by the first program that comes in */
    size_t most_programs, most_bytes;
    bl_cache_info info;
} bl__cache;

/* Everything hangs on it. `references` counts the caller's handle and every object made from the context. */
struct bl_context {
    bl_allocator allocator;
    int threads;    /* that a run may use, its caller's included */
    bl__pool *pool; /* made when a program first has work for several; see bl__context_pool */
    bl_instruction_set instruction_set; /* of programs that do not name one */
    bl_error error;                     /* the most recent of any object */
    const bl_error *error_owner; /* the object's record it was copied from; only compared, never read */
    atomic_size_t references;
    atomic_uint_fast64_t next_id; /* of parameters and registries; never used again */
    uint64_t namings;             /* moves on when a parameter gets or loses a name */
    bl__program_head failed_program;
    bl__cache cache;
};

bl_context *bl__context_retain(bl_context *context);
void bl__context_release(bl_context *context);

/* The pool, made anew when it has fewer threads; NULL without memory. */
bl__pool *bl__context_pool(bl_context *context, int threads);

/* Reports an error of an object: into `own` when that is still free (own may be NULL), and into the context's
 * last error. The message becomes "bl_OP: text", or the text alone when op is NULL. Returns the status. */
bl_status bl__report(bl_context *context, bl_error *own, bl_status status, const char *op, const char *scope,
                     const char *format, ...) BL_PRINTF(6, 7);
bl_status bl__report_list(bl_context *context, bl_error *own, bl_status status, const char *op,
                          const char *scope, const char *format, va_list arguments) BL_PRINTF(6, 0);
/* Makes `error`, reported before, the context's last error again. */
void bl__report_again(bl_context *context, const bl_error *error);
/* Fills in the caller's place in `own`, and in the context's copy of it, unless it is known already. */
void bl__report_place(bl_context *context, bl_error *own, const char *file, int line);

#endif
