/* Reductions over axes, and undoing a broadcast. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <math.h>

/* ---- what they share ---- */

/* The shape of x with the axes of a mask gone, or of size 1. */
static bl_shape reduced_shape(bl_shape x, uint32_t axes, bool keepdim)
{
    bl_shape shape = {.rank = 0};
    for (int d = 0; d < x.rank; d++) {
        if (!(axes >> d & 1u))
            shape.size[shape.rank++] = x.size[d];
        else if (keepdim)
            shape.size[shape.rank++] = 1;
    }
    return shape;
}

static bl_status infer(bl_infer_call *call, unsigned dtypes)
{
    const bl__reduce_attributes *attributes = call->attributes;
    bl_status status = bl__require(call, 0, dtypes);
    if (status != BL_OK)
        return status;
    bl_shape shape = reduced_shape(bl__shape_in(call, 0), attributes->axes, attributes->keepdim);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), shape);
}

/* Of max and argmax, which have no value for no elements. */
static bl_status infer_filled(bl_infer_call *call)
{
    const bl__reduce_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, 0);
    for (int d = 0; d < x.rank; d++) {
        if ((attributes->axes >> d & 1u) && x.size[d] == 0)
            return bl_infer_fail(call, BL_ERR_SHAPE, "axis %d of %s has no elements", d, BL__SHAPE_TEXT(x));
    }
    return infer(call, BL__NUMBERS);
}

/* The axes as a mask; false, reported, when one is outside the rank or given twice. x is known. */
static bool mask_axes(const char *op, const bl_tensor *x, bl_axes axes, uint32_t *mask)
{
    *mask = 0;
    if (axes.count < 0) {
        *mask = (1u << x->rank) - 1;
        return true;
    }
    if (axes.count > BL_MAX_RANK) {
        bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "%d axes are too many", axes.count);
        return false;
    }
    for (int i = 0; i < axes.count; i++) {
        int axis = axes.axis[i];
        if (!bl__find_axis(op, x, &axis))
            return false;
        if (*mask >> axis & 1u) {
            bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "axis %d is given twice", axes.axis[i]);
            return false;
        }
        *mask |= 1u << axis;
    }
    return true;
}

static bl_tensor *reduce(const bl_op *op, bl_tensor *x, bl_axes axes, bool keepdim)
{
    bl__reduce_attributes attributes = {.keepdim = keepdim};
    if (!bl__known(op->name, x) || !mask_axes(op->name, x, axes, &attributes.axes))
        return bl__refused(x);
    return bl__apply_1(op, x, &attributes);
}

/* A result or its cotangent as if keepdim had been asked for: it broadcasts to x. */
static bl_tensor *with_axes(bl_tensor *result, const bl_vjp_call *call)
{
    const bl__reduce_attributes *attributes = call->attributes;
    bl_shape x = bl_tensor_shape(call->inputs[0]);
    return attributes->keepdim ? result : bl_reshape(result, reduced_shape(x, attributes->axes, true));
}

static bl_axes axes_of(const bl__reduce_attributes *attributes)
{
    bl_axes axes = {.count = 0};
    for (int d = 0; d < BL_MAX_RANK; d++) {
        if (attributes->axes >> d & 1u)
            axes.axis[axes.count++] = d;
    }
    return axes;
}

/* Some axes of a tensor, by either of their names, and all of them now and then. */
static bl_axes sample_axes(bl_sampler *sampler, int rank)
{
    bl_axes axes = {.count = 0};
    if (bl__sample_chance(sampler, 4))
        return BL_ALL_AXES;
    for (int d = 0; d < rank; d++) {
        if (bl__sample_chance(sampler, 2))
            axes.axis[axes.count++] = bl__sample_chance(sampler, 2) ? d : d - rank;
    }
    return axes;
}

typedef bl_tensor *builder(bl_tensor *x, bl_axes axes, bool keepdim);

static bl_tensor *sample(bl_sampler *sampler, bl_shape shape, bool integers, builder *build)
{
    bl_tensor *x = integers && bl__sample_chance(sampler, 5) ? bl_sample_indices(sampler, shape, -9, 9)
                                                             : bl_sample_real(sampler, shape, -1, 1);
    bl_axes axes = sample_axes(sampler, shape.rank);
    return build(x, axes, bl__sample_chance(sampler, 2));
}

