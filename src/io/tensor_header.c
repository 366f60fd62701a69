/* Headers of safetensors files. One walk checks and counts, a second one fills exactly what is needed. */
#include "io/tensor_header.h"
#include "graph/text.h"
#include "io/order.h"

#include <string.h>

enum {
    LONGEST_DESCRIPTION = 4096, /* of one tensor, in bytes of JSON */
    SHOWN = 96                  /* bytes of a name in a message */
};

/* ---- one tensor ---- */

typedef struct description {
    const char *name; /* in JSON's hands */
    bl_stored_dtype dtype;
    bl_shape shape;
    uint64_t begin, end; /* from the first value on */
} description;

/* Dtypes that files may have and this library has not. */
static bool known_elsewhere(const char *name)
{
    static const char *const names[] = {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
                                        "F6_E2M3", "F6_E3M2", "F4",      "C64"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void take_dtype(bl__json *json, const json_t *value, description *out)
{
    const char *name = json_string_value(value);
    if (!name) {
        bl__json_fail(json, "%.*s has no dtype", SHOWN, out->name);
        return;
    }
    int dtype = 0;
    while (dtype < BL_STORED_COUNT && strcmp(name, bl_stored_dtype_name((bl_stored_dtype)dtype)) != 0)
        dtype++;
    out->dtype = (bl_stored_dtype)dtype;
    if (dtype < BL_STORED_COUNT)
        return;
    if (known_elsewhere(name))
        json->status =
            bl__caller_fail(json->caller, BL_ERR_UNSUPPORTED, "%s: %.*s is %s, a dtype that is not supported",
                            bl__path_end(json->path), SHOWN, out->name, name);
    else
        bl__json_fail(json, "%.*s has the unknown dtype %.24s", SHOWN, out->name, name);
}

static void take_shape(bl__json *json, const json_t *value, description *out)
{
    if (!json_is_array(value)) {
        bl__json_fail(json, "%.*s has no shape", SHOWN, out->name);
        return;
    }
    size_t rank = json_array_size(value);
    if (rank > BL_MAX_RANK) {
        json->status =
            bl__caller_fail(json->caller, BL_ERR_UNSUPPORTED, "%s: %.*s has rank %zu, more than %d",
                            bl__path_end(json->path), SHOWN, out->name, rank, BL_MAX_RANK);
        return;
    }
    out->shape = (bl_shape){.rank = (int)rank};
    for (size_t d = 0; d < rank; d++) {
        const json_t *size = json_array_get(value, d);
        out->shape.size[d] = json_integer_value(size);
        if (!json_is_integer(size) || out->shape.size[d] < 0)
            bl__json_fail(json, "size %zu of %.*s is not a whole number from 0 on", d, SHOWN, out->name);
    }
}

static void take_offsets(bl__json *json, const json_t *value, description *out)
{
    const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin)) {
        bl__json_fail(json, "the data_offsets of %.*s are not two whole numbers in order", SHOWN, out->name);
        return;
    }
    out->begin = (uint64_t)json_integer_value(begin);
    out->end = (uint64_t)json_integer_value(end);
}

/* Whether dtype and shape take the bytes that the offsets say. */
static void check_bytes(bl__json *json, const description *found)
{
    int64_t bytes, count = bl_shape_count(found->shape);
    const char *shape = BL__SHAPE_TEXT(found->shape);
    if (count < 0 || !bl__multiply(count, (int64_t)bl_stored_dtype_size(found->dtype), &bytes))
        bl__json_fail(json, "the elements of %.*s %s cannot be counted", SHOWN, found->name, shape);
    else if ((uint64_t)bytes != found->end - found->begin)
        bl__json_fail(json, "%.*s %s %s takes %lld bytes, but its data_offsets say %llu", SHOWN, found->name,
                      bl_stored_dtype_name(found->dtype), shape, (long long)bytes,
                      (unsigned long long)(found->end - found->begin));
}

