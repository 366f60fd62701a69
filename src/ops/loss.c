/* Mean squared error; and cross entropy of logits: from class indices by a kernel, with class weights and
 * label smoothing, and from probabilities. */
#include "ops/losses.h"
#include "ops/rows.h"

/* ---- mse_loss: (prediction - target)^2, reduced ---- */

enum {
    PREDICTION,
    TARGET
};

static bl_status mse_loss_infer(bl_infer_call *call)
{
    return bl__infer_pair(call, ((const bl__loss_attributes *)call->attributes)->reduction);
}

bl_tensor *bl_mse_loss(bl_tensor *prediction, bl_tensor *target)
{
    return bl_mse_loss_reduced(prediction, target, BL_REDUCE_MEAN);
}

bl_tensor *bl_mse_loss_reduced(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction)
{
    bl__loss_attributes attributes = {.reduction = reduction};
    return bl__apply_2(&bl__op_mse_loss, prediction, target, &attributes);
}

static void mse_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                               const void *attributes, bl_tensor **outputs)
{
    int64_t reduction = ((const bl__loss_attributes *)attributes)->reduction;
    (void)graph, (void)input_count;
    outputs[0] = bl__reduce_loss(bl_square(bl_sub(inputs[PREDICTION], inputs[TARGET])), reduction);
}

static bl_tensor *mse_loss_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *prediction = bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *target = bl_sample_real(sampler, shape, -1, 1);
    return bl_mse_loss_reduced(prediction, target, bl__sample_loss_reduction(sampler));
}

const bl_op bl__op_mse_loss = {
    BL__OP(mse_loss, 2),     .flags = BL__OP_COMPOSITE,       .attributes_size = sizeof(bl__loss_attributes),
    .infer = mse_loss_infer, .decompose = mse_loss_decompose, .sample = mse_loss_sample};

/* ---- cross_entropy: -log softmax(logits)[target], reduced over the targets that count ---- */

enum {
    LOGITS,
    TARGETS,
    WEIGHT
};

static bl_status cross_entropy_infer(bl_infer_call *call)
{
    int64_t reduction = ((const bl__loss_attributes *)call->attributes)->reduction;
    bl_status status = bl__check_rows(call, reduction, "logits");
    return status == BL_OK ? bl__infer_loss(call, bl__shape_in(call, TARGETS), reduction) : status;
}

bl_cross_entropy_options bl_cross_entropy_defaults(void)
{
    return (bl_cross_entropy_options){
        .ignore_index = -100, .reduction = BL_REDUCE_MEAN, .label_smoothing = 0, .weight = NULL};
}

/* The kernel's case. */
static bl_tensor *plain(bl_tensor *logits, bl_tensor *targets, int64_t reduction, int64_t ignore_index)
{
    bl__loss_attributes attributes = {.reduction = reduction, .ignore_index = ignore_index};
    return bl__apply_2(&bl__op_cross_entropy, logits, targets, &attributes);
}

bl_tensor *bl_cross_entropy(bl_tensor *logits, bl_tensor *targets)
{
    return bl_cross_entropy_with(logits, targets, NULL);
}

bl_tensor *bl_cross_entropy_with(bl_tensor *logits, bl_tensor *targets,
                                 const bl_cross_entropy_options *options)
{
    bl_cross_entropy_options chosen = options ? *options : bl_cross_entropy_defaults();
    bool soft = bl__is_one_of(bl_tensor_dtype(targets), BL__REALS);
    if (!soft && !chosen.weight && chosen.label_smoothing == 0)
        return plain(logits, targets, chosen.reduction, chosen.ignore_index);
    bl__class_loss_attributes attributes = {.reduction = chosen.reduction,
                                            .ignore_index = chosen.ignore_index,
                                            .label_smoothing = chosen.label_smoothing};
    bl_tensor *inputs[3] = {logits, targets};
    size_t count = 2;
    attributes.weighted = bl__add_input(inputs, &count, chosen.weight);
    return bl__apply(soft ? &bl__op_cross_entropy_soft : &bl__op_cross_entropy_weighted, inputs, count,
                     &attributes);
}

/* The parts that value and gradient are made of. Rows that do not count get logits of 0, so that nothing in
 * them, NaN or infinite, meets a factor of 0. */
typedef struct parts {
    bl_tensor *counts; /* [..]: whether the row's target counts */
    bl_tensor *column; /* the same as [.., 1] */
    bl_tensor *logits; /* [.., classes] */
    int64_t classes;
} parts;

