/* NumPy's files: arrays in .npy and .npz. */
#ifndef BOWLINE_ARRAYS_H
#define BOWLINE_ARRAYS_H

#include "tensor_file.h"

BL_BEGIN_DECLS

/* Arrays that were read from a file, with their values. */
typedef struct bl_arrays bl_arrays;

/* Reads a .npy file, versions 1.0 to 3.0, which is one array without a name (""), or all arrays of a .npz
 * file, compressed or not, named as NumPy names them; which of the two it is shows in the file itself. Values
 * come row by row and little-endian, whatever the file's order is ('fortran_order' and big-endian ones are
 * turned around), aligned to 64 bytes. Everything is checked before it is allocated: lengths, products of
 * sizes, of a .npz the directory, sizes and checksums. Other members of a .npz than .npy are passed over.
 * Returns: the arrays, or NULL (bl_context_error tells). Errors: BL_ERR_IO, BL_ERR_FORMAT (malformed),
 * BL_ERR_UNSUPPORTED (structures, strings, objects, complex numbers, ranks above 8; encrypted members or
 * other compression than deflate; .npz where the library was built without zlib), BL_ERR_ARGUMENT,
 * BL_ERR_MEMORY. Ownership: the caller's, until bl_arrays_free. Threads: the context's. Source: NumPy 1.24
 * numpy/lib/format.py; PKWARE, APPNOTE.TXT 6.3. */
BL_API bl_arrays *bl_arrays_read(bl_context *context, const char *path);

/* Frees arrays; names and values that they gave are gone. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `arrays`. Threads: the context's. */
BL_API void bl_arrays_free(bl_arrays *arrays);

/* The number of arrays. Returns: the count, 0 for NULL. Errors: none. Ownership: none. Threads: any. */
BL_API size_t bl_arrays_count(const bl_arrays *arrays);

/* Array `index` in the order of the file, into *array: what bl_stored_read takes.
 * Returns: true, or false past the end and for NULL. Errors: none. Ownership: name and values are the
 * arrays'. Threads: any. */
BL_API bool bl_arrays_at(const bl_arrays *arrays, size_t index, bl_stored_tensor *array);

/* The array of a name, into *array, which may be NULL.
 * Returns: true, or false when there is none. Errors: none. Ownership: name and values are the arrays'.
 * Threads: any. */
BL_API bool bl_arrays_find(const bl_arrays *arrays, const char *name, bl_stored_tensor *array);

/* Writes one array to a .npy file, version 1.0, atomically as bl_tensor_file_write does. Its name does not
 * matter. NumPy has no bf16: read it as f32 first (bl_stored_read). Returns: BL_OK or an error. Errors:
 * BL_ERR_IO, BL_ERR_DTYPE (bf16, or unknown), BL_ERR_SHAPE, BL_ERR_OVERFLOW, BL_ERR_ARGUMENT, BL_ERR_MEMORY.
 * Ownership: everything stays the caller's. Threads: the context's. Source: as bl_arrays_read. */
BL_API bl_status bl_npy_write(bl_context *context, const char *path, const bl_stored_tensor *array);

/* Writes arrays to a .npz file, atomically: NAME.npy each, stored as numpy.savez does, or where `compress` is
 * set deflated as numpy.savez_compressed does. Returns: BL_OK or an error. Errors: as bl_npy_write, and
 * BL_ERR_ARGUMENT for a name that is empty, too long or given twice, BL_ERR_UNSUPPORTED where the library was
 * built without zlib. Ownership: everything stays the caller's. Threads: the context's. Source: as
 * bl_arrays_read. */
BL_API bl_status bl_npz_write(bl_context *context, const char *path, const bl_stored_tensor *arrays,
                              size_t count, bool compress);

BL_END_DECLS

#endif
