/* Convolutions, the three linear maps between x [N, in, ..], weight [out, in / groups, ..] and
 * y [N, out, ..] that sum
 *
 *     y[n, o, p] weight[o, c, k] x[n, c, stride p + dilation k - padding]
 *
 * over all places but those of one of the three: each is linear in both of its inputs, and its derivatives
 * are the other two. */
#include "ops/convolution_sample.h"
#include "ops/convolution_shape.h"
#include "ops/rules.h"

/* The two inputs are reals of one dtype. */
static bl_status check_dtypes(bl_infer_call *call)
{
    bl_status status = bl__require(call, 0, BL__REALS);
    return status == BL_OK ? bl__require_same(call, 0, 1) : status;
}

/* The convolution of x by the weight is to have the shape of y; the result is what `result` says. */
static bl_status infer_transposed(bl_infer_call *call, bl_shape x, bl_shape weight, bl_shape y,
                                  bl_shape result)
{
    bl_shape found;
    bl_status status = check_dtypes(call);
    if (status == BL_OK)
        status = bl__convolution_shape(call, x, weight, call->attributes, &found);
    if (status != BL_OK)
        return status;
    if (!bl_shape_equal(found, y))
        return bl_infer_fail(call, BL_ERR_SHAPE, "x of %s and a weight of %s do not give %s",
                             BL__SHAPE_TEXT(x), BL__SHAPE_TEXT(weight), BL__SHAPE_TEXT(y));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), result);
}

/* The spatial sizes of a tensor, noted as those of a result. */
static bl__convolution_attributes with_size_of(const bl_tensor *tensor, const void *attributes)
{
    bl__convolution_attributes sized = *(const bl__convolution_attributes *)attributes;
    for (int d = 0; d < (int)sized.spatial; d++)
        sized.size[d] = tensor->size[d + 2];
    return sized;
}

static bl__convolution_attributes without_size(const void *attributes)
{
    bl__convolution_attributes plain = *(const bl__convolution_attributes *)attributes;
    plain.size[0] = plain.size[1] = plain.size[2] = 0;
    return plain;
}

static bl_tensor *convolve(bl_tensor *x, bl_tensor *weight, const void *attributes)
{
    bl__convolution_attributes plain = without_size(attributes);
    return bl__apply_2(&bl__op_convolution, x, weight, &plain);
}

/* What reaches x, and what reaches the weight, where y has the cotangent. */
static bl_tensor *input_gradient(bl_tensor *cotangent, bl_tensor *weight, const bl_tensor *x,
                                 const void *attributes)
{
    bl__convolution_attributes sized = with_size_of(x, attributes);
    return bl__apply_2(&bl__op_convolution_input, cotangent, weight, &sized);
}

static bl_tensor *weight_gradient(bl_tensor *x, bl_tensor *cotangent, const bl_tensor *weight,
                                  const void *attributes)
{
    bl__convolution_attributes sized = with_size_of(weight, attributes);
    return bl__apply_2(&bl__op_convolution_weight, x, cotangent, &sized);
}

static bl__convolution_sample any_sample(bl_sampler *sampler)
{
    return bl__sample_convolution(sampler, (int)bl_sample_int(sampler, 1, 3));
}

/* ---- convolution: y from x and weight ---- */

static bl_status convolution_infer(bl_infer_call *call)
{
    bl_shape y;
    bl_status status = check_dtypes(call);
    if (status == BL_OK)
        status =
            bl__convolution_shape(call, bl__shape_in(call, 0), bl__shape_in(call, 1), call->attributes, &y);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), y) : status;
}

static void convolution_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *weight = call->inputs[1], *cotangent = call->cotangents[0];
    if (call->needed[0])
        call->gradients[0] = input_gradient(cotangent, weight, x, call->attributes);
    if (call->needed[1])
        call->gradients[1] = weight_gradient(x, cotangent, weight, call->attributes);
}

static bl_tensor *convolution_sample(bl_sampler *sampler)
{
    bl__convolution_sample s = any_sample(sampler);
    bl_tensor *x = bl_sample_real(sampler, s.x, -1, 1);
    return convolve(x, bl_sample_real(sampler, s.weight, -1, 1), &s.attributes);
}

const bl_op bl__op_convolution = {
    BL__OP(convolution, 2), .attributes_size = sizeof(bl__convolution_attributes), .infer = convolution_infer,
    .vjp = convolution_vjp, .sample = convolution_sample};