/* Takes the description of a tensor; what is wrong is reported. */
static void take_description(bl__json *json, const char *name, description *out)
{
    *out = (description){.name = name};
    char what[SHOWN + 24];
    bl__text_add(&(bl__text){what, sizeof(what), 0}, "the description of %.*s", SHOWN, name);
    json_t *value = bl__json_value(json, what, LONGEST_DESCRIPTION);
    if (!value)
        return;
    if (!json_is_object(value) || json_object_size(value) != 3)
        bl__json_fail(json, "%s is not an object of dtype, shape and data_offsets", what);
    if (json->status == BL_OK)
        take_dtype(json, json_object_get(value, "dtype"), out);
    if (json->status == BL_OK)
        take_shape(json, json_object_get(value, "shape"), out);
    if (json->status == BL_OK)
        take_offsets(json, json_object_get(value, "data_offsets"), out);
    if (json->status == BL_OK)
        check_bytes(json, out);
    json_decref(value);
}

/* ---- the walk ---- */

/* Fails where more comes than was counted: somebody else writes to the file. */
static bool fits(bl__json *json, size_t used, size_t wanted, size_t room)
{
    if (wanted > room - used)
        bl__json_fail(json, "changes while it is read");
    return json->status == BL_OK;
}

/* Counts a string, and copies it where there is room; NULL where there is none. */
static const char *keep(bl__json *json, const bl__tensor_header *room, bl__tensor_header *header,
                        const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = NULL;
    if (room && !fits(json, header->text_bytes, bytes, room->text_bytes))
        return NULL;
    if (room) {
        copy = header->text + header->text_bytes;
        memcpy(copy, text, bytes);
    }
    header->text_bytes += bytes;
    return copy;
}

static void take_metadatum(bl__json *json, const char *key, const char *value, const bl__tensor_header *room,
                           bl__tensor_header *header)
{
    const char *kept_key = keep(json, room, header, key), *kept_value = keep(json, room, header, value);
    if (room && fits(json, header->metadata_count, 1, room->metadata_count))
        header->metadata[header->metadata_count] = (bl_metadata){kept_key, kept_value};
    header->metadata_count++;
}

void bl__tensor_header_metadata(bl__json *json, bool lenient, const bl__tensor_header *room,
                                bl__tensor_header *header)
{
    bool first = true;
    json_t *key;
    if (!bl__json_enter(json))
        return;
    while ((key = bl__json_key(json, &first))) {
        const char *name = json_string_value(key);
        json_t *value = bl__json_value(json, "metadata", BL__JSON_ANY_LENGTH);
        const char *text = json_string_value(value);
        if (text)
            take_metadatum(json, name, text, room, header);
        else if (value && !lenient)
            bl__json_fail(json, "the metadata %.*s is no string", SHOWN, name);
        json_decref(value);
        json_decref(key);
    }
}

static void take_tensor(bl__json *json, const char *name, uint64_t first, const bl__tensor_header *room,
                        bl__tensor_header *header)
{
    description found;
    take_description(json, name, &found);
    if (json->status != BL_OK)
        return;
    const char *kept = keep(json, room, header, name);
    if (room && (!fits(json, header->count, 1, room->count) ||
                 !fits(json, header->size_count, (size_t)found.shape.rank, room->size_count)))
        return;
    if (room) {
        header->entries[header->count] = (bl__tensor_entry){.name = kept,
                                                            .begin = first + found.begin,
                                                            .bytes = found.end - found.begin,
                                                            .first_size = (uint32_t)header->size_count,
                                                            .dtype = (uint8_t)found.dtype,
                                                            .rank = (uint8_t)found.shape.rank};
        for (int d = 0; d < found.shape.rank; d++)
            header->sizes[header->size_count + (size_t)d] = found.shape.size[d];
    }
    header->size_count += (size_t)found.shape.rank;
    header->count++;
}

/* Walks the whole header once. `first` is where values begin in the file. */
static void walk(bl__json *json, uint64_t first, const bl__tensor_header *room, bl__tensor_header *header)
{
    bool at_first = true, metadata = false;
    json_t *key;
    json->at = 0;
    if (!bl__json_enter(json))
        return;
    while ((key = bl__json_key(json, &at_first))) {
        const char *name = json_string_value(key);
        if (strcmp(name, BL__METADATA_NAME) != 0) {
            take_tensor(json, name, first, room, header);
        } else {
            if (metadata)
                bl__json_fail(json, "%s stands there twice", name);
            metadata = true;
            if (!bl__json_at_object(json))
                bl__json_fail(json, "%s is not an object", name);
            else
                bl__tensor_header_metadata(json, false, room, header);
        }
        json_decref(key);
    }
    bl__json_end(json);
}

