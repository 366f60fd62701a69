/* Private. Tensor files as their readers and writers know them. */
#ifndef BOWLINE_IO_TENSOR_FILE_H
#define BOWLINE_IO_TENSOR_FILE_H

#include "io/tensor_header.h"

/* One mapped file. */
typedef struct bl__shard {
    char *name; /* in the index; NULL for a file by itself */
    size_t name_size;
    bl__map map;
    bl__tensor_header header;
} bl__shard;

struct bl_tensor_file {
    bl_context *context;
    bl__shard *shards; /* one, unless it is a set */
    size_t shard_count;
    size_t shard_capacity;
    size_t count;            /* tensors of all */
    bl__tensor_header index; /* of a set: its metadata */
    bool sharded;
};

/* bl_tensor_file_open on somebody's behalf. */
bl_tensor_file *bl__tensor_file_open(const bl__caller *caller, const char *path);

/* The index of a name for bl_tensor_file_at; SIZE_MAX when there is none. */
size_t bl__tensor_file_index(const bl_tensor_file *file, const char *name);

/* A tensor to be written: as it stands in the file, and what its values are now, which may differ from
 * that. */
typedef struct bl__outgoing {
    bl_stored_tensor tensor;
    bl_stored_dtype from; /* the dtype of tensor.data */
} bl__outgoing;

/* bl_tensor_file_write on somebody's behalf. The outgoing tensors come to stand in another order. */
bl_status bl__tensor_file_write(const bl__caller *caller, const char *path, bl__outgoing *tensors,
                                size_t count, const bl_tensor_file_options *options);

/* Whether a path ends so, with something before it. */
bool bl__path_ends(const char *path, const char *end);

#endif
