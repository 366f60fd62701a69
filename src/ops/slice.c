/* Parts of tensors along an axis: slice, its transpose, concat, split. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <limits.h>

/* ---- slice: places start, start + step, .. below stop ---- */

static int64_t slice_length(const bl__slice_attributes *slice)
{
    int64_t span = slice->stop - slice->start;
    return span > 0 ? (span - 1) / slice->step + 1 : 0;
}

static bl_status slice_infer(bl_infer_call *call)
{
    const bl__slice_attributes *slice = call->attributes;
    bl_shape x = bl__shape_in(call, 0);
    if (slice->step < 1)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the step %lld is below 1", (long long)slice->step);
    if (slice->start < 0 || slice->start > slice->stop || slice->stop > slice->size)
        return bl_infer_fail(call, BL_ERR_SHAPE, "%lld:%lld does not lie inside axis %lld of %s",
                             (long long)slice->start, (long long)slice->stop, (long long)slice->axis,
                             BL__SHAPE_TEXT(x));
    bl_shape part = bl__shape_with(x, (int)slice->axis, slice_length(slice));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), part);
}

bl_tensor *bl_slice(bl_tensor *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    if (!bl__known("slice", x) || !bl__find_axis("slice", x, &axis))
        return bl__refused(x);
    int64_t size = x->size[axis], most = size > 1 ? size : 1; /* a longer step takes the same one element */
    bl__slice_attributes attributes = {
        .axis = axis, .start = start, .stop = stop, .step = step < most ? step : most, .size = size};
    return bl__apply_1(&bl__op_slice, x, &attributes);
}

static void slice_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(&bl__op_slice_backward, call->cotangents[0], call->attributes);
}

static bool slice_view(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    const bl__slice_attributes *slice = attributes;
    *output = *input;
    output->shape = shape;
    output->stride[slice->axis] *= slice->step;
    if (bl_shape_count(shape) > 0) /* of nothing, the place could be past the end */
        output->offset += slice->start * input->stride[slice->axis];
    return true;
}

/* A shape, and a slice of it. */
static bl_shape sample_slice(bl_sampler *sampler, bl__slice_attributes *slice)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    slice->axis = bl_sample_int(sampler, 0, shape.rank - 1);
    slice->size = shape.size[slice->axis];
    slice->start = bl_sample_int(sampler, 0, slice->size);
    slice->stop = bl_sample_int(sampler, slice->start, slice->size);
    slice->step = bl_sample_int(sampler, 1, 3);
    return shape;
}

static bl_tensor *slice_sample(bl_sampler *sampler)
{
    bl__slice_attributes slice;
    bl_shape shape = sample_slice(sampler, &slice);
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1);
    int axis = (int)slice.axis - (bl__sample_chance(sampler, 2) ? shape.rank : 0);
    return bl_slice(x, axis, slice.start, slice.stop, slice.step);
}

const bl_op bl__op_slice = {BL__OP(slice, 1),     .attributes_size = sizeof(bl__slice_attributes),
                            .infer = slice_infer, .vjp = slice_vjp,
                            .view = slice_view,   .sample = slice_sample};

/* ---- slice_backward: zeros, with the input at the places of a slice ---- */

static bl_status slice_backward_infer(bl_infer_call *call)
{
    const bl__slice_attributes *slice = call->attributes;
    bl_shape part = bl__shape_in(call, 0);
    int axis = (int)slice->axis;
    if (axis >= part.rank || part.size[axis] != slice_length(slice))
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s is not a slice of %lld along axis %d",
                             BL__SHAPE_TEXT(part), (long long)slice_length(slice), axis);
    bl_shape whole = bl__shape_with(part, axis, slice->size);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), whole);
}

static void slice_backward_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(&bl__op_slice, call->cotangents[0], call->attributes);
}

static bl_tensor *slice_backward_sample(bl_sampler *sampler)
{
    bl__slice_attributes slice;
    bl_shape whole = sample_slice(sampler, &slice);
    bl_shape part = bl__shape_with(whole, (int)slice.axis, slice_length(&slice));
    return bl__apply_1(&bl__op_slice_backward, bl_sample_real(sampler, part, -1, 1), &slice);
}

const bl_op bl__op_slice_backward = {
    BL__OP(slice_backward, 1), .attributes_size = sizeof(bl__slice_attributes), .infer = slice_backward_infer,
    .vjp = slice_backward_vjp, .sample = slice_backward_sample};

/* ---- concat ---- */

