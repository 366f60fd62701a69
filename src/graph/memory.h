/* Private. All memory: blocks from the context's allocator, arenas, and checked products of sizes. */
#ifndef BOWLINE_GRAPH_MEMORY_H
#define BOWLINE_GRAPH_MEMORY_H

#include "bowline/context.h"

#include <stdbool.h>
#include <stdint.h>

#define BL__ALIGNMENT ((size_t)64) /* of tensor data: a cache line, and the widest vector register */

/* The C library's allocator. */
bl_allocator bl__default_allocator(void);

/* A zeroed block of count * size bytes, aligned for any type; NULL without memory, on overflow, or for 0
 * bytes. */
void *bl__allocate(const bl_allocator *allocator, size_t count, size_t size);
/* The same, not zeroed, aligned to 64 bytes, for tensor data. */
void *bl__allocate_data(const bl_allocator *allocator, size_t bytes);
/* Gives back either kind; NULL is allowed. */
void bl__release(const bl_allocator *allocator, void *block, size_t count, size_t size);
void bl__release_data(const bl_allocator *allocator, void *block, size_t bytes);

/* An array of at least `wanted` elements in place of *array_pointer's: the first *capacity are copied, the
 * rest are not set. False without memory, and then nothing has changed. */
bool bl__reserve(const bl_allocator *allocator, void *array_pointer, size_t *capacity, size_t wanted,
                 size_t size);
/* The same, with twice the capacity, at least 16. */
bool bl__grow(const bl_allocator *allocator, void *array_pointer, size_t *capacity, size_t size);

/* a * b and a + b into *out; false when they overflow. */
bool bl__multiply(int64_t a, int64_t b, int64_t *out);
bool bl__multiply_size(size_t a, size_t b, size_t *out);

/* Grows in chunks, frees all at once; a reset keeps the chunks. */
typedef struct bl__chunk {
    struct bl__chunk *next;
    size_t capacity; /* bytes of data */
    _Alignas(64) unsigned char data[];
} bl__chunk;
typedef struct bl__arena {
    const bl_allocator *allocator;
    bl__chunk *first;
    bl__chunk *current; /* chunks after it are empty, kept for reuse */
    size_t used;        /* bytes of the current chunk */
} bl__arena;

/* A place in an arena to go back to. */
typedef struct bl__arena_mark {
    bl__chunk *chunk;
    size_t used;
} bl__arena_mark;

void bl__arena_init(bl__arena *arena, const bl_allocator *allocator);
void bl__arena_free(bl__arena *arena);
void bl__arena_reset(bl__arena *arena);
/* Bytes that the arena holds from the allocator. */
size_t bl__arena_bytes(const bl__arena *arena);
bl__arena_mark bl__arena_position(const bl__arena *arena);
void bl__arena_rewind(bl__arena *arena, bl__arena_mark mark);
/* `bytes` not zeroed and aligned to `alignment`, a power of two up to 64; NULL without memory. 0 bytes give a
 * valid pointer. */
void *bl__arena_take_slowly(bl__arena *arena, size_t bytes, size_t alignment);
/* The same, aligned to 16 (or to 64). */
static inline void *bl__arena_take(bl__arena *arena, size_t bytes)
{
    bl__chunk *chunk = arena->current;
    size_t start = (arena->used + 15) & ~(size_t)15;
    if (!chunk || start > chunk->capacity || bytes > chunk->capacity - start)
        return bl__arena_take_slowly(arena, bytes, 16);
    arena->used = start + bytes;
    return chunk->data + start;
}
void *bl__arena_take_aligned(bl__arena *arena, size_t bytes);
/* Takes a block where one of `bytes` was taken before the arena was reset; false, and nothing changed, unless
 * that is where the next one comes to stand. */
bool bl__arena_take_again(bl__arena *arena, const void *block, size_t bytes);
/* A copy of a string; NULL without memory. */
char *bl__arena_string(bl__arena *arena, const char *text);

#endif
