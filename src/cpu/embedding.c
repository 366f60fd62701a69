/* Kernels of rows chosen by an index: embedding (gather), its gradient (scatter-add), one_hot. */
#include "cpu/indices.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

/* ---- embedding: out[i, :] = weight[index_i, :], any dtype ---- */

enum {
    WEIGHT,
    INDICES
};

static bl_status prepare_embedding(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    (void)arena;
    *scratch_bytes = 0;
    return bl__indices_prepare(call, call->inputs[INDICES]);
}

static bl_status run_embedding(const bl__call *call)
{
    const bl__operand *weight = call->inputs[WEIGHT], *indices = call->inputs[INDICES];
    const bl__embedding_attributes *attributes = call->attributes;
    size_t row = (size_t)weight->size[1] * bl_dtype_size(weight->dtype);
    char *out = call->outputs[0]->data;
    bl_status status = bl__indices_check(call, indices, weight->size[0], NULL, "index");
    if (status != BL_OK || row == 0)
        return status;
    for (int64_t i = 0; i < indices->count; i++, out += row) {
        int64_t index = bl__index_at(indices, i);
        if (attributes->mask_padding && index == attributes->padding_index)
            memset(out, 0, row);
        else
            memcpy(out, bl__at_const(weight->data, row, index), row);
    }
    return BL_OK;
}

const bl__kernel bl__kernel_embedding = {BL__CAN_FAIL | BL__PICKS, prepare_embedding, run_embedding,
                                         bl__flops_none};

/* ---- embedding_backward: out[index_i, :] += cotangent[i, :], in the order of i, from zeros or from a base
 * ---- */

enum {
    POSITIONS,
    COTANGENT,
    BASE
};

#define ADD_ROW(name, type)                                           \
    static void add_row_##name(int64_t n, void *sum, const void *row) \
    {                                                                 \
        const type *x = row;                                          \
        type *y = sum;                                                \
        BL__EACH_ALONE                                                \
        for (int64_t i = 0; i < n; i++)                               \
            y[i] += x[i];                                             \
    }

ADD_ROW(f32, float)
ADD_ROW(f64, double)

static bl_status prepare_embedding_backward(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    (void)arena;
    *scratch_bytes = 0;
    bl_dtype dtype = call->inputs[COTANGENT]->dtype;
    if (dtype != BL_F32 && dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(dtype));
    return bl__indices_prepare(call, call->inputs[POSITIONS]);
}

static bl_status run_embedding_backward(const bl__call *call)
{
    const bl__operand *indices = call->inputs[POSITIONS], *cotangent = call->inputs[COTANGENT];
    const bl__operand *output = call->outputs[0];
    const bl__embedding_attributes *attributes = call->attributes;
    int64_t width = output->size[1];
    size_t row = (size_t)width * bl_dtype_size(output->dtype);
    const char *from = cotangent->data;
    bl_status status = bl__indices_check(call, indices, output->size[0], NULL, "index");
    if (status != BL_OK || row == 0)
        return status;
    if (call->input_count <= BASE)
        bl__zero(output->data, (size_t)output->size[0] * row);
    else if (call->inputs[BASE]->data != output->data && output->count > 0)
        memcpy(output->data, call->inputs[BASE]->data, (size_t)output->size[0] * row);
    for (int64_t i = 0; i < indices->count; i++, from += row) {
        int64_t index = bl__index_at(indices, i);
        if (index != attributes->padding_index)
            (output->dtype == BL_F32 ? add_row_f32 : add_row_f64)(width, bl__at(output->data, row, index),
                                                                  from);
    }
    return BL_OK;
}

static int64_t flops_embedding_backward(const bl__call *call)
{
    return call->inputs[COTANGENT]->count;
}

const bl__kernel bl__kernel_embedding_backward = {BL__CAN_FAIL | BL__IN_PLACE_OF(BASE),
                                                  prepare_embedding_backward, run_embedding_backward,
                                                  flops_embedding_backward};

/* ---- one_hot: 1 at the index, 0 elsewhere ---- */

/* The number 1 of a dtype; NULL where one_hot does not make it. */
static const void *one(bl_dtype dtype)
{
    static const float f32 = 1;
    static const double f64 = 1;
    static const int32_t i32 = 1;
    static const int64_t i64 = 1;
    static const uint8_t boolean = 1;
    static const void *const ones[BL_DTYPE_COUNT] = {
        [BL_F32] = &f32, [BL_F64] = &f64, [BL_I32] = &i32, [BL_I64] = &i64, [BL_BOOL] = &boolean};
    return ones[dtype];
}

static bl_status prepare_one_hot(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    (void)arena;
    *scratch_bytes = 0;
    bl_dtype dtype = call->outputs[0]->dtype;
    if (!one(dtype))
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(dtype));
    return bl__indices_prepare(call, call->inputs[0]);
}

static bl_status run_one_hot(const bl__call *call)
{
    const bl__operand *indices = call->inputs[0], *output = call->outputs[0];
    const bl__one_hot_attributes *attributes = call->attributes;
    size_t bytes = bl_dtype_size(output->dtype);
    int64_t classes = attributes->classes;
    const int64_t *ignored = attributes->ignores ? &attributes->ignore_index : NULL;
    bl_status status = bl__indices_check(call, indices, classes, ignored, "index");
    if (status != BL_OK)
        return status;
    bl__zero(output->data, (size_t)output->count * bytes);
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t index = bl__index_at(indices, i);
        if (!ignored || index != *ignored)
            memcpy(bl__at(output->data, bytes, i * classes + index), one(output->dtype), bytes);
    }
    return BL_OK;
}

const bl__kernel bl__kernel_one_hot = {BL__CAN_FAIL, prepare_one_hot, run_one_hot, bl__flops_none};
