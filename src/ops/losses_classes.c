/* Losses of one class among several: nll_loss, multi_margin_loss, and what they share with cross_entropy. */
#include "ops/losses.h"
#include "ops/rows.h"

#include <math.h>

enum {
    ROWS,
    TARGETS,
    WEIGHT
};

/* ---- rows and targets ---- */

bl_status bl__check_classes(bl_infer_call *call, const char *name)
{
    bl_shape rows = bl__shape_in(call, ROWS);
    if (rows.rank > 0 && rows.size[rows.rank - 1] > 0)
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_SHAPE, "%s of %s have no classes", name, BL__SHAPE_TEXT(rows));
}

bl_status bl__check_rows(bl_infer_call *call, int64_t reduction, const char *name)
{
    bl_shape whole = bl__shape_in(call, ROWS), targets = bl__shape_in(call, TARGETS), rows = whole;
    bl_status status = bl__check_reduction(call, reduction);
    if (status == BL_OK)
        status = bl__require(call, ROWS, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, TARGETS, BL__INTEGERS);
    if (status == BL_OK)
        status = bl__check_classes(call, name);
    if (status != BL_OK)
        return status;
    rows.rank--;
    if (bl_shape_equal(rows, targets))
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_SHAPE, "%s of %s do not fit targets of %s", name, BL__SHAPE_TEXT(whole),
                         BL__SHAPE_TEXT(targets));
}

bl_status bl__check_class_weight(bl_infer_call *call)
{
    bl_shape rows = bl__shape_in(call, ROWS), weight = bl__shape_in(call, WEIGHT);
    bl_status status = bl__require_same(call, ROWS, WEIGHT);
    if (status == BL_OK && (weight.rank != 1 || weight.size[0] != rows.size[rows.rank - 1]))
        status = bl_infer_fail(call, BL_ERR_SHAPE, "the weight of %s does not fit the classes of %s",
                               BL__SHAPE_TEXT(weight), BL__SHAPE_TEXT(rows));
    return status;
}

/* Compared in i64, where every ignore_index is itself. */
bl_tensor *bl__targets_count(bl_tensor *targets, int64_t ignore_index)
{
    bl_tensor *ignored = bl_constant(bl__graph_of(targets), BL_I64, BL_SCALAR, &ignore_index);
    bl_tensor *wide = bl_tensor_dtype(targets) == BL_I64 ? targets : bl_cast(targets, BL_I64);
    return bl_not_equal(wide, ignored);
}

bl_tensor *bl__weights_of(bl_tensor *weight, bl_tensor *targets, bl_tensor *counts)
{
    bl_shape rows = bl_tensor_shape(targets);
    bl_tensor *classes = counts ? bl_where(counts, targets, bl__number_like(targets, 0)) : targets;
    bl_tensor *column = bl_reshape(weight, BL_SHAPE(bl_tensor_count(weight), 1));
    bl_tensor *weights = bl_reshape(bl_embedding(column, classes), rows);
    return counts ? bl_where(counts, weights, bl__number_like(weights, 0)) : weights;
}

/* ---- take_target: x_t of each row; where `ignores`, 0 for a target of ignore_index ---- */

static bl_status take_target_infer(bl_infer_call *call)
{
    bl_status status = bl__check_rows(call, BL_REDUCE_NONE, "rows");
    return status == BL_OK ? bl__infer_loss(call, bl__shape_in(call, TARGETS), BL_REDUCE_NONE) : status;
}

static bl_tensor *take_target(bl_tensor *x, bl_tensor *targets, const int64_t *ignore_index)
{
    bl__take_target_attributes attributes = {.ignores = ignore_index != NULL,
                                             .ignore_index = ignore_index ? *ignore_index : 0};
    return bl__apply_2(&bl__op_take_target, x, targets, &attributes);
}

/* Where a row's target stands, as bools [.., classes]. */
static bl_tensor *target_places(bl_tensor *const *inputs, const void *attributes)
{
    const bl__take_target_attributes *take = attributes;
    bl_shape rows = bl_tensor_shape(inputs[ROWS]);
    int64_t classes = rows.size[rows.rank - 1];
    if (take->ignores)
        return bl__one_hot_ignoring(inputs[TARGETS], classes, take->ignore_index, BL_BOOL);
    return bl_one_hot(inputs[TARGETS], classes, BL_BOOL);
}

/* The rows' numbers as [.., 1]. */
static bl_tensor *as_column(bl_tensor *numbers, bl_tensor *rows)
{
    bl_shape shape = bl_tensor_shape(rows);
    return bl_reshape(numbers, bl__shape_with(shape, shape.rank - 1, 1));
}

