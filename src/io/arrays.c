/* NumPy's files: which kind one is, what was read from it, and writing .npy. */
#include "io/atomic_file.h"
#include "io/map.h"
#include "io/npy.h"

#include <string.h>

static bl_status read_npy(const bl__caller *caller, const char *path, const bl__map *map, bl_arrays *arrays)
{
    const bl_allocator *allocator = &caller->context->allocator;
    if (!bl__grow(allocator, &arrays->items, &arrays->capacity, sizeof(*arrays->items)))
        return bl__caller_fail(caller, BL_ERR_MEMORY, "no memory to read %s", bl__path_end(path));
    bl_status status = bl__npy_parse(caller, path, map->data, map->size, &arrays->items[0]);
    if (status == BL_OK)
        arrays->count = 1;
    return status;
}

static bl_status read_file(const bl__caller *caller, const char *path, bl_arrays *arrays)
{
    bl__map map;
    bl_status status = bl__map_open(caller, path, &map);
    if (status != BL_OK)
        return status;
    bool zip = map.size >= 4 && (memcmp(map.data, "PK\3\4", 4) == 0 || memcmp(map.data, "PK\5\6", 4) == 0);
    status =
        zip ? bl__npz_parse(caller, path, map.data, map.size, arrays) : read_npy(caller, path, &map, arrays);
    bl__map_close(&map);
    return status;
}

bl_arrays *bl_arrays_read(bl_context *context, const char *path)
{
    bl__caller caller = {context, NULL, "arrays_read"};
    if (!context)
        return NULL;
    if (!path || !path[0]) {
        bl__caller_fail(&caller, BL_ERR_ARGUMENT, "the path is NULL or empty");
        return NULL;
    }
    bl_arrays *arrays = bl__allocate(&context->allocator, 1, sizeof(*arrays));
    if (!arrays) {
        bl__caller_fail(&caller, BL_ERR_MEMORY, "no memory to read %s", bl__path_end(path));
        return NULL;
    }
    arrays->context = bl__context_retain(context);
    if (read_file(&caller, path, arrays) == BL_OK)
        return arrays;
    bl_arrays_free(arrays);
    return NULL;
}

void bl_arrays_free(bl_arrays *arrays)
{
    if (!arrays)
        return;
    bl_context *context = arrays->context;
    for (size_t i = 0; i < arrays->count; i++)
        bl__array_free(&context->allocator, &arrays->items[i]);
    bl__release(&context->allocator, arrays->items, arrays->capacity, sizeof(*arrays->items));
    bl__release(&context->allocator, arrays, 1, sizeof(*arrays));
    bl__context_release(context);
}

size_t bl_arrays_count(const bl_arrays *arrays)
{
    return arrays ? arrays->count : 0;
}

bool bl_arrays_at(const bl_arrays *arrays, size_t index, bl_stored_tensor *array)
{
    if (!arrays || index >= arrays->count)
        return false;
    if (array)
        *array = arrays->items[index].tensor;
    return true;
}

bool bl_arrays_find(const bl_arrays *arrays, const char *name, bl_stored_tensor *array)
{
    for (size_t i = 0; arrays && name && i < arrays->count; i++) {
        if (strcmp(arrays->items[i].tensor.name, name) == 0)
            return bl_arrays_at(arrays, i, array);
    }
    return false;
}

bl_status bl_npy_write(bl_context *context, const char *path, const bl_stored_tensor *array)
{
    bl__caller caller = {context, NULL, "npy_write"};
    bl__atomic_file file;
    char header[BL__NPY_MOST];
    if (!context)
        return BL_ERR_ARGUMENT;
    if (!path || !path[0] || !array)
        return bl__caller_fail(&caller, BL_ERR_ARGUMENT, "the path is NULL or empty, or the array is NULL");
    size_t length = bl__npy_header(&caller, array, header);
    if (length == 0)
        return context->error.code;
    if (bl__atomic_open(&file, &caller, path) == BL_OK) {
        bl__atomic_write(&file, header, length);
        bl__atomic_write(&file, array->data, bl_stored_bytes(array));
        bl__atomic_commit(&file);
    }
    return file.status;
}
