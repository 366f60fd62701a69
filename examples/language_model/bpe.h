/* The tokenizer whose tokens are bytes and what was merged from them: byte-level byte pair encoding.
 * Source: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; Radford et al.
 * 2019, "Language Models are Unsupervised Multitask Learners". */
#ifndef LANGUAGE_MODEL_BPE_H
#define LANGUAGE_MODEL_BPE_H

#include "ids.h"
#include "table.h"

#include <stdio.h>

enum {
    BPE_BYTES = 256,      /* tokens 0 to 255 are the bytes */
    BPE_CHUNK_MOST = 128, /* bytes that are encoded together */
    BPE_MERGES_MOST = 1 << 20
};

/* What one token was merged from. */
typedef struct bpe_pair {
    int32_t left, right;
} bpe_pair;

/* The merges in the order in which they were found: merge i makes token 256 + i. */
typedef struct bpe {
    bpe_pair *merges;
    int64_t merge_count;
    table ranks;     /* pair -> the token that it makes */
    char **expanded; /* the bytes of each token, 256 + merge_count of them */
    size_t *sizes;
} bpe;

/* The chunk that begins at the first byte. A text is cut into chunks before anything is merged, and no token
 * reaches over a cut: a run of letters, of digits or of other marks, each with one space before it if there
 * is one; 's, 't, 're, 've, 'm, 'll and 'd; a run of white space, whose last one is left out where something
 * else follows; at most BPE_CHUNK_MOST bytes. So GPT-2 cuts text in ASCII; bytes beyond ASCII count as
 * letters here. */
size_t bpe_chunk(const char *bytes, size_t size);

/* Learns merges from a text until there are `tokens` tokens or no pair occurs twice. The pair that occurs
 * most often is merged next; of equal ones that with the lower left token, then the lower right one. Hence
 * the same text gives the same merges anywhere. Returns false without memory. */
bool bpe_train(bpe *made, const char *bytes, size_t size, int64_t tokens);

/* Makes the tokenizer of a list of merges, which is copied. Returns false without memory, or when a merge
 * names a token that does not exist before it, or one that another has made already. */
bool bpe_make(bpe *made, const bpe_pair *merges, int64_t count);

/* Makes GPT-2's tokenizer from its merges.txt: lines of two tokens, a space between them, whose bytes are
 * written as characters that can be seen. Says on stderr what went wrong, and then there is nothing to free.
 */
bool bpe_of_gpt2(bpe *made, const char *path);

/* GPT-2 numbers the bytes in another order; merges have the same numbers. */
int32_t bpe_to_gpt2(int32_t token);
int32_t bpe_from_gpt2(int32_t token);

/* Appends the tokens of bytes, whatever they are: in each chunk the earliest merge that fits is done first,
 * the leftmost of equal ones. Takes a time of n log m, n the bytes and m those of the longest chunk, which is
 * bounded. `work` is what was looked at so far, in steps of that time, unless NULL. Returns false without
 * memory. */
bool bpe_encode(const bpe *coder, const char *bytes, size_t size, ids *out, int64_t *work);

/* Appends the bytes of tokens: those that were encoded. Returns false without memory or for a token that
 * there is not. */
bool bpe_decode(const bpe *coder, const int32_t *tokens, size_t count, characters *out);

/* The merges as lines. bpe_read gives false for what bpe_write has not written, and without memory. */
void bpe_write(const bpe *coder, FILE *file);
bool bpe_read(bpe *out, FILE *file, int64_t merges);

void bpe_free(bpe *freed);

#endif
