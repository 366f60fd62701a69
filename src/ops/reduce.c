/* Sums over axes: sum, mean, nansum; and undoing a broadcast, which is a sum. */
#include "bowline/ops.h"
#include "ops/reduced.h"
#include "ops/sampler.h"

#include <math.h>

/* ---- sum: the cotangent goes to every element ---- */

static bl_status sum_infer(bl_infer_call *call)
{
    return bl__infer_reduced(call, BL__NUMBERS);
}

bl_tensor *bl_sum(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_sum, x, axes, keepdim);
}

static void sum_vjp(bl_vjp_call *call)
{
    bl_tensor *g = bl__with_axes(call->cotangents[0], call);
    call->gradients[0] = bl_expand(g, bl_tensor_shape(call->inputs[0]));
}

static bl_tensor *sum_sample(bl_sampler *sampler)
{
    return bl__sample_reduced(sampler, bl_sample_shape(sampler, 0, 5), true, bl_sum);
}

const bl_op bl__op_sum = {BL__OP(sum, 1), .attributes_size = sizeof(bl__reduce_attributes),
                          .infer = sum_infer, .vjp = sum_vjp, .sample = sum_sample};

/* ---- mean: a sum, divided by the number of elements that went into each ---- */

static bl_status mean_infer(bl_infer_call *call)
{
    return bl__infer_reduced(call, BL__REALS);
}

bl_tensor *bl_mean(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_mean, x, axes, keepdim);
}

/* NaN over no elements is a constant: x / 0 would have infinite derivatives. */
static void mean_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    const bl__reduce_attributes *mean = attributes;
    bl_tensor *x = inputs[0];
    bl_shape shape = bl_tensor_shape(x);
    double count = bl__reduced_count(shape, mean->axes);
    (void)input_count;
    if (count == 0)
        outputs[0] = bl_full(graph, bl_tensor_dtype(x), bl__reduced_shape(shape, mean->axes, mean->keepdim),
                             (double)NAN);
    else
        outputs[0] = bl_div_scalar(bl_sum(x, bl__axes_of(mean), mean->keepdim), count);
}

static bl_tensor *mean_sample(bl_sampler *sampler)
{
    return bl__sample_reduced(sampler, bl_sample_shape(sampler, 0, 5), false, bl_mean);
}

const bl_op bl__op_mean = {
    BL__OP(mean, 1),     .flags = BL__OP_COMPOSITE,   .attributes_size = sizeof(bl__reduce_attributes),
    .infer = mean_infer, .decompose = mean_decompose, .sample = mean_sample};

/* ---- nansum: of what is no NaN; NaN elements get no cotangent ---- */

static bl_status nansum_infer(bl_infer_call *call)
{
    return bl__infer_reduced(call, BL__REALS);
}

bl_tensor *bl_nansum(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return bl__reduce(&bl__op_nansum, x, axes, keepdim);
}

static void nansum_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                             const void *attributes, bl_tensor **outputs)
{
    const bl__reduce_attributes *nansum = attributes;
    bl_tensor *x = inputs[0];
    (void)graph;
    (void)input_count;
    outputs[0] =
        bl_sum(bl_where(bl_equal(x, x), x, bl__number_like(x, 0)), bl__axes_of(nansum), nansum->keepdim);
}

static bl_tensor *nansum_sample(bl_sampler *sampler)
{
    return bl__sample_reduced(sampler, bl_sample_shape(sampler, 0, 5), false, bl_nansum);
}

const bl_op bl__op_nansum = {
    BL__OP(nansum, 1),     .flags = BL__OP_COMPOSITE,     .attributes_size = sizeof(bl__reduce_attributes),
    .infer = nansum_infer, .decompose = nansum_decompose, .sample = nansum_sample};

/* ---- undoing a broadcast ---- */

bl_tensor *bl_reduce_to(bl_tensor *x, bl_shape shape)
{
    bl_shape both;
    if (!bl__known("reduce_to", x))
        return bl__refused(x);
    bl_shape from = bl_tensor_shape(x);
    if (!bl_shape_broadcast(from, shape, &both) || !bl_shape_equal(both, from))
        return bl__fail(bl__graph_of(x), BL_ERR_SHAPE, "reduce_to", "%s does not broadcast to %s",
                        BL__SHAPE_TEXT(shape), BL__SHAPE_TEXT(from));
    int added = from.rank - shape.rank;
    bl_axes axes = {.count = 0};
    for (int d = 0; d < from.rank; d++) {
        int64_t size = d < added ? 1 : shape.size[d - added];
        if (size != from.size[d])
            axes.axis[axes.count++] = d;
    }
    if (axes.count > 0)
        x = bl_sum(x, axes, true);
    return added > 0 ? bl_reshape(x, shape) : x;
}
