/* Mapping a file. The mapping is private and read-only; the descriptor is closed at once. */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC */
#include "io/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bl_status map_opened(const bl__caller *caller, const char *path, int descriptor, bl__map *map)
{
    struct stat found;
    if (fstat(descriptor, &found) != 0)
        return bl__caller_fail_io(caller, path, "cannot be read", errno);
    if (!S_ISREG(found.st_mode))
        return bl__caller_fail(caller, BL_ERR_IO, "%s: no regular file", bl__path_end(path));
    map->size = (size_t)found.st_size;
    if (map->size == 0)
        return BL_OK;
    void *data = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED)
        return bl__caller_fail_io(caller, path, "cannot be mapped", errno);
    map->data = data;
    return BL_OK;
}

bl_status bl__map_open(const bl__caller *caller, const char *path, bl__map *map)
{
    *map = (bl__map){NULL, 0};
    /* O_NONBLOCK: what turns out to be a pipe must not make anybody wait. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return bl__caller_fail_io(caller, path, "cannot be opened", errno);
    bl_status status = map_opened(caller, path, descriptor, map);
    close(descriptor);
    return status;
}

void bl__map_close(bl__map *map)
{
    if (map->data)
        munmap((void *)map->data, map->size);
    *map = (bl__map){NULL, 0};
}
