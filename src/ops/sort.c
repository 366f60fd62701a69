/* The order of elements along an axis: sort, topk, argsort; and moving elements by the places that those
 * give.
 */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum {
    VALUES,
    PLACES
};

/* ---- taking elements from places along an axis, and putting them back ----
 *
 * The places in a row are distinct and inside the axis: they come from sort or topk. Hence one is the
 * transpose of the other, and nothing is added up. */

enum {
    FROM,
    AT
};

static bl_tensor *move(const bl_op *op, bl_tensor *from, bl_tensor *places, int64_t axis, int64_t size)
{
    bl__take_attributes attributes = {.axis = axis, .size = size};
    return bl__apply_2(op, from, places, &attributes);
}

/* The two inputs have the sizes that are given along the axis, and the same along all others. */
static bl_status infer_move(bl_infer_call *call, int64_t size, int64_t result)
{
    const bl__take_attributes *take = call->attributes;
    bl_shape from = bl__shape_in(call, FROM), places = bl__shape_in(call, AT);
    int axis = (int)take->axis;
    bl_status status = bl__require(call, FROM, BL__NUMBERS);
    if (status == BL_OK)
        status = bl__require(call, AT, 1u << BL_I64);
    if (status != BL_OK)
        return status;
    if (from.rank != places.rank || axis >= from.rank || from.size[axis] != size ||
        !bl_shape_equal(bl__shape_with(from, axis, 0), bl__shape_with(places, axis, 0)))
        return bl_infer_fail(call, BL_ERR_SHAPE, "places of %s do not fit %s along axis %d",
                             BL__SHAPE_TEXT(places), BL__SHAPE_TEXT(from), axis);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[FROM]), bl__shape_with(places, axis, result));
}

/* Places that sort gives for some order, or the first few of them. */
static bl_tensor *sample_places(bl_sampler *sampler, bl_shape shape, int axis)
{
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *order = bl__sample_chance(sampler, 2)
                           ? bl_sort(x, axis, false)
                           : bl_topk(x, bl_sample_int(sampler, 0, shape.size[axis]), axis, true);
    return bl_output(order, PLACES);
}

/* take_sorted: y_i = x[place_i] */

static bl_status take_sorted_infer(bl_infer_call *call)
{
    const bl__take_attributes *take = call->attributes;
    return infer_move(call, take->size, bl__shape_in(call, AT).size[take->axis]);
}

static void take_sorted_vjp(bl_vjp_call *call)
{
    const bl__take_attributes *take = call->attributes;
    call->gradients[FROM] =
        move(&bl__op_put_sorted, call->cotangents[0], call->inputs[AT], take->axis, take->size);
}

static bl_tensor *take_sorted_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    bl_tensor *places = sample_places(sampler, shape, axis), *x = bl_sample_real(sampler, shape, -1, 1);
    return move(&bl__op_take_sorted, x, places, axis, shape.size[axis]);
}

const bl_op bl__op_take_sorted = {BL__OP(take_sorted, 2), .attributes_size = sizeof(bl__take_attributes),
                                  .infer = take_sorted_infer, .vjp = take_sorted_vjp,
                                  .sample = take_sorted_sample};

/* put_sorted: zeros, with y[place_i] = x_i */

static bl_status put_sorted_infer(bl_infer_call *call)
{
    const bl__take_attributes *take = call->attributes;
    return infer_move(call, bl__shape_in(call, AT).size[take->axis], take->size);
}

static void put_sorted_vjp(bl_vjp_call *call)
{
    const bl__take_attributes *take = call->attributes;
    call->gradients[FROM] =
        move(&bl__op_take_sorted, call->cotangents[0], call->inputs[AT], take->axis, take->size);
}

static bl_tensor *put_sorted_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    bl_tensor *places = sample_places(sampler, shape, axis);
    bl_tensor *x = bl_sample_real(sampler, bl_tensor_shape(places), -1, 1);
    return move(&bl__op_put_sorted, x, places, axis, shape.size[axis]);
}

const bl_op bl__op_put_sorted = {BL__OP(put_sorted, 2), .attributes_size = sizeof(bl__take_attributes),
                                 .infer = put_sorted_infer, .vjp = put_sorted_vjp,
                                 .sample = put_sorted_sample};

/* ---- what sort and topk share: two outputs, values and places; only the values have a cotangent ---- */

