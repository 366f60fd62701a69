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

/* ---- standardize: y = z w + b with z = (x - m) r and r = 1 / sqrt(v + eps) over the last axes ----
 *
 * m is the mean of the row and v the mean of (x - m)^2, or m = 0 where it is not centered; weight w and bias
 * b, which may be missing, have the sizes of a row. Outputs y, m and r, of which the latter have sizes of 1
 * in the place of the row. Over rows of n elements,
 *
 *     dy:  dx = r (h - mean(h) - z mean(h z))  with h = g w,   dw = sum of g z,   db = sum of g  over rows
 *     dm:  dx = g / n                                          dr:  dx = -g r^2 z / n
 *
 * without mean(h) and dm where it is not centered.
 */

enum {
    RESULT, /* outputs: y, m, r */
    MEAN,
    SCALE,
    OUTPUTS
};

static bl_axes last_axes(int rank, int64_t count)
{
    bl_axes axes = {.count = (int)count};
    for (int d = 0; d < axes.count; d++)
        axes.axis[d] = rank - axes.count + d;
    return axes;
}

static bl_axes first_axes(int count)
{
    bl_axes axes = {.count = count};
    for (int d = 0; d < count; d++)
        axes.axis[d] = d;
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

/* The shape of a row: that of the last axes. */
static bl_shape last_sizes(bl_shape shape, int64_t axes)
{
    bl_shape last = {.rank = (int)axes};
    for (int d = 0; d < last.rank; d++)
        last.size[d] = shape.size[shape.rank - last.rank + d];
    return last;
}

/* That of one number a row. */
static bl_shape numbers_of_rows(bl_shape shape, int64_t axes)
{
    for (int d = shape.rank - (int)axes; d < shape.rank; d++)
        shape.size[d] = 1;
    return shape;
}

/* Whether input 0 has as many axes as are to be standardized over. */
static bl_status check_axes(bl_infer_call *call, const bl__standardize_attributes *attributes)
{
    bl_shape shape = bl__shape_in(call, 0);
    return attributes->axes <= shape.rank ? BL_OK
                                          : bl_infer_fail(call, BL_ERR_SHAPE, "%s has no %lld last axes",
                                                          BL__SHAPE_TEXT(shape), (long long)attributes->axes);
}

static bl_status standardize_infer(bl_infer_call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    bl_shape shape = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = check_axes(call, attributes);
    if (status == BL_OK)
        status = bl__check_affine(call, last_sizes(shape, attributes->axes), attributes->weighted);
    if (status != BL_OK)
        return status;
    for (int i = MEAN; i <= SCALE; i++) {
        call->dtype[i] = bl_tensor_dtype(call->inputs[0]);
        call->shape[i] = numbers_of_rows(shape, attributes->axes);
    }
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), shape);
}

bl_tensor *bl__standardize(bl_tensor *x, int axes, bool centered, double eps)
{
    bl__standardize_attributes attributes = {.axes = axes, .centered = centered, .eps = eps};
    return bl__apply_1(&bl__op_standardize, x, &attributes);
}

/* ---- standardize_backward: what flows through y to x, w and b, from g, x, m, r and w ---- */

enum {
    COTANGENT, /* inputs */
    X,
    ROW_MEAN,
    ROW_SCALE,
    WEIGHT,
    BY_X = 0, /* outputs */
    BY_WEIGHT,
    BY_BIAS
};

static bl_status standardize_backward_infer(bl_infer_call *call)
{
    const bl__standardize_attributes *attributes = call->attributes;
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = check_axes(call, attributes);
    if (status != BL_OK)
        return status;
    bl_shape g = bl__shape_in(call, COTANGENT), row = last_sizes(g, attributes->axes);
    bl_shape numbers = numbers_of_rows(g, attributes->axes);
    bl_shape wanted[] = {g, g, numbers, numbers, row};
    for (size_t i = X; i < call->input_count && status == BL_OK; i++) {
        status = bl__require_same(call, 0, i);
        if (status == BL_OK && !bl_shape_equal(bl__shape_in(call, i), wanted[i]))
            status = bl_infer_fail(call, BL_ERR_SHAPE, "input %zu is %s, not %s", i,
                                   BL__SHAPE_TEXT(bl__shape_in(call, i)), BL__SHAPE_TEXT(wanted[i]));
    }
    for (int i = BY_WEIGHT; i <= BY_BIAS && status == BL_OK; i++) {
        call->dtype[i] = bl_tensor_dtype(call->inputs[0]);
        call->shape[i] = row;
    }
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), g) : status;
}

