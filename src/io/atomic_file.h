/* Private. Writing a file so that at its path stands the old one or the whole new one at any time: all
 * writers of this library go through here. */
#ifndef BOWLINE_IO_ATOMIC_FILE_H
#define BOWLINE_IO_ATOMIC_FILE_H

#include "io/caller.h"

/* A temporary file beside the path, on its way to it. After a failure further calls do nothing, so only the
 * end has to be looked at. */
typedef struct bl__atomic_file {
    const bl__caller *caller;
    const char *path; /* as given, for messages */
    char *target;     /* the path with symbolic links followed */
    size_t target_size;
    char *temporary;
    size_t temporary_size;
    unsigned char *buffer; /* what is not written yet */
    size_t used;
    uint64_t written; /* bytes so far, those in the buffer too */
    int descriptor;   /* -1: none */
    bool replaces;    /* an older file stands there */
    bool placed;      /* the new file is at the path */
    bl_status status;
} bl__atomic_file;

/* Begins. `path` stays the caller's until the end; an error is reported. */
bl_status bl__atomic_open(bl__atomic_file *file, const bl__caller *caller, const char *path);
/* Appends bytes. */
bl_status bl__atomic_write(bl__atomic_file *file, const void *data, size_t bytes);
/* Ends: flushes all to the disk and puts the file in its place. After an error, now or before, there is
 * nothing left of it. (Where only the folder's flush fails, the new file is in its place, whole, but may not
 * outlive a loss of power: that too is an error.) */
bl_status bl__atomic_commit(bl__atomic_file *file);
/* Ends, and drops what was written. */
void bl__atomic_abandon(bl__atomic_file *file);

#endif
