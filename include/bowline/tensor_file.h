/* Tensor files in the safetensors format, read and written as they stand: names, dtypes, shapes, values, and
 * metadata of strings. Parameters are saved and loaded by checkpoint.h, which uses this. */
#ifndef BOWLINE_TENSOR_FILE_H
#define BOWLINE_TENSOR_FILE_H

#include "context.h"
#include "tensor.h"

BL_BEGIN_DECLS

/* The one place for the dtypes of files: enumerator, name in safetensors, bytes an element. More than the
 * library computes in; in the order in which safetensors lays tensors out, last first. */
#define BL_STORED_DTYPE_LIST(X)  \
    X(BL_STORED_BOOL, "BOOL", 1) \
    X(BL_STORED_U8, "U8", 1)     \
    X(BL_STORED_I8, "I8", 1)     \
    X(BL_STORED_I16, "I16", 2)   \
    X(BL_STORED_U16, "U16", 2)   \
    X(BL_STORED_F16, "F16", 2)   \
    X(BL_STORED_BF16, "BF16", 2) \
    X(BL_STORED_I32, "I32", 4)   \
    X(BL_STORED_U32, "U32", 4)   \
    X(BL_STORED_F32, "F32", 4)   \
    X(BL_STORED_F64, "F64", 8)   \
    X(BL_STORED_I64, "I64", 8)   \
    X(BL_STORED_U64, "U64", 8)

typedef enum bl_stored_dtype {
#define BL_STORED_ENUM(dtype, name, bytes) dtype,
    BL_STORED_DTYPE_LIST(BL_STORED_ENUM)
#undef BL_STORED_ENUM
    BL_STORED_COUNT
} bl_stored_dtype;

/* A tensor in a file, or one to go into a file. `data` is row by row, little-endian, of any alignment: what a
 * reader gives points into the mapped file. */
typedef struct bl_stored_tensor {
    const char *name;
    bl_stored_dtype dtype;
    bl_shape shape;
    const void *data; /* may be NULL when there are no elements */
} bl_stored_tensor;

/* One entry of a file's metadata. */
typedef struct bl_metadata {
    const char *key;
    const char *value;
} bl_metadata;

typedef struct bl_tensor_file_options {
    const bl_metadata *metadata; /* default none */
    size_t metadata_count;
    uint64_t max_shard_bytes; /* values in a shard, where the path is an index; a larger tensor has a shard of
                                 its own; default 5 GB (5e9), as Hugging Face's */
} bl_tensor_file_options;

/* A safetensors file, or a set of them with an index, open for reading: mapped, checked, and not yet copied.
 */
typedef struct bl_tensor_file bl_tensor_file;

/* The name in safetensors, such as "BF16"; "?" for an unknown value.
 * Returns: a constant string. Errors: none. Ownership: static. Threads: any. */
BL_API const char *bl_stored_dtype_name(bl_stored_dtype dtype);

/* Bytes of one element; 0 for an unknown value.
 * Returns: the bytes. Errors: none. Ownership: none. Threads: any. */
BL_API size_t bl_stored_dtype_size(bl_stored_dtype dtype);

/* The dtype of a file that holds a dtype of the library as it is.
 * Returns: the dtype; BL_STORED_COUNT for an unknown value. Errors: none. Ownership: none. Threads: any. */
BL_API bl_stored_dtype bl_stored_dtype_of(bl_dtype dtype);

/* The dtype of the library that is the same as one of a file.
 * Returns: the dtype; BL_DTYPE_COUNT for i8, i16 and the unsigned ones, which can only be converted.
 * Errors: none. Ownership: none. Threads: any. */
BL_API bl_dtype bl_stored_dtype_same(bl_stored_dtype dtype);

/* Opens a safetensors file, or a sharded set by its index (a path that ends in ".json", as
 * model.safetensors.index.json; the shards stand beside it). Everything is checked before anything is
 * allocated for it: the header's length (at most 100 MB), JSON and UTF-8, names (none twice), dtypes, sizes
 * and their products, values that follow each other without holes or overlaps to the file's end, metadata of
 * strings; of a set that index and shards agree. The values stay in the file, which is mapped: it may be
 * replaced or deleted meanwhile, but must not be shortened. Returns: the file, or NULL (bl_context_error
 * tells). Errors: BL_ERR_IO (the file cannot be read), BL_ERR_FORMAT (it is malformed), BL_ERR_UNSUPPORTED (a
 * dtype or rank that the library has not), BL_ERR_ARGUMENT, BL_ERR_MEMORY. Ownership: the caller's, until
 * bl_tensor_file_close. Threads: the context's. Source: github.com/huggingface/safetensors, its README's
 * "Format". */
