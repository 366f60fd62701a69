/* The text that is learned, and its three parts. Each function says on stderr what went wrong. */
#ifndef LANGUAGE_MODEL_TEXT_H
#define LANGUAGE_MODEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text in UTF-8, lines ended by '\n'; not empty, without zero bytes. */
typedef struct text {
    char *bytes;
    size_t size;
} text;

typedef enum part {
    PART_TRAINING,
    PART_VALIDATION,
    PART_TEST,
    PARTS
} part;

extern const char *const part_names[PARTS];

/* The King James Bible, a verse a line, as Debian's program `bible` tells it. */
bool text_of_bible(text *out);

/* A file. A byte order mark at its beginning is left out. */
bool text_of_file(text *out, const char *path);

/* Whether bytes are what `text` promises; `name` is what to call them where not. */
bool text_check(const char *bytes, size_t size, const char *name);

void text_free(text *freed);

/* Shortens the text to its first words: runs of bytes between white space. What ends the line of the last one
 * stays, nothing behind it. Returns how many words there are now. */
int64_t text_keep_words(text *shortened, int64_t words);

/* Where the parts begin: part p is the bytes from begin[p] to begin[p + 1]. The first nine tenths of the
 * bytes are for training, the next twentieth is for validation, the last one for the test. A cut is moved on
 * to the next beginning of a line; where a part would have to end for that, to that of a word, and if need be
 * of a character. It depends on nothing but the text. */
typedef struct split {
    size_t begin[PARTS + 1];
} split;

split text_split(const text *whole);

#endif
