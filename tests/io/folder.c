/* A temporary folder: see folder.h. */
#define _POSIX_C_SOURCE 200809L
#include "io/folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

/* The paths that were asked for. */
static struct path {
    struct path *next;
    char text[];
} * paths;

void folder_open(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/bowline-io-XXXXXX", base && *base ? base : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
}

static bool hidden(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int folder_clear(void)
{
    int count = 0;
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened && (entry = readdir(opened));) {
        if (!hidden(entry->d_name))
            count += unlink(folder_path(entry->d_name)) == 0 || rmdir(folder_path(entry->d_name)) == 0;
    }
    if (opened)
        closedir(opened);
    return count;
}

void folder_close(void)
{
    folder_clear();
    rmdir(folder);
    while (paths) {
        struct path *next = paths->next;
        free(paths);
        paths = next;
    }
}

const char *folder_path(const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    for (struct path *one = paths; one; one = one->next) {
        if (strcmp(one->text + strlen(folder) + 1, name) == 0)
            return one->text;
    }
    struct path *made = malloc(sizeof(*made) + size);
    cr_assert_not_null(made);
    snprintf(made->text, size, "%s/%s", folder, name);
    made->next = paths;
    paths = made;
    return made->text;
}

void folder_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

unsigned char *folder_read(const char *path, size_t *size)
{
    struct stat found;
    FILE *file = fopen(path, "rb");
    cr_assert(file && stat(path, &found) == 0, "%s", path);
    *size = (size_t)found.st_size;
    unsigned char *bytes = malloc(*size + 1);
    cr_assert_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

bool folder_has_only(const char *name, ...)
{
    size_t wanted = 0, found = 0, others = 0;
    va_list names;
    va_start(names, name);
    for (const char *one = name; one; one = va_arg(names, const char *)) {
        wanted++;
        found += access(folder_path(one), F_OK) == 0;
    }
    va_end(names);
    DIR *opened = opendir(folder);
    for (struct dirent *entry; opened && (entry = readdir(opened));)
        others += !hidden(entry->d_name);
    if (opened)
        closedir(opened);
    return found == wanted && others == wanted;
}
