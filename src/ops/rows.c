/* Rows chosen by an index: embedding, its gradient, one_hot. */
#include "ops/rows.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* The shape of indices with one more axis. */
static bl_status append_axis(bl_infer_call *call, bl_shape indices, int64_t size, bl_shape *out)
{
    *out = indices;
    if (indices.rank == BL_MAX_RANK)
        return bl_infer_fail(call, BL_ERR_SHAPE, "indices of %s leave no room for one more axis",
                             BL__SHAPE_TEXT(indices));
    out->size[out->rank++] = size;
    return BL_OK;
}

/* ---- embedding: the cotangents of each row are added up ---- */

enum {
    WEIGHT,
    INDICES
};

static bl_status embedding_infer(bl_infer_call *call)
{
    const bl__embedding_attributes *attributes = call->attributes;
    bl_shape weight = bl__shape_in(call, WEIGHT), out;
    bl_status status = bl__require(call, INDICES, BL__INTEGERS);
    if (status != BL_OK)
        return status;
    if (weight.rank != 2)
        return bl_infer_fail(call, BL_ERR_SHAPE, "the weight is %s, not [rows, width]",
                             BL__SHAPE_TEXT(weight));
    if (attributes->padding_index < -1 || attributes->padding_index >= weight.size[0])
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the padding index %lld is no row of %s, nor -1",
                             (long long)attributes->padding_index, BL__SHAPE_TEXT(weight));
    status = append_axis(call, bl__shape_in(call, INDICES), weight.size[1], &out);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[WEIGHT]), out) : status;
}

bl_tensor *bl_embedding(bl_tensor *weight, bl_tensor *indices)
{
    return bl_embedding_padded(weight, indices, -1);
}

bl_tensor *bl_embedding_padded(bl_tensor *weight, bl_tensor *indices, int64_t padding_index)
{
    bl__embedding_attributes attributes = {.padding_index = padding_index};
    return bl__apply_2(&bl__op_embedding, weight, indices, &attributes);
}

static void embedding_vjp(bl_vjp_call *call)
{
    bl__embedding_attributes attributes = *(const bl__embedding_attributes *)call->attributes;
    attributes.rows = bl_tensor_shape(call->inputs[WEIGHT]).size[0];
    attributes.mask_padding = 0;
    if (call->needed[WEIGHT])
        call->gradients[WEIGHT] =
            bl__apply_2(&bl__op_embedding_backward, call->inputs[INDICES], call->cotangents[0], &attributes);
}

static bl_tensor *embedding_sample(bl_sampler *sampler)
{
    int64_t rows = bl_sample_int(sampler, 1, 7), width = bl_sample_int(sampler, 0, 4);
    bl_tensor *weight = bl_sample_real(sampler, BL_SHAPE(rows, width), -1, 1);
    bl_tensor *indices = bl_sample_indices(sampler, bl_sample_shape(sampler, 0, 2), 0, rows - 1);
    if (!bl__sample_chance(sampler, 3))
        return bl_embedding(weight, indices);
    /* Rows of the padding index as zeros: without that, its missing gradient is no derivative. */
    bl__embedding_attributes attributes = {.padding_index = bl_sample_int(sampler, 0, rows - 1),
                                           .mask_padding = 1};
    return bl__apply_2(&bl__op_embedding, weight, indices, &attributes);
}

const bl_op bl__op_embedding = {BL__OP(embedding, 2), .attributes_size = sizeof(bl__embedding_attributes),
                                .infer = embedding_infer, .vjp = embedding_vjp, .sample = embedding_sample};

/* ---- embedding_backward: row r of the result is the sum of the rows whose index is r ----
 *
 * and of row r of a third input, where there is one: the gradient of the same weight from elsewhere
 * (spelling_accumulate.c). */

enum {
    POSITIONS,
    COTANGENT,
    BASE
};

static bl_status embedding_backward_infer(bl_infer_call *call)
{
    const bl__embedding_attributes *attributes = call->attributes;
    bl_shape indices = bl__shape_in(call, POSITIONS), rows = bl__shape_in(call, COTANGENT), want;
    bl_status status = bl__require(call, POSITIONS, BL__INTEGERS);
    if (status == BL_OK)
        status = bl__require(call, COTANGENT, BL__REALS);
    int64_t width = rows.rank > 0 ? rows.size[rows.rank - 1] : 0;
    if (status == BL_OK)
        status = append_axis(call, indices, width, &want);
    if (status != BL_OK)
        return status;
    if (!bl_shape_equal(rows, want))
        return bl_infer_fail(call, BL_ERR_SHAPE, "indices of %s do not fit rows of %s",
                             BL__SHAPE_TEXT(indices), BL__SHAPE_TEXT(rows));
    bl_shape out = BL_SHAPE(attributes->rows, width);
    if (call->input_count > BASE) {
        status = bl__require_same(call, COTANGENT, BASE);
        if (status == BL_OK && !bl_shape_equal(bl__shape_in(call, BASE), out))
            status = bl_infer_fail(call, BL_ERR_SHAPE, "%s are added to, not %s", BL__SHAPE_TEXT(out),
                                   BL__SHAPE_TEXT(bl__shape_in(call, BASE)));
        if (status != BL_OK)
            return status;
    }
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[COTANGENT]), out);
}

