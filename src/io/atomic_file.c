/* Atomic files: temporary file, write, fsync, rename, fsync of the folder. Until that is through, the old
 * file keeps a second name, so that it can come back. */
#define _XOPEN_SOURCE 700 /* realpath, O_CLOEXEC */
#include "io/atomic_file.h"
#include "graph/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUFFER = 1 << 16,
    LARGEST_WRITE = 1 << 30, /* Linux writes no more than 2 GiB at once */
    NAMES_TRIED = 100
};

static bl_status fail_io(bl__atomic_file *file, const char *what, int code)
{
    return file->status = bl__caller_fail_io(file->caller, file->path, what, code);
}

/* ---- where it goes ---- */

/* Finds the file that the path means, and the permissions of the one that stands there, -1 for none. */
static bl_status resolve(bl__atomic_file *file, int *mode)
{
    struct stat found;
    char followed[PATH_MAX];
    const char *target = file->path;
    *mode = -1;
    if (lstat(file->path, &found) == 0 && S_ISLNK(found.st_mode)) {
        target = realpath(file->path, followed);
        if (!target)
            return fail_io(file, "the symbolic link cannot be followed", errno);
    }
    if (stat(target, &found) == 0) {
        /* A rename would replace a device as well. */
        if (!S_ISREG(found.st_mode))
            return file->status = bl__caller_fail(file->caller, BL_ERR_ARGUMENT, "%s: no regular file",
                                                  bl__path_end(file->path));
        *mode = (int)(found.st_mode & 07777);
        file->replaces = true;
    }
    const bl_allocator *allocator = &file->caller->context->allocator;
    file->target_size = strlen(target) + 1;
    file->temporary_size = 2 * (file->target_size + 48); /* its name, and that of the old file behind it */
    file->target = bl__allocate(allocator, file->target_size, 1);
    file->temporary = bl__allocate(allocator, file->temporary_size, 1);
    file->buffer = bl__allocate_data(allocator, BUFFER);
    if (!file->target || !file->temporary || !file->buffer)
        return file->status = bl__caller_fail(file->caller, BL_ERR_MEMORY, "no memory to write %s",
                                              bl__path_end(file->path));
    memcpy(file->target, target, file->target_size);
    return BL_OK;
}

/* Makes the temporary file, under a name that is free. */
static bl_status make_temporary(bl__atomic_file *file, int mode)
{
    for (int i = 0; i < NAMES_TRIED; i++) {
        bl__text_add(&(bl__text){file->temporary, file->temporary_size, 0}, "%s.tmp.%lld.%d", file->target,
                     (long long)getpid(), i);
        file->descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->descriptor >= 0 || errno != EEXIST)
            break;
    }
    if (file->descriptor < 0) {
        int code = errno;
        file->temporary[0] = '\0'; /* what stands there is not ours */
        return fail_io(file, "a temporary file beside it cannot be made", code);
    }
    if (mode >= 0 && fchmod(file->descriptor, (mode_t)mode) != 0)
        return fail_io(file, "the permissions of the old file cannot be given to the new one", errno);
    return BL_OK;
}

static void release(bl__atomic_file *file)
{
    const bl_allocator *allocator = &file->caller->context->allocator;
    bl__release_data(allocator, file->buffer, BUFFER);
    bl__release(allocator, file->temporary, file->temporary_size, 1);
    bl__release(allocator, file->target, file->target_size, 1);
    file->buffer = NULL;
    file->temporary = file->target = NULL;
}

bl_status bl__atomic_open(bl__atomic_file *file, const bl__caller *caller, const char *path)
{
    int mode;
    *file = (bl__atomic_file){.caller = caller, .path = path, .descriptor = -1};
    if (!path[0])
        return file->status = bl__caller_fail(caller, BL_ERR_ARGUMENT, "the path is empty");
    if (resolve(file, &mode) == BL_OK)
        make_temporary(file, mode);
    if (file->status != BL_OK)
        bl__atomic_abandon(file);
    return file->status;
}

/* ---- writing ---- */

