/* Losses: mean squared error, and cross entropy from class indices. */
#include "bowline/ops.h"
#include "ops/rows.h"
#include "ops/rules.h"
#include "ops/sampler.h"

static bl_status check_reduction(bl_infer_call *call)
{
    int64_t reduction = ((const bl__loss_attributes *)call->attributes)->reduction;
    if (reduction == BL_REDUCE_NONE || reduction == BL_REDUCE_MEAN || reduction == BL_REDUCE_SUM)
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_ARGUMENT, "there is no reduction %lld", (long long)reduction);
}

static bl_reduction sample_reduction(bl_sampler *sampler)
{
    return (bl_reduction)bl_sample_int(sampler, BL_REDUCE_NONE, BL_REDUCE_SUM);
}

/* ---- mse_loss: (prediction - target)^2, reduced ---- */

enum {
    PREDICTION,
    TARGET
};

static bl_status mse_loss_infer(bl_infer_call *call)
{
    const bl__loss_attributes *attributes = call->attributes;
    bl_shape prediction = bl__shape_in(call, PREDICTION), target = bl__shape_in(call, TARGET);
    bl_status status = check_reduction(call);
    if (status == BL_OK)
        status = bl__require(call, PREDICTION, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, TARGET, BL__REALS);
    if (status == BL_OK)
        status = bl__require_same(call, PREDICTION, TARGET);
    if (status != BL_OK)
        return status;
    if (!bl_shape_equal(prediction, target))
        return bl_infer_fail(call, BL_ERR_SHAPE, "shapes differ: %s and %s", BL__SHAPE_TEXT(prediction),
                             BL__SHAPE_TEXT(target));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[PREDICTION]),
                        attributes->reduction == BL_REDUCE_NONE ? prediction : BL_SCALAR);
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
    bl_tensor *squares = bl_square(bl_sub(inputs[PREDICTION], inputs[TARGET]));
    (void)graph;
    (void)input_count;
    if (reduction == BL_REDUCE_NONE)
        outputs[0] = squares;
    else
        outputs[0] = (reduction == BL_REDUCE_MEAN ? bl_mean : bl_sum)(squares, BL_ALL_AXES, false);
}

static bl_tensor *mse_loss_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *prediction = bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *target = bl_sample_real(sampler, shape, -1, 1);
    return bl_mse_loss_reduced(prediction, target, sample_reduction(sampler));
}

const bl_op bl__op_mse_loss = {
    BL__OP(mse_loss, 2),     .flags = BL__OP_COMPOSITE,       .attributes_size = sizeof(bl__loss_attributes),
    .infer = mse_loss_infer, .decompose = mse_loss_decompose, .sample = mse_loss_sample};

/* ---- cross_entropy: -log softmax(logits)[target], reduced over the targets that count ---- */

enum {
    LOGITS,
    TARGETS
};

static bl_status cross_entropy_infer(bl_infer_call *call)
{
    const bl__loss_attributes *attributes = call->attributes;
    bl_shape logits = bl__shape_in(call, LOGITS), targets = bl__shape_in(call, TARGETS), rows = logits;
    bl_status status = check_reduction(call);
    if (status == BL_OK)
        status = bl__require(call, LOGITS, BL__REALS);
    if (status == BL_OK)
        status = bl__require(call, TARGETS, BL__INTEGERS);
    if (status != BL_OK)
        return status;
    if (logits.rank == 0 || logits.size[logits.rank - 1] == 0)
        return bl_infer_fail(call, BL_ERR_SHAPE, "logits of %s have no classes", BL__SHAPE_TEXT(logits));
    rows.rank--;
    if (!bl_shape_equal(rows, targets))
        return bl_infer_fail(call, BL_ERR_SHAPE, "logits of %s do not fit targets of %s",
                             BL__SHAPE_TEXT(logits), BL__SHAPE_TEXT(targets));
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[LOGITS]),
                        attributes->reduction == BL_REDUCE_NONE ? targets : BL_SCALAR);
}