static parts take_apart(bl_tensor *logits, bl_tensor *targets, int64_t ignore_index)
{
    bl_shape shape = bl_tensor_shape(logits);
    parts p = {.classes = shape.size[shape.rank - 1], .counts = bl__targets_count(targets, ignore_index)};
    p.column = bl_reshape(p.counts, bl__shape_with(shape, shape.rank - 1, 1));
    p.logits = bl_where(p.column, logits, bl__number_like(logits, 0));
    return p;
}

/* The number of targets that count, in the dtype of the logits. */
static bl_tensor *count_targets(const parts *p)
{
    return bl_sum(bl_cast(p->counts, bl_tensor_dtype(p->logits)), BL_ALL_AXES, false);
}

/* ---- cross_entropy_backward, of logits, targets and the loss's cotangent: (softmax(logits) -
 * one_hot(targets)) times the cotangent of the row: g, or g / count, or 0 where the target does not count.
 * With no target that counts the count is taken as 1, and all is 0. ---- */

enum {
    COTANGENT = 2
};

static bl_status cross_entropy_backward_infer(bl_infer_call *call)
{
    int64_t reduction = ((const bl__loss_attributes *)call->attributes)->reduction;
    bl_status status = bl__check_rows(call, reduction, "logits");
    if (status == BL_OK)
        status = bl__require_same(call, LOGITS, COTANGENT);
    bl_shape want = reduction == BL_REDUCE_NONE ? bl__shape_in(call, TARGETS) : BL_SCALAR;
    if (status == BL_OK && !bl_shape_equal(bl__shape_in(call, COTANGENT), want))
        status = bl_infer_fail(call, BL_ERR_SHAPE, "a cotangent of %s for losses of %s",
                               BL__SHAPE_TEXT(bl__shape_in(call, COTANGENT)), BL__SHAPE_TEXT(want));
    return status == BL_OK
               ? bl__infer_as(call, bl_tensor_dtype(call->inputs[LOGITS]), bl__shape_in(call, LOGITS))
               : status;
}

static void cross_entropy_backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                             const void *given, bl_tensor **outputs)
{
    const bl__loss_attributes *attributes = given;
    bl_tensor *g = inputs[COTANGENT], *targets = inputs[TARGETS];
    parts p = take_apart(inputs[LOGITS], targets, attributes->ignore_index);
    (void)graph, (void)input_count;
    if (attributes->reduction == BL_REDUCE_MEAN)
        g = bl_div(g, bl_maximum_scalar(count_targets(&p), 1));
    else if (attributes->reduction == BL_REDUCE_NONE)
        g = bl_reshape(g, bl_tensor_shape(p.column));
    bl_tensor *rows = bl_where(p.column, g, bl__number_like(g, 0));
    bl_tensor *hot = bl__one_hot_ignoring(targets, p.classes, attributes->ignore_index, bl_tensor_dtype(g));
    outputs[0] = bl_mul(bl_sub(bl_softmax(p.logits, -1), hot), rows);
}

static void cross_entropy_vjp(bl_vjp_call *call)
{
    bl_tensor *inputs[] = {call->inputs[LOGITS], call->inputs[TARGETS], call->cotangents[0]};
    if (call->needed[LOGITS])
        call->gradients[LOGITS] = bl__apply(&bl__op_cross_entropy_backward, inputs, 3, call->attributes);
}

/* The logarithm is chosen by a bool, never multiplied by 0: it can be infinite. */
static void cross_entropy_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                    const void *attributes, bl_tensor **outputs)
{
    const bl__loss_attributes *loss = attributes;
    parts p = take_apart(inputs[LOGITS], inputs[TARGETS], loss->ignore_index);
    bl_tensor *hot = bl__one_hot_ignoring(inputs[TARGETS], p.classes, loss->ignore_index, BL_BOOL);
    bl_tensor *chosen = bl_where(hot, bl_log_softmax(p.logits, -1), bl__number_like(p.logits, 0));
    bl_tensor *rows = bl_scalar_sub(0, bl_sum(chosen, BL_AXES(-1), false));
    (void)graph;
    (void)input_count;
    outputs[0] = loss->reduction == BL_REDUCE_NONE ? rows : bl_sum(rows, BL_ALL_AXES, false);
    if (loss->reduction == BL_REDUCE_MEAN)
        outputs[0] = bl_div(outputs[0], count_targets(&p));
}