/* ---- convolution_input: x from y and weight, the transposed convolution ---- */

static bl_status convolution_input_infer(bl_infer_call *call)
{
    const bl__convolution_attributes *attributes = call->attributes;
    bl_shape y = bl__shape_in(call, 0), weight = bl__shape_in(call, 1), x = y;
    if (y.rank != attributes->spatial + 2 || weight.rank != y.rank ||
        !bl__multiply(weight.size[1], attributes->groups, &x.size[1]))
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s and a weight of %s do not fit", BL__SHAPE_TEXT(y),
                             BL__SHAPE_TEXT(weight));
    for (int d = 2; d < x.rank; d++)
        x.size[d] = attributes->size[d - 2];
    return infer_transposed(call, x, weight, y, x);
}

static void convolution_input_vjp(bl_vjp_call *call)
{
    bl_tensor *y = call->inputs[0], *weight = call->inputs[1], *cotangent = call->cotangents[0];
    if (call->needed[0])
        call->gradients[0] = convolve(cotangent, weight, call->attributes);
    if (call->needed[1])
        call->gradients[1] = weight_gradient(cotangent, y, weight, call->attributes);
}

/* The shape of y in a sample. */
static bl_shape sample_result(const bl__convolution_sample *s)
{
    bl_shape y = s->x;
    y.size[1] = s->weight.size[0];
    for (int d = 0; d < (int)s->attributes.spatial; d++) {
        int64_t reach = 0;
        bl__reach(s->weight.size[d + 2], s->attributes.dilation[d], &reach);
        y.size[d + 2] =
            (s->x.size[d + 2] + 2 * s->attributes.padding[d] - reach) / s->attributes.stride[d] + 1;
    }
    return y;
}

static bl_tensor *convolution_input_sample(bl_sampler *sampler)
{
    bl__convolution_sample s = any_sample(sampler);
    for (int d = 0; d < (int)s.attributes.spatial; d++)
        s.attributes.size[d] = s.x.size[d + 2];
    bl_tensor *y = bl_sample_real(sampler, sample_result(&s), -1, 1);
    bl_tensor *weight = bl_sample_real(sampler, s.weight, -1, 1);
    return bl__apply_2(&bl__op_convolution_input, y, weight, &s.attributes);
}

const bl_op bl__op_convolution_input = {
    BL__OP(convolution_input, 2), .attributes_size = sizeof(bl__convolution_attributes),
    .infer = convolution_input_infer, .vjp = convolution_input_vjp, .sample = convolution_input_sample};

/* ---- convolution_weight: weight from x and y ---- */

static bl_status convolution_weight_infer(bl_infer_call *call)
{
    const bl__convolution_attributes *attributes = call->attributes;
    bl_shape x = bl__shape_in(call, 0), y = bl__shape_in(call, 1), weight = x;
    if (x.rank != attributes->spatial + 2 || y.rank != x.rank || attributes->groups < 1)
        return bl_infer_fail(call, BL_ERR_SHAPE, "x of %s and y of %s do not fit", BL__SHAPE_TEXT(x),
                             BL__SHAPE_TEXT(y));
    weight.size[0] = y.size[1];
    weight.size[1] = x.size[1] / attributes->groups;
    for (int d = 2; d < x.rank; d++)
        weight.size[d] = attributes->size[d - 2];
    return infer_transposed(call, x, weight, y, weight);
}

static void convolution_weight_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *y = call->inputs[1], *cotangent = call->cotangents[0];
    if (call->needed[0])
        call->gradients[0] = input_gradient(y, cotangent, x, call->attributes);
    if (call->needed[1])
        call->gradients[1] = convolve(x, cotangent, call->attributes);
}

static bl_tensor *convolution_weight_sample(bl_sampler *sampler)
{
    bl__convolution_sample s = any_sample(sampler);
    for (int d = 0; d < (int)s.attributes.spatial; d++)
        s.attributes.size[d] = s.weight.size[d + 2];
    bl_tensor *x = bl_sample_real(sampler, s.x, -1, 1);
    bl_tensor *y = bl_sample_real(sampler, sample_result(&s), -1, 1);
    return bl__apply_2(&bl__op_convolution_weight, x, y, &s.attributes);
}

const bl_op bl__op_convolution_weight = {
    BL__OP(convolution_weight, 2), .attributes_size = sizeof(bl__convolution_attributes),
    .infer = convolution_weight_infer, .vjp = convolution_weight_vjp, .sample = convolution_weight_sample};
