/* A list of tokens that grows. */
#ifndef LANGUAGE_MODEL_IDS_H
#define LANGUAGE_MODEL_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero bytes is an empty one. */
typedef struct ids {
    int32_t *at;
    size_t count;
    size_t room;
} ids;

/* Returns false without memory; the list is then as before. */
bool ids_append(ids *list, int32_t id);

void ids_free(ids *freed);

/* Bytes that grow. */
typedef struct characters {
    char *at;
    size_t count;
    size_t room;
} characters;

bool characters_append(characters *list, const char *bytes, size_t count);

void characters_free(characters *freed);

#endif
