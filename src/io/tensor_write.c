/* Writing safetensors: what goes in is checked and sorted, then header and values follow each other. */
#include "io/tensor_write.h"
#include "graph/text.h"
#include "io/atomic_file.h"
#include "io/order.h"

#include <string.h>

enum {
    PIECE = 4096 /* values converted at a time */
};

/* ---- checks ---- */

static bl_status check_tensor(const bl__caller *caller, const bl__outgoing *out)
{
    const bl_stored_tensor *t = &out->tensor;
    int64_t bytes, count;
    if (!t->name || !t->name[0])
        return bl__caller_fail(caller, BL_ERR_ARGUMENT, "the name of a tensor is NULL or empty");
    if (strcmp(t->name, BL__METADATA_NAME) == 0)
        return bl__caller_fail(caller, BL_ERR_ARGUMENT, "no tensor can be named " BL__METADATA_NAME);
    if ((unsigned)t->dtype >= BL_STORED_COUNT)
        return bl__caller_fail(caller, BL_ERR_DTYPE, "%s has an unknown dtype", t->name);
    if (!bl__stored_convertible(out->from, t->dtype))
        return bl__caller_fail(caller, BL_ERR_DTYPE, "%s is %s, which does not become %s", t->name,
                               bl_stored_dtype_name(out->from), bl_stored_dtype_name(t->dtype));
    if (t->shape.rank < 0 || t->shape.rank > BL_MAX_RANK)
        return bl__caller_fail(caller, BL_ERR_SHAPE, "%s has an invalid shape", t->name);
    for (int d = 0; d < t->shape.rank; d++) {
        if (t->shape.size[d] < 0)
            return bl__caller_fail(caller, BL_ERR_SHAPE, "%s has the invalid shape %s", t->name,
                                   BL__SHAPE_TEXT(t->shape));
    }
    count = bl_shape_count(t->shape);
    if (count < 0 || !bl__multiply(count, (int64_t)bl_stored_dtype_size(t->dtype), &bytes))
        return bl__caller_fail(caller, BL_ERR_OVERFLOW, "%s: the elements of %s cannot be counted", t->name,
                               BL__SHAPE_TEXT(t->shape));
    if (bytes > 0 && !t->data)
        return bl__caller_fail(caller, BL_ERR_ARGUMENT, "the values of %s are NULL", t->name);
    bl__stored_misfit misfit = {0, 0, false};
    if (!bl__stored_convert(out->from, t->data, t->dtype, NULL, (size_t)count, &misfit))
        return bl__stored_report(caller, t->name, t->dtype, &misfit);
    return BL_OK;
}

static bool named_before(const void *items, size_t a, size_t b)
{
    const bl__outgoing *tensors = items;
    return strcmp(tensors[a].tensor.name, tensors[b].tensor.name) < 0;
}

/* safetensors' order: the dtypes from the last to the first, and by name. */
static bool laid_before(const void *items, size_t a, size_t b)
{
    const bl__outgoing *tensors = items;
    if (tensors[a].tensor.dtype != tensors[b].tensor.dtype)
        return tensors[a].tensor.dtype > tensors[b].tensor.dtype;
    return named_before(items, a, b);
}

static void swap(void *items, size_t a, size_t b)
{
    bl__outgoing *tensors = items, kept = tensors[a];
    tensors[a] = tensors[b];
    tensors[b] = kept;
}

static bl_status check_all(const bl__caller *caller, bl__outgoing *tensors, size_t count,
                           const bl_tensor_file_options *options)
{
    if ((!tensors && count > 0) || (!options->metadata && options->metadata_count > 0))
        return bl__caller_fail(caller, BL_ERR_ARGUMENT, "the %s are NULL",
                               !tensors && count > 0 ? "tensors" : "metadata");
    for (size_t i = 0; i < count; i++) {
        bl_status status = check_tensor(caller, &tensors[i]);
        if (status != BL_OK)
            return status;
    }
    bl__sort(&(bl__sortable){tensors, named_before, swap}, count);
    for (size_t i = 1; i < count; i++) {
        if (!named_before(tensors, i - 1, i))
            return bl__caller_fail(caller, BL_ERR_ARGUMENT, "the name %s is given twice",
                                   tensors[i].tensor.name);
    }
    bl__sort(&(bl__sortable){tensors, laid_before, swap}, count);
    for (size_t i = 0; i < options->metadata_count; i++) {
        const bl_metadata *one = &options->metadata[i];
        if (!one->key || !one->value)
            return bl__caller_fail(caller, BL_ERR_ARGUMENT, "a metadatum's key or value is NULL");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(options->metadata[k].key, one->key) == 0)
                return bl__caller_fail(caller, BL_ERR_ARGUMENT, "the metadata %s is given twice", one->key);
        }
    }
    return BL_OK;
}

/* ---- the header ---- */

bool bl__add_metadata(const bl__caller *caller, bl__buffer *text, const bl_metadata *metadata, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool good = bl__buffer_string(text, metadata[i].key);
        bl__buffer_add(text, ":", 1);
        good = good && bl__buffer_string(text, metadata[i].value);
        bl__buffer_add(text, ",", 1);
        if (!good) {
            bl__caller_fail(caller, BL_ERR_ARGUMENT, "the metadata %.96s are not UTF-8", metadata[i].key);
            return false;
        }
    }
    return true;
}

/* Makes the end of an object out of a comma after its last member, if it has any. */
static void end_object(bl__buffer *text)
{
    if (!text->failed && text->data[text->length - 1] == ',')
        text->length--;
    bl__buffer_add(text, "}", 1);
}

