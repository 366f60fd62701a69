/* Private. On whose behalf files are read and written: where errors go, and what they begin with. */
#ifndef BOWLINE_IO_CALLER_H
#define BOWLINE_IO_CALLER_H

#include "graph/context.h"

typedef struct bl__caller {
    bl_context *context;
    bl_error *own;  /* of the caller's object, or NULL */
    const char *op; /* "tensor_file_open" */
} bl__caller;

/* Reports an error and returns its code. */
bl_status bl__caller_fail(const bl__caller *caller, bl_status status, const char *format, ...)
    BL_PRINTF(3, 4);
/* "PATH: WHAT: the meaning of errno", BL_ERR_IO; or BL_ERR_MEMORY when that is what `code` says. */
bl_status bl__caller_fail_io(const bl__caller *caller, const char *path, const char *what, int code);

/* As much of a path's end as messages have room for. */
const char *bl__path_end(const char *path);
/* A path with its last part, the file's name, replaced, in a block of *size bytes; NULL without memory. */
char *bl__path_beside(const bl_allocator *allocator, const char *path, const char *name, size_t *size);

#endif
