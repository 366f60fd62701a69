/* Arrays from files in IDX format, as MNIST comes. */
#include "bowline/data.h"
#include "data/mapping.h"
#include "graph/text.h"

#include <inttypes.h>
#include <string.h>

struct bl_idx {
    bl_context *context;
    bl__mapping file;
    const unsigned char *first;
    bl_shape shape;
    bl_idx_type type;
    int64_t each; /* elements of one example */
};

static int bytes_of(unsigned type)
{
    switch (type) {
    case BL_IDX_U8:
    case BL_IDX_I8:
        return 1;
    case BL_IDX_I16:
        return 2;
    case BL_IDX_I32:
    case BL_IDX_F32:
        return 4;
    case BL_IDX_F64:
        return 8;
    default:
        return 0;
    }
}

/* ---- opening ---- */

static bl_status report(const bl_idx *idx, const char *path, const char *what)
{
    return bl__report(idx->context, NULL, BL_ERR_IO, "idx_open", NULL, "%s %s", path, what);
}

/* The sizes, and that the file holds exactly as many elements. */
static bl_status read_sizes(bl_idx *idx, const char *path)
{
    size_t head = 4 + 4 * (size_t)idx->shape.rank;
    if (idx->file.size < head)
        return report(idx, path, "ends within its header");
    for (int d = 0; d < idx->shape.rank; d++)
        idx->shape.size[d] = (int64_t)bl__big_endian(idx->file.bytes + 4 + 4 * d, 4);
    int64_t count = bl_shape_count(idx->shape), bytes = 0;
    if (count < 0 || !bl__multiply(count, bytes_of(idx->type), &bytes) ||
        (uint64_t)bytes != idx->file.size - head)
        return bl__report(idx->context, NULL, BL_ERR_IO, "idx_open", NULL,
                          "%s has %zu bytes behind its header, not those of %s elements of %d", path,
                          idx->file.size - head, BL__SHAPE_TEXT(idx->shape), bytes_of(idx->type));
    idx->first = idx->file.bytes + head;
    idx->each = 1;
    for (int d = 1; d < idx->shape.rank; d++)
        idx->each = count == 0 ? 0 : idx->each * idx->shape.size[d];
    return BL_OK;
}

static bl_status read_header(bl_idx *idx, const char *path)
{
    const unsigned char *head = idx->file.bytes;
    if (idx->file.size >= 2 && head[0] == 0x1f && head[1] == 0x8b)
        return report(idx, path, "is compressed: gunzip it first");
    if (idx->file.size < 4 || head[0] != 0 || head[1] != 0)
        return report(idx, path, "does not begin as an IDX file does");
    if (bytes_of(head[2]) == 0)
        return bl__report(idx->context, NULL, BL_ERR_IO, "idx_open", NULL,
                          "%s has elements of type 0x%02x, which there is not", path, (unsigned)head[2]);
    if (head[3] < 1 || head[3] > BL_MAX_RANK)
        return bl__report(idx->context, NULL, BL_ERR_IO, "idx_open", NULL, "%s has %d axes, not 1 to %d",
                          path, head[3], BL_MAX_RANK);
    idx->type = (bl_idx_type)head[2];
    idx->shape.rank = head[3];
    return read_sizes(idx, path);
}

bl_idx *bl_idx_open(bl_context *context, const char *path)
{
    const char *op = "idx_open";
    if (!context)
        return NULL;
    if (!path) {
        bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "the path is NULL");
        return NULL;
    }
    bl_idx *idx = bl__allocate(&context->allocator, 1, sizeof(*idx));
    if (!idx) {
        bl__report(context, NULL, BL_ERR_MEMORY, op, NULL, "no memory to open %s", path);
        return NULL;
    }
    idx->context = bl__context_retain(context);
    bl_status status = bl__map(context, op, path, &idx->file);
    if (status == BL_OK)
        status = read_header(idx, path);
    if (status == BL_OK)
        return idx;
    bl_idx_free(idx);
    return NULL;
}

void bl_idx_free(bl_idx *idx)
{
    if (!idx)
        return;
    bl_context *context = idx->context;
    bl__unmap(&idx->file);
    bl__release(&context->allocator, idx, 1, sizeof(*idx));
    bl__context_release(context);
}

bl_shape bl_idx_shape(const bl_idx *idx)
{
    return idx ? idx->shape : (bl_shape){.rank = -1};
}

