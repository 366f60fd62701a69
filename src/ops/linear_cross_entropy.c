/* The cross entropy of a linear layer's outputs, which are computed in chunks and never kept. */
#include "ops/losses.h"
#include "ops/rows.h"

enum {
    X,
    WEIGHT,
    TARGETS,
    OPTIONAL,
    MOST_INPUTS = OPTIONAL + 2,
    LOSS = 0,
    DX,
    DW,
    DB,
    OUTPUTS
};

/* ---- linear_cross_entropy: of rows x [rows, width] with targets of as many elements, w [classes, width],
 * and where there are, a bias [classes] and weights r of the rows, of the targets' shape:
 *
 *     loss_n = r_n cross_entropy(x w^T + b, target)_n
 *
 * as it is, its sum, or its mean over the rows that count, which takes no r. The other outputs are the
 * gradients of the mean, else of the sum, by x, w and b. They are computed with the loss where they are used,
 * while the logits are at hand: what flows back is their product with the loss's cotangent. ---- */

static bl_tensor *bias_of(const bl__linear_cross_entropy_attributes *attributes, bl_tensor *const *inputs)
{
    return attributes->biased ? inputs[OPTIONAL] : NULL;
}

static bl_tensor *row_weights_of(const bl__linear_cross_entropy_attributes *attributes,
                                 bl_tensor *const *inputs)
{
    return attributes->weighted ? inputs[OPTIONAL + attributes->biased] : NULL;
}

static bl_tensor *apply(bl_tensor *x, bl_tensor *weight, bl_tensor *targets, bl_tensor *bias,
                        bl_tensor *row_weights, bl__linear_cross_entropy_attributes attributes)
{
    bl_tensor *inputs[MOST_INPUTS] = {x, weight, targets};
    size_t count = OPTIONAL;
    attributes.biased = bl__add_input(inputs, &count, bias);
    attributes.weighted = bl__add_input(inputs, &count, row_weights);
    return bl__apply(&bl__op_linear_cross_entropy, inputs, count, &attributes);
}

/* ---- the shape rule ---- */

static bl_status check_dtypes(bl_infer_call *call)
{
    bl_status status = bl__require(call, X, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, TARGETS, BL__INTEGERS);
    for (size_t i = WEIGHT; i < call->input_count && status == BL_OK; i++)
        status = i == TARGETS ? BL_OK : bl__require_same(call, X, i);
    return status;
}

/* Of x and the weight; the shapes of bias and row weights follow from those. */
static bl_status check_matrices(bl_infer_call *call)
{
    bl_shape x = bl__shape_in(call, X), weight = bl__shape_in(call, WEIGHT);
    if (x.rank != 2 || weight.rank != 2 || x.size[1] != weight.size[1])
        return bl_infer_fail(call, BL_ERR_SHAPE,
                             "x [rows, in] and weight [classes, in] do not fit: %s and %s", BL__SHAPE_TEXT(x),
                             BL__SHAPE_TEXT(weight));
    if (weight.size[0] == 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "the weight of %s has no classes", BL__SHAPE_TEXT(weight));
    if (x.size[0] != bl_tensor_count(call->inputs[TARGETS]))
        return bl_infer_fail(call, BL_ERR_SHAPE, "rows of %s do not fit targets of %s", BL__SHAPE_TEXT(x),
                             BL__SHAPE_TEXT(bl__shape_in(call, TARGETS)));
    return BL_OK;
}

static bl_status check_optional(bl_infer_call *call)
{
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    bl_shape classes = BL_SHAPE(bl__shape_in(call, WEIGHT).size[0]), targets = bl__shape_in(call, TARGETS);
    for (size_t i = OPTIONAL; i < call->input_count; i++) {
        bool is_bias = i == OPTIONAL && attributes->biased;
        bl_shape own = bl__shape_in(call, i), want = is_bias ? classes : targets;
        if (!bl_shape_equal(own, want))
            return bl_infer_fail(call, BL_ERR_SHAPE, "the %s of %s, not %s",
                                 is_bias ? "bias is" : "rows have weights", BL__SHAPE_TEXT(own),
                                 BL__SHAPE_TEXT(want));
    }
    return BL_OK;
}