void bl__tensor_header_reserve(bl__json *json, bl__tensor_header *room, bl__tensor_header *header)
{
    const bl_allocator *a = room->allocator;
    room->entries = bl__allocate(a, room->count, sizeof(*room->entries));
    room->by_name = bl__allocate(a, room->count, sizeof(*room->by_name));
    room->sizes = bl__allocate(a, room->size_count, sizeof(*room->sizes));
    room->metadata = bl__allocate(a, room->metadata_count, sizeof(*room->metadata));
    room->text = bl__allocate(a, room->text_bytes, 1);
    if ((room->count > 0 && !(room->entries && room->by_name)) || (room->size_count > 0 && !room->sizes) ||
        (room->metadata_count > 0 && !room->metadata) || (room->text_bytes > 0 && !room->text))
        json->status =
            bl__caller_fail(json->caller, BL_ERR_MEMORY, "no memory for the names of %zu tensors of %s",
                            room->count, bl__path_end(json->path));
    *header = *room;
    header->count = header->size_count = header->metadata_count = header->text_bytes = 0;
}

void bl__tensor_header_free(bl__tensor_header *header)
{
    const bl_allocator *a = header->allocator;
    if (!a)
        return;
    bl__release(a, header->entries, header->count, sizeof(*header->entries));
    bl__release(a, header->by_name, header->count, sizeof(*header->by_name));
    bl__release(a, header->sizes, header->size_count, sizeof(*header->sizes));
    bl__release(a, header->metadata, header->metadata_count, sizeof(*header->metadata));
    bl__release(a, header->text, header->text_bytes, 1);
    *header = (bl__tensor_header){.allocator = NULL};
}

/* ---- what only all entries together show ---- */

static bool begins_before(const void *items, size_t a, size_t b)
{
    const bl__tensor_entry *entries = items;
    if (entries[a].begin != entries[b].begin)
        return entries[a].begin < entries[b].begin;
    return entries[a].bytes < entries[b].bytes;
}

static void swap_entries(void *items, size_t a, size_t b)
{
    bl__tensor_entry *entries = items, kept = entries[a];
    entries[a] = entries[b];
    entries[b] = kept;
}

static bool named_before(const void *items, size_t a, size_t b)
{
    const bl__tensor_header *header = items;
    return strcmp(header->entries[header->by_name[a]].name, header->entries[header->by_name[b]].name) < 0;
}

static void swap_names(void *items, size_t a, size_t b)
{
    bl__tensor_header *header = items;
    uint32_t kept = header->by_name[a];
    header->by_name[a] = header->by_name[b];
    header->by_name[b] = kept;
}

static bool metadata_before(const void *items, size_t a, size_t b)
{
    const bl_metadata *metadata = items;
    return strcmp(metadata[a].key, metadata[b].key) < 0;
}

static void swap_metadata(void *items, size_t a, size_t b)
{
    bl_metadata *metadata = items, kept = metadata[a];
    metadata[a] = metadata[b];
    metadata[b] = kept;
}

/* Values follow each other from the header to the end of the file. */
static void check_layout(bl__json *json, const bl__tensor_header *header, uint64_t first, uint64_t end)
{
    uint64_t at = first;
    for (size_t i = 0; i < header->count && json->status == BL_OK; i++) {
        const bl__tensor_entry *entry = &header->entries[i];
        if (entry->begin != at)
            bl__json_fail(json, "the values of %.*s begin at %llu, but those before them end at %llu%s",
                          SHOWN, entry->name, (unsigned long long)(entry->begin - first),
                          (unsigned long long)(at - first),
                          entry->begin < at ? " (an overlap)" : " (a hole)");
        at = entry->begin + entry->bytes;
    }
    if (at != end)
        bl__json_fail(json, "the tensors take %llu bytes, but the file has %llu for them",
                      (unsigned long long)(at - first), (unsigned long long)(end - first));
}