/* ---- sum: the cotangent goes to every element ---- */

static bl_status sum_infer(bl_infer_call *call)
{
    return infer(call, BL__NUMBERS);
}

bl_tensor *bl_sum(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return reduce(&bl__op_sum, x, axes, keepdim);
}

static void sum_vjp(bl_vjp_call *call)
{
    bl_tensor *g = with_axes(call->cotangents[0], call);
    call->gradients[0] = bl_expand(g, bl_tensor_shape(call->inputs[0]));
}

static bl_tensor *sum_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_sample_shape(sampler, 0, 5), true, bl_sum);
}

const bl_op bl__op_sum = {BL__OP(sum, 1), .attributes_size = sizeof(bl__reduce_attributes),
                          .infer = sum_infer, .vjp = sum_vjp, .sample = sum_sample};

/* ---- mean: a sum, divided by the number of elements that went into each ---- */

static bl_status mean_infer(bl_infer_call *call)
{
    return infer(call, BL__REALS);
}

bl_tensor *bl_mean(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return reduce(&bl__op_mean, x, axes, keepdim);
}

/* NaN over no elements is a constant: x / 0 would have infinite derivatives. */
static void mean_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    const bl__reduce_attributes *mean = attributes;
    bl_tensor *x = inputs[0];
    bl_shape shape = bl_tensor_shape(x);
    double count = 1; /* a float all the same when it is divided by */
    for (int d = 0; d < shape.rank; d++)
        count *= mean->axes >> d & 1u ? (double)shape.size[d] : 1;
    (void)input_count;
    if (count == 0)
        outputs[0] =
            bl_full(graph, bl_tensor_dtype(x), reduced_shape(shape, mean->axes, mean->keepdim), (double)NAN);
    else
        outputs[0] = bl_div_scalar(bl_sum(x, axes_of(mean), mean->keepdim), count);
}

static bl_tensor *mean_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_sample_shape(sampler, 0, 5), false, bl_mean);
}

const bl_op bl__op_mean = {
    BL__OP(mean, 1),     .flags = BL__OP_COMPOSITE,   .attributes_size = sizeof(bl__reduce_attributes),
    .infer = mean_infer, .decompose = mean_decompose, .sample = mean_sample};

/* ---- max: the cotangent goes in equal parts to all elements as large as the largest ---- */

bl_tensor *bl_max(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return reduce(&bl__op_max, x, axes, keepdim);
}

static void max_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *g = with_axes(call->cotangents[0], call);
    bl_tensor *largest = bl_equal(x, with_axes(call->outputs[0], call));
    bl_tensor *ties = bl_sum(bl_cast(largest, bl_tensor_dtype(x)), axes_of(call->attributes), true);
    call->gradients[0] = bl_where(largest, bl_div(g, ties), bl__number_like(g, 0));
}

static bl_tensor *max_sample(bl_sampler *sampler)
{
    return sample(sampler, bl__sample_filled(sampler, 0, 5), true, bl_max);
}

const bl_op bl__op_max = {BL__OP(max, 1), .attributes_size = sizeof(bl__reduce_attributes),
                          .infer = infer_filled, .vjp = max_vjp, .sample = max_sample};

/* ---- argmax ---- */

static bl_status argmax_infer(bl_infer_call *call)
{
    bl_status status = infer_filled(call);
    call->dtype[0] = BL_I64;
    return status;
}

bl_tensor *bl_argmax(bl_tensor *x, bl_axes axes, bool keepdim)
{
    return reduce(&bl__op_argmax, x, axes, keepdim);
}

static bl_tensor *argmax_sample(bl_sampler *sampler)
{
    return sample(sampler, bl__sample_filled(sampler, 0, 5), true, bl_argmax);
}

const bl_op bl__op_argmax = {BL__OP(argmax, 1), .flags = BL_OP_PIECEWISE,
                             .attributes_size = sizeof(bl__reduce_attributes), .infer = argmax_infer,
                             .sample = argmax_sample};

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
