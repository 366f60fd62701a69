/* Private. NumPy's arrays in memory, as they stand in a .npy file or in a member of a .npz file. */
#ifndef BOWLINE_IO_NPY_H
#define BOWLINE_IO_NPY_H

#include "bowline/arrays.h"
#include "io/stored.h"

/* One array that was read. */
typedef struct bl__array {
    char *name; /* NULL for a .npy's */
    size_t name_size;
    bl_stored_tensor tensor; /* its data is this record's, of `bytes` bytes */
    void *data;
    size_t bytes;
} bl__array;

struct bl_arrays {
    bl_context *context;
    bl__array *items;
    size_t count;
    size_t capacity;
};

/* Parses a .npy file's bytes into an array without a name; `what` is for messages, "PATH" or "PATH: member".
 */
bl_status bl__npy_parse(const bl__caller *caller, const char *what, const unsigned char *bytes, size_t size,
                        bl__array *array);
void bl__array_free(const bl_allocator *allocator, bl__array *array);

enum {
    BL__NPY_MOST = 512 /* bytes of a header that is written */
};

/* Writes the magic number and the header of an array: its length, a multiple of 64; 0 when the array cannot
 * be written, which is reported. */
size_t bl__npy_header(const bl__caller *caller, const bl_stored_tensor *array, char header[BL__NPY_MOST]);

/* Reads the members of a .npz. */
bl_status bl__npz_parse(const bl__caller *caller, const char *path, const unsigned char *bytes, size_t size,
                        bl_arrays *arrays);

#endif
