/* The hash table: uthash with the context's allocator, and running out of memory as an ordinary result. */
#include "graph/table.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* uthash allocates inside its macros: they see the `allocator` of the function that uses them. */
#define HASH_NONFATAL_OOM       1
#define uthash_malloc(bytes)    bl__allocate(allocator, 1, (bytes))
#define uthash_free(ptr, bytes) bl__release(allocator, (ptr), 1, (bytes))
#include <uthash.h>

typedef struct bl__entry {
    void *value;
    UT_hash_handle hh;
    char key[]; /* terminated; the handle knows its length */
} bl__entry;

static void release_entry(const bl_allocator *allocator, bl__entry *entry)
{
    bl__release(allocator, entry, 1, sizeof(*entry) + entry->hh.keylen + 1);
}

void bl__table_init(bl__table *table, const bl_allocator *allocator)
{
    *table = (bl__table){.allocator = allocator};
}

void bl__table_free(bl__table *table)
{
    const bl_allocator *allocator = table->allocator;
    HASH_CLEAR(hh, table->head);
    for (size_t i = 0; i < table->count; i++)
        release_entry(allocator, table->order[i]);
    bl__release(allocator, table->order, table->capacity, sizeof(bl__entry *));
    bl__table_init(table, allocator);
}

static bl__entry *find(const bl__table *table, const void *key, size_t bytes)
{
    bl__entry *entry = NULL;
    if (bytes < UINT_MAX)
        HASH_FIND(hh, table->head, key, (unsigned)bytes, entry);
    return entry;
}

void *bl__table_find(const bl__table *table, const void *key, size_t bytes)
{
    const bl__entry *entry = find(table, key, bytes);
    return entry ? entry->value : NULL;
}

const char *bl__table_insert(bl__table *table, const void *key, size_t bytes, void *value)
{
    const bl_allocator *allocator = table->allocator;
    if (bytes >= UINT_MAX) /* uthash counts the bytes of a key in an unsigned */
        return NULL;
    if (table->count == table->capacity &&
        !bl__grow(allocator, &table->order, &table->capacity, sizeof(bl__entry *)))
        return NULL;
    bl__entry *entry = bl__allocate(allocator, 1, sizeof(*entry) + bytes + 1);
    if (!entry)
        return NULL;
    entry->value = value;
    memcpy(entry->key, key, bytes);
    HASH_ADD_KEYPTR(hh, table->head, entry->key, (unsigned)bytes, entry);
    if (!entry->hh.tbl) { /* how uthash says that it had no memory */
        release_entry(allocator, entry);
        return NULL;
    }
    table->order[table->count++] = entry;
    return entry->key;
}

void bl__table_remove(bl__table *table, const void *key, size_t bytes)
{
    const bl_allocator *allocator = table->allocator;
    bl__entry *entry = find(table, key, bytes);
    if (!entry)
        return;
    size_t at = table->count - 1;
    while (table->order[at] != entry)
        at--;
    memmove(&table->order[at], &table->order[at + 1], (table->count - at - 1) * sizeof(bl__entry *));
    table->count--;
    HASH_DELETE(hh, table->head, entry);
    release_entry(allocator, entry);
}

void *bl__table_at(const bl__table *table, size_t index, const char **key)
{
    if (index >= table->count)
        return NULL;
    if (key)
        *key = table->order[index]->key;
    return table->order[index]->value;
}
