/* Tensor files for reading: one file, or a set of them with an index. */
#include "io/tensor_file.h"

#include <string.h>

enum {
    LONGEST_IGNORED = 1 << 16 /* of members of an index that are not known */
};

/* ---- one file of them ---- */

static void close_shard(bl_tensor_file *file, bl__shard *shard)
{
    bl__tensor_header_free(&shard->header);
    bl__map_close(&shard->map);
    bl__release(&file->context->allocator, shard->name, shard->name_size, 1);
}

/* Opens the file `name` beside `path`, or `path` itself where name is NULL, as one more shard. */
static bl_status open_shard(bl_tensor_file *file, const bl__caller *caller, const char *path,
                            const char *name)
{
    const bl_allocator *allocator = &file->context->allocator;
    bl__shard shard = {.name = NULL};
    size_t size = 0;
    char *whole = name ? bl__path_beside(allocator, path, name, &size) : NULL;
    if (name)
        shard.name = bl__path_beside(allocator, "", name, &shard.name_size);
    bool room = file->shard_count < file->shard_capacity ||
                bl__grow(allocator, &file->shards, &file->shard_capacity, sizeof(*file->shards));
    bl_status status = BL_OK;
    if (!room || (name && (!whole || !shard.name)))
        status = bl__caller_fail(caller, BL_ERR_MEMORY, "no memory to open %s", bl__path_end(path));
    if (status == BL_OK)
        status = bl__map_open(caller, name ? whole : path, &shard.map);
    if (status == BL_OK)
        status = bl__tensor_header_read(caller, name ? whole : path, &shard.map, &shard.header);
    bl__release(allocator, whole, size, 1);
    if (status != BL_OK) {
        close_shard(file, &shard);
        return status;
    }
    file->count += shard.header.count;
    file->shards[file->shard_count++] = shard;
    return BL_OK;
}

/* ---- the index of a set ---- */

/* The shard of a name, opened if it is new; NULL with what is wrong reported. */
static bl__shard *shard_of(bl_tensor_file *file, bl__json *json, const char *name)
{
    for (size_t i = file->shard_count; i-- > 0;) { /* mostly it is the last one again */
        if (strcmp(file->shards[i].name, name) == 0)
            return &file->shards[i];
    }
    if (!name[0] || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        bl__json_fail(json, "%.96s is not the name of a file beside it", name);
        return NULL;
    }
    json->status = open_shard(file, json->caller, json->path, name);
    return json->status == BL_OK ? &file->shards[file->shard_count - 1] : NULL;
}

/* Notes that the index knows a tensor, which has to be where it says. */
static void take_place(bl_tensor_file *file, bl__json *json, const char *name, const char *shard_name)
{
    bl__shard *shard = shard_of(file, json, shard_name);
    bl__tensor_entry *entry = shard ? bl__tensor_header_find(&shard->header, name) : NULL;
    if (shard && !entry)
        bl__json_fail(json, "%.96s is not in %.96s", name, shard_name);
    else if (entry && entry->indexed)
        bl__json_fail(json, "the name %.96s stands there twice", name);
    else if (entry)
        entry->indexed = true;
}

/* Walks weight_map; without `fill` it only passes over it. */
static void walk_places(bl_tensor_file *file, bl__json *json, bool fill)
{
    bool first = true;
    json_t *key;
    if (!bl__json_enter(json))
        return;
    while ((key = bl__json_key(json, &first))) {
        const char *name = json_string_value(key);
        json_t *value = bl__json_value(json, "weight_map", LONGEST_IGNORED);
        const char *shard = json_string_value(value);
        if (value && !shard)
            bl__json_fail(json, "the place of %.96s is no string", name);
        else if (value && fill)
            take_place(file, json, name, shard);
        json_decref(value);
        json_decref(key);
    }
}

/* Walks the index once; `room` as for the metadata. */
static void walk_index(bl_tensor_file *file, bl__json *json, const bl__tensor_header *room,
                       bl__tensor_header *header)
{
    bool first = true, places = false, metadata = false;
    json_t *key;
    json->at = 0;
    if (!bl__json_enter(json))
        return;
    while ((key = bl__json_key(json, &first))) {
        const char *name = json_string_value(key);
        bool *seen = strcmp(name, "weight_map") == 0 ? &places
                     : strcmp(name, "metadata") == 0 ? &metadata
                                                     : NULL;
        if (seen && *seen)
            bl__json_fail(json, "%s stands there twice", name);
        else if (seen == &places)
            walk_places(file, json, room);
        else if (seen == &metadata)
            bl__tensor_header_metadata(json, true, room, header);
        else
            json_decref(bl__json_value(json, "a member", LONGEST_IGNORED));
        if (seen)
            *seen = true;
        json_decref(key);
    }
    bl__json_end(json);
    if (!places)
        bl__json_fail(json, "there is no weight_map");
}

/* No tensor of a shard may be unknown to the index. */
static void check_places(const bl_tensor_file *file, bl__json *json)
{
    for (size_t i = 0; i < file->shard_count; i++) {
        const bl__tensor_header *header = &file->shards[i].header;
        for (size_t k = 0; k < header->count && json->status == BL_OK; k++) {
            if (!header->entries[k].indexed)
                bl__json_fail(json, "%.96s is in %.96s, but not in the weight_map", header->entries[k].name,
                              file->shards[i].name);
        }
    }
}

