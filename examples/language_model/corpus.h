/* A text as tokens, in its three parts. */
#ifndef LANGUAGE_MODEL_CORPUS_H
#define LANGUAGE_MODEL_CORPUS_H

#include "text.h"
#include "tokenizer.h"

#include <bowline/bowline.h>

typedef struct corpus {
    tokenizer coder;         /* made from the training part alone */
    ids encoded[PARTS];      /* until corpus_store */
    bl_tokens *parts[PARTS]; /* from then on: files, mapped into memory */
    int64_t words;           /* of the whole text, between white space */
    int64_t unknown[PARTS];  /* tokens that are <unk> */
    int64_t bytes[PARTS];
    int64_t text_hash;
    int64_t text_bytes;
} corpus;

/* Makes the corpus of a text, of which only the first words are used (0: all). Says on stderr what went
 * wrong, and then there is nothing to free. */
bool corpus_make(corpus *made, text *whole, int64_t most_words, const tokenizer_options *options);

/* Writes the tokenizer, tokenizer.txt, and a file of tokens for each part, such as training.tokens, to a
 * folder, and reads tokens from there. Says on stderr what went wrong. */
bool corpus_store(corpus *stored, bl_context *context, const char *folder);

void corpus_free(corpus *freed);

#endif