static void standardize_backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                           const void *attributes, bl_tensor **outputs)
{
    const bl__standardize_attributes *rows = attributes;
    bl_tensor *g = inputs[COTANGENT], *x = inputs[X], *r = inputs[ROW_SCALE];
    int rank = bl_tensor_shape(g).rank;
    bl_axes axes = last_axes(rank, rows->axes), over_rows = first_axes(rank - axes.count);
    bl_tensor *z = bl_mul(rows->centered ? bl_sub(x, inputs[ROW_MEAN]) : x, r);
    bl_tensor *h = rows->weighted ? bl_mul(g, inputs[WEIGHT]) : g;
    bl_tensor *rest = bl_sub(h, bl_mul(z, bl_mean(bl_mul(h, z), axes, true)));
    (void)graph, (void)input_count;
    if (rows->centered)
        rest = bl_sub(rest, bl_mean(h, axes, true));
    outputs[BY_X] = bl_mul(rest, r);
    outputs[BY_WEIGHT] = bl_sum(bl_mul(g, z), over_rows, false);
    outputs[BY_BIAS] = bl_sum(g, over_rows, false);
}

/* Any of the outputs. */
static bl_tensor *standardize_backward_sample(bl_sampler *sampler)
{
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    bl__standardize_attributes attributes = {.axes = bl_sample_int(sampler, 1, shape.rank),
                                             .centered = bl__sample_chance(sampler, 2),
                                             .weighted = bl__sample_chance(sampler, 2)};
    bl_shape numbers = numbers_of_rows(shape, attributes.axes);
    bl_tensor *inputs[] = {bl_sample_real(sampler, shape, -1, 1), bl_sample_real(sampler, shape, -2, 2),
                           bl_sample_real(sampler, numbers, -1, 1), bl_sample_real(sampler, numbers, 0.5, 2),
                           NULL};
    if (attributes.weighted)
        inputs[WEIGHT] = bl_sample_signed(sampler, last_sizes(shape, attributes.axes), 0.5, 2);
    bl_tensor *first =
        bl__apply(&bl__op_standardize_backward, inputs, attributes.weighted ? 5 : 4, &attributes);
    return bl_output(first, (int)bl_sample_int(sampler, BY_X, BY_BIAS));
}

const bl_op bl__op_standardize_backward = {.size = sizeof(bl_op),
                                           .name = "standardize_backward",
                                           .key = BL__KEY_standardize_backward,
                                           .min_inputs = 4,
                                           .max_inputs = 5,
                                           .output_count = 3,
                                           .attributes_size = sizeof(bl__standardize_attributes),
                                           .infer = standardize_backward_infer,
                                           .decompose = standardize_backward_decompose,
                                           .sample = standardize_backward_sample};

/* ---- standardize itself ---- */

/* What flows to x through m and r, added to what does through y; NULL is nothing. */
static bl_tensor *flow_through_numbers(const bl_vjp_call *call, bl_tensor *flow)
{
    const bl__standardize_attributes *rows = call->attributes;
    bl_tensor *x = call->inputs[0], *m = call->outputs[MEAN], *r = call->outputs[SCALE];
    bl_tensor *by_mean = call->cotangents[MEAN], *by_scale = call->cotangents[SCALE];
    double count = row_count(bl_tensor_shape(x), rows->axes);
    if (by_mean && rows->centered) {
        bl_tensor *part = bl_div_scalar(by_mean, count);
        flow = flow ? bl_add(flow, part) : part;
    }
    if (by_scale) {
        bl_tensor *z = bl_mul(rows->centered ? bl_sub(x, m) : x, r);
        bl_tensor *part = bl_mul(bl_div_scalar(bl_mul(by_scale, bl_square(r)), -count), z);
        flow = flow ? bl_add(flow, part) : part;
    }
    return flow;
}

