/* Lengths and angles along an axis: cosine_similarity, pairwise_distance, normalize. */
#include "bowline/transform.h"
#include "ops/losses.h"

#include <math.h>

static int axis_of(const bl_infer_call *call)
{
    return (int)((const bl__distance_attributes *)call->attributes)->axis;
}

/* The shape of x without an axis. */
static bl_shape without(bl_shape shape, int axis)
{
    for (int d = axis; d + 1 < shape.rank; d++)
        shape.size[d] = shape.size[d + 1];
    shape.rank--;
    return shape;
}

/* The order of a norm, and that the largest of no elements is not asked for. */
static bl_status check_order(bl_infer_call *call, bl_shape shape, int axis)
{
    double p = ((const bl__distance_attributes *)call->attributes)->p;
    if (!(p >= 1))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "p = %g is below 1", p);
    if (isinf(p) && shape.size[axis] == 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "axis %d of %s has no elements", axis,
                             BL__SHAPE_TEXT(shape));
    return BL_OK;
}

static bl_status infer_broadcast(bl_infer_call *call)
{
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, 1, BL__REALS);
    if (status == BL_OK)
        status = bl__require_same(call, 0, 1);
    return status == BL_OK ? bl__infer_broadcast(call) : status;
}

/* The axis, counted from the end when negative, in the shape that both broadcast to; false, reported, when
 * there is none. Shapes that do not broadcast are left to the op's rule. */
static bool find_axis(const char *op, const bl_tensor *a, const bl_tensor *b, int *axis)
{
    bl_graph *graph = bl__graph_of(a ? a : b);
    bl_shape shape;
    if (!bl__usable(graph, op, a) || !bl__usable(graph, op, b))
        return false;
    if (!bl_shape_broadcast(bl_tensor_shape(a), bl_tensor_shape(b), &shape))
        return true;
    int found = bl__axis(*axis, shape.rank);
    if (found < 0)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "axis %d is outside the rank of %s", *axis,
                 BL__SHAPE_TEXT(shape));
    *axis = found;
    return found >= 0;
}

static const double orders[] = {1, 1.5, 2, 2, 2, 3, (double)INFINITY};

/* ---- cosine_similarity: sum (a / max(|a|, eps)) (b / max(|b|, eps)) along an axis ---- */

static bl_status cosine_similarity_infer(bl_infer_call *call)
{
    bl_status status = infer_broadcast(call);
    if (status == BL_OK)
        call->shape[0] = without(call->shape[0], axis_of(call));
    return status;
}

bl_tensor *bl_cosine_similarity(bl_tensor *a, bl_tensor *b, int axis, double eps)
{
    const char *op = "cosine_similarity";
    if (!find_axis(op, a, b, &axis))
        return bl__refused(a ? a : b);
    bl__distance_attributes attributes = {.axis = axis, .eps = eps, .p = 2};
    return bl__apply_2(&bl__op_cosine_similarity, a, b, &attributes);
}

/* max(|x|, eps). Below eps its derivative is x / eps, as PyTorch has it, which clamps the result of the norm
 * in place: eps plus the derivative of |x|^2 / (2 eps). */
static bl_tensor *length(bl_tensor *x, int axis, double eps)
{
    bl_tensor *norm = bl__vector_norm(x, axis, 2);
    if (!(eps > 0))
        return norm;
    bl_tensor *half = bl_div_scalar(bl_sum(bl_square(x), BL_AXES(axis), true), 2 * eps);
    bl_tensor *below = bl_add_scalar(bl_sub(half, bl_stop_gradient(half)), eps);
    return bl_where(bl_less(norm, bl__number_like(norm, eps)), below, norm);
}

static void cosine_similarity_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                        const void *attributes, bl_tensor **outputs)
{
    const bl__distance_attributes *similarity = attributes;
    int axis = (int)similarity->axis;
    bl_shape shape;
    bl_shape_broadcast(bl_tensor_shape(inputs[0]), bl_tensor_shape(inputs[1]), &shape);
    (void)graph, (void)input_count;
    bl_tensor *a = bl_expand(inputs[0], shape), *b = bl_expand(inputs[1], shape);
    a = bl_div(a, length(a, axis, similarity->eps));
    b = bl_div(b, length(b, axis, similarity->eps));
    outputs[0] = bl_sum(bl_mul(a, b), BL_AXES(axis), false);
}

static bl_tensor *cosine_similarity_sample(bl_sampler *sampler)
{
    bl_shape left, right, both;
    do
        bl_sample_broadcast(sampler, &left, &right);
    while (!bl_shape_broadcast(left, right, &both) || both.rank == 0);
    bl_tensor *a = bl_sample_signed(sampler, left, 0.5, 2), *b = bl_sample_signed(sampler, right, 0.5, 2);
    int axis = (int)bl_sample_int(sampler, -both.rank, both.rank - 1);
    return bl_cosine_similarity(a, b, axis, 1e-8);
}

const bl_op bl__op_cosine_similarity = {BL__OP(cosine_similarity, 2),
                                        .flags = BL__OP_COMPOSITE,
                                        .attributes_size = sizeof(bl__distance_attributes),
                                        .infer = cosine_similarity_infer,
                                        .decompose = cosine_similarity_decompose,
                                        .sample = cosine_similarity_sample};

/* ---- pairwise_distance: |a - b + eps|_p along the last axis ---- */