/* The rows are taken back out, zeros for the padding index, which was left out. */
static void embedding_backward_vjp(bl_vjp_call *call)
{
    bl__embedding_attributes attributes = *(const bl__embedding_attributes *)call->attributes;
    attributes.mask_padding = attributes.padding_index >= 0;
    if (call->input_count > BASE && call->needed[BASE])
        call->gradients[BASE] = call->cotangents[0];
    if (call->needed[COTANGENT])
        call->gradients[COTANGENT] =
            bl__apply_2(&bl__op_embedding, call->cotangents[0], call->inputs[POSITIONS], &attributes);
}

static bl_tensor *embedding_backward_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 2), rows = shape;
    bl__embedding_attributes attributes = {.rows = bl_sample_int(sampler, 1, 7), .padding_index = -1};
    if (bl__sample_chance(sampler, 2))
        attributes.padding_index = bl_sample_int(sampler, 0, attributes.rows - 1);
    rows.size[rows.rank++] = bl_sample_int(sampler, 0, 4);
    bl_tensor *indices = bl_sample_indices(sampler, shape, 0, attributes.rows - 1);
    bl_tensor *inputs[] = {indices, bl_sample_real(sampler, rows, -1, 1), NULL};
    bool based = bl__sample_chance(sampler, 3);
    if (based)
        inputs[BASE] = bl_sample_real(sampler, BL_SHAPE(attributes.rows, rows.size[rows.rank - 1]), -1, 1);
    return bl__apply(&bl__op_embedding_backward, inputs, based ? 3 : 2, &attributes);
}

const bl_op bl__op_embedding_backward = {
    BL__OP_BETWEEN(embedding_backward, 2, 3), .attributes_size = sizeof(bl__embedding_attributes),
    .infer = embedding_backward_infer, .vjp = embedding_backward_vjp, .sample = embedding_backward_sample};

/* ---- one_hot ---- */

static bl_status one_hot_infer(bl_infer_call *call)
{
    const bl__one_hot_attributes *attributes = call->attributes;
    bl_dtype dtype = (bl_dtype)attributes->dtype;
    bl_shape out;
    bl_status status = bl__require(call, 0, BL__INTEGERS);
    if (status != BL_OK)
        return status;
    if (!bl__is_one_of(dtype, BL__COMPUTED))
        return bl_infer_fail(call, BL_ERR_DTYPE, "it makes no %s: cast afterwards", bl_dtype_name(dtype));
    if (attributes->classes < 0)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%lld classes are below 0",
                             (long long)attributes->classes);
    status = append_axis(call, bl__shape_in(call, 0), attributes->classes, &out);
    return status == BL_OK ? bl__infer_as(call, dtype, out) : status;
}

bl_tensor *bl__one_hot_ignoring(bl_tensor *indices, int64_t classes, int64_t ignore_index, bl_dtype dtype)
{
    bl__one_hot_attributes attributes = {
        .classes = classes, .ignore_index = ignore_index, .dtype = dtype, .ignores = true};
    return bl__apply_1(&bl__op_one_hot, indices, &attributes);
}

bl_tensor *bl_one_hot(bl_tensor *indices, int64_t classes, bl_dtype dtype)
{
    bl__one_hot_attributes attributes = {.classes = classes, .dtype = dtype};
    return bl__apply_1(&bl__op_one_hot, indices, &attributes);
}

static bl_tensor *one_hot_sample(bl_sampler *sampler)
{
    static const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    int64_t classes = bl_sample_int(sampler, 1, 5), lowest = bl__sample_chance(sampler, 3) ? -1 : 0;
    bl_tensor *indices = bl_sample_indices(sampler, bl_sample_shape(sampler, 0, 4), lowest, classes - 1);
    bl_dtype dtype = dtypes[bl_sample_int(sampler, 0, 4)];
    return lowest < 0 ? bl__one_hot_ignoring(indices, classes, lowest, dtype)
                      : bl_one_hot(indices, classes, dtype);
}

const bl_op bl__op_one_hot = {BL__OP(one_hot, 1), .flags = BL_OP_PIECEWISE,
                              .attributes_size = sizeof(bl__one_hot_attributes), .infer = one_hot_infer,
                              .sample = one_hot_sample};