static bl_status infer(bl_infer_call *call)
{
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    bl_status status = bl__check_reduction(call, attributes->reduction);
    if (status == BL_OK && attributes->weighted && attributes->reduction == BL_REDUCE_MEAN)
        status = bl_infer_fail(call, BL_ERR_ARGUMENT, "a mean of rows with weights");
    if (status == BL_OK)
        status = bl__check_label_smoothing(call, attributes->label_smoothing);
    if (status == BL_OK)
        status = check_dtypes(call);
    if (status == BL_OK)
        status = check_matrices(call);
    if (status == BL_OK)
        status = check_optional(call);
    if (status != BL_OK)
        return status;
    for (int i = DX; i < OUTPUTS; i++)
        call->dtype[i] = bl_tensor_dtype(call->inputs[X]);
    call->shape[DX] = bl__shape_in(call, X);
    call->shape[DW] = bl__shape_in(call, WEIGHT);
    call->shape[DB] = BL_SHAPE(call->shape[DW].size[0]);
    return bl__infer_loss(call, bl__shape_in(call, TARGETS), attributes->reduction);
}

/* ---- the derivative ---- */

/* A gradient for another cotangent than 1. */
static bl_tensor *scaled(bl_tensor *gradient, bl_tensor *g)
{
    if (g->node->op == &bl__op_full && ((const bl__full_attributes *)bl__attributes(g->node))->value == 1)
        return gradient;
    return bl_mul(gradient, g);
}

/* The op again for cotangents of its rows, which count as weights. */
static bl_tensor *weigh_rows(bl_vjp_call *call)
{
    bl__linear_cross_entropy_attributes attributes =
        *(const bl__linear_cross_entropy_attributes *)call->attributes;
    bl_tensor *weights = row_weights_of(&attributes, call->inputs), *g = call->cotangents[LOSS];
    attributes.reduction = BL_REDUCE_SUM;
    return apply(call->inputs[X], call->inputs[WEIGHT], call->inputs[TARGETS],
                 bias_of(&attributes, call->inputs), weights ? bl_mul(weights, g) : g, attributes);
}

/* The losses of the rows without weights, times the cotangent. */
static bl_tensor *flow_to_weights(bl_vjp_call *call)
{
    bl__linear_cross_entropy_attributes attributes =
        *(const bl__linear_cross_entropy_attributes *)call->attributes;
    attributes.reduction = BL_REDUCE_NONE;
    return bl_mul(apply(call->inputs[X], call->inputs[WEIGHT], call->inputs[TARGETS],
                        bias_of(&attributes, call->inputs), NULL, attributes),
                  call->cotangents[LOSS]);
}

static void vjp(bl_vjp_call *call)
{
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    if (call->cotangents[DX] || call->cotangents[DW] || call->cotangents[DB]) {
        bl__decomposed_vjp(call);
        return;
    }
    size_t bias = OPTIONAL, weights = OPTIONAL + (size_t)attributes->biased;
    if (attributes->weighted && call->needed[weights])
        call->gradients[weights] = flow_to_weights(call);
    if (!call->needed[X] && !call->needed[WEIGHT] && !(attributes->biased && call->needed[bias]))
        return;
    bool none = attributes->reduction == BL_REDUCE_NONE;
    bl_tensor *source = none ? weigh_rows(call) : call->outputs[LOSS], *g = call->cotangents[LOSS];
    const size_t inputs[] = {[DX] = X, [DW] = WEIGHT, [DB] = bias};
    for (int i = DX; i < OUTPUTS && bl_tensor_valid(source); i++) {
        if (i == DB ? attributes->biased && call->needed[bias] : call->needed[inputs[i]])
            call->gradients[inputs[i]] = none ? bl_output(source, i) : scaled(bl_output(source, i), g);
    }
}

/* ---- the decomposition ---- */

/* What each row's gradient is multiplied with, as a column: 0 where the target does not count. */
static bl_tensor *shares(const bl__linear_cross_entropy_attributes *attributes, bl_tensor *counts,
                         bl_tensor *row_weights, bl_dtype dtype)
{
    bl_tensor *share = bl_cast(counts, dtype);
    if (row_weights)
        share = bl_where(counts, row_weights, bl__number_like(row_weights, 0));
    if (attributes->reduction == BL_REDUCE_MEAN)
        share = bl_div(share, bl_maximum_scalar(bl_sum(share, BL_ALL_AXES, false), 1));
    return bl_reshape(share, BL_SHAPE(bl_tensor_count(share), 1));
}

