/* Learning the merges of byte pair encoding. Equal chunks are merged together, and only the chunks that have
 * the pair in them are looked at when it is merged, so that a merge costs what it changes. */
#include "bpe.h"

#include <stdlib.h>
#include <string.h>

/* A chunk that occurs `times` times, as tokens that are merged in place. */
typedef struct chunk {
    int64_t times;
    int count;
    int32_t *tokens;
} chunk;

/* A pair with how often it occurs now, and the chunks that had it at some time. */
typedef struct pair_count {
    bpe_pair pair;
    int64_t count;
    ids chunks;
} pair_count;

/* What a pair counted when it came onto the heap. Counts change, so the top is compared with the count of now
 * and put back when it differs. */
typedef struct ranked {
    int64_t count;
    bpe_pair pair;
    size_t which; /* of pairs */
} ranked;

typedef struct training {
    chunk *chunks;
    size_t chunk_count;
    int32_t *tokens; /* of all chunks */
    table known;     /* pair -> its place among pairs + 1 */
    pair_count *pairs;
    size_t pair_count, pair_room;
    ranked *heap;
    size_t heap_count, heap_room;
} training;

/* ---- the heap ---- */

static bool before(const ranked *a, const ranked *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    return a->pair.left != b->pair.left ? a->pair.left < b->pair.left : a->pair.right < b->pair.right;
}

static void *doubled(void *at, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return at;
    size_t wanted = *room ? 2 * *room : 1024;
    void *moved = realloc(at, wanted * size);
    if (moved)
        *room = wanted;
    return moved;
}

static bool push(training *t, size_t which)
{
    ranked *heap = doubled(t->heap, t->heap_count, &t->heap_room, sizeof *heap);
    if (!heap)
        return false;
    t->heap = heap;
    ranked added = {t->pairs[which].count, t->pairs[which].pair, which};
    size_t at = t->heap_count++;
    for (size_t parent; at > 0 && before(&added, &heap[parent = (at - 1) / 2]); at = parent)
        heap[at] = heap[parent];
    heap[at] = added;
    return true;
}

