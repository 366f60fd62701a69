/* A hash table from bytes to a number, which remembers the order in which keys came: the one wrapper of
 * uthash. */
#ifndef LANGUAGE_MODEL_TABLE_H
#define LANGUAGE_MODEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct table_entry table_entry;

/* All zero bytes is an empty one. */
typedef struct table {
    table_entry *first;
} table;

/* The number of a key, to be read and set; NULL when the key is not there. */
int64_t *table_find(const table *searched, const void *key, size_t bytes);

/* The same; a key that is not there yet is added with 0. NULL without memory. */
int64_t *table_take(table *changed, const void *key, size_t bytes);

size_t table_count(const table *counted);

/* The entry that came first, and the one that came after another; NULL at the end. */
const table_entry *table_first(const table *walked);
const table_entry *table_next(const table_entry *entry);

/* The entry's key, terminated by a zero that does not count, and its number. */
const char *table_key(const table_entry *entry, size_t *bytes);
int64_t table_value(const table_entry *entry);

void table_free(table *freed);

#endif