static bl_status write_all(bl__atomic_file *file, const unsigned char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t done = write(file->descriptor, data, bytes < LARGEST_WRITE ? bytes : LARGEST_WRITE);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) /* nothing written and no reason given would go on for ever */
            return fail_io(file, "cannot be written", done < 0 ? errno : EIO);
        data += done;
        bytes -= (size_t)done;
    }
    return BL_OK;
}

static bl_status flush(bl__atomic_file *file)
{
    size_t used = file->used;
    file->used = 0;
    return write_all(file, file->buffer, used);
}

bl_status bl__atomic_write(bl__atomic_file *file, const void *data, size_t bytes)
{
    if (file->status != BL_OK || bytes == 0)
        return file->status;
    file->written += bytes;
    bool whole = bytes > BUFFER / 2; /* past the buffer, which has to go before it */
    if ((whole || bytes > BUFFER - file->used) && flush(file) != BL_OK)
        return file->status;
    if (whole)
        return write_all(file, data, bytes);
    memcpy(file->buffer + file->used, data, bytes);
    file->used += bytes;
    return BL_OK;
}

/* ---- the end ---- */

/* Opens the folder of the target; -1 with the error noted. */
static int open_folder(bl__atomic_file *file)
{
    const char *folder = ".";
    char *slash = strrchr(file->target, '/');
    if (slash == file->target) {
        folder = "/";
    } else if (slash) {
        *slash = '\0';
        folder = file->target;
    }
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (slash)
        *slash = '/';
    if (descriptor < 0)
        fail_io(file, "its folder cannot be opened", errno);
    return descriptor;
}

static int sync_retrying(int descriptor)
{
    int result;
    do
        result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    return result;
}

/* Everything up to the rename. */
static bl_status finish(bl__atomic_file *file)
{
    if (flush(file) != BL_OK)
        return file->status;
    if (sync_retrying(file->descriptor) != 0)
        return fail_io(file, "cannot be flushed to the disk", errno);
    int closed = close(file->descriptor);
    file->descriptor = -1;
    if (closed != 0 && errno != EINTR)
        return fail_io(file, "cannot be closed", errno);
    return BL_OK;
}

/* Takes the new file away again, whose folder cannot be flushed: the old one comes back under its name, or
 * there is none, as before. Where neither can be, the new one stays. */
static void take_back(bl__atomic_file *file, bool keeps, const char *kept)
{
    int code = errno;
    bool back = keeps ? rename(kept, file->target) == 0 : !file->replaces && unlink(file->target) == 0;
    file->placed = !back;
    fail_io(file,
            back ? "its folder cannot be flushed to the disk"
                 : "was written, but its folder cannot be flushed to the disk",
            code);
    if (keeps && !back)
        unlink(kept);
}

/* Puts the new file in the old one's place. A file system without second names has no way back. */
static void place(bl__atomic_file *file, int folder)
{
    char *kept = file->temporary + strlen(file->temporary) + 1;
    bl__text_add(&(bl__text){kept, file->temporary_size - strlen(file->temporary) - 1, 0}, "%s.old",
                 file->temporary);
    bool keeps = file->replaces && link(file->target, kept) == 0;
    if (rename(file->temporary, file->target) != 0) {
        fail_io(file, "the new file cannot take the old one's place", errno);
        if (keeps)
            unlink(kept);
        return;
    }
    file->placed = true;
    if (sync_retrying(folder) != 0 && errno != EINVAL) /* EINVAL: the file system has no such thing */
        take_back(file, keeps, kept);
    else if (keeps)
        unlink(kept);
}

bl_status bl__atomic_commit(bl__atomic_file *file)
{
    /* The folder is opened first: after the rename only its flush can fail. */
    int folder = file->status == BL_OK ? open_folder(file) : -1;
    if (file->status == BL_OK && finish(file) == BL_OK)
        place(file, folder);
    if (folder >= 0)
        close(folder);
    if (file->status != BL_OK && !file->placed)
        bl__atomic_abandon(file);
    else
        release(file);
    return file->status;
}

void bl__atomic_abandon(bl__atomic_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    file->descriptor = -1;
    if (file->temporary && file->temporary[0])
        unlink(file->temporary);
    release(file);
}
