/* softmax and log_softmax along an axis. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

static bl_status infer(bl_infer_call *call)
{
    bl_status status = bl__require(call, 0, BL__REALS);
    return status == BL_OK ? bl__infer_broadcast(call) : status;
}

static int axis_of(const void *attributes)
{
    return (int)((const bl__axis_attributes *)attributes)->axis;
}

static bl_tensor *apply(const bl_op *op, bl_tensor *x, int axis)
{
    if (!bl__known(op->name, x) || !bl__find_axis(op->name, x, &axis))
        return bl__refused(x);
    bl__axis_attributes attributes = {.axis = axis};
    return bl__apply_1(op, x, &attributes);
}

/* x - max x, so that no exponential overflows. It has the derivatives of x: what flows through max cancels.
 */
static bl_tensor *shifted(bl_tensor *x, int axis)
{
    if (bl_tensor_shape(x).size[axis] == 0)
        return x;
    return bl_sub(x, bl_max(x, BL_AXES(axis), true));
}

typedef bl_tensor *builder(bl_tensor *x, int axis);

static bl_tensor *sample(bl_sampler *sampler, builder *build)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    bl_tensor *x = bl_sample_real(sampler, shape, -3, 3);
    return build(x, (int)bl_sample_int(sampler, -shape.rank, shape.rank - 1));
}

/* ---- what flows back, by a kernel along the last axis and else by simpler ops ---- */

static bool is_last(const bl_tensor *x, int axis)
{
    return axis == bl_tensor_shape(x).rank - 1;
}

/* One dtype and one shape: the cotangent's and the value's. */
static bl_status infer_backward(bl_infer_call *call)
{
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = bl__require_same(call, 0, 1);
    bl_shape g = bl__shape_in(call, 0), y = bl__shape_in(call, 1);
    if (status == BL_OK && (!bl_shape_equal(g, y) || g.rank == 0))
        status = bl_infer_fail(call, BL_ERR_SHAPE, "a cotangent of %s for a value of %s", BL__SHAPE_TEXT(g),
                               BL__SHAPE_TEXT(y));
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), g) : status;
}

static bl_tensor *softmax_flow(bl_tensor *g, bl_tensor *y, int axis)
{
    return bl_mul(y, bl_sub(g, bl_sum(bl_mul(g, y), BL_AXES(axis), true)));
}

static bl_tensor *log_softmax_flow(bl_tensor *g, bl_tensor *y, int axis)
{
    return bl_sub(g, bl_mul(bl_exp(y), bl_sum(g, BL_AXES(axis), true)));
}

static void softmax_backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                       const void *attributes, bl_tensor **outputs)
{
    (void)graph, (void)input_count, (void)attributes;
    outputs[0] = softmax_flow(inputs[0], inputs[1], -1);
}

static void log_softmax_backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                           const void *attributes, bl_tensor **outputs)
{
    (void)graph, (void)input_count, (void)attributes;
    outputs[0] = log_softmax_flow(inputs[0], inputs[1], -1);
}

static bl_tensor *sample_backward(bl_sampler *sampler, const bl_op *op)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    bl_tensor *g = bl_sample_real(sampler, shape, -1, 1);
    return bl__apply_2(op, g, bl_sample_real(sampler, shape, -2, 1), NULL);
}

static bl_tensor *softmax_backward_sample(bl_sampler *sampler)
{
    return sample_backward(sampler, &bl__op_softmax_backward);
}

static bl_tensor *log_softmax_backward_sample(bl_sampler *sampler)
{
    return sample_backward(sampler, &bl__op_log_softmax_backward);
}

const bl_op bl__op_softmax_backward = {BL__OP(softmax_backward, 2), .infer = infer_backward,
                                       .decompose = softmax_backward_decompose,
                                       .sample = softmax_backward_sample};
const bl_op bl__op_log_softmax_backward = {BL__OP(log_softmax_backward, 2), .infer = infer_backward,
                                           .decompose = log_softmax_backward_decompose,
                                           .sample = log_softmax_backward_sample};

/* ---- softmax: y = exp(x) / sum exp(x), dx = y (g - sum(g y)) ---- */

bl_tensor *bl_softmax(bl_tensor *x, int axis)
{
    return apply(&bl__op_softmax, x, axis);
}

static void softmax_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *y = call->outputs[0];
    int axis = axis_of(call->attributes);
    call->gradients[0] =
        is_last(y, axis) ? bl__apply_2(&bl__op_softmax_backward, g, y, NULL) : softmax_flow(g, y, axis);
}

static void softmax_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                              const void *attributes, bl_tensor **outputs)
{
    int axis = axis_of(attributes);
    bl_tensor *powers = bl_exp(shifted(inputs[0], axis));
    (void)graph;
    (void)input_count;
    outputs[0] = bl_div(powers, bl_sum(powers, BL_AXES(axis), true));
}

static bl_tensor *softmax_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_softmax);
}

const bl_op bl__op_softmax = {BL__OP(softmax, 1),
                              .attributes_size = sizeof(bl__axis_attributes),
                              .infer = infer,
                              .vjp = softmax_vjp,
                              .decompose = softmax_decompose,
                              .sample = softmax_sample};

/* ---- log_softmax: y = x - log sum exp(x), dx = g - exp(y) sum(g) ---- */

bl_tensor *bl_log_softmax(bl_tensor *x, int axis)
{
    return apply(&bl__op_log_softmax, x, axis);
}

static void log_softmax_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *y = call->outputs[0];
    int axis = axis_of(call->attributes);
    call->gradients[0] = is_last(y, axis) ? bl__apply_2(&bl__op_log_softmax_backward, g, y, NULL)
                                          : log_softmax_flow(g, y, axis);
}

static void log_softmax_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                  const void *attributes, bl_tensor **outputs)
{
    int axis = axis_of(attributes);
    bl_tensor *x = shifted(inputs[0], axis);
    (void)graph;
    (void)input_count;
    outputs[0] = bl_sub(x, bl_log(bl_sum(bl_exp(x), BL_AXES(axis), true)));
}

static bl_tensor *log_softmax_sample(bl_sampler *sampler)
{
    return sample(sampler, bl_log_softmax);
}

const bl_op bl__op_log_softmax = {BL__OP(log_softmax, 1),
                                  .attributes_size = sizeof(bl__axis_attributes),
                                  .infer = infer,
                                  .vjp = log_softmax_vjp,
                                  .decompose = log_softmax_decompose,
                                  .sample = log_softmax_sample};
