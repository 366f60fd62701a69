/* Dtypes, shapes, and what can be asked of a tensor. */
#include "graph/graph.h"
#include "graph/half.h"
#include "graph/shape.h"
#include "graph/text.h"

#include <string.h>

const char *bl_dtype_name(bl_dtype dtype)
{
    static const char *const names[] = {
#define NAME(dtype, name, bytes) name,
        BL_DTYPE_LIST(NAME)
#undef NAME
    };
    return (unsigned)dtype < BL_DTYPE_COUNT ? names[dtype] : "?";
}

size_t bl_dtype_size(bl_dtype dtype)
{
    static const uint8_t sizes[] = {
#define SIZE(dtype, name, bytes) bytes,
        BL_DTYPE_LIST(SIZE)
#undef SIZE
    };
    return (unsigned)dtype < BL_DTYPE_COUNT ? sizes[dtype] : 0;
}

bl_shape bl_shape_of(int rank, const int64_t *sizes)
{
    if (rank < 0 || rank > BL_MAX_RANK || (rank > 0 && !sizes))
        return (bl_shape){.rank = -1};
    bl_shape shape;
    shape.rank = rank;
    memset(shape.size, 0, sizeof(shape.size));
    for (int d = 0; d < rank; d++)
        shape.size[d] = sizes[d];
    return shape;
}

int64_t bl_shape_count(bl_shape shape)
{
    int64_t product = 1;
    bool empty = false;
    if (shape.rank < 0 || shape.rank > BL_MAX_RANK)
        return -1;
    for (int d = 0; d < shape.rank; d++) {
        if (shape.size[d] < 0)
            return -1;
        if (shape.size[d] == 0)
            empty = true;
        else if (!bl__multiply(product, shape.size[d], &product))
            return -1;
    }
    return empty ? 0 : product;
}

bl_status bl__shape_status(bl_shape shape)
{
    if (shape.rank < 0 || shape.rank > BL_MAX_RANK)
        return BL_ERR_SHAPE;
    for (int d = 0; d < shape.rank; d++) {
        if (shape.size[d] < 0)
            return BL_ERR_SHAPE;
    }
    int64_t bytes, count = bl_shape_count(shape);
    return count >= 0 && bl__multiply(count, 8, &bytes) ? BL_OK : BL_ERR_OVERFLOW;
}

bool bl_shape_equal(bl_shape a, bl_shape b)
{
    if (a.rank != b.rank)
        return false;
    for (int d = 0; d < a.rank && d < BL_MAX_RANK; d++) {
        if (a.size[d] != b.size[d])
            return false;
    }
    return true;
}

bool bl_shape_broadcast(bl_shape a, bl_shape b, bl_shape *out)
{
    bl_shape result = {.rank = a.rank > b.rank ? a.rank : b.rank};
    if (a.rank < 0 || b.rank < 0 || result.rank > BL_MAX_RANK)
        return false;
    for (int d = 1; d <= result.rank; d++) { /* from the last axis */
        int64_t m = d <= a.rank ? a.size[a.rank - d] : 1;
        int64_t n = d <= b.rank ? b.size[b.rank - d] : 1;
        if (m != n && m != 1 && n != 1)
            return false;
        result.size[result.rank - d] = m == 1 ? n : m;
    }
    *out = result;
    return true;
}

size_t bl_shape_format(bl_shape shape, char *text, size_t size)
{
    bl__text out = {text, size, 0};
    bl__text_shape(&out, shape);
    return out.length;
}

bool bl_tensor_valid(const bl_tensor *tensor)
{
    return tensor && tensor->node;
}

bl_shape bl_tensor_shape(const bl_tensor *tensor)
{
    return bl_tensor_valid(tensor) ? bl_shape_of(tensor->rank, tensor->size) : (bl_shape){.rank = -1};
}

bl_dtype bl_tensor_dtype(const bl_tensor *tensor)
{
    return bl_tensor_valid(tensor) ? (bl_dtype)tensor->dtype : BL_DTYPE_COUNT;
}

int64_t bl_tensor_count(const bl_tensor *tensor)
{
    return bl_tensor_valid(tensor) ? tensor->count : -1;
}

size_t bl_tensor_format(const bl_tensor *tensor, char *text, size_t size)
{
    bl__text out = {text, size, 0};
    if (!bl_tensor_valid(tensor)) {
        bl__text_add(&out, "%s", tensor ? "invalid" : "NULL");
        return out.length;
    }
    bl__text_add(&out, "%%%lld", (long long)tensor->node->id);
    if (tensor->node->op->output_count > 1)
        bl__text_add(&out, ".%d", tensor->output);
    bl__text_add(&out, " = %s %s ", tensor->node->op->name, bl_dtype_name((bl_dtype)tensor->dtype));
    bl__text_shape(&out, bl_tensor_shape(tensor));
    if (tensor->node->origin->label)
        bl__text_add(&out, " (%s)", tensor->node->origin->label);
    return out.length;
}

/* ---- values as text ---- */

static void add_value(bl__text *text, bl_dtype dtype, const void *data, int64_t i, int precision)
{
    switch (dtype) {
    case BL_F32:
        bl__text_number(text, (double)((const float *)data)[i], dtype, precision);
        break;
    case BL_F64:
        bl__text_number(text, ((const double *)data)[i], dtype, precision);
        break;
    case BL_I32:
        bl__text_add(text, "%ld", (long)((const int32_t *)data)[i]);
        break;
    case BL_I64:
        bl__text_add(text, "%lld", (long long)((const int64_t *)data)[i]);
        break;
    case BL_BOOL:
        bl__text_add(text, "%s", ((const uint8_t *)data)[i] ? "true" : "false");
        break;
    case BL_BF16:
        bl__text_number(text, (double)bl__bf16_to_f32(((const uint16_t *)data)[i]), dtype, precision);
        break;
    case BL_F16:
        bl__text_number(text, (double)bl__f16_to_f32(((const uint16_t *)data)[i]), dtype, precision);
        break;
    case BL_DTYPE_COUNT:
        break;
    }
}

size_t bl_values_format(bl_dtype dtype, bl_shape shape, const void *data, int precision, char *text,
                        size_t size)
{
    bl__text out = {text, size, 0};
    int64_t count = bl_shape_count(shape);
    if (size > 0)
        text[0] = '\0';
    if (count < 0 || bl_dtype_size(dtype) == 0 || (!data && count > 0))
        return 0;
    if (count == 0) {
        bl__text_add(&out, "[]");
        return out.length;
    }
    for (int64_t i = 0; i < count; i++) {
        /* `opened` axes begin at element i: it is a multiple of the product of their sizes. */
        int opened = 0;
        for (int64_t d = shape.rank - 1, block = 1; d >= 0; d--, opened++) {
            block *= shape.size[d];
            if (i % block != 0)
                break;
        }
        if (i > 0)
            bl__text_add(&out, opened ? ",\n%*s" : ", ", opened ? shape.rank - opened : 0, "");
        for (int d = 0; d < opened; d++)
            bl__text_add(&out, "[");
        add_value(&out, dtype, data, i, precision);
        for (int64_t d = shape.rank - 1, block = 1; d >= 0; d--) {
            block *= shape.size[d];
            if ((i + 1) % block != 0)
                break;
            bl__text_add(&out, "]");
        }
    }
    return out.length;
}
