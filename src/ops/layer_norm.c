/* Rows over the last axes brought to mean 0 and variance 1: layer_norm, rms_norm; and what all normalisation
 * layers share. */
#include "ops/norms.h"

#include <math.h>

/* ---- parts of shape rules ---- */

bl_status bl__check_eps(bl_infer_call *call, double eps)
{
    if (eps >= 0 && !isinf(eps))
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_ARGUMENT, "eps = %g is negative or not finite", eps);
}

bl_status bl__check_affine(bl_infer_call *call, bl_shape shape, bool weighted)
{
    bl_status status = BL_OK;
    for (size_t i = 1; i < call->input_count && status == BL_OK; i++) {
        bl_shape own = bl__shape_in(call, i);
        status = bl__require_same(call, 0, i);
        if (status == BL_OK && !bl_shape_equal(own, shape))
            status = bl_infer_fail(call, BL_ERR_SHAPE, "the %s is %s, not %s",
                                   weighted && i == 1 ? "weight" : "bias", BL__SHAPE_TEXT(own),
                                   BL__SHAPE_TEXT(shape));
    }
    return status;
}

/* ---- parts of decompositions ---- */

bl_tensor *bl__affine(bl_tensor *x, bl_tensor *const *inputs, bl_shape shape, bool weighted, bool biased)
{
    if (weighted)
        x = bl_mul(x, bl_reshape(inputs[1], shape));
    return biased ? bl_add(x, bl_reshape(inputs[weighted ? 2 : 1], shape)) : x;
}

/* ---- builders and samples ---- */

bl_tensor *bl__apply_affine(const bl_op *op, bl_tensor *x, bl_tensor *weight, bl_tensor *bias,
                            const void *attributes, int64_t *weighted, int64_t *biased)
{
    bl_tensor *inputs[3] = {x};
    size_t count = 1;
    *weighted = weight != NULL;
    *biased = bias != NULL;
    if (weight)
        inputs[count++] = weight;
    if (bias)
        inputs[count++] = bias;
    return bl__apply(op, inputs, count, attributes);
}

bl_tensor *bl__sample_affine(bl_sampler *sampler, bl_shape shape)
{
    return bl__sample_chance(sampler, 3) ? NULL : bl_sample_signed(sampler, shape, 0.5, 2);
}

/* ---- standardize: y = (x - m) r with r = 1 / sqrt(v + eps) over the last axes ----
 *
 * m is the mean of the row and v the mean of (x - m)^2, or m = 0 where it is not centered. Outputs y and r,
 * which has sizes of 1 in the place of the row. Over rows of n elements,
 *
 *     dy:  dx = r (g - mean(g) - y mean(g y))        dr = -r^2 / n sum(y dx)
 *
 * without mean(g) where it is not centered.
 */

enum {
    ROWS,  /* y */
    SCALE, /* r */
    OUTPUTS
};

static bl_axes last_axes(int rank, int64_t count)
{
    bl_axes axes = {.count = (int)count};
    for (int d = 0; d < axes.count; d++)
        axes.axis[d] = rank - axes.count + d;
    return axes;
}

/* The number of elements of a row, as a number to divide by. */
static double row_count(bl_shape shape, int64_t axes)
{
    double count = 1;
    for (int d = shape.rank - (int)axes; d < shape.rank; d++)
        count *= (double)shape.size[d];
    return count;
}

static bl_status standardize_infer(bl_infer_call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    bl_shape shape = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK && attributes->axes > shape.rank)
        status = bl_infer_fail(call, BL_ERR_SHAPE, "%s has no %lld last axes", BL__SHAPE_TEXT(shape),
                               (long long)attributes->axes);
    if (status != BL_OK)
        return status;
    call->dtype[SCALE] = bl_tensor_dtype(call->inputs[0]);
    call->shape[SCALE] = shape;
    for (int d = shape.rank - (int)attributes->axes; d < shape.rank; d++)
        call->shape[SCALE].size[d] = 1;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), shape);
}

bl_tensor *bl__standardize(bl_tensor *x, int axes, bool centered, double eps)
{
    bl__standardize_attributes attributes = {.axes = axes, .centered = centered, .eps = eps};
    return bl__apply_1(&bl__op_standardize, x, &attributes);
}

/* What flows to x through y. */
static bl_tensor *flow_through_rows(bl_tensor *g, bl_tensor *y, bl_tensor *r, bl_axes axes, bool centered)
{
    bl_tensor *rest = bl_sub(g, bl_mul(y, bl_mean(bl_mul(g, y), axes, true)));
    if (centered)
        rest = bl_sub(rest, bl_mean(g, axes, true));
    return bl_mul(rest, r);
}

/* ---- standardize_backward: that by a kernel, of g, y and r ---- */

