/* Private. Files mapped into memory, to be read. */
#ifndef BOWLINE_DATA_MAPPING_H
#define BOWLINE_DATA_MAPPING_H

#include "graph/context.h"

typedef struct bl__mapping {
    const unsigned char *bytes; /* NULL when there are none */
    size_t size;
} bl__mapping;

/* Maps a whole file; BL_OK, or the error reported in the name of `op`. */
bl_status bl__map(bl_context *context, const char *op, const char *path, bl__mapping *mapping);
void bl__unmap(bl__mapping *mapping);

/* Reports that a call on a file failed with an error number. Returns BL_ERR_IO. */
bl_status bl__report_file(bl_context *context, const char *op, const char *path, const char *doing, int code);

/* Unsigned numbers of 1 to 8 bytes, whatever the machine's order. */
uint64_t bl__little_endian(const unsigned char *bytes, int count);
uint64_t bl__big_endian(const unsigned char *bytes, int count);

#endif