static void take_target_vjp(bl_vjp_call *call)
{
    bl_tensor *g = as_column(call->cotangents[0], call->inputs[ROWS]);
    call->gradients[ROWS] = bl_where(target_places(call->inputs, call->attributes), g, bl__number_like(g, 0));
}

static void take_target_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                  const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[ROWS];
    bl_tensor *taken = bl_where(target_places(inputs, attributes), x, bl__number_like(x, 0));
    (void)graph, (void)input_count;
    outputs[0] = bl_sum(taken, BL_AXES(-1), false);
}

static bl_tensor *take_target_sample(bl_sampler *sampler)
{
    int64_t classes = bl_sample_int(sampler, 1, 5), ignored = -1;
    bool ignore = bl__sample_chance(sampler, 2);
    bl_shape rows = bl_sample_shape(sampler, 0, 4), shape = rows;
    shape.size[shape.rank++] = classes;
    bl_tensor *x = bl_sample_real(sampler, shape, -3, 3);
    return take_target(x, bl__sample_targets(sampler, rows, classes, ignore), ignore ? &ignored : NULL);
}

const bl_op bl__op_take_target = {BL__OP(take_target, 2),
                                  .attributes_size = sizeof(bl__take_target_attributes),
                                  .infer = take_target_infer,
                                  .vjp = take_target_vjp,
                                  .decompose = take_target_decompose,
                                  .sample = take_target_sample};

/* ---- nll_loss: -w_t x_t of each row whose target t counts; the mean divides the sum by that of the w_t ----
 */

static bl_status nll_loss_infer(bl_infer_call *call)
{
    const bl__class_loss_attributes *attributes = call->attributes;
    bl_status status = bl__check_rows(call, attributes->reduction, "log-probabilities");
    if (status == BL_OK && attributes->weighted)
        status = bl__check_class_weight(call);
    return status == BL_OK ? bl__infer_loss(call, bl__shape_in(call, TARGETS), attributes->reduction)
                           : status;
}

bl_nll_loss_options bl_nll_loss_defaults(void)
{
    return (bl_nll_loss_options){.ignore_index = -100, .reduction = BL_REDUCE_MEAN, .weight = NULL};
}

bl_tensor *bl_nll_loss(bl_tensor *log_probabilities, bl_tensor *targets)
{
    return bl_nll_loss_with(log_probabilities, targets, NULL);
}

bl_tensor *bl_nll_loss_with(bl_tensor *log_probabilities, bl_tensor *targets,
                            const bl_nll_loss_options *options)
{
    bl_nll_loss_options chosen = options ? *options : bl_nll_loss_defaults();
    bl__class_loss_attributes attributes = {.reduction = chosen.reduction,
                                            .ignore_index = chosen.ignore_index};
    bl_tensor *inputs[3] = {log_probabilities, targets};
    size_t count = 2;
    attributes.weighted = bl__add_input(inputs, &count, chosen.weight);
    return bl__apply(&bl__op_nll_loss, inputs, count, &attributes);
}

static void nll_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                               const void *attributes, bl_tensor **outputs)
{
    const bl__class_loss_attributes *loss = attributes;
    bl_tensor *targets = inputs[TARGETS], *weights = NULL;
    bl_tensor *rows = bl_neg(take_target(inputs[ROWS], targets, &loss->ignore_index));
    (void)graph, (void)input_count;
    if (loss->weighted || loss->reduction == BL_REDUCE_MEAN) {
        bl_tensor *counts = bl__targets_count(targets, loss->ignore_index);
        weights = loss->weighted ? bl__weights_of(inputs[WEIGHT], targets, counts)
                                 : bl_cast(counts, bl_tensor_dtype(rows));
    }
    if (loss->weighted)
        rows = bl_mul(rows, weights);
    outputs[0] = loss->reduction == BL_REDUCE_MEAN ? bl__weighted_mean(rows, weights)
                                                   : bl__reduce_loss(rows, loss->reduction);
}

static bl_tensor *nll_loss_sample(bl_sampler *sampler)
{
    bl_nll_loss_options options = bl_nll_loss_defaults();
    int64_t classes = bl_sample_int(sampler, 1, 5);
    bool ignore = bl__sample_chance(sampler, 2);
    options.reduction = bl__sample_loss_reduction(sampler);
    options.ignore_index = ignore ? -1 : -100;
    bl_shape rows = bl__sample_loss_shape(sampler, 0, 4, options.reduction), shape = rows;
    shape.size[shape.rank++] = classes;
    if (bl__sample_chance(sampler, 2))
        options.weight = bl_sample_real(sampler, BL_SHAPE(classes), 0.5, 2);
    bl_tensor *x = bl_sample_real(sampler, shape, -3, 0);
    return bl_nll_loss_with(x, bl__sample_targets(sampler, rows, classes, ignore), &options);
}

