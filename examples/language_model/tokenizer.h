/* A tokenizer of either kind, in a file beside the model. Each function says on stderr what went wrong. */
#ifndef LANGUAGE_MODEL_TOKENIZER_H
#define LANGUAGE_MODEL_TOKENIZER_H

#include "bpe.h"
#include "words.h"

typedef enum tokenizer_kind {
    TOKENIZER_WORDS,
    TOKENIZER_BPE
} tokenizer_kind;

typedef struct tokenizer {
    tokenizer_kind kind;
    words words; /* of the two the one that kind says */
    bpe bpe;
} tokenizer;

typedef struct tokenizer_options {
    tokenizer_kind kind;
    int64_t tokens; /* at most so many, > 0 */
    int64_t least;  /* times that a word has to occur */
} tokenizer_options;

/* Made from a text, which should be that for training. */
bool tokenizer_make(tokenizer *made, const char *bytes, size_t size, const tokenizer_options *options);

/* How many tokens there are: they are 0 to this, exclusive. */
int64_t tokenizer_size(const tokenizer *asked);

/* Appends the tokens of a text, and the text of tokens. */
bool tokenizer_encode(const tokenizer *used, const char *bytes, size_t size, ids *out);
bool tokenizer_decode(const tokenizer *used, const int32_t *tokens, size_t count, characters *out);

/* The token of a word for looking things up, without the space before it; -1 when it has not one token. */
int32_t tokenizer_find(const tokenizer *used, const char *word);

/* What a token is, for people: the word, or its bytes, those that are no characters of ASCII as \xNN. */
void tokenizer_name(const tokenizer *used, int32_t token, char *text, size_t size);

/* A text file: one line that says what it is, then a line a word or a merge. Written to another name first
 * and renamed, so that it is there whole or not at all. */
bool tokenizer_save(const tokenizer *saved, const char *path);
bool tokenizer_load(tokenizer *out, const char *path);

void tokenizer_free(tokenizer *freed);

#endif