/* Logits and targets of random rows; what is ignored is never all of them: a mean would be NaN. */
static bl_tensor *sample_rows(bl_sampler *sampler, bl_cross_entropy_options *options, bool soft,
                              bool weighted)
{
    int64_t classes = bl_sample_int(sampler, 1, 5);
    options->reduction = bl__sample_loss_reduction(sampler);
    options->ignore_index = !soft && bl__sample_chance(sampler, 2) ? -1 : -100;
    bl_shape rows = bl__sample_loss_shape(sampler, 0, 4, options->reduction), shape = rows;
    shape.size[shape.rank++] = classes;
    options->weight = weighted ? bl_sample_real(sampler, BL_SHAPE(classes), 0.5, 2) : NULL;
    bl_tensor *logits = bl_sample_real(sampler, shape, -3, 3);
    bl_tensor *targets = soft ? bl_sample_real(sampler, shape, 0, 1)
                              : bl__sample_targets(sampler, rows, classes, options->ignore_index == -1);
    return bl_cross_entropy_with(logits, targets, options);
}

static bl_tensor *cross_entropy_sample(bl_sampler *sampler)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    return sample_rows(sampler, &options, false, false);
}

static bl_tensor *cross_entropy_backward_sample(bl_sampler *sampler)
{
    bl__loss_attributes attributes = {.reduction = bl__sample_loss_reduction(sampler)};
    int64_t classes = bl_sample_int(sampler, 1, 5);
    bool ignore = bl__sample_chance(sampler, 2), none = attributes.reduction == BL_REDUCE_NONE;
    attributes.ignore_index = ignore ? -1 : -100;
    bl_shape rows = bl__sample_loss_shape(sampler, 0, 4, attributes.reduction), shape = rows;
    shape.size[shape.rank++] = classes;
    bl_tensor *logits = bl_sample_real(sampler, shape, -3, 3);
    bl_tensor *inputs[] = {logits, bl__sample_targets(sampler, rows, classes, ignore),
                           bl_sample_real(sampler, none ? rows : BL_SCALAR, -2, 2)};
    return bl__apply(&bl__op_cross_entropy_backward, inputs, 3, &attributes);
}

const bl_op bl__op_cross_entropy_backward = {
    BL__OP(cross_entropy_backward, 3), .attributes_size = sizeof(bl__loss_attributes),
    .infer = cross_entropy_backward_infer, .decompose = cross_entropy_backward_decompose,
    .sample = cross_entropy_backward_sample};

const bl_op bl__op_cross_entropy = {
    BL__OP(cross_entropy, 2), .attributes_size = sizeof(bl__loss_attributes), .infer = cross_entropy_infer,
    .vjp = cross_entropy_vjp, .decompose = cross_entropy_decompose,           .sample = cross_entropy_sample};

/* ---- with class weights w and label smoothing s: of each row whose target t counts,
 *
 *     -(1 - s) w_t log p_t - s / classes sum_i w_i log p_i        p = softmax(logits)
 *
 * and the mean divides the sum by that of the w_t ---- */

bl_status bl__check_label_smoothing(bl_infer_call *call, double label_smoothing)
{
    if (label_smoothing >= 0 && label_smoothing <= 1)
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_ARGUMENT, "the label smoothing %g is outside 0..1", label_smoothing);
}

/* Of the logits' dtype: a weight for each class. */
static bl_status check_options(bl_infer_call *call)
{
    const bl__class_loss_attributes *attributes = call->attributes;
    bl_status status = bl__check_label_smoothing(call, attributes->label_smoothing);
    return status == BL_OK && attributes->weighted ? bl__check_class_weight(call) : status;
}

static bl_status cross_entropy_weighted_infer(bl_infer_call *call)
{
    const bl__class_loss_attributes *attributes = call->attributes;
    bl_status status = bl__check_rows(call, attributes->reduction, "logits");
    if (status == BL_OK)
        status = check_options(call);
    return status == BL_OK ? bl__infer_loss(call, bl__shape_in(call, TARGETS), attributes->reduction)
                           : status;
}

/* sum_i w_i log p_i of each row, and 0 where its target does not count. */
static bl_tensor *smoothed(bl_tensor *logits, bl_tensor *targets, bl_tensor *weight, int64_t ignore_index)
{
    parts p = take_apart(logits, targets, ignore_index);
    bl_tensor *logs = bl_log_softmax(p.logits, -1);
    bl_tensor *sums = bl_sum(weight ? bl_mul(logs, weight) : logs, BL_AXES(-1), false);
    return bl_where(p.counts, sums, bl__number_like(sums, 0));
}