static ranked pop(training *t)
{
    ranked *heap = t->heap, first = heap[0], last = heap[--t->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < t->heap_count; at = child) {
        if (child + 1 < t->heap_count && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[at] = heap[child];
    }
    heap[at] = last;
    return first;
}

/* ---- counting ---- */

/* Where a pair stands among the pairs; SIZE_MAX without memory. */
static size_t place_of(training *t, bpe_pair pair)
{
    int64_t *place = table_take(&t->known, &pair, sizeof pair);
    if (!place)
        return SIZE_MAX;
    if (*place == 0) {
        pair_count *pairs = doubled(t->pairs, t->pair_count, &t->pair_room, sizeof *pairs);
        if (!pairs)
            return SIZE_MAX;
        t->pairs = pairs;
        pairs[t->pair_count++] = (pair_count){.pair = pair};
        *place = (int64_t)t->pair_count;
    }
    return (size_t)*place - 1;
}

/* Adds the pairs of a chunk, or takes them away: `times` is negative then. */
static bool count_pairs(training *t, size_t which, int64_t times)
{
    const chunk *counted = &t->chunks[which];
    for (int i = 0; i + 1 < counted->count; i++) {
        size_t place = place_of(t, (bpe_pair){counted->tokens[i], counted->tokens[i + 1]});
        if (place == SIZE_MAX)
            return false;
        pair_count *pair = &t->pairs[place];
        pair->count += times;
        bool noted = pair->chunks.count > 0 && pair->chunks.at[pair->chunks.count - 1] == (int32_t)which;
        if (times > 0 && !noted && !ids_append(&pair->chunks, (int32_t)which))
            return false;
    }
    return true;
}

static bool cut_chunks(training *t, const char *bytes, size_t size)
{
    table counts = {NULL};
    bool good = true;
    for (size_t at = 0, step = 0; good && at < size; at += step) {
        step = bpe_chunk(bytes + at, size - at);
        int64_t *count = table_take(&counts, bytes + at, step);
        good = count != NULL;
        if (count)
            ++*count;
    }
    size_t all = 0, length = 0;
    for (const table_entry *entry = table_first(&counts); entry; entry = table_next(entry)) {
        table_key(entry, &length);
        all += length;
    }
    t->chunks = calloc(table_count(&counts) + 1, sizeof *t->chunks);
    t->tokens = calloc(all + 1, sizeof *t->tokens);
    good = good && t->chunks && t->tokens && table_count(&counts) < INT32_MAX;
    int32_t *tokens = t->tokens;
    for (const table_entry *entry = table_first(&counts); good && entry; entry = table_next(entry)) {
        const char *key = table_key(entry, &length);
        t->chunks[t->chunk_count++] = (chunk){table_value(entry), (int)length, tokens};
        for (size_t i = 0; i < length; i++)
            *tokens++ = (unsigned char)key[i];
    }
    table_free(&counts);
    return good;
}

/* ---- merging ---- */

static bool has_pair(const chunk *searched, bpe_pair pair)
{
    for (int i = 0; i + 1 < searched->count; i++)
        if (searched->tokens[i] == pair.left && searched->tokens[i + 1] == pair.right)
            return true;
    return false;
}

static void replace(chunk *changed, bpe_pair pair, int32_t token)
{
    int kept = 0;
    for (int i = 0; i < changed->count; i++) {
        bool here =
            i + 1 < changed->count && changed->tokens[i] == pair.left && changed->tokens[i + 1] == pair.right;
        changed->tokens[kept++] = here ? token : changed->tokens[i];
        i += here;
    }
    changed->count = kept;
}

/* Puts the pairs of a chunk that the new token is part of onto the heap: only those are new. */
static bool push_new(training *t, const chunk *changed, int32_t token)
{
    for (int i = 0; i + 1 < changed->count; i++) {
        if (changed->tokens[i] != token && changed->tokens[i + 1] != token)
            continue;
        size_t place = place_of(t, (bpe_pair){changed->tokens[i], changed->tokens[i + 1]});
        if (place == SIZE_MAX || !push(t, place))
            return false;
    }
    return true;
}

static bool merge(training *t, size_t which, int32_t token)
{
    bpe_pair pair = t->pairs[which].pair;
    ids chunks = t->pairs[which].chunks; /* the list's own: pairs may move */
    t->pairs[which].chunks = (ids){NULL, 0, 0};
    bool good = true;
    for (size_t i = 0; good && i < chunks.count; i++) {
        size_t at = (size_t)chunks.at[i];
        chunk *changed = &t->chunks[at];
        if (!has_pair(changed, pair))
            continue;
        good = count_pairs(t, at, -changed->times);
        replace(changed, pair, token);
        good = good && count_pairs(t, at, changed->times) && push_new(t, changed, token);
    }
    ids_free(&chunks);
    return good;
}

/* The pair that occurs most often; SIZE_MAX when none occurs twice. */
static bool most_frequent(training *t, size_t *which)
{
    *which = SIZE_MAX;
    while (t->heap_count > 0) {
        ranked first = pop(t);
        int64_t count = t->pairs[first.which].count;
        if (count == first.count) {
            *which = count > 1 ? first.which : SIZE_MAX;
            return true;
        }
        if (count > 1 && count < first.count && !push(t, first.which))
            return false;
    }
    return true;
}

static bool learn(training *t, bpe_pair *merges, int64_t wanted, int64_t *found)
{
    for (size_t i = 0; i < t->chunk_count; i++)
        if (!count_pairs(t, i, t->chunks[i].times))
            return false;
    for (size_t i = 0; i < t->pair_count; i++)
        if (!push(t, i))
            return false;
    for (*found = 0; *found < wanted; ++*found) {
        size_t which = SIZE_MAX;
        if (!most_frequent(t, &which))
            return false;
        if (which == SIZE_MAX)
            return true;
        merges[*found] = t->pairs[which].pair;
        if (!merge(t, which, (int32_t)(BPE_BYTES + *found)))
            return false;
    }
    return true;
}

static void training_free(training *t)
{
    for (size_t i = 0; i < t->pair_count; i++)
        ids_free(&t->pairs[i].chunks);
    free(t->pairs);
    free(t->heap);
    free(t->chunks);
    free(t->tokens);
    table_free(&t->known);
}

bool bpe_train(bpe *made, const char *bytes, size_t size, int64_t tokens)
{
    training t = {.heap_count = 0};
    int64_t wanted = tokens > BPE_BYTES ? tokens - BPE_BYTES : 0, found = 0;
    if (wanted > BPE_MERGES_MOST)
        wanted = BPE_MERGES_MOST;
    *made = (bpe){.merge_count = 0};
    bpe_pair *merges = malloc((size_t)(wanted + 1) * sizeof *merges);
    bool good = merges && cut_chunks(&t, bytes, size) && learn(&t, merges, wanted, &found) &&
                bpe_make(made, merges, found);
    training_free(&t);
    free(merges);
    return good;
}