static bl_status pairwise_distance_infer(bl_infer_call *call)
{
    const bl__distance_attributes *attributes = call->attributes;
    bl_status status = infer_broadcast(call);
    if (status != BL_OK)
        return status;
    int last = call->shape[0].rank - 1;
    if (last < 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "rows of [] have no axis");
    status = check_order(call, call->shape[0], last);
    call->shape[0] =
        attributes->keepdim ? bl__shape_with(call->shape[0], last, 1) : without(call->shape[0], last);
    return status;
}

bl_pairwise_distance_options bl_pairwise_distance_defaults(void)
{
    return (bl_pairwise_distance_options){.p = 2, .eps = 1e-6, .keepdim = false};
}

bl_tensor *bl_pairwise_distance(bl_tensor *a, bl_tensor *b)
{
    return bl_pairwise_distance_with(a, b, NULL);
}

bl_tensor *bl_pairwise_distance_with(bl_tensor *a, bl_tensor *b, const bl_pairwise_distance_options *options)
{
    bl_pairwise_distance_options chosen = options ? *options : bl_pairwise_distance_defaults();
    bl__distance_attributes attributes = {.keepdim = chosen.keepdim, .p = chosen.p, .eps = chosen.eps};
    return bl__apply_2(&bl__op_pairwise_distance, a, b, &attributes);
}

static void pairwise_distance_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                        const void *attributes, bl_tensor **outputs)
{
    const bl__distance_attributes *distance = attributes;
    bl_tensor *difference = bl_add_scalar(bl_sub(inputs[0], inputs[1]), distance->eps);
    bl_shape shape = bl_tensor_shape(difference);
    int last = shape.rank - 1;
    (void)graph, (void)input_count;
    outputs[0] = bl__vector_norm(difference, last, distance->p);
    if (!distance->keepdim)
        outputs[0] = bl_reshape(outputs[0], without(shape, last));
}

/* No element of the difference is near 0. */
static bl_tensor *pairwise_distance_sample(bl_sampler *sampler)
{
    bl_pairwise_distance_options options = bl_pairwise_distance_defaults();
    bl_shape left, right, both;
    options.p = orders[bl_sample_int(sampler, 0, 6)];
    options.keepdim = bl__sample_chance(sampler, 2);
    do
        bl_sample_broadcast(sampler, &left, &right);
    while (!bl_shape_broadcast(left, right, &both) || both.rank == 0 ||
           (isinf(options.p) && both.size[both.rank - 1] == 0));
    bl_tensor *a = bl_sample_signed(sampler, left, 1, 2), *b = bl_sample_real(sampler, right, -0.5, 0.5);
    return bl_pairwise_distance_with(a, b, &options);
}

const bl_op bl__op_pairwise_distance = {BL__OP(pairwise_distance, 2),
                                        .flags = BL__OP_COMPOSITE,
                                        .attributes_size = sizeof(bl__distance_attributes),
                                        .infer = pairwise_distance_infer,
                                        .decompose = pairwise_distance_decompose,
                                        .sample = pairwise_distance_sample};

/* ---- normalize: x / max(|x|_p, eps) along an axis ---- */

static bl_status normalize_infer(bl_infer_call *call)
{
    bl_shape shape = bl__shape_in(call, 0);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = check_order(call, shape, axis_of(call));
    return status == BL_OK ? bl__infer_broadcast(call) : status;
}

bl_normalize_options bl_normalize_defaults(void)
{
    return (bl_normalize_options){.p = 2, .eps = 1e-12};
}

bl_tensor *bl_normalize(bl_tensor *x, int axis)
{
    return bl_normalize_with(x, axis, NULL);
}

bl_tensor *bl_normalize_with(bl_tensor *x, int axis, const bl_normalize_options *options)
{
    bl_normalize_options chosen = options ? *options : bl_normalize_defaults();
    if (!bl__known("normalize", x) || !bl__find_axis("normalize", x, &axis))
        return bl__refused(x);
    bl__distance_attributes attributes = {.axis = axis, .p = chosen.p, .eps = chosen.eps};
    return bl__apply_1(&bl__op_normalize, x, &attributes);
}

static void normalize_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                const void *attributes, bl_tensor **outputs)
{
    const bl__distance_attributes *normalize = attributes;
    (void)graph, (void)input_count;
    bl_tensor *norm = bl__vector_norm(inputs[0], (int)normalize->axis, normalize->p);
    outputs[0] = bl_div(inputs[0], bl_maximum_scalar(norm, normalize->eps));
}

static bl_tensor *normalize_sample(bl_sampler *sampler)
{
    bl_normalize_options options = {.p = orders[bl_sample_int(sampler, 0, 6)],
                                    .eps = bl__sample_chance(sampler, 4) ? 500 : 1e-12};
    bl_shape shape = isinf(options.p) ? bl__sample_filled(sampler, 1, 5) : bl_sample_shape(sampler, 1, 5);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.5, 2);
    return bl_normalize_with(x, (int)bl_sample_int(sampler, -shape.rank, shape.rank - 1), &options);
}

const bl_op bl__op_normalize = {BL__OP(normalize, 1),
                                .flags = BL__OP_COMPOSITE,
                                .attributes_size = sizeof(bl__distance_attributes),
                                .infer = normalize_infer,
                                .decompose = normalize_decompose,
                                .sample = normalize_sample};
