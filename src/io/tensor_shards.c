/* Sharded sets: values spread over several files, and an index that says which is where, as Hugging Face's.
 *
 * New shards get names that are free, the index takes its place when all of them are on the disk, and only
 * then the shards that it no longer names go: so the index always leads to one whole set. */
#define _POSIX_C_SOURCE 200809L /* lstat */
#include "graph/text.h"
#include "io/atomic_file.h"
#include "io/tensor_write.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    GENERATIONS_TRIED = 10000
};

/* A set that is being written. */
typedef struct set {
    const bl__caller *caller;
    const char *path; /* of the index */
    const bl__outgoing *tensors;
    size_t count;
    uint64_t max_bytes;
    size_t shard_count;
    int generation; /* in the names, where the plain ones are taken */
    char *name;     /* room for a shard's name */
    size_t name_size;
} set;

/* The end of the shard that begins at tensor `first`. */
static size_t shard_end(const set *s, size_t first)
{
    uint64_t bytes = bl_stored_bytes(&s->tensors[first].tensor);
    size_t end = first + 1;
    for (; end < s->count; end++) {
        uint64_t more = bl_stored_bytes(&s->tensors[end].tensor);
        if (more > s->max_bytes || bytes > s->max_bytes - more)
            break;
        bytes += more;
    }
    return end;
}

/* ---- names ---- */

/* The name of shard `index`: of a/model.safetensors.index.json, model-00001-of-00003.safetensors. */
static const char *shard_name(set *s, size_t index)
{
    const char *slash = strrchr(s->path, '/'), *file = slash ? slash + 1 : s->path;
    size_t stem = strlen(file) - strlen(".index.json"), extension = strlen(".safetensors");
    if (stem > extension && strncmp(file + stem - extension, ".safetensors", extension) == 0)
        stem -= extension;
    bl__text text = {s->name, s->name_size, 0};
    bl__text_add(&text, "%.*s", (int)stem, file);
    if (s->generation > 1)
        bl__text_add(&text, "-%d", s->generation);
    bl__text_add(&text, "-%05zu-of-%05zu.safetensors", index + 1, s->shard_count);
    return s->name;
}

/* Calls a function with the whole path of a file beside the index: whether it gave true. */
static bool with_path(const set *s, const char *name, bool (*act)(const char *path))
{
    const bl_allocator *allocator = &s->caller->context->allocator;
    size_t size;
    char *path = bl__path_beside(allocator, s->path, name, &size);
    bool result = path && act(path);
    bl__release(allocator, path, size, 1);
    return result;
}

static bool exists(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0;
}

static bool removes(const char *path)
{
    return unlink(path) == 0;
}

/* Finds a generation whose names are all free. */
static bool choose_names(set *s)
{
    for (s->generation = 1; s->generation <= GENERATIONS_TRIED; s->generation++) {
        size_t index = 0;
        while (index < s->shard_count && !with_path(s, shard_name(s, index), exists))
            index++;
        if (index == s->shard_count)
            return true;
    }
    return false;
}

static void remove_shards(set *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        with_path(s, shard_name(s, i), removes);
}

/* ---- the old set ---- */

/* The set that stands there, if a whole one does; nothing is reported. */
static bl_tensor_file *open_old(const set *s)
{
    bl_context *context = s->caller->context;
    bl_error kept = context->error;
    const bl_error *owner = context->error_owner;
    bl__caller silent = {context, NULL, s->caller->op};
    bl_tensor_file *old = exists(s->path) ? bl__tensor_file_open(&silent, s->path) : NULL;
    context->error = kept;
    context->error_owner = owner;
    return old;
}

/* Removes those of its shards that the new set does not have. */
static void remove_old(set *s, const bl_tensor_file *old)
{
    for (size_t i = 0; old && i < old->shard_count; i++) {
        size_t index = 0;
        while (index < s->shard_count && strcmp(shard_name(s, index), old->shards[i].name) != 0)
            index++;
        if (index == s->shard_count)
            with_path(s, old->shards[i].name, removes);
    }
}

/* ---- writing ---- */

static bl_status write_shard(set *s, size_t index, size_t first, size_t end, const bl_metadata *format)
{
    const bl_allocator *allocator = &s->caller->context->allocator;
    size_t size;
    char *path = bl__path_beside(allocator, s->path, shard_name(s, index), &size);
    if (!path)
        return bl__caller_fail(s->caller, BL_ERR_MEMORY, "no memory to write %s", bl__path_end(s->path));
    bl_status status =
        bl__write_tensors(s->caller, path, s->tensors + first, end - first, format, format != NULL);
    bl__release(allocator, path, size, 1);
    return status;
}

