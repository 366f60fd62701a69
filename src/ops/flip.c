/* Turning axes round: flip, a view by strides below 0, and roll, two slices the other way round. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"
#include "ops/sampler.h"

/* ---- flip ---- */

static bl_status flip_infer(bl_infer_call *call)
{
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__shape_in(call, 0));
}

bl_tensor *bl_flip(bl_tensor *x, bl_axes axes)
{
    uint32_t mask;
    if (!bl__mask_axes("flip", x, axes, &mask))
        return bl__refused(x);
    return bl__apply_1(&bl__op_flip, x, &(bl__flip_attributes){.axes = mask});
}

static void flip_vjp(bl_vjp_call *call)
{
    call->gradients[0] = bl__apply_1(&bl__op_flip, call->cotangents[0], call->attributes);
}

static bool flip_view(const bl_layout *input, const void *attributes, bl_shape shape, bl_layout *output)
{
    int64_t axes = ((const bl__flip_attributes *)attributes)->axes;
    bool some = bl_shape_count(shape) > 0; /* of nothing, there is no last place */
    *output = *input;
    for (int d = 0; some && d < shape.rank; d++) {
        if (!(axes >> d & 1))
            continue;
        output->offset += (shape.size[d] - 1) * input->stride[d];
        output->stride[d] = -input->stride[d];
    }
    return true;
}

static bl_tensor *flip_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_axes axes = {.count = 0};
    for (int d = 0; d < shape.rank; d++) {
        if (bl__sample_chance(sampler, 2))
            axes.axis[axes.count++] = d - (bl__sample_chance(sampler, 2) ? shape.rank : 0);
    }
    bl_tensor *x = bl__sample_chance(sampler, 8) ? bl_sample_indices(sampler, shape, -9, 9)
                                                 : bl_sample_real(sampler, shape, -1, 1);
    return bl_flip(x, bl__sample_chance(sampler, 4) ? BL_ALL_AXES : axes);
}

const bl_op bl__op_flip = {BL__OP(flip, 1),     .attributes_size = sizeof(bl__flip_attributes),
                           .infer = flip_infer, .vjp = flip_vjp,
                           .view = flip_view,   .sample = flip_sample};

/* ---- roll ---- */

/* y[i] = x[i - shift], modulo the size of the axis. */
static bl_tensor *roll(bl_tensor *x, int axis, int64_t shift)
{
    int64_t size = bl_tensor_shape(x).size[axis];
    int64_t by = size > 0 ? shift % size : 0;
    if (by == 0)
        return x;
    int64_t cut = by > 0 ? size - by : -by;
    bl_tensor *parts[] = {bl_slice(x, axis, cut, size, 1), bl_slice(x, axis, 0, cut, 1)};
    return bl_concat(parts, 2, axis);
}

bl_tensor *bl_roll(bl_tensor *x, const int64_t *shifts, bl_axes axes)
{
    if (!bl__known("roll", x))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    int count = axes.count < 0 ? x->rank : axes.count;
    if (count > BL_MAX_RANK)
        return bl__fail(graph, BL_ERR_ARGUMENT, "roll", "%d axes are too many", count);
    if (!shifts && count > 0)
        return bl__fail(graph, BL_ERR_ARGUMENT, "roll", "the shifts are NULL");
    for (int i = 0; i < count; i++) {
        axes.axis[i] = axes.count < 0 ? i : axes.axis[i];
        if (!bl__find_axis("roll", x, &axes.axis[i]))
            return bl__refused(x);
    }
    for (int i = 0; i < count && bl_tensor_valid(x); i++)
        x = roll(x, axes.axis[i], shifts[i]);
    return x;
}
