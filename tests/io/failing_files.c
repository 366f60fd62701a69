/* File functions that fail: see failing_files.h. */
#define _POSIX_C_SOURCE 200809L
#include "io/failing_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls, fail_at;
static failing_mode mode;
static int code;
static const char *name;

void failing_files_begin(long k, failing_mode how, int with)
{
    calls = 0;
    fail_at = k;
    mode = how;
    code = with;
    name = "none";
}

bool failing_files_end(void)
{
    bool came = calls >= fail_at;
    fail_at = 0;
    return came;
}

const char *failing_files_name(void)
{
    return name;
}

/* Counts a call: whether it is the one. */
static bool its_turn(const char *function)
{
    if (fail_at == 0 || ++calls != fail_at)
        return false;
    name = function;
    return true;
}

static bool fails(const char *function)
{
    bool turn = its_turn(function) && mode == FAILING_ERROR;
    if (turn)
        errno = code;
    return turn;
}

int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int descriptor, const void *data, size_t bytes);
int __real_fsync(int descriptor);
int __real_close(int descriptor);
int __real_rename(const char *from, const char *to);
int __real_fchmod(int descriptor, mode_t permissions);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_write(int descriptor, const void *data, size_t bytes);
int __wrap_fsync(int descriptor);
int __wrap_close(int descriptor);
int __wrap_rename(const char *from, const char *to);
int __wrap_fchmod(int descriptor, mode_t permissions);

int __wrap_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t permissions = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails("open") ? -1 : __real_open(path, flags, permissions);
}

ssize_t __wrap_write(int descriptor, const void *data, size_t bytes)
{
    bool turn = its_turn("write");
    if (turn && (mode == FAILING_ERROR || mode == FAILING_INTERRUPTED)) {
        errno = mode == FAILING_INTERRUPTED ? EINTR : code;
        return -1;
    }
    if (turn && mode == FAILING_SHORT_FULL) {
        mode = FAILING_ERROR;
        fail_at++;
    }
    return __real_write(descriptor, data, turn && bytes > 1 ? bytes / 2 : bytes);
}

int __wrap_fsync(int descriptor)
{
    bool turn = its_turn("fsync");
    if (turn && (mode == FAILING_ERROR || mode == FAILING_INTERRUPTED)) {
        errno = mode == FAILING_INTERRUPTED ? EINTR : code;
        return -1;
    }
    return __real_fsync(descriptor);
}

/* A descriptor is closed even where close reports an error. */
int __wrap_close(int descriptor)
{
    bool failed = fails("close");
    int result = __real_close(descriptor);
    if (failed)
        errno = code;
    return failed ? -1 : result;
}

int __wrap_rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : __real_rename(from, to);
}

int __wrap_fchmod(int descriptor, mode_t permissions)
{
    return fails("fchmod") ? -1 : __real_fchmod(descriptor, permissions);
}
