/* What the tests went through: see counts.h. */
#include "support/counts.h"

#include <stdio.h>
#include <stdlib.h>

void counts_add(const char *name, int64_t count)
{
    const char *path = getenv("BOWLINE_COUNTS");
    FILE *file = path && *path ? fopen(path, "a") : NULL;
    if (!file)
        return;
    fprintf(file, "%s %lld\n", name, (long long)count);
    fclose(file);
}