bl_cross_entropy_options bl_cross_entropy_defaults(void)
{
    return (bl_cross_entropy_options){.ignore_index = -100, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_cross_entropy(bl_tensor *logits, bl_tensor *targets)
{
    return bl_cross_entropy_with(logits, targets, NULL);
}

bl_tensor *bl_cross_entropy_with(bl_tensor *logits, bl_tensor *targets,
                                 const bl_cross_entropy_options *options)
{
    bl_cross_entropy_options chosen = options ? *options : bl_cross_entropy_defaults();
    bl__loss_attributes attributes = {.reduction = chosen.reduction, .ignore_index = chosen.ignore_index};
    return bl__apply_2(&bl__op_cross_entropy, logits, targets, &attributes);
}

/* The parts that value and gradient are made of. Rows that do not count get logits of 0, so that nothing in
 * them, NaN or infinite, meets a factor of 0. */
typedef struct parts {
    bl_tensor *counts; /* [..]: whether the row's target counts */
    bl_tensor *column; /* the same as [.., 1] */
    bl_tensor *logits; /* [.., classes] */
    bl_shape rows;     /* [..] */
    int64_t classes;
} parts;

static parts take_apart(bl_tensor *logits, bl_tensor *targets, const bl__loss_attributes *attributes)
{
    bl_graph *graph = bl__graph_of(logits);
    bl_shape shape = bl_tensor_shape(logits);
    parts p = {.rows = bl_tensor_shape(targets), .classes = shape.size[shape.rank - 1]};
    /* In i64, where every ignore_index is itself. */
    bl_tensor *ignored = bl_constant(graph, BL_I64, BL_SCALAR, &attributes->ignore_index);
    bl_tensor *wide = bl_tensor_dtype(targets) == BL_I64 ? targets : bl_cast(targets, BL_I64);
    p.counts = bl_not_equal(wide, ignored);
    p.column = bl_reshape(p.counts, bl__shape_with(shape, shape.rank - 1, 1));
    p.logits = bl_where(p.column, logits, bl__number_like(logits, 0));
    return p;
}

/* The number of targets that count, in the dtype of the logits. */
static bl_tensor *count_targets(const parts *p)
{
    return bl_sum(bl_cast(p->counts, bl_tensor_dtype(p->logits)), BL_ALL_AXES, false);
}

/* (softmax(logits) - one_hot(targets)) times the cotangent of the row: g, or g / count, or 0 where the target
 * does not count. With no target that counts the count is taken as 1, and all is 0. */
static void cross_entropy_vjp(bl_vjp_call *call)
{
    const bl__loss_attributes *attributes = call->attributes;
    bl_tensor *g = call->cotangents[0], *targets = call->inputs[TARGETS];
    if (!call->needed[LOGITS])
        return;
    parts p = take_apart(call->inputs[LOGITS], targets, attributes);
    if (attributes->reduction == BL_REDUCE_MEAN)
        g = bl_div(g, bl_maximum_scalar(count_targets(&p), 1));
    else if (attributes->reduction == BL_REDUCE_NONE)
        g = bl_reshape(g, bl_tensor_shape(p.column));
    bl_tensor *rows = bl_where(p.column, g, bl__number_like(g, 0));
    bl_tensor *hot = bl__one_hot_ignoring(targets, p.classes, attributes->ignore_index, bl_tensor_dtype(g));
    call->gradients[LOGITS] = bl_mul(bl_sub(bl_softmax(p.logits, -1), hot), rows);
}

/* The logarithm is chosen by a bool, never multiplied by 0: it can be infinite. */
static void cross_entropy_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                    const void *attributes, bl_tensor **outputs)
{
    const bl__loss_attributes *loss = attributes;
    parts p = take_apart(inputs[LOGITS], inputs[TARGETS], loss);
    bl_tensor *hot = bl__one_hot_ignoring(inputs[TARGETS], p.classes, loss->ignore_index, BL_BOOL);
    bl_tensor *chosen = bl_where(hot, bl_log_softmax(p.logits, -1), bl__number_like(p.logits, 0));
    bl_tensor *rows = bl_scalar_sub(0, bl_sum(chosen, BL_AXES(-1), false));
    (void)graph;
    (void)input_count;
    outputs[0] = loss->reduction == BL_REDUCE_NONE ? rows : bl_sum(rows, BL_ALL_AXES, false);
    if (loss->reduction == BL_REDUCE_MEAN)
        outputs[0] = bl_div(outputs[0], count_targets(&p));
}

/* Some targets are ignored, but never all where there is a mean: it would be NaN. */
static bl_tensor *cross_entropy_sample(bl_sampler *sampler)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    int64_t classes = bl_sample_int(sampler, 1, 5);
    bool ignore = bl__sample_chance(sampler, 2);
    options.reduction = sample_reduction(sampler);
    options.ignore_index = ignore ? -1 : options.ignore_index;
    bl_shape shape = bl__sample_filled(sampler, 0, 4);
    if (options.reduction != BL_REDUCE_MEAN)
        shape = bl_sample_shape(sampler, 0, 4);
    bl_tensor *targets = bl_sample_indices(sampler, shape, ignore ? -1 : 0, classes - 1);
    if (options.reduction == BL_REDUCE_MEAN) {
        bl_shape first = shape.rank > 0 ? bl__shape_with(shape, 0, 1) : BL_SHAPE(1);
        bl_shape rest = shape.rank > 0 ? shape : BL_SHAPE(1);
        bl_tensor *both[] = {bl__sample_integers(sampler, bl_tensor_dtype(targets), first, 0, classes - 1),
                             bl_reshape(targets, rest)};
        targets = bl_concat(both, 2, 0);
        shape = bl_tensor_shape(targets);
    }
    if (!bl_tensor_valid(targets))
        return targets;
    shape.size[shape.rank++] = classes;
    return bl_cross_entropy_with(bl_sample_real(sampler, shape, -3, 3), targets, &options);
}

const bl_op bl__op_cross_entropy = {
    BL__OP(cross_entropy, 2), .attributes_size = sizeof(bl__loss_attributes), .infer = cross_entropy_infer,
    .vjp = cross_entropy_vjp, .decompose = cross_entropy_decompose,           .sample = cross_entropy_sample};
