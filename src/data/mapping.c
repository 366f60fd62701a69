/* Files mapped into memory: see mapping.h. */
#define _POSIX_C_SOURCE 200809L
#include "data/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bl_status bl__report_file(bl_context *context, const char *op, const char *path, const char *doing, int code)
{
    char text[128] = "unknown error";
    (void)strerror_r(code, text, sizeof(text)); /* what does not fit is cut */
    return bl__report(context, NULL, BL_ERR_IO, op, NULL, "cannot %s %s: %s", doing, path, text);
}

static int open_for_reading(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    while (file < 0 && errno == EINTR)
        file = open(path, O_RDONLY | O_CLOEXEC);
    return file;
}

bl_status bl__map(bl_context *context, const char *op, const char *path, bl__mapping *mapping)
{
    *mapping = (bl__mapping){0};
    int file = open_for_reading(path);
    if (file < 0)
        return bl__report_file(context, op, path, "open", errno);
    struct stat found;
    bl_status status = BL_OK;
    if (fstat(file, &found) != 0)
        status = bl__report_file(context, op, path, "look at", errno);
    else if (!S_ISREG(found.st_mode))
        status = bl__report(context, NULL, BL_ERR_IO, op, NULL, "%s is no regular file", path);
    else if (found.st_size > 0) {
        size_t size = (size_t)found.st_size;
        void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED)
            status = bl__report_file(context, op, path, "map", errno);
        else
            *mapping = (bl__mapping){bytes, size};
    }
    close(file);
    return status;
}

void bl__unmap(bl__mapping *mapping)
{
    if (mapping->bytes)
        munmap((void *)(uintptr_t)mapping->bytes, mapping->size);
    *mapping = (bl__mapping){0};
}

uint64_t bl__little_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

uint64_t bl__big_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}
