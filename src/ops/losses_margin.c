/* Losses with a margin: of pairs, of what is similar or not, of triplets. y is a target of -1 or 1. */
#include "ops/losses.h"

#include <math.h>

static double margin_of(const void *attributes)
{
    return ((const bl__margin_loss_attributes *)attributes)->margin;
}

static int64_t reduction_of(const void *attributes)
{
    return ((const bl__margin_loss_attributes *)attributes)->reduction;
}

/* Inputs of one dtype and shape, all of them. */
static bl_status infer_alike(bl_infer_call *call)
{
    int64_t reduction = reduction_of(call->attributes);
    bl_status status = bl__check_reduction(call, reduction);
    if (status == BL_OK)
        status = bl__check_alike(call, call->input_count);
    return status == BL_OK ? bl__infer_loss(call, bl__shape_in(call, 0), reduction) : status;
}

/* x, but 0 where the target is y. */
static bl_tensor *except(bl_tensor *target, double y, bl_tensor *x)
{
    return bl_where(bl_equal(target, bl__number_like(target, y)), bl__number_like(x, 0), x);
}

/* ---- margin_ranking_loss: max(0, margin - y (a - b)) ---- */

bl_margin_ranking_loss_options bl_margin_ranking_loss_defaults(void)
{
    return (bl_margin_ranking_loss_options){.margin = 0, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_margin_ranking_loss(bl_tensor *a, bl_tensor *b, bl_tensor *target)
{
    return bl_margin_ranking_loss_with(a, b, target, NULL);
}

bl_tensor *bl_margin_ranking_loss_with(bl_tensor *a, bl_tensor *b, bl_tensor *target,
                                       const bl_margin_ranking_loss_options *options)
{
    bl_margin_ranking_loss_options chosen = options ? *options : bl_margin_ranking_loss_defaults();
    bl__margin_loss_attributes attributes = {.reduction = chosen.reduction, .margin = chosen.margin};
    bl_tensor *inputs[] = {a, b, target};
    return bl__apply(&bl__op_margin_ranking_loss, inputs, 3, &attributes);
}

static void margin_ranking_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                          const void *attributes, bl_tensor **outputs)
{
    bl_tensor *lead = bl_mul(inputs[2], bl_sub(inputs[0], inputs[1]));
    (void)graph, (void)input_count;
    outputs[0] =
        bl__reduce_loss(bl__hinge(bl_scalar_sub(margin_of(attributes), lead)), reduction_of(attributes));
}

/* |a - b| is larger than any margin. */
static bl_tensor *margin_ranking_loss_sample(bl_sampler *sampler)
{
    bl_margin_ranking_loss_options options = {bl__sample_number(sampler, 0, 0.3),
                                              bl__sample_loss_reduction(sampler)};
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *a = bl_sample_signed(sampler, shape, 0.6, 1);
    bl_tensor *b = bl_sample_real(sampler, shape, -0.1, 0.1);
    return bl_margin_ranking_loss_with(a, b, bl__sample_signs(sampler, shape), &options);
}

const bl_op bl__op_margin_ranking_loss = {BL__OP(margin_ranking_loss, 3),
                                          .flags = BL__OP_COMPOSITE,
                                          .attributes_size = sizeof(bl__margin_loss_attributes),
                                          .infer = infer_alike,
                                          .decompose = margin_ranking_loss_decompose,
                                          .sample = margin_ranking_loss_sample};

/* ---- hinge_embedding_loss: x where y = 1, max(0, margin - x) where y = -1 ---- */

bl_hinge_embedding_loss_options bl_hinge_embedding_loss_defaults(void)
{
    return (bl_hinge_embedding_loss_options){.margin = 1, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_hinge_embedding_loss(bl_tensor *distance, bl_tensor *target)
{
    return bl_hinge_embedding_loss_with(distance, target, NULL);
}

bl_tensor *bl_hinge_embedding_loss_with(bl_tensor *distance, bl_tensor *target,
                                        const bl_hinge_embedding_loss_options *options)
{
    bl_hinge_embedding_loss_options chosen = options ? *options : bl_hinge_embedding_loss_defaults();
    bl__margin_loss_attributes attributes = {.reduction = chosen.reduction, .margin = chosen.margin};
    return bl__apply_2(&bl__op_hinge_embedding_loss, distance, target, &attributes);
}

static void hinge_embedding_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                           const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[0], *y = inputs[1];
    bl_tensor *apart = except(y, 1, bl__hinge(bl_scalar_sub(margin_of(attributes), x)));
    (void)graph, (void)input_count;
    outputs[0] = bl__reduce_loss(bl_add(except(y, -1, x), apart), reduction_of(attributes));
}

static bl_tensor *hinge_embedding_loss_sample(bl_sampler *sampler)
{
    bl_hinge_embedding_loss_options options = {bl__sample_number(sampler, 0.8, 1),
                                               bl__sample_loss_reduction(sampler)};
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *distance = bl__sample_two_sizes(sampler, shape);
    return bl_hinge_embedding_loss_with(distance, bl__sample_signs(sampler, shape), &options);
}

const bl_op bl__op_hinge_embedding_loss = {BL__OP(hinge_embedding_loss, 2),
                                           .flags = BL__OP_COMPOSITE,
                                           .attributes_size = sizeof(bl__margin_loss_attributes),
                                           .infer = infer_alike,
                                           .decompose = hinge_embedding_loss_decompose,
                                           .sample = hinge_embedding_loss_sample};

/* ---- cosine_embedding_loss: 1 - cos where y = 1, max(0, cos - margin) where y = -1 ---- */

static bl_status cosine_embedding_loss_infer(bl_infer_call *call)
{
    int64_t reduction = reduction_of(call->attributes);
    bl_shape rows = bl__shape_in(call, 0), target = bl__shape_in(call, 2);
    bl_status status = bl__check_reduction(call, reduction);
    if (status == BL_OK)
        status = bl__check_alike(call, 2);
    if (status == BL_OK)
        status = bl__require_same(call, 0, 2);
    if (status != BL_OK)
        return status;
    if (rows.rank == 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "embeddings of [] have no axis");
    rows.rank--;
    if (!bl_shape_equal(rows, target))
        return bl_infer_fail(call, BL_ERR_SHAPE, "embeddings of %s do not fit targets of %s",
                             BL__SHAPE_TEXT(bl__shape_in(call, 0)), BL__SHAPE_TEXT(target));
    return bl__infer_loss(call, rows, reduction);
}

bl_cosine_embedding_loss_options bl_cosine_embedding_loss_defaults(void)
{
    return (bl_cosine_embedding_loss_options){.margin = 0, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_cosine_embedding_loss(bl_tensor *a, bl_tensor *b, bl_tensor *target)
{
    return bl_cosine_embedding_loss_with(a, b, target, NULL);
}

bl_tensor *bl_cosine_embedding_loss_with(bl_tensor *a, bl_tensor *b, bl_tensor *target,
                                         const bl_cosine_embedding_loss_options *options)
{
    bl_cosine_embedding_loss_options chosen = options ? *options : bl_cosine_embedding_loss_defaults();
    bl__margin_loss_attributes attributes = {.reduction = chosen.reduction, .margin = chosen.margin};
    bl_tensor *inputs[] = {a, b, target};
    return bl__apply(&bl__op_cosine_embedding_loss, inputs, 3, &attributes);
}

/* sum (a b) over the last axis. */
static bl_tensor *dot(bl_tensor *a, bl_tensor *b)
{
    return bl_sum(bl_mul(a, b), BL_AXES(-1), false);
}

/* With PyTorch's 1e-12 beside each square, which keeps the root away from 0. */
static void cosine_embedding_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                            const void *attributes, bl_tensor **outputs)
{
    bl_tensor *a = inputs[0], *b = inputs[1], *y = inputs[2];
    bl_tensor *squares = bl_mul(bl_add_scalar(dot(a, a), 1e-12), bl_add_scalar(dot(b, b), 1e-12));
    bl_tensor *cosine = bl_div(dot(a, b), bl_sqrt(squares)), *zero = bl__number_like(cosine, 0);
    bl_tensor *apart = bl__hinge(bl_sub_scalar(cosine, margin_of(attributes)));
    bl_tensor *same = bl_equal(y, bl__number_like(y, 1)), *other = bl_equal(y, bl__number_like(y, -1));
    (void)graph, (void)input_count;
    bl_tensor *elements =
        bl_add(bl_where(same, bl_scalar_sub(1, cosine), zero), bl_where(other, apart, zero));
    outputs[0] = bl__reduce_loss(elements, reduction_of(attributes));
}

/* All numbers of a row have one sign, so that cosines are near 1 or -1, away from the margin. */
static bl_tensor *cosine_embedding_loss_sample(bl_sampler *sampler)
{
    bl_cosine_embedding_loss_options options = {bl__sample_number(sampler, -0.5, 0.5),
                                                bl__sample_loss_reduction(sampler)};
    bl_shape shape = bl__sample_filled(sampler, 1, 5), rows = shape;
    rows.rank--;
    bl_tensor *a = bl_sample_real(sampler, shape, 0.5, 1), *b = bl_sample_real(sampler, shape, 0.5, 1);
    bl_tensor *turned = bl_mul(b, bl__sample_signs(sampler, bl__shape_with(shape, shape.rank - 1, 1)));
    return bl_cosine_embedding_loss_with(a, turned, bl__sample_signs(sampler, rows), &options);
}

const bl_op bl__op_cosine_embedding_loss = {BL__OP(cosine_embedding_loss, 3),
                                            .flags = BL__OP_COMPOSITE,
                                            .attributes_size = sizeof(bl__margin_loss_attributes),
                                            .infer = cosine_embedding_loss_infer,
                                            .decompose = cosine_embedding_loss_decompose,
                                            .sample = cosine_embedding_loss_sample};

/* ---- triplet_margin_loss: max(0, margin + |anchor - positive|_p - |anchor - negative|_p) ---- */

static bl_status triplet_margin_loss_infer(bl_infer_call *call)
{
    const bl__triplet_attributes *attributes = call->attributes;
    bl_shape rows = bl__shape_in(call, 0);
    bl_status status = bl__check_reduction(call, attributes->reduction);
    if (status == BL_OK)
        status = bl__check_alike(call, 3);
    if (status != BL_OK)
        return status;
    if (rows.rank == 0 || (isinf(attributes->p) && rows.size[rows.rank - 1] == 0))
        return bl_infer_fail(call, BL_ERR_SHAPE, "rows of %s have no elements", BL__SHAPE_TEXT(rows));
    if (!(attributes->p >= 1))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "p = %g is below 1", attributes->p);
    rows.rank--;
    return bl__infer_loss(call, rows, attributes->reduction);
}

bl_triplet_margin_loss_options bl_triplet_margin_loss_defaults(void)
{
    return (bl_triplet_margin_loss_options){
        .margin = 1, .p = 2, .eps = 1e-6, .swap = false, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_triplet_margin_loss(bl_tensor *anchor, bl_tensor *positive, bl_tensor *negative)
{
    return bl_triplet_margin_loss_with(anchor, positive, negative, NULL);
}

bl_tensor *bl_triplet_margin_loss_with(bl_tensor *anchor, bl_tensor *positive, bl_tensor *negative,
                                       const bl_triplet_margin_loss_options *options)
{
    bl_triplet_margin_loss_options chosen = options ? *options : bl_triplet_margin_loss_defaults();
    bl__triplet_attributes attributes = {.reduction = chosen.reduction,
                                         .margin = chosen.margin,
                                         .p = chosen.p,
                                         .eps = chosen.eps,
                                         .swap = chosen.swap};
    bl_tensor *inputs[] = {anchor, positive, negative};
    return bl__apply(&bl__op_triplet_margin_loss, inputs, 3, &attributes);
}

static bl_tensor *distance(bl_tensor *a, bl_tensor *b, const bl__triplet_attributes *loss)
{
    int last = bl_tensor_shape(a).rank - 1;
    return bl__vector_norm(bl_add_scalar(bl_sub(a, b), loss->eps), last, loss->p);
}

static void triplet_margin_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                          const void *attributes, bl_tensor **outputs)
{
    const bl__triplet_attributes *loss = attributes;
    bl_tensor *anchor = inputs[0], *positive = inputs[1], *negative = inputs[2];
    bl_shape rows = bl_tensor_shape(anchor);
    bl_tensor *away = distance(anchor, negative, loss);
    (void)graph, (void)input_count;
    rows.rank--;
    if (loss->swap) /* the nearer of the two to the negative: -max(-a, -b) */
        away = bl_neg(bl_maximum(bl_neg(away), bl_neg(distance(positive, negative, loss))));
    bl_tensor *excess = bl_sub(bl_add_scalar(distance(anchor, positive, loss), loss->margin), away);
    outputs[0] = bl__reduce_loss(bl__hinge(bl_reshape(excess, rows)), loss->reduction);
}

/* The negative is so far, and the margin so small or large, that the sign is known. */
static bl_tensor *triplet_margin_loss_sample(bl_sampler *sampler)
{
    static const double orders[] = {1, 1.5, 2, 2, 3, (double)INFINITY};
    bl_triplet_margin_loss_options options = bl_triplet_margin_loss_defaults();
    options.margin = bl__sample_chance(sampler, 2) ? 0.1 : 50;
    options.p = orders[bl_sample_int(sampler, 0, 5)];
    options.swap = bl__sample_chance(sampler, 2);
    options.reduction = bl__sample_loss_reduction(sampler);
    bl_shape shape = bl__sample_filled(sampler, 1, 5);
    bl_tensor *anchor = bl_sample_real(sampler, shape, -1, 0);
    bl_tensor *positive = bl_sample_real(sampler, shape, 0.2, 1);
    bl_tensor *negative = bl_sample_real(sampler, shape, 4, 5);
    return bl_triplet_margin_loss_with(anchor, positive, negative, &options);
}

const bl_op bl__op_triplet_margin_loss = {BL__OP(triplet_margin_loss, 3),
                                          .flags = BL__OP_COMPOSITE,
                                          .attributes_size = sizeof(bl__triplet_attributes),
                                          .infer = triplet_margin_loss_infer,
                                          .decompose = triplet_margin_loss_decompose,
                                          .sample = triplet_margin_loss_sample};