bl_idx_type bl_idx_type_of(const bl_idx *idx)
{
    return idx ? idx->type : (bl_idx_type)0;
}

/* ---- reading ---- */

/* An element of an integer type; of unsigned bytes as of signed ones. */
static int64_t integer_at(const unsigned char *bytes, bl_idx_type type)
{
    uint64_t value = bl__big_endian(bytes, bytes_of(type));
    switch (type) {
    case BL_IDX_I8:
        return (int64_t)(value ^ 0x80) - 0x80;
    case BL_IDX_I16:
        return (int64_t)(value ^ 0x8000) - 0x8000;
    case BL_IDX_I32:
        return (int64_t)(value ^ UINT64_C(0x80000000)) - INT64_C(0x80000000);
    default:
        return (int64_t)value;
    }
}

static double real_at(const unsigned char *bytes, bl_idx_type type)
{
    uint64_t bits = bl__big_endian(bytes, bytes_of(type));
    if (type == BL_IDX_F32) {
        uint32_t few = (uint32_t)bits;
        float value;
        memcpy(&value, &few, sizeof(value));
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool is_real(bl_idx_type type)
{
    return type == BL_IDX_F32 || type == BL_IDX_F64;
}

/* Elements of one example, converted, to where element `at` of the values stands. */
static void convert(const bl_idx *idx, const unsigned char *from, bl_dtype dtype, void *values, int64_t at)
{
    int bytes = bytes_of(idx->type);
    for (int64_t i = 0; i < idx->each; i++, from += bytes) {
        if (dtype == BL_I64)
            ((int64_t *)values)[at + i] = integer_at(from, idx->type);
        else if (dtype == BL_I32)
            ((int32_t *)values)[at + i] = (int32_t)integer_at(from, idx->type);
        else {
            double value =
                is_real(idx->type) ? real_at(from, idx->type) : (double)integer_at(from, idx->type);
            if (dtype == BL_F64)
                ((double *)values)[at + i] = value;
            else
                ((float *)values)[at + i] = (float)value;
        }
    }
}

static bl_status check_take(const bl_idx *idx, const int64_t *examples, int64_t count, bl_dtype dtype,
                            const void *values, size_t bytes)
{
    const char *op = "idx_take";
    int64_t elements = 0, needed = 0;
    if (dtype != BL_F32 && dtype != BL_F64 && dtype != BL_I32 && dtype != BL_I64)
        return bl__report(idx->context, NULL, BL_ERR_DTYPE, op, NULL,
                          "the values are %s, not f32, f64, i32 or i64", bl_dtype_name(dtype));
    if (is_real(idx->type) && (dtype == BL_I32 || dtype == BL_I64))
        return bl__report(idx->context, NULL, BL_ERR_DTYPE, op, NULL,
                          "the file has floats, the values are %s", bl_dtype_name(dtype));
    for (int64_t i = 0; i < count; i++) {
        int64_t example = examples ? examples[i] : count - 1;
        if (example < 0 || example >= idx->shape.size[0])
            return bl__report(idx->context, NULL, BL_ERR_INDEX, op, NULL,
                              "there is no example %" PRId64 " among %" PRId64, example, idx->shape.size[0]);
        if (!examples)
            break; /* the last of the first ones is there */
    }
    if (count < 0 || !bl__multiply(count, idx->each, &elements) ||
        !bl__multiply(elements, (int64_t)bl_dtype_size(dtype), &needed) || (uint64_t)needed != bytes ||
        (!values && bytes > 0))
        return bl__report(idx->context, NULL, BL_ERR_ARGUMENT, op, NULL,
                          "%zu bytes are not those of %" PRId64 " examples of %" PRId64 " elements of %s",
                          bytes, count, idx->each, bl_dtype_name(dtype));
    return BL_OK;
}

bl_status bl_idx_take(const bl_idx *idx, const int64_t *examples, int64_t count, bl_dtype dtype, void *values,
                      size_t bytes)
{
    if (!idx)
        return BL_ERR_ARGUMENT;
    bl_status status = check_take(idx, examples, count, dtype, values, bytes);
    for (int64_t i = 0; i < count && status == BL_OK; i++) {
        int64_t example = examples ? examples[i] : i;
        convert(idx, idx->first + example * idx->each * bytes_of(idx->type), dtype, values, i * idx->each);
    }
    return status;
}
