/* All memory of the library: the one file that knows how blocks are laid out. */
#define _DEFAULT_SOURCE /* madvise */
#include "graph/memory.h"

#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

/* From here on a block stands on large pages where the system has them: the first touch of a long tape, a
 * program or a workspace is mostly page faults otherwise. */
#define LARGE_PAGE ((size_t)1 << 21)

/* More is refused before an allocator is asked: rounding it up to an alignment cannot overflow. */
#define LARGEST_BLOCK ((size_t)INT64_MAX - LARGE_PAGE)

static void *default_allocate(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    bool large = bytes >= LARGE_PAGE;
    if (large)
        alignment = LARGE_PAGE;
    size_t whole = (bytes + alignment - 1) / alignment * alignment;
    void *block = aligned_alloc(alignment, whole);
#if defined(MADV_HUGEPAGE)
    if (block && large)
        madvise(block, whole, MADV_HUGEPAGE); /* a hint: where it is refused, nothing is lost */
#endif
    return block;
}

static void default_release(void *user, void *block, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(block);
}

bl_allocator bl__default_allocator(void)
{
    return (bl_allocator){default_allocate, default_release, NULL};
}

void *bl__allocate(const bl_allocator *allocator, size_t count, size_t size)
{
    size_t bytes;
    if (!bl__multiply_size(count, size, &bytes) || bytes == 0 || bytes > LARGEST_BLOCK)
        return NULL;
    void *block = allocator->allocate(allocator->user, bytes, _Alignof(max_align_t));
    if (block)
        memset(block, 0, bytes);
    return block;
}

void *bl__allocate_data(const bl_allocator *allocator, size_t bytes)
{
    if (bytes == 0 || bytes > LARGEST_BLOCK)
        return NULL;
    return allocator->allocate(allocator->user, bytes, BL__ALIGNMENT);
}

void bl__release(const bl_allocator *allocator, void *block, size_t count, size_t size)
{
    if (block)
        allocator->release(allocator->user, block, count * size);
}

void bl__release_data(const bl_allocator *allocator, void *block, size_t bytes)
{
    if (block)
        allocator->release(allocator->user, block, bytes);
}

bool bl__reserve(const bl_allocator *allocator, void *array_pointer, size_t *capacity, size_t wanted,
                 size_t size)
{
    void *old, *block = NULL;
    size_t bytes;
    if (wanted <= *capacity)
        return true;
    memcpy(&old, array_pointer, sizeof(old));
    if (bl__multiply_size(wanted, size, &bytes))
        block = allocator->allocate(allocator->user, bytes, _Alignof(max_align_t));
    if (!block)
        return false;
    if (old)
        memcpy(block, old, *capacity * size);
    bl__release(allocator, old, *capacity, size);
    memcpy(array_pointer, &block, sizeof(block));
    *capacity = wanted;
    return true;
}

bool bl__grow(const bl_allocator *allocator, void *array_pointer, size_t *capacity, size_t size)
{
    size_t grown = 16;
    if (*capacity >= 16 && !bl__multiply_size(*capacity, 2, &grown))
        return false;
    return bl__reserve(allocator, array_pointer, capacity, grown, size);
}

bool bl__multiply(int64_t a, int64_t b, int64_t *out)
{
    if (a < 0 || b < 0 || (b > 0 && a > INT64_MAX / b))
        return false;
    *out = a * b;
    return true;
}

bool bl__multiply_size(size_t a, size_t b, size_t *out)
{
    if (b > 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* ---- arenas ---- */

#define FIRST_CHUNK   ((size_t)4096)
#define LARGEST_CHUNK (2 * LARGE_PAGE - sizeof(bl__chunk))

void bl__arena_init(bl__arena *arena, const bl_allocator *allocator)
{
    *arena = (bl__arena){.allocator = allocator};
}

void bl__arena_free(bl__arena *arena)
{
    for (bl__chunk *chunk = arena->first, *next; chunk; chunk = next) {
        next = chunk->next;
        bl__release_data(arena->allocator, chunk, sizeof(*chunk) + chunk->capacity);
    }
    arena->first = arena->current = NULL;
    arena->used = 0;
}

void bl__arena_reset(bl__arena *arena)
{
    arena->current = arena->first;
    arena->used = 0;
}

size_t bl__arena_bytes(const bl__arena *arena)
{
    size_t bytes = 0;
    for (const bl__chunk *chunk = arena->first; chunk; chunk = chunk->next)
        bytes += sizeof(*chunk) + chunk->capacity;
    return bytes;
}

bl__arena_mark bl__arena_position(const bl__arena *arena)
{
    return (bl__arena_mark){arena->current, arena->used};
}

void bl__arena_rewind(bl__arena *arena, bl__arena_mark mark)
{
    arena->current = mark.chunk ? mark.chunk : arena->first;
    arena->used = mark.chunk ? mark.used : 0;
}

/* Makes a chunk with room for `bytes` the current one: a kept one where it is large enough, else a new one.
 */
static bool next_chunk(bl__arena *arena, size_t bytes)
{
    bl__chunk *after = arena->current ? arena->current->next : arena->first;
    if (!after || after->capacity < bytes) {
        size_t capacity = arena->current ? arena->current->capacity * 4 : FIRST_CHUNK;
        if (capacity > LARGEST_CHUNK)
            capacity = LARGEST_CHUNK;
        if (capacity < bytes)
            capacity = bytes + FIRST_CHUNK; /* or what comes with a large block would need a chunk at once */
        if (capacity > (size_t)INT64_MAX / 2)
            return false;
        bl__chunk *chunk = bl__allocate_data(arena->allocator, sizeof(*chunk) + capacity);
        if (!chunk)
            return false;
        chunk->capacity = capacity;
        chunk->next = after;
        if (arena->current)
            arena->current->next = chunk;
        else
            arena->first = chunk;
        after = chunk;
    }
    arena->current = after;
    arena->used = 0;
    return true;
}

void *bl__arena_take_slowly(bl__arena *arena, size_t bytes, size_t alignment)
{
    if (bytes > (size_t)INT64_MAX / 2)
        return NULL;
    size_t start = (arena->used + alignment - 1) & ~(alignment - 1);
    if (!arena->current || start > arena->current->capacity || bytes > arena->current->capacity - start) {
        if (!next_chunk(arena, bytes ? bytes : 1))
            return NULL;
        start = 0;
    }
    arena->used = start + bytes;
    return arena->current->data + start;
}

void *bl__arena_take_aligned(bl__arena *arena, size_t bytes)
{
    return bl__arena_take_slowly(arena, bytes, BL__ALIGNMENT);
}

bool bl__arena_take_again(bl__arena *arena, const void *block, size_t bytes)
{
    bl__chunk *chunk = arena->current;
    size_t start = (arena->used + 15) & ~(size_t)15;
    if (chunk && chunk->data + start != block) { /* it had no room in this chunk */
        chunk = chunk->next;
        start = 0;
    }
    if (!chunk || chunk->data + start != block || start > chunk->capacity || bytes > chunk->capacity - start)
        return false;
    arena->current = chunk;
    arena->used = start + bytes;
    return true;
}

char *bl__arena_string(bl__arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = bl__arena_take(arena, bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}
