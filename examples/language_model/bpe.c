/* Byte pair encoding: chunks, there and back. bpe_train.c learns the merges. */
#include "bpe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- chunks ---- */

typedef enum kind {
    KIND_SPACE,
    KIND_LETTER,
    KIND_DIGIT,
    KIND_MARK
} kind;

static kind kind_of(char byte)
{
    unsigned char code = (unsigned char)byte;
    if (code == ' ' || (code >= '\t' && code <= '\r'))
        return KIND_SPACE;
    if ((code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || code >= 0x80)
        return KIND_LETTER;
    return code >= '0' && code <= '9' ? KIND_DIGIT : KIND_MARK;
}

/* 's, 't, 're, 've, 'm, 'll or 'd: the bytes of what begins here, 0 for anything else. */
static size_t contraction_size(const char *bytes, size_t size)
{
    static const char *const ends[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t length = strlen(ends[i]);
        if (size >= length && memcmp(bytes, ends[i], length) == 0)
            return length;
    }
    return 0;
}

size_t bpe_chunk(const char *bytes, size_t size)
{
    size_t contraction = contraction_size(bytes, size), end = 0;
    if (contraction > 0)
        return contraction;
    if (size > BPE_CHUNK_MOST)
        size = BPE_CHUNK_MOST;
    if (size > 1 && bytes[0] == ' ' && kind_of(bytes[1]) != KIND_SPACE)
        end = 1;
    for (kind run = end < size ? kind_of(bytes[end]) : KIND_SPACE; end < size && kind_of(bytes[end]) == run;)
        end++;
    bool followed = end < size && kind_of(bytes[end - 1]) == KIND_SPACE;
    return followed && end > 1 ? end - 1 : end;
}

/* ---- the tokenizer ---- */

/* The bytes of every token, each made from two earlier ones. */
static bool expand(bpe *made)
{
    size_t count = (size_t)(BPE_BYTES + made->merge_count);
    made->expanded = calloc(count, sizeof *made->expanded);
    made->sizes = calloc(count, sizeof *made->sizes);
    if (!made->expanded || !made->sizes)
        return false;
    for (size_t i = 0; i < count; i++) {
        bpe_pair pair = i < BPE_BYTES ? (bpe_pair){0, 0} : made->merges[i - BPE_BYTES];
        size_t left = i < BPE_BYTES ? 1 : made->sizes[pair.left];
        size_t right = i < BPE_BYTES ? 0 : made->sizes[pair.right];
        char *bytes = left + right <= BPE_CHUNK_MOST ? malloc(left + right) : NULL;
        if (!bytes)
            return false;
        made->expanded[i] = bytes;
        made->sizes[i] = left + right;
        if (i < BPE_BYTES) {
            bytes[0] = (char)i;
            continue;
        }
        memcpy(bytes, made->expanded[pair.left], left);
        memcpy(bytes + left, made->expanded[pair.right], right);
    }
    return true;
}

static bool copy_merges(bpe *made, const bpe_pair *merges, int64_t count)
{
    made->merges = malloc((count ? (size_t)count : 1) * sizeof *merges);
    if (!made->merges)
        return false;
    for (int64_t i = 0; i < count; i++) {
        int64_t tokens = BPE_BYTES + i;
        bpe_pair pair = merges[i];
        if (pair.left < 0 || pair.left >= tokens || pair.right < 0 || pair.right >= tokens)
            return false;
        int64_t *token = table_take(&made->ranks, &pair, sizeof pair);
        if (!token || *token != 0)
            return false;
        *token = tokens;
        made->merges[i] = pair;
        made->merge_count = i + 1;
    }
    return expand(made);
}

bool bpe_make(bpe *made, const bpe_pair *merges, int64_t count)
{
    *made = (bpe){.merge_count = 0};
    if (count >= 0 && count <= BPE_MERGES_MOST && copy_merges(made, merges, count))
        return true;
    bpe_free(made);
    return false;
}

void bpe_free(bpe *freed)
{
    for (int64_t i = 0; freed->expanded && i < BPE_BYTES + freed->merge_count; i++)
        free(freed->expanded[i]);
    free(freed->expanded);
    free(freed->sizes);
    free(freed->merges);
    table_free(&freed->ranks);
    *freed = (bpe){.merge_count = 0};
}

/* ---- encoding ---- */

/* A chunk that is being merged: its tokens as a list in which those that were merged away are jumped over,
 * and the merges that could be done as a heap whose top is the earliest merge, of equal ones the leftmost
 * place. A merge done makes at most two new ones, so the heap never takes more than two entries a byte. */
typedef struct candidate {
    int64_t token; /* that it would make; a lower one was found earlier */
    int at;        /* the place of its left half */
    int32_t left, right;
} candidate;

typedef struct merging {
    const bpe *coder;
    int32_t token[BPE_CHUNK_MOST]; /* -1: merged into the one to its left */
    int next[BPE_CHUNK_MOST], previous[BPE_CHUNK_MOST];
    int count;
    candidate heap[3 * BPE_CHUNK_MOST];
    int heap_count;
    int64_t work;
} merging;

static bool before(const candidate *a, const candidate *b)
{
    return a->token != b->token ? a->token < b->token : a->at < b->at;
}

static void swap(candidate *a, candidate *b)
{
    candidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Notes the merge of the token at a place with the one to its right, where there is such. */
static void propose(merging *m, int at)
{
    int right = at >= 0 ? m->next[at] : m->count;
    m->work++;
    if (right >= m->count)
        return;
    bpe_pair pair = {m->token[at], m->token[right]};
    const int64_t *made = table_find(&m->coder->ranks, &pair, sizeof pair);
    if (!made)
        return;
    int child = m->heap_count++;
    m->heap[child] = (candidate){*made, at, pair.left, pair.right};
    for (int parent; child > 0 && before(&m->heap[child], &m->heap[parent = (child - 1) / 2]);
         child = parent) {
        swap(&m->heap[child], &m->heap[parent]);
        m->work++;
    }
}

static candidate take_first(merging *m)
{
    candidate first = m->heap[0];
    m->heap[0] = m->heap[--m->heap_count];
    for (int parent = 0;;) {
        int child = 2 * parent + 1;
        m->work++;
        if (child + 1 < m->heap_count && before(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (child >= m->heap_count || !before(&m->heap[child], &m->heap[parent]))
            return first;
        swap(&m->heap[child], &m->heap[parent]);
        parent = child;
    }
}

static void merge_chunk(merging *m, const char *bytes, size_t size)
{
    m->count = (int)size;
    m->heap_count = 0;
    for (int i = 0; i < m->count; i++) {
        m->token[i] = (unsigned char)bytes[i];
        m->next[i] = i + 1;
        m->previous[i] = i - 1;
    }
    for (int i = 0; i < m->count; i++)
        propose(m, i);
    while (m->heap_count > 0) {
        candidate first = take_first(m);
        int right = m->token[first.at] == first.left ? m->next[first.at] : m->count;
        if (right >= m->count || m->token[right] != first.right)
            continue; /* one of the two has been merged meanwhile */
        m->token[first.at] = (int32_t)first.token;
        m->token[right] = -1;
        m->next[first.at] = m->next[right];
        if (m->next[right] < m->count)
            m->previous[m->next[right]] = first.at;
        propose(m, m->previous[first.at]);
        propose(m, first.at);
    }
}

bool bpe_encode(const bpe *coder, const char *bytes, size_t size, ids *out, int64_t *work)
{
    merging *m = malloc(sizeof *m);
    bool good = m != NULL;
    if (m) {
        m->coder = coder;
        m->work = 0;
    }
    for (size_t at = 0, step = 0; good && at < size; at += step) {
        step = bpe_chunk(bytes + at, size - at);
        merge_chunk(m, bytes + at, step);
        for (int i = 0; good && i < m->count; i = m->next[i])
            good = ids_append(out, m->token[i]);
    }
    if (work && m)
        *work += m->work;
    free(m);
    return good;
}

bool bpe_decode(const bpe *coder, const int32_t *tokens, size_t count, characters *out)
{
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || tokens[i] >= BPE_BYTES + coder->merge_count)
            return false;
        if (!characters_append(out, coder->expanded[tokens[i]], coder->sizes[tokens[i]]))
            return false;
    }
    return true;
}

/* ---- as lines ---- */

void bpe_write(const bpe *coder, FILE *file)
{
    for (int64_t i = 0; i < coder->merge_count; i++)
        fprintf(file, "%" PRId32 " %" PRId32 "\n", coder->merges[i].left, coder->merges[i].right);
}

bool bpe_read(bpe *out, FILE *file, int64_t count)
{
    *out = (bpe){.merge_count = 0};
    bpe_pair *merges =
        count >= 0 && count <= BPE_MERGES_MOST ? malloc((size_t)(count + 1) * sizeof *merges) : NULL;
    bool good = merges != NULL;
    for (int64_t i = 0; good && i < count; i++) {
        char end = 0;
        good = fscanf(file, "%7" SCNd32 " %7" SCNd32 "%c", &merges[i].left, &merges[i].right, &end) == 3 &&
               end == '\n';
    }
    good = good && bpe_make(out, merges, count);
    free(merges);
    return good;
}