static bool add_tensor(const bl__caller *caller, bl__buffer *text, const bl_stored_tensor *tensor,
                       uint64_t begin)
{
    if (!bl__buffer_string(text, tensor->name)) {
        bl__caller_fail(caller, BL_ERR_ARGUMENT, "the name %.96s is not UTF-8", tensor->name);
        return false;
    }
    bl__buffer_format(text, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%llu,%llu]},",
                      bl_stored_dtype_name(tensor->dtype), BL__SHAPE_TEXT(tensor->shape),
                      (unsigned long long)begin, (unsigned long long)(begin + bl_stored_bytes(tensor)));
    return true;
}

/* Length and JSON text; false with what is wrong reported. */
static bool make_header(const bl__caller *caller, bl__buffer *text, const bl__outgoing *tensors, size_t count,
                        const bl_metadata *metadata, size_t metadata_count)
{
    uint64_t at = 0;
    unsigned char length[8] = {0};
    bl__buffer_add(text, (const char *)length, sizeof(length));
    bl__buffer_add(text, "{", 1);
    if (metadata_count > 0) {
        bl__buffer_format(text, "\"" BL__METADATA_NAME "\":{");
        if (!bl__add_metadata(caller, text, metadata, metadata_count))
            return false;
        end_object(text);
        bl__buffer_add(text, ",", 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_tensor(caller, text, &tensors[i].tensor, at))
            return false;
        at += bl_stored_bytes(&tensors[i].tensor);
    }
    end_object(text);
    while (!text->failed && text->length % 8 != 0)
        bl__buffer_add(text, " ", 1);
    uint64_t size = text->length - sizeof(length);
    if (text->failed) {
        bl__caller_fail(caller, BL_ERR_MEMORY, "no memory for the header of %zu tensors", count);
    } else if (size > BL__LARGEST_HEADER || at > INT64_MAX) {
        bl__caller_fail(caller, BL_ERR_OVERFLOW, "%zu tensors with their names are too much for one file",
                        count);
    } else {
        for (int i = 0; i < 8; i++)
            text->data[i] = (char)(unsigned char)(size >> 8 * i);
        return true;
    }
    return false;
}

/* ---- the file ---- */

static void write_values(bl__atomic_file *file, const bl__outgoing *out)
{
    const unsigned char *values = out->tensor.data;
    size_t count = (size_t)bl_shape_count(out->tensor.shape);
    size_t from = bl_stored_dtype_size(out->from), to = bl_stored_dtype_size(out->tensor.dtype);
    if (out->from == out->tensor.dtype) {
        bl__atomic_write(file, values, count * to);
        return;
    }
    for (size_t done = 0; done < count && file->status == BL_OK; done += PIECE) {
        unsigned char piece[PIECE * 8];
        bl__stored_misfit misfit;
        size_t part = count - done < PIECE ? count - done : PIECE;
        bl__stored_convert(out->from, values + done * from, out->tensor.dtype, piece, part, &misfit);
        bl__atomic_write(file, piece, part * to);
    }
}

bl_status bl__write_tensors(const bl__caller *caller, const char *path, const bl__outgoing *tensors,
                            size_t count, const bl_metadata *metadata, size_t metadata_count)
{
    bl__buffer text = {.allocator = &caller->context->allocator};
    bl__atomic_file file;
    if (!make_header(caller, &text, tensors, count, metadata, metadata_count)) {
        bl__buffer_free(&text);
        return caller->context->error.code;
    }
    if (bl__atomic_open(&file, caller, path) == BL_OK) {
        bl__atomic_write(&file, text.data, text.length);
        for (size_t i = 0; i < count; i++)
            write_values(&file, &tensors[i]);
        bl__atomic_commit(&file);
    }
    bl__buffer_free(&text);
    return file.status;
}

bl_status bl__tensor_file_write(const bl__caller *caller, const char *path, bl__outgoing *tensors,
                                size_t count, const bl_tensor_file_options *options)
{
    if (!path || !path[0])
        return bl__caller_fail(caller, BL_ERR_ARGUMENT, "the path is NULL or empty");
    bl_status status = check_all(caller, tensors, count, options);
    if (status != BL_OK)
        return status;
    if (bl__path_ends(path, ".index.json"))
        return bl__write_shards(caller, path, tensors, count, options);
    if (bl__path_ends(path, ".json"))
        return bl__caller_fail(caller, BL_ERR_ARGUMENT,
                               "%s: an index ends in .index.json, and no tensor file in .json",
                               bl__path_end(path));
    return bl__write_tensors(caller, path, tensors, count, options->metadata, options->metadata_count);
}

bl_tensor_file_options bl_tensor_file_defaults(void)
{
    return (bl_tensor_file_options){.max_shard_bytes = UINT64_C(5000000000)};
}

bl_status bl_tensor_file_write(bl_context *context, const char *path, const bl_stored_tensor *tensors,
                               size_t count, const bl_tensor_file_options *options)
{
    bl_tensor_file_options chosen = options ? *options : bl_tensor_file_defaults();
    bl__caller caller = {context, NULL, "tensor_file_write"};
    if (!context)
        return BL_ERR_ARGUMENT;
    if (!tensors && count > 0)
        return bl__caller_fail(&caller, BL_ERR_ARGUMENT, "the tensors are NULL");
    bl__outgoing *outgoing = bl__allocate(&context->allocator, count, sizeof(*outgoing));
    if (count > 0 && !outgoing)
        return bl__caller_fail(&caller, BL_ERR_MEMORY, "no memory for %zu tensors", count);
    for (size_t i = 0; i < count; i++)
        outgoing[i] = (bl__outgoing){tensors[i], tensors[i].dtype};
    bl_status status = bl__tensor_file_write(&caller, path, outgoing, count, &chosen);
    bl__release(&context->allocator, outgoing, count, sizeof(*outgoing));
    return status;
}