static bl_status standardize_backward_infer(bl_infer_call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    bl_shape g = bl__shape_in(call, 0), scale = g;
    bl_status status = bl__require(call, 0, BL__REALS);
    for (size_t i = 1; i < call->input_count && status == BL_OK; i++)
        status = bl__require_same(call, 0, i);
    if (status == BL_OK && attributes->axes > g.rank)
        status = bl_infer_fail(call, BL_ERR_SHAPE, "%s has no %lld last axes", BL__SHAPE_TEXT(g),
                               (long long)attributes->axes);
    if (status != BL_OK)
        return status;
    for (int d = g.rank - (int)attributes->axes; d < g.rank; d++)
        scale.size[d] = 1;
    if (!bl_shape_equal(bl__shape_in(call, 1), g) || !bl_shape_equal(bl__shape_in(call, 2), scale))
        return bl_infer_fail(call, BL_ERR_SHAPE, "a cotangent of %s for rows of %s scaled by %s",
                             BL__SHAPE_TEXT(g), BL__SHAPE_TEXT(bl__shape_in(call, 1)),
                             BL__SHAPE_TEXT(bl__shape_in(call, 2)));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), g);
}

static void standardize_backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                           const void *attributes, bl_tensor **outputs)
{
    const bl__standardize_attributes *rows = attributes;
    bl_axes axes = last_axes(bl_tensor_shape(inputs[0]).rank, rows->axes);
    (void)graph, (void)input_count;
    outputs[0] = flow_through_rows(inputs[0], inputs[1], inputs[2], axes, rows->centered);
}

static bl_tensor *standardize_backward_sample(bl_sampler *sampler)
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5), scale = shape;
    bl__standardize_attributes attributes = {.axes = bl_sample_int(sampler, 1, shape.rank),
                                             .centered = bl__sample_chance(sampler, 2)};
    for (int d = shape.rank - (int)attributes.axes; d < shape.rank; d++)
        scale.size[d] = 1;
    bl_tensor *inputs[] = {bl_sample_real(sampler, shape, -1, 1), bl_sample_real(sampler, shape, -2, 2),
                           bl_sample_real(sampler, scale, 0.5, 2)};
    return bl__apply(&bl__op_standardize_backward, inputs, 3, &attributes);
}

const bl_op bl__op_standardize_backward = {
    BL__OP(standardize_backward, 3), .attributes_size = sizeof(bl__standardize_attributes),
    .infer = standardize_backward_infer, .decompose = standardize_backward_decompose,
    .sample = standardize_backward_sample};

/* ---- standardize itself ---- */

static void standardize_vjp(bl_vjp_call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    bl_tensor *x = call->inputs[0], *y = call->outputs[ROWS], *r = call->outputs[SCALE];
    bl_tensor *g = call->cotangents[ROWS], *h = call->cotangents[SCALE], *flow = NULL;
    bl_shape shape = bl_tensor_shape(x);
    if (bl_tensor_count(x) == 0) {
        call->gradients[0] = bl__number_like(x, 0);
        return;
    }
    if (g)
        flow = bl__apply(&bl__op_standardize_backward, (bl_tensor *[]){g, y, r}, 3, attributes);
    if (h) {
        bl_tensor *factor = bl_div_scalar(bl_mul(h, bl_square(r)), -row_count(shape, attributes->axes));
        bl_tensor *part = bl_mul(factor, y);
        flow = flow ? bl_add(flow, part) : part;
    }
    call->gradients[0] = flow;
}

static void standardize_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                  const void *attributes, bl_tensor **outputs)
{
    const bl__standardize_attributes *rows = attributes;
    bl_tensor *x = inputs[0];
    bl_axes axes = last_axes(bl_tensor_shape(x).rank, rows->axes);
    (void)graph, (void)input_count;
    if (rows->centered)
        x = bl_sub(x, bl_mean(x, axes, true));
    bl_tensor *variance = bl_mean(bl_square(x), axes, true);
    outputs[SCALE] = bl_scalar_div(1, bl_sqrt(bl_add_scalar(variance, rows->eps)));
    outputs[ROWS] = bl_mul(x, outputs[SCALE]);
}

/* Either output. */
static bl_tensor *standardize_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    int axes = (int)bl_sample_int(sampler, 1, shape.rank);
    bool centered = bl__sample_chance(sampler, 2);
    bl_tensor *x = bl_sample_real(sampler, shape, -2, 2);
    bl_tensor *y = bl__standardize(x, axes, centered, bl__sample_number(sampler, 0.1, 0.5));
    return bl__sample_chance(sampler, 4) ? bl_output(y, SCALE) : y;
}