/* (softmax(logits) - (1 - s) one_hot(targets) - s / classes) times the shares. */
static bl_tensor *logits_gradient(const bl__linear_cross_entropy_attributes *attributes, bl_tensor *logits,
                                  bl_tensor *targets, bl_tensor *share)
{
    double s = attributes->label_smoothing;
    int64_t classes = bl_tensor_shape(logits).size[1];
    bl_tensor *hot =
        bl__one_hot_ignoring(targets, classes, attributes->ignore_index, bl_tensor_dtype(logits));
    bl_tensor *rest = bl_sub(bl_softmax(logits, -1), bl_mul_scalar(hot, 1 - s));
    return bl_mul(bl_sub_scalar(rest, s / (double)classes), share);
}

static void decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *given,
                      bl_tensor **outputs)
{
    const bl__linear_cross_entropy_attributes *attributes = given;
    bl_tensor *x = inputs[X], *weight = inputs[WEIGHT], *row_weights = row_weights_of(attributes, inputs);
    bl_shape shape = bl_tensor_shape(inputs[TARGETS]), rows = BL_SHAPE(bl_tensor_count(inputs[TARGETS]));
    bl_tensor *targets = bl_reshape(inputs[TARGETS], rows);
    bl_tensor *logits = bl_linear(x, weight, bias_of(attributes, inputs));
    bl_tensor *counts = bl__targets_count(targets, attributes->ignore_index);
    bl_cross_entropy_options options = {.ignore_index = attributes->ignore_index,
                                        .reduction = BL_REDUCE_NONE,
                                        .label_smoothing = attributes->label_smoothing};
    (void)graph, (void)input_count;
    row_weights = row_weights ? bl_reshape(row_weights, rows) : NULL;
    bl_tensor *losses = bl_cross_entropy_with(logits, targets, &options);
    if (row_weights)
        losses = bl_mul(losses, row_weights);
    outputs[LOSS] = attributes->reduction == BL_REDUCE_NONE ? bl_reshape(losses, shape)
                                                            : bl_sum(losses, BL_ALL_AXES, false);
    if (attributes->reduction == BL_REDUCE_MEAN)
        outputs[LOSS] =
            bl_div(outputs[LOSS], bl_sum(bl_cast(counts, bl_tensor_dtype(x)), BL_ALL_AXES, false));
    bl_tensor *share = shares(attributes, counts, row_weights, bl_tensor_dtype(x));
    bl_tensor *dlogits = logits_gradient(attributes, logits, targets, share);
    outputs[DX] = bl_matmul(dlogits, weight);
    outputs[DW] = bl_matmul(bl_transpose(dlogits, 0, 1), x);
    outputs[DB] = bl_sum(dlogits, BL_AXES(0), false);
}

/* ---- builders ---- */

/* x [.., in] as one matrix. */
static bl_tensor *fold_rows(bl_tensor *x, int64_t rows)
{
    bl_shape shape = bl_tensor_shape(x);
    return shape.rank == 2 ? x : bl_reshape(x, BL_SHAPE(rows, shape.size[shape.rank - 1]));
}

/* With a weight for each class: rows weigh what their targets' classes do. */
static bl_tensor *weighted(bl_tensor *rows, bl_tensor *weight, bl_tensor *bias, bl_tensor *targets,
                           const bl_cross_entropy_options *options,
                           bl__linear_cross_entropy_attributes attributes)
{
    bl_tensor *weights =
        bl__weights_of(options->weight, targets, bl__targets_count(targets, options->ignore_index));
    if (options->reduction != BL_REDUCE_MEAN)
        return apply(rows, weight, targets, bias, weights, attributes);
    attributes.reduction = BL_REDUCE_SUM;
    bl_tensor *sum = apply(rows, weight, targets, bias, weights, attributes);
    return bl__weighted_mean(sum, weights);
}

bl_tensor *bl_linear_cross_entropy(bl_tensor *x, bl_tensor *weight, bl_tensor *bias, bl_tensor *targets)
{
    return bl_linear_cross_entropy_with(x, weight, bias, targets, NULL);
}

