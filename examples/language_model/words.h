/* The tokenizer whose tokens are words. */
#ifndef LANGUAGE_MODEL_WORDS_H
#define LANGUAGE_MODEL_WORDS_H

#include "ids.h"
#include "table.h"

#include <stdio.h>

enum {
    WORD_UNKNOWN = 0, /* <unk>: what is not in the vocabulary */
    WORD_END = 1,     /* <eos>: the end of a line with words in it */
    WORDS_OWN         /* of these */
};

/* A vocabulary: <unk>, <eos>, then words, the most frequent first.
 *
 * A word is a run of letters, digits and characters beyond ASCII, an apostrophe or hyphen between two of them
 * included; any other character that is no white space is a token of its own, and so are those of Unicode's
 * general punctuation. ASCII letters are made small, as in the papers' text. */
typedef struct words {
    table known; /* word -> token */
    const char **names;
    int64_t count;
} words;

typedef struct words_options {
    int64_t most;  /* tokens of the vocabulary, <unk> and <eos> included; 0: no bound */
    int64_t least; /* times that a word has to occur */
} words_options;

/* The vocabulary of a text. Of words that occur as often, the one whose bytes are lower comes first. Returns
 * false without memory. */
bool words_make(words *made, const char *bytes, size_t size, const words_options *options);

/* Appends the tokens of a text. Returns false without memory. */
bool words_encode(const words *vocabulary, const char *bytes, size_t size, ids *out);

/* Appends the text of tokens, with spaces where they belong as far as tokens tell; <eos> is the end of a
 * line. Returns false without memory or for a token that there is not. */
bool words_decode(const words *vocabulary, const int32_t *tokens, size_t count, characters *out);

/* The vocabulary as lines. words_read gives false for what words_write has not written, and without memory.
 */
void words_write(const words *vocabulary, FILE *file);
bool words_read(words *out, FILE *file, int64_t count);

void words_free(words *freed);

#endif
