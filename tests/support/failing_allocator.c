/* The allocator for tests: see failing_allocator.h. */
#include "support/failing_allocator.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stands in the 64 bytes before a block. */
typedef struct header {
    uint64_t mark;
    size_t bytes;
    void *block; /* what to free */
} header;

enum {
    ROOM = 64,
    TAIL = 16, /* bytes behind the block that nobody may write */
    FRESH = 0xa5,
    STALE = 0xdd,
    GUARD = 0x5c
};

/* More than any test has use for: the machine would have to be asked, and sanitizers end the process. */
static const size_t most_bytes = (size_t)1 << 30;

static const uint64_t live_mark = 0x6c69766520626c6bu, dead_mark = 0x6465616420626c6bu;

static void complain(failing_allocator *a, const char *text)
{
    if (!a->complaint)
        a->complaint = text;
}

static bool refused(failing_allocator *a)
{
    a->calls++;
    return a->fail_at > 0 && (a->calls == a->fail_at || (a->keep_failing && a->calls > a->fail_at));
}

static void *allocate(void *user, size_t bytes, size_t alignment)
{
    failing_allocator *a = user;
    unsigned char *data = NULL;
    pthread_mutex_lock(&a->lock);
    if (bytes == 0)
        complain(a, "0 bytes were asked for");
    if (alignment == 0 || alignment > 64 || (alignment & (alignment - 1)) != 0)
        complain(a, "the alignment is not a power of two up to 64");
    if (!refused(a) && bytes <= most_bytes) {
        size_t all = (bytes + 2 * ROOM + TAIL + 63) / 64 * 64;
        unsigned char *block = aligned_alloc(64, all);
        if (block) {
            /* No more aligned than was asked for: 64 + 16 is a multiple of 16 only. */
            data = block + ROOM + (alignment < 64 ? alignment : 0);
            memset(data, FRESH, bytes);
            memset(data + bytes, GUARD, TAIL);
            header h = {live_mark, bytes, block};
            memcpy(data - sizeof(h), &h, sizeof(h));
            a->live_blocks++;
            a->live_bytes += bytes;
            a->most_bytes = a->live_bytes > a->most_bytes ? a->live_bytes : a->most_bytes;
        }
    }
    pthread_mutex_unlock(&a->lock);
    return data;
}

static void release(void *user, void *data, size_t bytes)
{
    failing_allocator *a = user;
    pthread_mutex_lock(&a->lock);
    header h;
    memcpy(&h, (unsigned char *)data - sizeof(h), sizeof(h));
    if (h.mark == live_mark) {
        const unsigned char *tail = (unsigned char *)data + h.bytes;
        for (size_t i = 0; i < TAIL; i++) {
            if (tail[i] != GUARD)
                complain(a, "a block was written beyond its end");
        }
        if (h.bytes != bytes)
            complain(a, "a block was released with other bytes than it was allocated with");
        a->live_blocks--;
        a->live_bytes -= h.bytes;
        memset(data, STALE, h.bytes);
        h.mark = dead_mark;
        memcpy((unsigned char *)data - sizeof(h), &h, sizeof(h));
        free(h.block);
    } else {
        complain(a, h.mark == dead_mark ? "a block was released twice" : "no block begins here");
    }
    pthread_mutex_unlock(&a->lock);
}

void failing_allocator_init(failing_allocator *allocator)
{
    *allocator = (failing_allocator){.calls = 0};
    pthread_mutex_init(&allocator->lock, NULL);
}

void failing_allocator_fail(failing_allocator *allocator, long k, bool keep_failing)
{
    allocator->fail_at = allocator->calls + k;
    allocator->keep_failing = keep_failing;
}

void failing_allocator_relent(failing_allocator *allocator)
{
    allocator->fail_at = 0;
}

bool failing_allocator_has_failed(failing_allocator *allocator)
{
    return allocator->fail_at > 0 && allocator->calls >= allocator->fail_at;
}

bool failing_allocator_clean(failing_allocator *allocator, char *text, size_t size)
{
    snprintf(text, size, "%zu blocks of %zu bytes are live; %s", allocator->live_blocks,
             allocator->live_bytes, allocator->complaint ? allocator->complaint : "no misuse");
    return allocator->live_blocks == 0 && !allocator->complaint;
}

bl_context_options failing_allocator_options(failing_allocator *allocator)
{
    bl_context_options options = bl_context_defaults();
    options.allocator = (bl_allocator){allocate, release, allocator};
    return options;
}

bl_context *failing_allocator_context(failing_allocator *allocator)
{
    bl_context_options options = failing_allocator_options(allocator);
    return bl_context_new(&options);
}
