/* Private. A context's pool of threads: takes a task that is cut into parts, of which each thread picks one
 * after the other, mostly neighbours. Which thread takes which part is chance, so parts must not depend on
 * each other. */
#ifndef BOWLINE_GRAPH_POOL_H
#define BOWLINE_GRAPH_POOL_H

#include "graph/memory.h"

typedef struct bl__pool bl__pool;

/* Does one part; `worker`, below the number of threads asked for, is another in each thread of the moment. */
typedef void bl__task(const void *work, int64_t part, int worker);

/* The CPUs that this process may use; at least 1. */
int bl__available_cpus(void);

/* A pool for up to `threads` threads, the caller's included, which start here. Those that cannot be made are
 * missing, and nothing else. NULL without memory. */
bl__pool *bl__pool_new(const bl_allocator *allocator, int threads);
/* The threads that it was made for. */
int bl__pool_threads(const bl__pool *pool);
/* Ends the threads; NULL is allowed. */
void bl__pool_free(bl__pool *pool);

/* Has parts 0 .. parts-1 done by at most `threads` threads, the caller's being worker 0, and returns when all
 * are done. A pool of NULL has the caller only. In a child of fork() the pool makes itself new threads. */
void bl__pool_run(bl__pool *pool, int threads, int64_t parts, bl__task *task, const void *work);

#endif