void bl__tensor_header_check_names(bl__json *json, const bl__tensor_header *room, bl__tensor_header *header)
{
    if (header->count != room->count || header->size_count != room->size_count ||
        header->metadata_count != room->metadata_count || header->text_bytes != room->text_bytes)
        bl__json_fail(json, "changes while it is read");
    bl__sort(&(bl__sortable){header->entries, begins_before, swap_entries}, header->count);
    for (size_t i = 0; i < header->count; i++)
        header->by_name[i] = (uint32_t)i;
    bl__sort(&(bl__sortable){header, named_before, swap_names}, header->count);
    for (size_t i = 1; i < header->count; i++) {
        const char *name = header->entries[header->by_name[i]].name;
        if (strcmp(header->entries[header->by_name[i - 1]].name, name) == 0)
            bl__json_fail(json, "the name %.*s stands there twice", SHOWN, name);
    }
    bl__sort(&(bl__sortable){header->metadata, metadata_before, swap_metadata}, header->metadata_count);
    for (size_t i = 1; i < header->metadata_count; i++) {
        if (strcmp(header->metadata[i - 1].key, header->metadata[i].key) == 0)
            bl__json_fail(json, "the metadata %.*s stands there twice", SHOWN, header->metadata[i].key);
    }
}

/* ---- the file's frame ---- */

/* The JSON text of a file; what is wrong with its frame is reported. */
static void find_text(bl__json *json, const bl__map *map)
{
    uint64_t length = 0;
    if (map->size < 8) {
        bl__json_fail(json, "%zu bytes are too few for a safetensors file", map->size);
        return;
    }
    for (int i = 7; i >= 0; i--)
        length = length << 8 | map->data[i];
    if (length > BL__LARGEST_HEADER)
        bl__json_fail(json, "a header of %llu bytes is longer than %llu: no safetensors file",
                      (unsigned long long)length, (unsigned long long)BL__LARGEST_HEADER);
    else if (length > map->size - 8)
        bl__json_fail(json, "the header has %llu bytes, the file only %zu after its length",
                      (unsigned long long)length, map->size - 8);
    else if (length == 0 || map->data[8] != '{')
        bl__json_fail(json, "the header does not begin with {: no safetensors file");
    json->text = (const char *)map->data + 8;
    json->size = (size_t)length;
}

bl_status bl__tensor_header_read(const bl__caller *caller, const char *path, const bl__map *map,
                                 bl__tensor_header *header)
{
    bl__json json = {.caller = caller, .path = path};
    bl__tensor_header room = {.allocator = &caller->context->allocator};
    *header = (bl__tensor_header){.allocator = NULL};
    find_text(&json, map);
    uint64_t first = 8 + (uint64_t)json.size;
    if (json.status == BL_OK)
        walk(&json, first, NULL, &room);
    if (json.status != BL_OK)
        return json.status;
    bl__tensor_header_reserve(&json, &room, header);
    if (json.status == BL_OK)
        walk(&json, first, &room, header);
    if (json.status == BL_OK)
        bl__tensor_header_check_names(&json, &room, header);
    if (json.status == BL_OK)
        check_layout(&json, header, first, map->size);
    if (json.status != BL_OK) {
        bl__tensor_header_free(&room); /* its counts are those of the blocks */
        *header = (bl__tensor_header){.allocator = NULL};
    }
    return json.status;
}

/* ---- use ---- */

bl__tensor_entry *bl__tensor_header_find(const bl__tensor_header *header, const char *name)
{
    size_t low = 0, high = header->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bl__tensor_entry *entry = &header->entries[header->by_name[middle]];
        int order = strcmp(name, entry->name);
        if (order == 0)
            return entry;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bl_stored_tensor bl__tensor_header_tensor(const bl__tensor_header *header, const bl__tensor_entry *entry,
                                          const bl__map *map)
{
    bl_stored_tensor tensor = {.name = entry->name,
                               .dtype = (bl_stored_dtype)entry->dtype,
                               .shape = {.rank = entry->rank},
                               .data = map->data + entry->begin};
    for (int d = 0; d < entry->rank; d++)
        tensor.shape.size[d] = header->sizes[entry->first_size + (size_t)d];
    return tensor;
}
