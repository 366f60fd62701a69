/* An allocator for tests: counts what is live, checks what is given back, and fails where it is told to. */
#ifndef TESTS_SUPPORT_FAILING_ALLOCATOR_H
#define TESTS_SUPPORT_FAILING_ALLOCATOR_H

#include "bowline/context.h"

#include <pthread.h>
#include <stdbool.h>

/* New blocks hold 0xa5 and released ones 0xdd, so that reading either shows. `complaint` is the first misuse:
 * an alignment that is no power of two up to 64, a release of other bytes than were allocated, a block
 * released twice or written beyond its end. */
typedef struct failing_allocator {
    pthread_mutex_t lock;
    long calls;        /* of allocate, failed ones too */
    long fail_at;      /* the call that fails, counted from 1; 0: none */
    bool keep_failing; /* so do all after it */
    size_t live_blocks;
    size_t live_bytes;
    size_t most_bytes; /* live at once */
    const char *complaint;
} failing_allocator;

/* Begins anew, with nothing live and nothing failing. */
void failing_allocator_init(failing_allocator *allocator);

/* Fails the k-th call from now on. */
void failing_allocator_fail(failing_allocator *allocator, long k, bool keep_failing);

/* Fails none from now on. */
void failing_allocator_relent(failing_allocator *allocator);

/* Whether the failure that was asked for has happened. */
bool failing_allocator_has_failed(failing_allocator *allocator);

/* Nothing is live and nothing was misused; else `text` says what. */
bool failing_allocator_clean(failing_allocator *allocator, char *text, size_t size);

/* Options of a context over it, and such a context. */
bl_context_options failing_allocator_options(failing_allocator *allocator);
bl_context *failing_allocator_context(failing_allocator *allocator);

#endif