static void cross_entropy_weighted_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                             const void *attributes, bl_tensor **outputs)
{
    const bl__class_loss_attributes *loss = attributes;
    bl_tensor *logits = inputs[LOGITS], *targets = inputs[TARGETS];
    bl_tensor *weight = input_count > WEIGHT ? inputs[WEIGHT] : NULL;
    bl_shape shape = bl_tensor_shape(logits);
    double s = loss->label_smoothing, classes = (double)shape.size[shape.rank - 1];
    (void)graph;
    bl_tensor *rows = plain(logits, targets, BL_REDUCE_NONE, loss->ignore_index);
    bl_tensor *counts = bl__targets_count(targets, loss->ignore_index);
    bl_tensor *weights =
        weight ? bl__weights_of(weight, targets, counts) : bl_cast(counts, bl_tensor_dtype(logits));
    if (weight)
        rows = bl_mul(rows, weights);
    if (s > 0)
        rows = bl_sub(bl_mul_scalar(rows, 1 - s),
                      bl_mul_scalar(smoothed(logits, targets, weight, loss->ignore_index), s / classes));
    outputs[0] = loss->reduction == BL_REDUCE_MEAN ? bl__weighted_mean(rows, weights)
                                                   : bl__reduce_loss(rows, loss->reduction);
}

static double sample_smoothing(bl_sampler *sampler)
{
    return bl__sample_chance(sampler, 8) ? 1 : bl__sample_number(sampler, 0.05, 0.9);
}

static bl_tensor *cross_entropy_weighted_sample(bl_sampler *sampler)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    bool weighted = bl__sample_chance(sampler, 2);
    if (!weighted || bl__sample_chance(sampler, 2))
        options.label_smoothing = sample_smoothing(sampler);
    return sample_rows(sampler, &options, false, weighted);
}

const bl_op bl__op_cross_entropy_weighted = {BL__OP_AS(cross_entropy_weighted, "cross_entropy", 2, 3),
                                             .flags = BL__OP_COMPOSITE,
                                             .attributes_size = sizeof(bl__class_loss_attributes),
                                             .infer = cross_entropy_weighted_infer,
                                             .decompose = cross_entropy_weighted_decompose,
                                             .sample = cross_entropy_weighted_sample};

/* ---- from probabilities t of all classes: -sum_i w_i t_i log p_i of each row, t smoothed to
 * (1 - s) t + s / classes ---- */

static bl_status cross_entropy_soft_infer(bl_infer_call *call)
{
    const bl__class_loss_attributes *attributes = call->attributes;
    bl_shape rows = bl__shape_in(call, LOGITS);
    bl_status status = bl__check_reduction(call, attributes->reduction);
    if (status == BL_OK)
        status = bl__check_alike(call, 2);
    if (status == BL_OK)
        status = bl__check_classes(call, "logits");
    if (status == BL_OK && attributes->ignore_index >= 0)
        status = bl_infer_fail(call, BL_ERR_ARGUMENT, "ignore_index %lld with targets that are probabilities",
                               (long long)attributes->ignore_index);
    if (status == BL_OK)
        status = check_options(call);
    if (status != BL_OK)
        return status;
    rows.rank--;
    return bl__infer_loss(call, rows, attributes->reduction);
}

static void cross_entropy_soft_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                         const void *attributes, bl_tensor **outputs)
{
    const bl__class_loss_attributes *loss = attributes;
    bl_tensor *targets = inputs[TARGETS], *logs = bl_log_softmax(inputs[LOGITS], -1);
    bl_shape shape = bl_tensor_shape(targets);
    double s = loss->label_smoothing, classes = (double)shape.size[shape.rank - 1];
    (void)graph;
    if (s > 0)
        targets = bl_add_scalar(bl_mul_scalar(targets, 1 - s), s / classes);
    bl_tensor *elements = bl_mul(targets, logs);
    if (input_count > WEIGHT)
        elements = bl_mul(elements, inputs[WEIGHT]);
    outputs[0] = bl__reduce_loss(bl_neg(bl_sum(elements, BL_AXES(-1), false)), loss->reduction);
}

static bl_tensor *cross_entropy_soft_sample(bl_sampler *sampler)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    if (bl__sample_chance(sampler, 2))
        options.label_smoothing = sample_smoothing(sampler);
    return sample_rows(sampler, &options, true, bl__sample_chance(sampler, 2));
}

const bl_op bl__op_cross_entropy_soft = {BL__OP_AS(cross_entropy_soft, "cross_entropy", 2, 3),
                                         .flags = BL__OP_COMPOSITE,
                                         .attributes_size = sizeof(bl__class_loss_attributes),
                                         .infer = cross_entropy_soft_infer,
                                         .decompose = cross_entropy_soft_decompose,
                                         .sample = cross_entropy_soft_sample};
