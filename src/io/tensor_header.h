/* Private. What the header of a safetensors file says: its entries, checked. */
#ifndef BOWLINE_IO_TENSOR_HEADER_H
#define BOWLINE_IO_TENSOR_HEADER_H

#include "io/json.h"
#include "io/map.h"
#include "io/stored.h"

#define BL__LARGEST_HEADER ((uint64_t)100000000) /* what other readers take */
#define BL__METADATA_NAME  "__metadata__"

/* One tensor. Kept small, with the sizes elsewhere, so that a header in memory takes little more than in its
 * file. */
typedef struct bl__tensor_entry {
    const char *name;
    uint64_t begin; /* of its values, in the file */
    uint64_t bytes;
    uint32_t first_size; /* in `sizes` */
    uint8_t dtype;       /* bl_stored_dtype */
    uint8_t rank;
    bool indexed; /* for whoever compares the header with an index */
} bl__tensor_entry;

/* All of them, and the metadata. The blocks are as long as the counts say. */
typedef struct bl__tensor_header {
    const bl_allocator *allocator;
    bl__tensor_entry *entries; /* in the order of the values */
    uint32_t *by_name;         /* the entries' order by name */
    size_t count;
    int64_t *sizes;
    size_t size_count;
    bl_metadata *metadata;
    size_t metadata_count;
    char *text; /* all strings */
    size_t text_bytes;
} bl__tensor_header;

/* Reads and checks the header of a mapped file; an error is reported. */
bl_status bl__tensor_header_read(const bl__caller *caller, const char *path, const bl__map *map,
                                 bl__tensor_header *header);
void bl__tensor_header_free(bl__tensor_header *header);

/* The entry of a name; NULL when there is none. */
bl__tensor_entry *bl__tensor_header_find(const bl__tensor_header *header, const char *name);
/* An entry as the public struct. */
bl_stored_tensor bl__tensor_header_tensor(const bl__tensor_header *header, const bl__tensor_entry *entry,
                                          const bl__map *map);

/* Walks an object of metadata: counts its strings, and copies them into `header` where `room`, which says how
 * many there are, is not NULL. Members that are no strings are left out where `lenient` is set, else refused.
 */
void bl__tensor_header_metadata(bl__json *json, bool lenient, const bl__tensor_header *room,
                                bl__tensor_header *header);
/* Makes the room that *room counts and gives it to *header, which counts from 0 again. What is wrong is
 * reported. */
void bl__tensor_header_reserve(bl__json *json, bl__tensor_header *room, bl__tensor_header *header);
/* Sorts what has been filled, sees that it is what was counted, and that no name is there twice. */
void bl__tensor_header_check_names(bl__json *json, const bl__tensor_header *room, bl__tensor_header *header);

#endif
