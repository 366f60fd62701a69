/* Private. A hash table that remembers the order of insertion; the one wrapper of uthash. */
#ifndef BOWLINE_GRAPH_TABLE_H
#define BOWLINE_GRAPH_TABLE_H

#include "graph/memory.h"

/* Bytes (a name, an id) to pointers. Keys are copied; what the values point at is the caller's. */
typedef struct bl__table {
    const bl_allocator *allocator;
    struct bl__entry *head;   /* uthash's handle on all of them */
    struct bl__entry **order; /* by insertion */
    size_t count;
    size_t capacity; /* of `order` */
} bl__table;

void bl__table_init(bl__table *table, const bl_allocator *allocator);
void bl__table_free(bl__table *table);

/* The value of a key; NULL when there is none. */
void *bl__table_find(const bl__table *table, const void *key, size_t bytes);

/* Adds a key that is not there yet and returns the table's copy of it, terminated by a zero. NULL without
 * memory, and then nothing has changed. */
const char *bl__table_insert(bl__table *table, const void *key, size_t bytes, void *value);

/* Takes a key out, if it is there. Needs no memory. */
void bl__table_remove(bl__table *table, const void *key, size_t bytes);

/* Value `index` in the order of insertion, and its key through `key` unless NULL; NULL past the end. */
void *bl__table_at(const bl__table *table, size_t index, const char **key);

#endif
