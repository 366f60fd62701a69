/* A hash table from bytes to a number. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* Without this, uthash ends the process when there is no memory. An entry that it could not take in says so.
 */
#define HASH_NONFATAL_OOM          1
#define uthash_nonfatal_oom(entry) ((entry)->refused = true)
#include <uthash.h>

struct table_entry {
    UT_hash_handle hh;
    int64_t value;
    size_t bytes;
    bool refused;
    char key[];
};

int64_t *table_find(const table *searched, const void *key, size_t bytes)
{
    table_entry *found = NULL;
    HASH_FIND(hh, searched->first, key, bytes, found);
    return found ? &found->value : NULL;
}

int64_t *table_take(table *changed, const void *key, size_t bytes)
{
    int64_t *known = table_find(changed, key, bytes);
    if (known)
        return known;
    table_entry *made = calloc(1, sizeof *made + bytes + 1);
    if (!made)
        return NULL;
    memcpy(made->key, key, bytes);
    made->bytes = bytes;
    HASH_ADD_KEYPTR(hh, changed->first, made->key, bytes, made);
    if (made->refused) {
        free(made);
        return NULL;
    }
    return &made->value;
}

size_t table_count(const table *counted)
{
    return HASH_COUNT(counted->first);
}

const table_entry *table_first(const table *walked)
{
    return walked->first;
}

const table_entry *table_next(const table_entry *entry)
{
    return entry->hh.next;
}

const char *table_key(const table_entry *entry, size_t *bytes)
{
    if (bytes)
        *bytes = entry->bytes;
    return entry->key;
}

int64_t table_value(const table_entry *entry)
{
    return entry->value;
}

void table_free(table *freed)
{
    table_entry *entry = NULL, *next = NULL;
    HASH_ITER (hh, freed->first, entry, next) {
        HASH_DEL(freed->first, entry);
        free(entry);
    }
    freed->first = NULL;
}