static bl_status read_index(bl_tensor_file *file, const bl__caller *caller, const char *path,
                            const bl__map *map)
{
    bl__json json = {.caller = caller, .path = path, .text = (const char *)map->data, .size = map->size};
    bl__tensor_header room = {.allocator = &file->context->allocator}, filled;
    if (map->size > BL__LARGEST_HEADER)
        bl__json_fail(&json, "an index of %zu bytes is longer than %llu", map->size,
                      (unsigned long long)BL__LARGEST_HEADER);
    if (json.status == BL_OK)
        walk_index(file, &json, NULL, &room);
    if (json.status != BL_OK)
        return json.status;
    bl__tensor_header_reserve(&json, &room, &filled);
    if (json.status == BL_OK)
        walk_index(file, &json, &room, &filled);
    if (json.status == BL_OK)
        bl__tensor_header_check_names(&json, &room, &filled);
    if (json.status == BL_OK)
        check_places(file, &json);
    if (json.status == BL_OK)
        file->index = filled;
    else
        bl__tensor_header_free(&room);
    return json.status;
}

static bl_status open_set(bl_tensor_file *file, const bl__caller *caller, const char *path)
{
    bl__map map;
    bl_status status = bl__map_open(caller, path, &map);
    if (status == BL_OK)
        status = read_index(file, caller, path, &map);
    bl__map_close(&map);
    file->sharded = true;
    return status;
}

/* ---- the public side ---- */

bool bl__path_ends(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);
    return length > tail && strcmp(path + (length - tail), end) == 0;
}

bl_tensor_file *bl__tensor_file_open(const bl__caller *caller, const char *path)
{
    static const uint16_t one = 1;
    const bl_allocator *allocator = &caller->context->allocator;
    unsigned char low;
    memcpy(&low, &one, 1);
    if (!path || !path[0]) {
        bl__caller_fail(caller, BL_ERR_ARGUMENT, "the path is NULL or empty");
        return NULL;
    }
    if (low != 1) {
        bl__caller_fail(caller, BL_ERR_UNSUPPORTED, "tensor files are little-endian, this processor is not");
        return NULL;
    }
    bl_tensor_file *file = bl__allocate(allocator, 1, sizeof(*file));
    if (!file) {
        bl__caller_fail(caller, BL_ERR_MEMORY, "no memory to open %s", bl__path_end(path));
        return NULL;
    }
    file->context = bl__context_retain(caller->context);
    bl_status status =
        bl__path_ends(path, ".json") ? open_set(file, caller, path) : open_shard(file, caller, path, NULL);
    if (status == BL_OK)
        return file;
    bl_tensor_file_close(file);
    return NULL;
}

bl_tensor_file *bl_tensor_file_open(bl_context *context, const char *path)
{
    bl__caller caller = {context, NULL, "tensor_file_open"};
    return context ? bl__tensor_file_open(&caller, path) : NULL;
}

void bl_tensor_file_close(bl_tensor_file *file)
{
    if (!file)
        return;
    bl_context *context = file->context;
    for (size_t i = 0; i < file->shard_count; i++)
        close_shard(file, &file->shards[i]);
    bl__tensor_header_free(&file->index);
    bl__release(&context->allocator, file->shards, file->shard_capacity, sizeof(*file->shards));
    bl__release(&context->allocator, file, 1, sizeof(*file));
    bl__context_release(context);
}

size_t bl_tensor_file_count(const bl_tensor_file *file)
{
    return file ? file->count : 0;
}

bool bl_tensor_file_at(const bl_tensor_file *file, size_t index, bl_stored_tensor *tensor)
{
    for (size_t i = 0; file && i < file->shard_count; i++) {
        const bl__shard *shard = &file->shards[i];
        if (index < shard->header.count) {
            if (tensor)
                *tensor =
                    bl__tensor_header_tensor(&shard->header, &shard->header.entries[index], &shard->map);
            return true;
        }
        index -= shard->header.count;
    }
    return false;
}

size_t bl__tensor_file_index(const bl_tensor_file *file, const char *name)
{
    size_t before = 0;
    for (size_t i = 0; i < file->shard_count; i++) {
        const bl__tensor_header *header = &file->shards[i].header;
        const bl__tensor_entry *entry = bl__tensor_header_find(header, name);
        if (entry)
            return before + (size_t)(entry - header->entries);
        before += header->count;
    }
    return SIZE_MAX;
}

bool bl_tensor_file_find(const bl_tensor_file *file, const char *name, bl_stored_tensor *tensor)
{
    size_t index = file && name ? bl__tensor_file_index(file, name) : SIZE_MAX;
    return index != SIZE_MAX && bl_tensor_file_at(file, index, tensor);
}

/* Where the metadata stands. */
static const bl__tensor_header *header_of(const bl_tensor_file *file)
{
    static const bl__tensor_header none;
    return !file ? &none : file->sharded ? &file->index : &file->shards[0].header;
}

const char *bl_tensor_file_metadata(const bl_tensor_file *file, const char *key)
{
    const bl__tensor_header *header = header_of(file);
    size_t low = 0, high = header->metadata_count;
    while (key && low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, header->metadata[middle].key);
        if (order == 0)
            return header->metadata[middle].value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t bl_tensor_file_metadata_count(const bl_tensor_file *file)
{
    return header_of(file)->metadata_count;
}

bool bl_tensor_file_metadata_at(const bl_tensor_file *file, size_t index, bl_metadata *entry)
{
    const bl__tensor_header *header = header_of(file);
    if (index >= header->metadata_count)
        return false;
    if (entry)
        *entry = header->metadata[index];
    return true;
}
