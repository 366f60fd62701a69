/* Errors of files, and paths. */
#define _POSIX_C_SOURCE 200809L /* strerror_r */
#include "io/caller.h"

#include <errno.h>
#include <string.h>

enum {
    PATH_SHOWN = 120
};

bl_status bl__caller_fail(const bl__caller *caller, bl_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bl__report_list(caller->context, caller->own, status, caller->op, NULL, format, arguments);
    va_end(arguments);
    return status;
}

bl_status bl__caller_fail_io(const bl__caller *caller, const char *path, const char *what, int code)
{
    char text[96];
    if (strerror_r(code, text, sizeof(text)) != 0)
        text[0] = '\0';
    return bl__caller_fail(caller, code == ENOMEM ? BL_ERR_MEMORY : BL_ERR_IO, "%s: %s: %s",
                           bl__path_end(path), what, text);
}

const char *bl__path_end(const char *path)
{
    size_t length = strlen(path);
    return length > PATH_SHOWN ? path + (length - PATH_SHOWN) : path;
}

char *bl__path_beside(const bl_allocator *allocator, const char *path, const char *name, size_t *size)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0, tail = strlen(name) + 1;
    *size = folder + tail;
    char *made = bl__allocate(allocator, *size, 1);
    if (!made)
        return NULL;
    memcpy(made, path, folder);
    memcpy(made + folder, name, tail);
    return made;
}