BL_API bl_tensor_file *bl_tensor_file_open(bl_context *context, const char *path);

/* Closes a file; names and values that it gave are gone. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `file`. Threads: the context's. */
BL_API void bl_tensor_file_close(bl_tensor_file *file);

/* The number of tensors. Returns: the count, 0 for NULL. Errors: none. Ownership: none. Threads: any. */
BL_API size_t bl_tensor_file_count(const bl_tensor_file *file);

/* Tensor `index` in the order of the file, into *tensor.
 * Returns: true, or false past the end and for NULL. Errors: none. Ownership: name and values are the file's.
 * Threads: any. */
BL_API bool bl_tensor_file_at(const bl_tensor_file *file, size_t index, bl_stored_tensor *tensor);

/* The tensor of a name, into *tensor, which may be NULL.
 * Returns: true, or false when there is none. Errors: none. Ownership: name and values are the file's.
 * Threads: any. */
BL_API bool bl_tensor_file_find(const bl_tensor_file *file, const char *name, bl_stored_tensor *tensor);

/* The metadata of a key; of a sharded set that of its index, as far as it is strings.
 * Returns: the value, or NULL when there is none. Errors: none. Ownership: the file's. Threads: any. */
BL_API const char *bl_tensor_file_metadata(const bl_tensor_file *file, const char *key);

/* The number of metadata's entries. Returns: the count, 0 for NULL. Errors: none. Ownership: none.
 * Threads: any. */
BL_API size_t bl_tensor_file_metadata_count(const bl_tensor_file *file);

/* Entry `index` of the metadata, into *entry.
 * Returns: true, or false past the end and for NULL. Errors: none. Ownership: the strings are the file's.
 * Threads: any. */
BL_API bool bl_tensor_file_metadata_at(const bl_tensor_file *file, size_t index, bl_metadata *entry);

/* Bytes of a tensor's values. Returns: the bytes; 0 for NULL and when dtype or shape are invalid. Errors:
 * none. Ownership: none. Threads: any. */
BL_API size_t bl_stored_bytes(const bl_stored_tensor *tensor);

/* Copies a tensor's values out as `dtype`. Where that is not the file's own, `convert` has to ask for it:
 * floats become other floats, rounded to nearest even through f32; integers and bool become integers that
 * hold every value, and floats. Floats do not become integers, and nothing else becomes bool. Returns: BL_OK
 * or an error, and then `data` is undefined. Errors: BL_ERR_DTYPE (another dtype, or no conversion),
 * BL_ERR_OVERFLOW (a value that the dtype does not hold, named by its index), BL_ERR_FORMAT (a bool that is
 * neither 0 nor 1), BL_ERR_ARGUMENT (NULL, or `bytes` is not the size of the values). Ownership: everything
 * stays the caller's. Threads: the context's. */
BL_API bl_status bl_stored_read(bl_context *context, const bl_stored_tensor *tensor, bl_dtype dtype,
                                bool convert, void *data, size_t bytes);

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_tensor_file_options bl_tensor_file_defaults(void);

/* Writes tensors to a file, atomically: into a temporary file beside it (PATH.tmp. and digits), flushed to
 * the disk, which then takes its place. Whatever fails, a file that stood there is as it was and the
 * temporary one is gone; only what a killed process was writing is left over, or the old file under a second
 * name (ending in ".old"). The header is padded to 8 bytes, tensors stand by
 * size of element and then by name. A symbolic link is followed, permissions of a file that is replaced are
 * kept. A path that ends in ".index.json" writes a sharded set: for model.safetensors.index.json the files
 * model-00001-of-00003.safetensors and so on, then the index, and then removes the shards of the set that it
 * replaces; shards of a save that was killed stay, but no index leads to them. `options` NULL: the defaults.
 * Returns: BL_OK or an error. Errors: BL_ERR_IO, BL_ERR_ARGUMENT (a name that is empty, not UTF-8, given
 * twice or "__metadata__", a path that is no file's), BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_OVERFLOW,
 * BL_ERR_MEMORY. Ownership: everything stays the caller's. Threads: the context's. Source: as
 * bl_tensor_file_open. */
BL_API bl_status bl_tensor_file_write(bl_context *context, const char *path, const bl_stored_tensor *tensors,
                                      size_t count, const bl_tensor_file_options *options);

BL_END_DECLS

#endif
