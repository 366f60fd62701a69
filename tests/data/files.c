/* Files for tests: see files.h. */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[128];

void open_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/bowline_data_XXXXXX", base && strlen(base) < 90 ? base : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    open_all();
}

void close_folder(void)
{
    close_all();
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        if (entry->d_name[0] != '.')
            unlink(path_of(entry->d_name));
    }
    closedir(listing);
    rmdir(folder);
}

const char *path_of(const char *name)
{
    static char paths[8][400];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

const char *write_file(const char *name, const void *bytes, size_t size)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    return path;
}