static bl_status concat_infer(bl_infer_call *call)
{
    int axis = (int)((const bl__axis_attributes *)call->attributes)->axis;
    bl_shape whole = bl__shape_in(call, 0);
    for (size_t i = 1; i < call->input_count; i++) {
        bl_shape part = bl__shape_in(call, i), first = bl__shape_in(call, 0);
        bl_status status = bl__require_same(call, 0, i);
        if (status != BL_OK)
            return status;
        if (part.rank != first.rank ||
            !bl_shape_equal(bl__shape_with(part, axis, 0), bl__shape_with(first, axis, 0)))
            return bl_infer_fail(call, BL_ERR_SHAPE, "%s and %s differ outside axis %d",
                                 BL__SHAPE_TEXT(first), BL__SHAPE_TEXT(part), axis);
        if (part.size[axis] > INT64_MAX - whole.size[axis])
            return bl_infer_fail(call, BL_ERR_OVERFLOW, "axis %d grows too long", axis);
        whole.size[axis] += part.size[axis];
    }
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), whole);
}

bl_tensor *bl_concat(bl_tensor *const *tensors, size_t count, int axis)
{
    bl_graph *graph = NULL;
    for (size_t i = 0; tensors && i < count && !graph; i++)
        graph = bl__graph_of(tensors[i]);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, "concat", tensors[0]) || !bl__find_axis("concat", tensors[0], &axis))
        return &graph->invalid;
    bl__axis_attributes attributes = {.axis = axis};
    return bl_apply(graph, &bl__op_concat, tensors, count, &attributes);
}

static void concat_vjp(bl_vjp_call *call)
{
    int axis = (int)((const bl__axis_attributes *)call->attributes)->axis;
    int64_t start = 0;
    for (size_t i = 0; i < call->input_count; i++) {
        int64_t stop = start + bl_tensor_shape(call->inputs[i]).size[axis];
        if (call->needed[i])
            call->gradients[i] = bl_slice(call->cotangents[0], axis, start, stop, 1);
        start = stop;
    }
}

static bl_tensor *concat_sample(bl_sampler *sampler)
{
    bl_tensor *parts[6];
    size_t count = (size_t)bl_sample_int(sampler, 1, 6);
    bl_shape shape = bl_sample_shape(sampler, 1, 4);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    bool integers = bl__sample_chance(sampler, 8);
    for (size_t i = 0; i < count; i++) {
        bl_shape part = bl__shape_with(shape, axis, bl_sample_int(sampler, 0, 3));
        parts[i] = integers ? bl__sample_integers(sampler, BL_I32, part, -9, 9)
                            : bl_sample_real(sampler, part, -1, 1);
    }
    return bl_concat(parts, count, axis - (bl__sample_chance(sampler, 2) ? shape.rank : 0));
}

const bl_op bl__op_concat = {BL__OP_BETWEEN(concat, 1, INT_MAX),
                             .attributes_size = sizeof(bl__axis_attributes), .infer = concat_infer,
                             .vjp = concat_vjp, .sample = concat_sample};

/* ---- split: slices ---- */

/* Whether sizes cover an axis; reported when not. */
static bool covers(const bl_tensor *x, const int64_t *sizes, size_t count, int axis)
{
    bl_graph *graph = bl__graph_of(x);
    int64_t left = x->size[axis];
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] < 0 || sizes[i] > left) {
            bl__fail(graph, BL_ERR_SHAPE, "split",
                     "part %zu of %lld does not fit: axis %d of %s has %lld left", i, (long long)sizes[i],
                     axis, BL__SHAPE_TEXT(bl_tensor_shape(x)), (long long)left);
            return false;
        }
        left -= sizes[i];
    }
    if (left > 0)
        bl__fail(graph, BL_ERR_SHAPE, "split", "the parts leave %lld of axis %d of %s", (long long)left, axis,
                 BL__SHAPE_TEXT(bl_tensor_shape(x)));
    return left == 0;
}

static bool split(bl_tensor *x, const int64_t *sizes, size_t count, int axis, bl_tensor **parts)
{
    if (!bl__known("split", x) || !bl__find_axis("split", x, &axis) || !covers(x, sizes, count, axis))
        return false;
    int64_t start = 0;
    for (size_t i = 0; i < count; i++) {
        parts[i] = bl_slice(x, axis, start, start + sizes[i], 1);
        if (!bl_tensor_valid(parts[i]))
            return false;
        start += sizes[i];
    }
    return true;
}

bl_status bl_split(bl_tensor *x, const int64_t *sizes, size_t count, int axis, bl_tensor **parts)
{
    bl_graph *graph = bl__graph_of(x);
    bool given = count == 0 || (sizes && parts);
    if (graph && !given)
        bl__fail(graph, BL_ERR_ARGUMENT, "split", "the %s are NULL", sizes ? "parts" : "sizes");
    if (graph && given && split(x, sizes, count, axis, parts))
        return BL_OK;
    for (size_t i = 0; parts && i < count; i++)
        parts[i] = bl__refused(x);
    return graph ? graph->error.code : BL_ERR_ARGUMENT;
}