static void standardize_vjp(bl_vjp_call *call)
{
    const bl__standardize_attributes *rows = call->attributes;
    bl_tensor *x = call->inputs[0], *g = call->cotangents[RESULT], *first = NULL;
    bl_tensor *inputs[] = {g, x, call->outputs[MEAN], call->outputs[SCALE],
                           rows->weighted ? call->inputs[1] : NULL};
    if (bl_tensor_count(x) == 0) {
        for (size_t i = 0; i < call->input_count; i++)
            call->gradients[i] = bl__number_like(x, 0);
        return;
    }
    if (g)
        first = bl__apply(&bl__op_standardize_backward, inputs, rows->weighted ? 5 : 4, rows);
    if (call->needed[0])
        call->gradients[0] = flow_through_numbers(call, first);
    if (first && rows->weighted)
        call->gradients[1] = bl_output(first, BY_WEIGHT);
    if (first && rows->biased)
        call->gradients[rows->weighted ? 2 : 1] = bl_output(first, BY_BIAS);
}

static void standardize_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                  const void *attributes, bl_tensor **outputs)
{
    const bl__standardize_attributes *rows = attributes;
    bl_tensor *x = inputs[0];
    bl_shape shape = bl_tensor_shape(x);
    bl_axes axes = last_axes(shape.rank, rows->axes);
    (void)input_count;
    if (rows->centered) {
        outputs[MEAN] = bl_mean(x, axes, true);
        x = bl_sub(x, outputs[MEAN]);
    } else {
        outputs[MEAN] = bl_full(graph, bl_tensor_dtype(x), numbers_of_rows(shape, rows->axes), 0);
    }
    bl_tensor *variance = bl_mean(bl_square(x), axes, true);
    outputs[SCALE] = bl_scalar_div(1, bl_sqrt(bl_add_scalar(variance, rows->eps)));
    outputs[RESULT] = bl__affine(bl_mul(x, outputs[SCALE]), inputs, last_sizes(shape, rows->axes),
                                 rows->weighted, rows->biased);
}

/* Any of the outputs. */
static bl_tensor *standardize_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 5);
    bl__standardize_attributes attributes = {.axes = bl_sample_int(sampler, 1, shape.rank),
                                             .centered = bl__sample_chance(sampler, 2),
                                             .eps = bl__sample_number(sampler, 0.1, 0.5)};
    bl_tensor *x = bl_sample_real(sampler, shape, -2, 2);
    bl_tensor *weight = bl__sample_affine(sampler, last_sizes(shape, attributes.axes)),
              *bias = bl__sample_affine(sampler, last_sizes(shape, attributes.axes));
    bl_tensor *y = bl__apply_affine(&bl__op_standardize, x, weight, bias, &attributes, &attributes.weighted,
                                    &attributes.biased);
    return bl__sample_chance(sampler, 4) ? bl_output(y, (int)bl_sample_int(sampler, MEAN, SCALE)) : y;
}

const bl_op bl__op_standardize = {.size = sizeof(bl_op),
                                  .name = "standardize",
                                  .key = BL__KEY_standardize,
                                  .min_inputs = 1,
                                  .max_inputs = 3,
                                  .output_count = OUTPUTS,
                                  .attributes_size = sizeof(bl__standardize_attributes),
                                  .infer = standardize_infer,
                                  .vjp = standardize_vjp,
                                  .decompose = standardize_decompose,
                                  .sample = standardize_sample};

/* ---- layer_norm and rms_norm: standardised rows times a weight plus a bias ---- */

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
    outputs[0] = bl_apply(graph, &bl__op_standardize, inputs, input_count, attributes);
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