/* Targets that are no indices, or weights of classes with smoothing, are left to linear and cross_entropy. */
bl_tensor *bl_linear_cross_entropy_with(bl_tensor *x, bl_tensor *weight, bl_tensor *bias, bl_tensor *targets,
                                        const bl_cross_entropy_options *options)
{
    bl_cross_entropy_options chosen = options ? *options : bl_cross_entropy_defaults();
    bl_graph *graph = x ? bl__graph_of(x) : bl__graph_of(targets);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, "linear_cross_entropy", x) || !bl__usable(graph, "linear_cross_entropy", targets))
        return &graph->invalid;
    bl_shape rows = bl_tensor_shape(x), shape = bl_tensor_shape(targets);
    if (rows.rank == 0)
        return bl__fail(graph, BL_ERR_SHAPE, "linear_cross_entropy", "x is a scalar, not [.., in]");
    rows.rank--;
    bool are_indices = bl__is_one_of(bl_tensor_dtype(targets), BL__INTEGERS);
    if (are_indices && !bl_shape_equal(rows, shape))
        return bl__fail(graph, BL_ERR_SHAPE, "linear_cross_entropy", "x of %s does not fit targets of %s",
                        BL__SHAPE_TEXT(bl_tensor_shape(x)), BL__SHAPE_TEXT(shape));
    if (!are_indices || (chosen.weight && chosen.label_smoothing != 0))
        return bl_cross_entropy_with(bl_linear(x, weight, bias), targets, &chosen);
    bl__linear_cross_entropy_attributes attributes = {.reduction = chosen.reduction,
                                                      .ignore_index = chosen.ignore_index,
                                                      .label_smoothing = chosen.label_smoothing};
    x = fold_rows(x, bl_tensor_count(targets));
    return chosen.weight ? weighted(x, weight, bias, targets, &chosen, attributes)
                         : apply(x, weight, targets, bias, NULL, attributes);
}

/* ---- samples ---- */

static bl_tensor *sample(bl_sampler *sampler)
{
    bl__linear_cross_entropy_attributes attributes = {.reduction = bl__sample_loss_reduction(sampler)};
    bool ignore = bl__sample_chance(sampler, 2), weighted = bl__sample_chance(sampler, 3);
    if (weighted && attributes.reduction == BL_REDUCE_MEAN)
        attributes.reduction = BL_REDUCE_SUM;
    attributes.ignore_index = ignore ? -1 : -100;
    attributes.label_smoothing = bl__sample_chance(sampler, 3) ? bl__sample_number(sampler, 0.05, 0.9) : 0;
    bl_shape shape = bl__sample_loss_shape(sampler, 0, 2, attributes.reduction);
    int64_t classes = bl_sample_int(sampler, 1, 5), width = bl_sample_int(sampler, 0, 4);
    bl_tensor *x = bl_sample_real(sampler, BL_SHAPE(bl_shape_count(shape), width), -1, 1);
    bl_tensor *weight = bl_sample_real(sampler, BL_SHAPE(classes, width), -2, 2);
    bl_tensor *targets = bl__sample_targets(sampler, shape, classes, ignore);
    bl_tensor *bias =
        bl__sample_chance(sampler, 2) ? bl_sample_real(sampler, BL_SHAPE(classes), -1, 1) : NULL;
    bl_tensor *row_weights = weighted ? bl_sample_real(sampler, shape, 0.5, 2) : NULL;
    bl_tensor *loss = apply(x, weight, targets, bias, row_weights, attributes);
    return bl__sample_chance(sampler, 3) ? bl_output(loss, (int)bl_sample_int(sampler, DX, DB)) : loss;
}

const bl_op bl__op_linear_cross_entropy = {.size = sizeof(bl_op),
                                           .name = "linear_cross_entropy",
                                           .key = BL__KEY_linear_cross_entropy,
                                           .min_inputs = OPTIONAL,
                                           .max_inputs = MOST_INPUTS,
                                           .output_count = OUTPUTS,
                                           .attributes_size = sizeof(bl__linear_cross_entropy_attributes),
                                           .infer = infer,
                                           .vjp = vjp,
                                           .decompose = decompose,
                                           .sample = sample};
