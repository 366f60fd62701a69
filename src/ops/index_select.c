/* Parts chosen along an axis by a list of indices: index_select, index_add. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    X,
    INDEX,
    SOURCE
};

/* ---- what they share ---- */

static int axis_of(const void *attributes)
{
    return (int)((const bl__axis_attributes *)attributes)->axis;
}

/* The shape of x with as many parts along the axis as there are indices. */
static bl_status selected_shape(bl_infer_call *call, bl_shape *shape)
{
    bl_shape x = bl__shape_in(call, X), index = bl__shape_in(call, INDEX);
    bl_status status = bl__require(call, INDEX, BL__INTEGERS);
    if (status != BL_OK)
        return status;
    if (index.rank != 1)
        return bl_infer_fail(call, BL_ERR_SHAPE, "the index is %s, not a list", BL__SHAPE_TEXT(index));
    *shape = bl__shape_with(x, axis_of(call->attributes), index.size[0]);
    return BL_OK;
}

/* ---- index_select: y[.., i, ..] = x[.., index[i], ..] ---- */

static bl_status index_select_infer(bl_infer_call *call)
{
    bl_shape shape;
    bl_status status = selected_shape(call, &shape);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), shape) : status;
}

bl_tensor *bl_index_select(bl_tensor *x, int axis, bl_tensor *index)
{
    return bl__apply_along(&bl__op_index_select, (bl_tensor *[]){x, index}, axis);
}

static void index_select_vjp(bl_vjp_call *call)
{
    if (call->needed[X])
        call->gradients[X] = bl_index_add(bl_zeros_like(call->inputs[X]), axis_of(call->attributes),
                                          call->inputs[INDEX], call->cotangents[0]);
}

static bl_tensor *index_select_sample(bl_sampler *sampler)
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    bl_tensor *x = bl__sample_chance(sampler, 8) ? bl_sample_bools(sampler, shape)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    bl_shape list = BL_SHAPE(bl_sample_int(sampler, 0, 5));
    bl_tensor *index = bl_sample_indices(sampler, list, 0, shape.size[axis] - 1);
    return bl_index_select(x, axis - (bl__sample_chance(sampler, 2) ? shape.rank : 0), index);
}

const bl_op bl__op_index_select = {BL__OP(index_select, 2), .attributes_size = sizeof(bl__axis_attributes),
                                   .infer = index_select_infer, .vjp = index_select_vjp,
                                   .sample = index_select_sample};

/* ---- index_add: a copy of x with y[.., index[i], ..] += source[.., i, ..], in the order of i ---- */

static bl_status index_add_infer(bl_infer_call *call)
{
    bl_shape shape, source = bl__shape_in(call, SOURCE);
    bl_status status = bl__require(call, X, BL__NUMBERS);
    if (status == BL_OK)
        status = bl__require_same(call, X, SOURCE);
    if (status == BL_OK)
        status = selected_shape(call, &shape);
    if (status != BL_OK)
        return status;
    if (!bl_shape_equal(source, shape))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the source is %s, not %s", BL__SHAPE_TEXT(source),
                             BL__SHAPE_TEXT(shape));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), bl__shape_in(call, X));
}

bl_tensor *bl_index_add(bl_tensor *x, int axis, bl_tensor *index, bl_tensor *source)
{
    return bl__apply_along(&bl__op_index_add, (bl_tensor *[]){x, index, source}, axis);
}

static void index_add_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0];
    if (call->needed[X])
        call->gradients[X] = g;
    if (call->needed[SOURCE])
        call->gradients[SOURCE] = bl_index_select(g, axis_of(call->attributes), call->inputs[INDEX]);
}

static bl_tensor *index_add_sample(bl_sampler *sampler)
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    int64_t count = bl_sample_int(sampler, 0, 5);
    bool integers = bl__sample_chance(sampler, 8);
    bl_shape parts = bl__shape_with(shape, axis, count);
    bl_tensor *x =
        integers ? bl__sample_integers(sampler, BL_I64, shape, -9, 9) : bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *source =
        integers ? bl__sample_integers(sampler, BL_I64, parts, -9, 9) : bl_sample_real(sampler, parts, -1, 1);
    bl_tensor *index = bl_sample_indices(sampler, BL_SHAPE(count), 0, shape.size[axis] - 1);
    return bl_index_add(x, axis - (bl__sample_chance(sampler, 2) ? shape.rank : 0), index, source);
}

const bl_op bl__op_index_add = {BL__OP(index_add, 3), .attributes_size = sizeof(bl__axis_attributes),
                                .infer = index_add_infer, .vjp = index_add_vjp, .sample = index_add_sample};