#define OP_OF_TWO(op)                                                                          \
    .size = sizeof(bl_op), .name = #op, .key = BL__KEY_##op, .min_inputs = 1, .max_inputs = 1, \
    .output_count = 2

static bl_status infer(bl_infer_call *call)
{
    const bl__sort_attributes *sort = call->attributes;
    bl_shape x = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__NUMBERS);
    if (status != BL_OK)
        return status;
    if (sort->count < 0 || sort->count > x.size[sort->axis])
        return bl_infer_fail(call, BL_ERR_SHAPE, "k = %lld does not lie inside axis %lld of %s",
                             (long long)sort->count, (long long)sort->axis, BL__SHAPE_TEXT(x));
    call->dtype[PLACES] = BL_I64;
    call->shape[PLACES] = bl__shape_with(x, (int)sort->axis, sort->count);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), call->shape[PLACES]);
}

static void vjp(bl_vjp_call *call)
{
    const bl__sort_attributes *sort = call->attributes;
    int64_t size = bl_tensor_shape(call->inputs[0]).size[sort->axis];
    call->gradients[0] =
        move(&bl__op_put_sorted, call->cotangents[VALUES], call->outputs[PLACES], sort->axis, size);
}

/* Floats, which are distinct, or now and then integers, some of which are equal. */
static bl_tensor *sample_unordered(bl_sampler *sampler, bl_shape *shape, int *axis)
{
    *shape = bl_sample_shape(sampler, 1, 5);
    *axis = (int)bl_sample_int(sampler, -shape->rank, shape->rank - 1);
    return bl__sample_chance(sampler, 5) ? bl_sample_indices(sampler, *shape, -3, 3)
                                         : bl_sample_real(sampler, *shape, -1, 1);
}

/* ---- sort, argsort ---- */

bl_tensor *bl_sort(bl_tensor *x, int axis, bool descending)
{
    if (!bl__known("sort", x) || !bl__find_axis("sort", x, &axis))
        return bl__refused(x);
    bl__sort_attributes attributes = {.axis = axis, .descending = descending, .count = x->size[axis]};
    return bl__apply_1(&bl__op_sort, x, &attributes);
}

bl_tensor *bl_argsort(bl_tensor *x, int axis, bool descending)
{
    if (!bl__known("argsort", x) || !bl__find_axis("argsort", x, &axis))
        return bl__refused(x);
    if (!bl__is_one_of(bl_tensor_dtype(x), BL__NUMBERS))
        return bl__fail(bl__graph_of(x), BL_ERR_DTYPE, "argsort",
                        "the operand is %s, not a number: cast it first", bl_dtype_name(bl_tensor_dtype(x)));
    bl_tensor *values = bl_sort(x, axis, descending);
    return bl_tensor_valid(values) ? bl_output(values, PLACES) : values;
}

static bl_tensor *sort_sample(bl_sampler *sampler)
{
    bl_shape shape;
    int axis;
    bl_tensor *x = sample_unordered(sampler, &shape, &axis);
    return bl_sort(x, axis, bl__sample_chance(sampler, 2));
}

const bl_op bl__op_sort = {OP_OF_TWO(sort), .attributes_size = sizeof(bl__sort_attributes), .infer = infer,
                           .vjp = vjp, .sample = sort_sample};

/* ---- topk ---- */

bl_tensor *bl_topk(bl_tensor *x, int64_t k, int axis, bool largest)
{
    if (!bl__known("topk", x) || !bl__find_axis("topk", x, &axis))
        return bl__refused(x);
    bl__sort_attributes attributes = {.axis = axis, .descending = largest, .count = k};
    return bl__apply_1(&bl__op_topk, x, &attributes);
}

static bl_tensor *topk_sample(bl_sampler *sampler)
{
    bl_shape shape;
    int axis;
    bl_tensor *x = sample_unordered(sampler, &shape, &axis);
    int64_t k = bl_sample_int(sampler, 0, shape.size[axis < 0 ? axis + shape.rank : axis]);
    return bl_topk(x, k, axis, bl__sample_chance(sampler, 2));
}

const bl_op bl__op_topk = {OP_OF_TWO(topk), .attributes_size = sizeof(bl__sort_attributes), .infer = infer,
                           .vjp = vjp, .sample = topk_sample};
