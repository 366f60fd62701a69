/* Activation functions with bounds, hardsigmoid and hardswish, and with a second tensor: prelu, whose slope
 * is learned, and glu, which gates one half of a tensor by the other. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

static bl_tensor *is_below(bl_tensor *x, double bound)
{
    return bl_less(x, bl__number_like(x, bound));
}

/* Floats between the bounds -3 and 3, beyond them, or on both sides of them. */
static bl_tensor *sample_around_bounds(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 3))
        return bl_sample_signed(sampler, shape, 3.1, 4);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.1, 2.9);
    return bl__sample_chance(sampler, 2) ? x : bl_add_scalar(x, bl__sample_chance(sampler, 2) ? 3 : -3);
}

/* ---- hardsigmoid: (x + 3) / 6 between bounds, 0 below -3 and 1 above 3 ---- */

bl_tensor *bl_hardsigmoid(bl_tensor *x)
{
    return bl__apply_1(&bl__op_hardsigmoid, x, NULL);
}

static void hardsigmoid_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *zero = bl__number_like(x, 0);
    bl_tensor *slope = bl_where(is_below(bl_abs(x), 3), bl__number_like(x, 1.0 / 6), zero);
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static void hardsigmoid_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                  const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_div_scalar(bl_relu6(bl_add_scalar(inputs[0], 3)), 6);
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *hardsigmoid_sample(bl_sampler *sampler)
{
    return bl_hardsigmoid(sample_around_bounds(sampler));
}

const bl_op bl__op_hardsigmoid = {
    BL__OP(hardsigmoid, 1), .flags = BL_OP_ELEMENTWISE,         .infer = bl__infer_reals,
    .vjp = hardsigmoid_vjp, .decompose = hardsigmoid_decompose, .sample = hardsigmoid_sample};

/* ---- hardswish: y = x hardsigmoid(x), 0 below -3 and x above 3, and x / 3 + 1/2 its derivative between ----
 */

bl_tensor *bl_hardswish(bl_tensor *x)
{
    return bl__apply_1(&bl__op_hardswish, x, NULL);
}

static void hardswish_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *one = bl__number_like(x, 1), *zero = bl__number_like(x, 0);
    bl_tensor *between = bl_add_scalar(bl_div_scalar(x, 3), 0.5);
    bl_tensor *above = bl_greater_equal(x, bl__number_like(x, 3));
    bl_tensor *slope = bl_where(is_below(x, -3), zero, bl_where(above, one, between));
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static void hardswish_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_mul(inputs[0], bl_hardsigmoid(inputs[0]));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *hardswish_sample(bl_sampler *sampler)
{
    return bl_hardswish(sample_around_bounds(sampler));
}

const bl_op bl__op_hardswish = {
    BL__OP(hardswish, 1), .flags = BL_OP_ELEMENTWISE,       .infer = bl__infer_reals,
    .vjp = hardswish_vjp, .decompose = hardswish_decompose, .sample = hardswish_sample};

/* ---- prelu: x for x > 0, else weight x ---- */

enum {
    X,
    WEIGHT
};

/* The weight in a shape that meets x: one element a channel, or one for all. */
static bl_tensor *meet_channels(const bl_tensor *x, bl_tensor *weight)
{
    bl_shape values = bl_tensor_shape(x), given = bl_tensor_shape(weight), shape = BL_SCALAR;
    int64_t channels = values.rank > 1 ? values.size[1] : 1, count = bl_shape_count(given);
    if (given.rank > 1 || (count != 1 && count != channels))
        return bl__fail(bl__graph_of(x), BL_ERR_SHAPE, "prelu",
                        "a weight of %s is neither one for all of %s nor one a channel",
                        BL__SHAPE_TEXT(given), BL__SHAPE_TEXT(values));
    if (count == 1)
        return bl_reshape(weight, shape);
    shape.rank = values.rank - 1;
    for (int d = 1; d < shape.rank; d++)
        shape.size[d] = 1;
    shape.size[0] = channels;
    return bl_reshape(weight, shape);
}

bl_tensor *bl_prelu(bl_tensor *x, bl_tensor *weight)
{
    bl_graph *graph = bl__graph_of(x) ? bl__graph_of(x) : bl__graph_of(weight);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, "prelu", x) || !bl__usable(graph, "prelu", weight))
        return &graph->invalid;
    return bl__apply_2(&bl__op_prelu, x, meet_channels(x, weight), NULL);
}

/* dy = weight dx + x dweight for x <= 0; x is left out where it does not count, since it can be infinite. */
static void prelu_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *x = call->inputs[X], *zero = bl__number_like(x, 0);
    bl_tensor *positive = bl_greater(x, zero);
    if (call->needed[X])
        call->gradients[X] = bl_mul(g, bl_where(positive, bl__number_like(x, 1), call->inputs[WEIGHT]));
    if (call->needed[WEIGHT])
        call->gradients[WEIGHT] = bl_mul(g, bl_where(positive, zero, x));
}

static void prelu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                            const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[X], *zero = bl__number_like(x, 0), *positive = bl_greater(x, zero);
    outputs[0] = bl_where(positive, x, bl_mul(inputs[WEIGHT], x));
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *prelu_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5),
             one = bl__sample_chance(sampler, 2) ? BL_SCALAR : BL_SHAPE(1);
    bool by_channel = shape.rank > 1 && bl__sample_chance(sampler, 2);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.1, 2);
    return bl_prelu(x, bl_sample_real(sampler, by_channel ? BL_SHAPE(shape.size[1]) : one, -1, 1));
}

const bl_op bl__op_prelu = {BL__OP(prelu, 2), .flags = BL_OP_ELEMENTWISE,   .infer = bl__infer_reals,
                            .vjp = prelu_vjp, .decompose = prelu_decompose, .sample = prelu_sample};

/* ---- glu: a s(b), with a and b the halves of x along an axis and s the sigmoid ---- */

bl_tensor *bl_glu(bl_tensor *x, int axis)
{
    if (!bl__known("glu", x) || !bl__find_axis("glu", x, &axis))
        return bl__refused(x);
    bl__axis_attributes attributes = {.axis = axis};
    return bl__apply_1(&bl__op_glu, x, &attributes);
}

static bl_status glu_infer(bl_infer_call *call)
{
    int axis = (int)((const bl__axis_attributes *)call->attributes)->axis;
    bl_shape x = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status != BL_OK)
        return status;
    if (x.size[axis] % 2 != 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "axis %d of %s has no halves", axis, BL__SHAPE_TEXT(x));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__shape_with(x, axis, x.size[axis] / 2));
}

static void glu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, bl_tensor **outputs)
{
    int axis = (int)((const bl__axis_attributes *)attributes)->axis;
    int64_t size = bl_tensor_shape(inputs[0]).size[axis];
    bl_tensor *a = bl_slice(inputs[0], axis, 0, size / 2, 1),
              *b = bl_slice(inputs[0], axis, size / 2, size, 1);
    outputs[0] = bl_mul(a, bl_sigmoid(b));
    (void)graph;
    (void)input_count;
}

static bl_tensor *glu_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    shape.size[axis] = 2 * bl_sample_int(sampler, shape.size[axis] > 0, 2);
    bl_tensor *x = bl_sample_real(sampler, shape, -3, 3);
    return bl_glu(x, bl__sample_chance(sampler, 2) ? axis : axis - shape.rank);
}

const bl_op bl__op_glu = {
    BL__OP(glu, 1),     .flags = BL__OP_COMPOSITE,  .attributes_size = sizeof(bl__axis_attributes),
    .infer = glu_infer, .decompose = glu_decompose, .sample = glu_sample};