const bl_op bl__op_nll_loss = {BL__OP_BETWEEN(nll_loss, 2, 3),
                               .flags = BL__OP_COMPOSITE,
                               .attributes_size = sizeof(bl__class_loss_attributes),
                               .infer = nll_loss_infer,
                               .decompose = nll_loss_decompose,
                               .sample = nll_loss_sample};

/* ---- multi_margin_loss: sum over j != t of w_t max(0, margin - x_t + x_j)^p / classes ---- */

static bl_status multi_margin_loss_infer(bl_infer_call *call)
{
    const bl__class_loss_attributes *attributes = call->attributes;
    bl_status status = bl__check_rows(call, attributes->reduction, "scores");
    if (status == BL_OK && attributes->p != 1 && attributes->p != 2)
        status =
            bl_infer_fail(call, BL_ERR_ARGUMENT, "p = %lld is neither 1 nor 2", (long long)attributes->p);
    if (status == BL_OK && attributes->weighted)
        status = bl__check_class_weight(call);
    return status == BL_OK ? bl__infer_loss(call, bl__shape_in(call, TARGETS), attributes->reduction)
                           : status;
}

bl_multi_margin_loss_options bl_multi_margin_loss_defaults(void)
{
    return (bl_multi_margin_loss_options){.p = 1, .margin = 1, .weight = NULL, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_multi_margin_loss(bl_tensor *scores, bl_tensor *targets)
{
    return bl_multi_margin_loss_with(scores, targets, NULL);
}

bl_tensor *bl_multi_margin_loss_with(bl_tensor *scores, bl_tensor *targets,
                                     const bl_multi_margin_loss_options *options)
{
    bl_multi_margin_loss_options chosen = options ? *options : bl_multi_margin_loss_defaults();
    bl__class_loss_attributes attributes = {
        .reduction = chosen.reduction, .p = chosen.p, .margin = chosen.margin};
    bl_tensor *inputs[3] = {scores, targets};
    size_t count = 2;
    attributes.weighted = bl__add_input(inputs, &count, chosen.weight);
    return bl__apply(&bl__op_multi_margin_loss, inputs, count, &attributes);
}

static void multi_margin_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                        const void *attributes, bl_tensor **outputs)
{
    static const bl__take_target_attributes none_ignored;
    const bl__class_loss_attributes *loss = attributes;
    bl_tensor *x = inputs[ROWS], *targets = inputs[TARGETS];
    bl_shape shape = bl_tensor_shape(x);
    (void)graph, (void)input_count;
    bl_tensor *own = as_column(take_target(x, targets, NULL), x);
    bl_tensor *excess = bl_relu(bl_add_scalar(bl_sub(x, own), loss->margin));
    if (loss->p == 2)
        excess = bl_square(excess);
    bl_tensor *others = bl_where(target_places(inputs, &none_ignored), bl__number_like(x, 0), excess);
    bl_tensor *rows = bl_div_scalar(bl_sum(others, BL_AXES(-1), false), (double)shape.size[shape.rank - 1]);
    if (loss->weighted)
        rows = bl_mul(rows, bl__weights_of(inputs[WEIGHT], targets, NULL));
    outputs[0] = bl__reduce_loss(rows, loss->reduction);
}

/* Differences of scores are below 0.2 or 1.6..2, the margin is between or above. */
static bl_tensor *multi_margin_loss_sample(bl_sampler *sampler)
{
    bl_multi_margin_loss_options options = bl_multi_margin_loss_defaults();
    int64_t classes = bl_sample_int(sampler, 1, 5);
    options.p = bl_sample_int(sampler, 1, 2);
    options.margin = bl__sample_chance(sampler, 2) ? 0.5 : 5;
    options.reduction = bl__sample_loss_reduction(sampler);
    bl_shape rows = bl__sample_loss_shape(sampler, 0, 4, options.reduction), shape = rows;
    shape.size[shape.rank++] = classes;
    if (bl__sample_chance(sampler, 2))
        options.weight = bl_sample_real(sampler, BL_SHAPE(classes), 0.5, 2);
    bl_tensor *x = bl_sample_signed(sampler, shape, 0.8, 1);
    return bl_multi_margin_loss_with(x, bl__sample_targets(sampler, rows, classes, false), &options);
}

const bl_op bl__op_multi_margin_loss = {BL__OP_BETWEEN(multi_margin_loss, 2, 3),
                                        .flags = BL__OP_COMPOSITE,
                                        .attributes_size = sizeof(bl__class_loss_attributes),
                                        .infer = multi_margin_loss_infer,
                                        .decompose = multi_margin_loss_decompose,
                                        .sample = multi_margin_loss_sample};
