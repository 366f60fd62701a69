/* Lists that grow: of tokens, and of bytes. */
#include "ids.h"

#include <stdlib.h>
#include <string.h>

/* Memory for `needed` elements of a size, at least doubled so that appending costs the same on average. */
static void *grown(void *at, size_t *room, size_t needed, size_t size)
{
    if (needed <= *room)
        return at;
    size_t wanted = *room < 8 ? 16 : 2 * *room;
    if (wanted < needed)
        wanted = needed;
    void *moved = wanted > SIZE_MAX / size ? NULL : realloc(at, wanted * size);
    if (moved)
        *room = wanted;
    return moved;
}

bool ids_append(ids *list, int32_t id)
{
    int32_t *at = grown(list->at, &list->room, list->count + 1, sizeof *at);
    if (!at)
        return false;
    list->at = at;
    at[list->count++] = id;
    return true;
}

void ids_free(ids *freed)
{
    free(freed->at);
    *freed = (ids){NULL, 0, 0};
}

bool characters_append(characters *list, const char *bytes, size_t count)
{
    char *at = grown(list->at, &list->room, list->count + count + 1, 1);
    if (!at)
        return false;
    list->at = at;
    if (count > 0)
        memcpy(at + list->count, bytes, count);
    list->count += count;
    at[list->count] = '\0'; /* so that it can be printed */
    return true;
}

void characters_free(characters *freed)
{
    free(freed->at);
    *freed = (characters){NULL, 0, 0};
}
