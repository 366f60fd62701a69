/* Private. A whole file, mapped for reading. */
#ifndef BOWLINE_IO_MAP_H
#define BOWLINE_IO_MAP_H

#include "io/caller.h"

typedef struct bl__map {
    const unsigned char *data; /* NULL when the file is empty */
    size_t size;
} bl__map;

/* Maps a regular file; an error is reported. */
bl_status bl__map_open(const bl__caller *caller, const char *path, bl__map *map);
void bl__map_close(bl__map *map);

#endif
