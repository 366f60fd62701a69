/* What the runs of a folder have in common: text, tokenizer, model, training. */
#ifndef LANGUAGE_MODEL_SETTINGS_H
#define LANGUAGE_MODEL_SETTINGS_H

#include "tokenizer.h"
#include "train.h"

/* All that the bits of a run depend on besides its tying and seed. */
typedef struct settings {
    int64_t text_bytes, text_hash; /* of the part of the text that is used */
    tokenizer_options tokens;
    model_options model; /* with the vocabulary that there is; its tying is each run's own */
    training_options training;
} settings;

/* A number for bytes that other bytes hardly have: FNV-1a, 64 bits. */
int64_t hash_of(const char *bytes, size_t size);

/* A file of lines "key value". Each says on stderr what went wrong. */
bool settings_save(const settings *saved, const char *path);
bool settings_load(settings *out, const char *path);

/* Whether two are the same; where not, `different` is what differs: "lr is 1, not 0.5". */
bool settings_equal(const settings *a, const settings *b, char *different, size_t size);

#endif