const bl_op bl__op_standardize = {.size = sizeof(bl_op),
                                  .name = "standardize",
                                  .key = BL__KEY_standardize,
                                  .min_inputs = 1,
                                  .max_inputs = 1,
                                  .output_count = OUTPUTS,
                                  .attributes_size = sizeof(bl__standardize_attributes),
                                  .infer = standardize_infer,
                                  .vjp = standardize_vjp,
                                  .decompose = standardize_decompose,
                                  .sample = standardize_sample};

/* ---- layer_norm and rms_norm: standardised rows times a weight plus a bias ---- */

/* The shape that is normalised: that of the last axes. */
static bl_shape last_sizes(bl_shape shape, int64_t axes)
{
    bl_shape last = {.rank = (int)axes};
    for (int d = 0; d < last.rank; d++)
        last.size[d] = shape.size[shape.rank - last.rank + d];
    return last;
}

static bl_status infer(bl_infer_call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    bl_shape shape = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = bl__check_eps(call, attributes->eps);
    if (status == BL_OK)
        status = bl__check_affine(call, last_sizes(shape, attributes->axes), attributes->weighted);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), shape) : status;
}

static void decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *attributes,
                      bl_tensor **outputs)
{
    const bl__standardize_attributes *norm = attributes;
    bl_shape last = last_sizes(bl_tensor_shape(inputs[0]), norm->axes);
    bl_tensor *rows = bl__standardize(inputs[0], (int)norm->axes, norm->centered, norm->eps);
    (void)graph, (void)input_count;
    outputs[0] = bl__affine(rows, inputs, last, norm->weighted, norm->biased);
}

static bl_tensor *apply(const bl_op *op, bl_tensor *x, bl_shape normalized, bl_tensor *weight,
                        bl_tensor *bias, bl__standardize_attributes attributes)
{
    if (!bl__known(op->name, x))
        return bl__refused(x);
    bl_shape shape = bl_tensor_shape(x);
    attributes.axes = normalized.rank;
    if (normalized.rank < 1 || normalized.rank > shape.rank ||
        !bl_shape_equal(last_sizes(shape, normalized.rank), normalized))
        return bl__fail(bl__graph_of(x), BL_ERR_SHAPE, op->name, "%s are not the last axes of %s",
                        BL__SHAPE_TEXT(normalized), BL__SHAPE_TEXT(shape));
    return bl__apply_affine(op, x, weight, bias, &attributes, &attributes.weighted, &attributes.biased);
}

bl_tensor *bl_layer_norm(bl_tensor *x, bl_shape normalized, bl_tensor *weight, bl_tensor *bias, double eps)
{
    bl__standardize_attributes attributes = {.centered = true, .eps = eps};
    return apply(&bl__op_layer_norm, x, normalized, weight, bias, attributes);
}

bl_tensor *bl_rms_norm(bl_tensor *x, bl_shape normalized, bl_tensor *weight, double eps)
{
    bl__standardize_attributes attributes = {.centered = false, .eps = eps};
    return apply(&bl__op_rms_norm, x, normalized, weight, NULL, attributes);
}

/* A tensor and the shape of some of its last axes. */
static bl_tensor *sample_rows(bl_sampler *sampler, bl_shape *normalized)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    *normalized = last_sizes(shape, bl_sample_int(sampler, 1, shape.rank));
    return bl_sample_real(sampler, shape, -2, 2);
}

static bl_tensor *layer_norm_sample(bl_sampler *sampler)
{
    bl_shape normalized;
    bl_tensor *x = sample_rows(sampler, &normalized);
    bl_tensor *weight = bl__sample_affine(sampler, normalized),
              *bias = bl__sample_affine(sampler, normalized);
    return bl_layer_norm(x, normalized, weight, bias, bl__sample_number(sampler, 0.1, 0.5));
}

static bl_tensor *rms_norm_sample(bl_sampler *sampler)
{
    bl_shape normalized;
    bl_tensor *x = sample_rows(sampler, &normalized);
    bl_tensor *weight = bl__sample_affine(sampler, normalized);
    return bl_rms_norm(x, normalized, weight, bl__sample_number(sampler, 0.1, 0.5));
}

const bl_op bl__op_layer_norm = {BL__OP_BETWEEN(layer_norm, 1, 3),
                                 .flags = BL__OP_COMPOSITE,
                                 .attributes_size = sizeof(bl__standardize_attributes),
                                 .infer = infer,
                                 .decompose = decompose,
                                 .sample = layer_norm_sample};

const bl_op bl__op_rms_norm = {BL__OP_BETWEEN(rms_norm, 1, 2),
                               .flags = BL__OP_COMPOSITE,
                               .attributes_size = sizeof(bl__standardize_attributes),
                               .infer = infer,
                               .decompose = decompose,
                               .sample = rms_norm_sample};