static bl_status write_all_shards(set *s, const bl_tensor_file_options *options)
{
    const bl_metadata *format = NULL; /* what loaders ask of each file */
    for (size_t i = 0; i < options->metadata_count; i++) {
        if (strcmp(options->metadata[i].key, "format") == 0)
            format = &options->metadata[i];
    }
    for (size_t index = 0, first = 0; index < s->shard_count; index++) {
        size_t end = s->count > 0 ? shard_end(s, first) : 0;
        bl_status status = write_shard(s, index, first, end, format);
        if (status != BL_OK) {
            remove_shards(s, index + 1);
            return status;
        }
        first = end;
    }
    return BL_OK;
}

/* The index's text; false with what is wrong reported. */
static bool make_index(set *s, bl__buffer *text, const bl_tensor_file_options *options)
{
    uint64_t total = 0;
    for (size_t i = 0; i < s->count; i++)
        total += bl_stored_bytes(&s->tensors[i].tensor);
    bl__buffer_format(text, "{\"metadata\":{");
    if (!bl__add_metadata(s->caller, text, options->metadata, options->metadata_count))
        return false;
    bl__buffer_format(text, "\"total_size\":%llu},\"weight_map\":{", (unsigned long long)total);
    for (size_t index = 0, first = 0; index < s->shard_count && s->count > 0; index++) {
        size_t end = shard_end(s, first);
        for (; first < end; first++) {
            bl__buffer_format(text, first > 0 ? ",\n" : "\n");
            bl__buffer_string(text, s->tensors[first].tensor.name);
            bl__buffer_add(text, ":", 1);
            bl__buffer_string(text, shard_name(s, index));
        }
    }
    bl__buffer_format(text, "}}\n");
    if (text->failed)
        bl__caller_fail(s->caller, BL_ERR_MEMORY, "no memory for the index of %zu tensors", s->count);
    return !text->failed;
}

static bl_status write_index(set *s, const bl_tensor_file_options *options, bool *placed)
{
    bl__buffer text = {.allocator = &s->caller->context->allocator};
    bl__atomic_file file = {.status = BL_OK};
    if (!make_index(s, &text, options))
        file.status = s->caller->context->error.code;
    if (file.status == BL_OK && bl__atomic_open(&file, s->caller, s->path) == BL_OK) {
        bl__atomic_write(&file, text.data, text.length);
        bl__atomic_commit(&file);
    }
    *placed = file.placed;
    bl__buffer_free(&text);
    return file.status;
}

/* Writes the set whose names are chosen. */
static bl_status write_set(set *s, const bl_tensor_file_options *options)
{
    bool placed = false;
    bl_status status = write_all_shards(s, options);
    if (status != BL_OK)
        return status;
    bl_tensor_file *old = open_old(s);
    status = write_index(s, options, &placed);
    if (placed)
        remove_old(s, old);
    else
        remove_shards(s, s->shard_count);
    bl_tensor_file_close(old);
    return status;
}

bl_status bl__write_shards(const bl__caller *caller, const char *path, const bl__outgoing *tensors,
                           size_t count, const bl_tensor_file_options *options)
{
    const bl_allocator *allocator = &caller->context->allocator;
    set s = {caller, path, tensors, count, options->max_shard_bytes, 0, 1, NULL, strlen(path) + 80};
    if (options->max_shard_bytes == 0)
        return bl__caller_fail(caller, BL_ERR_ARGUMENT, "shards of at most 0 bytes hold nothing");
    for (size_t i = 0; i < options->metadata_count; i++) {
        if (strcmp(options->metadata[i].key, "total_size") == 0)
            return bl__caller_fail(caller, BL_ERR_ARGUMENT, "the metadata total_size is the index's own");
    }
    for (size_t first = 0; first < count; first = shard_end(&s, first))
        s.shard_count++;
    if (s.shard_count == 0)
        s.shard_count = 1; /* without tensors, but there */
    s.name = bl__allocate(allocator, s.name_size, 1);
    if (!s.name)
        return bl__caller_fail(caller, BL_ERR_MEMORY, "no memory to write %s", bl__path_end(path));
    bl_status status = choose_names(&s) ? write_set(&s, options)
                                        : bl__caller_fail(caller, BL_ERR_IO, "%s: no free names for shards",
                                                          bl__path_end(path));
    bl__release(allocator, s.name, s.name_size, 1);
    return status;
}
