/* Private. Writing one safetensors file. */
#ifndef BOWLINE_IO_TENSOR_WRITE_H
#define BOWLINE_IO_TENSOR_WRITE_H

#include "io/tensor_file.h"

/* Writes tensors, which are checked and sorted, and metadata to one file, atomically. */
bl_status bl__write_tensors(const bl__caller *caller, const char *path, const bl__outgoing *tensors,
                            size_t count, const bl_metadata *metadata, size_t metadata_count);

/* Appends `"key":"value",` for every metadatum; false with what is wrong reported. */
bool bl__add_metadata(const bl__caller *caller, bl__buffer *text, const bl_metadata *metadata, size_t count);

/* Writes a sharded set whose index is `path`. */
bl_status bl__write_shards(const bl__caller *caller, const char *path, const bl__outgoing *tensors,
                           size_t count, const bl_tensor_file_options *options);

#endif
