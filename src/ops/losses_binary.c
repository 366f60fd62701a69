/* Losses of two classes: binary cross entropy of probabilities and of logits, soft margin. */
#include "ops/losses.h"

#include <math.h>

enum {
    PREDICTION,
    TARGET
};

/* ---- probability_loss: -(t log p + (1 - t) log(1 - p)), element by element, logarithms at least -100 ----
 *
 *     dp = (p - t) / (p (1 - p)), the divisor at least 1e-12        dt = log(1 - p) - log p
 */

static bl_tensor *bounded_log(bl_tensor *p)
{
    return bl_maximum_scalar(bl_log(p), -100);
}

static bl_tensor *probability_loss(bl_tensor *p, bl_tensor *t)
{
    return bl__apply_2(&bl__op_probability_loss, p, t, NULL);
}

static void probability_loss_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *p = call->inputs[PREDICTION], *t = call->inputs[TARGET];
    bl_tensor *rest = bl_scalar_sub(1, p);
    if (call->needed[PREDICTION]) {
        bl_tensor *divisor = bl_maximum_scalar(bl_mul(p, rest), (double)1e-12F); /* f32's, as PyTorch's */
        call->gradients[PREDICTION] = bl_mul(g, bl_div(bl_sub(p, t), divisor));
    }
    if (call->needed[TARGET])
        call->gradients[TARGET] = bl_mul(g, bl_sub(bounded_log(rest), bounded_log(p)));
}

static void probability_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                       const void *attributes, bl_tensor **outputs)
{
    bl_tensor *p = inputs[PREDICTION], *t = inputs[TARGET];
    bl_tensor *yes = bl_mul(t, bounded_log(p));
    bl_tensor *no = bl_mul(bl_scalar_sub(1, t), bounded_log(bl_scalar_sub(1, p)));
    (void)graph, (void)input_count, (void)attributes;
    outputs[0] = bl_neg(bl_add(yes, no));
}

static bl_tensor *probability_loss_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *p = bl_sample_real(sampler, left, 0.1, 0.9);
    return probability_loss(p, bl_sample_real(sampler, right, 0, 1));
}

const bl_op bl__op_probability_loss = {BL__OP(probability_loss, 2),
                                       .flags = BL_OP_ELEMENTWISE,
                                       .infer = bl__infer_reals,
                                       .vjp = probability_loss_vjp,
                                       .decompose = probability_loss_decompose,
                                       .sample = probability_loss_sample};

/* ---- logistic_loss: log(1 + e^x) - t x = max(x, 0) - t x + log(1 + e^-|x|); dx = sigmoid(x) - t ---- */

bl_tensor *bl__logistic_loss(bl_tensor *x, bl_tensor *t)
{
    return bl__apply_2(&bl__op_logistic_loss, x, t, NULL);
}

static void logistic_loss_vjp(bl_vjp_call *call)
{
    bl_tensor *g = call->cotangents[0], *x = call->inputs[PREDICTION], *t = call->inputs[TARGET];
    if (call->needed[PREDICTION])
        call->gradients[PREDICTION] = bl_mul(g, bl_sub(bl_sigmoid(x), t));
    if (call->needed[TARGET])
        call->gradients[TARGET] = bl_neg(bl_mul(g, x));
}

static void logistic_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                    const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[PREDICTION], *t = inputs[TARGET];
    bl_tensor *line = bl_sub(bl_maximum_scalar(x, 0), bl_mul(t, x));
    (void)graph, (void)input_count, (void)attributes;
    outputs[0] = bl_add(line, bl_log(bl_add_scalar(bl_exp(bl_neg(bl_abs(x))), 1)));
}

static bl_tensor *logistic_loss_sample(bl_sampler *sampler)
{
    bl_shape left, right;
    bl_sample_broadcast(sampler, &left, &right);
    bl_tensor *x = bl_sample_signed(sampler, left, 0.1, 4);
    return bl__logistic_loss(x, bl_sample_real(sampler, right, 0, 1));
}

const bl_op bl__op_logistic_loss = {
    BL__OP(logistic_loss, 2), .flags = BL_OP_ELEMENTWISE,           .infer = bl__infer_reals,
    .vjp = logistic_loss_vjp, .decompose = logistic_loss_decompose, .sample = logistic_loss_sample};

/* ---- what both cross entropies share: prediction, target, and then the weights that there are ---- */

static bl_status check_weights(bl_infer_call *call)
{
    const bl__binary_loss_attributes *attributes = call->attributes;
    bl_shape shape = bl__shape_in(call, PREDICTION);
    bl_status status = bl__infer_pair(call, attributes->reduction);
    size_t next = TARGET + 1;
    if (status == BL_OK && attributes->weighted)
        status = bl__check_factor(call, next++, shape, "weight");
    if (status == BL_OK && attributes->positive_weighted)
        status = bl__check_factor(call, next, shape, "weight of positives");
    return status;
}

static bl_tensor *weigh(bl_tensor *elements, bl_tensor *const *inputs, const void *attributes)
{
    const bl__binary_loss_attributes *loss = attributes;
    if (loss->weighted)
        elements = bl_mul(elements, inputs[TARGET + 1]);
    return bl__reduce_loss(elements, loss->reduction);
}

/* A weight that broadcasts to a shape, or NULL. */
static bl_tensor *sample_weight(bl_sampler *sampler, bl_shape shape)
{
    if (bl__sample_chance(sampler, 2))
        return NULL;
    return bl_sample_real(sampler, bl__sample_narrowed(sampler, shape), 0.5, 2);
}

/* ---- binary_cross_entropy ---- */

static bl_status binary_cross_entropy_infer(bl_infer_call *call)
{
    const bl__binary_loss_attributes *attributes = call->attributes;
    if (attributes->positive_weighted)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "pos_weight is for logits: use `weight`");
    return check_weights(call);
}

bl_binary_cross_entropy_options bl_binary_cross_entropy_defaults(void)
{
    return (bl_binary_cross_entropy_options){.weight = NULL, .pos_weight = NULL, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_binary_cross_entropy(bl_tensor *probability, bl_tensor *target)
{
    return bl_binary_cross_entropy_with(probability, target, NULL);
}

bl_tensor *bl_binary_cross_entropy_with(bl_tensor *probability, bl_tensor *target,
                                        const bl_binary_cross_entropy_options *options)
{
    bl_binary_cross_entropy_options chosen = options ? *options : bl_binary_cross_entropy_defaults();
    bl__binary_loss_attributes attributes = {.reduction = chosen.reduction};
    bl_tensor *inputs[4] = {probability, target};
    size_t count = 2;
    attributes.weighted = bl__add_input(inputs, &count, chosen.weight);
    attributes.positive_weighted = bl__add_input(inputs, &count, chosen.pos_weight);
    return bl__apply(&bl__op_binary_cross_entropy, inputs, count, &attributes);
}

static void binary_cross_entropy_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                           const void *attributes, bl_tensor **outputs)
{
    (void)graph, (void)input_count;
    outputs[0] = weigh(probability_loss(inputs[PREDICTION], inputs[TARGET]), inputs, attributes);
}

static bl_tensor *binary_cross_entropy_sample(bl_sampler *sampler)
{
    bl_binary_cross_entropy_options options = {.reduction = bl__sample_loss_reduction(sampler)};
    bl_shape shape = bl__sample_loss_shape(sampler, 0, 5, options.reduction);
    bl_tensor *p = bl_sample_real(sampler, shape, 0.1, 0.9);
    bl_tensor *t = bl_sample_real(sampler, shape, 0, 1);
    options.weight = sample_weight(sampler, shape);
    return bl_binary_cross_entropy_with(p, t, &options);
}

const bl_op bl__op_binary_cross_entropy = {BL__OP_BETWEEN(binary_cross_entropy, 2, 4),
                                           .flags = BL__OP_COMPOSITE,
                                           .attributes_size = sizeof(bl__binary_loss_attributes),
                                           .infer = binary_cross_entropy_infer,
                                           .decompose = binary_cross_entropy_decompose,
                                           .sample = binary_cross_entropy_sample};

/* ---- binary_cross_entropy_with_logits ---- */

bl_tensor *bl_binary_cross_entropy_with_logits(bl_tensor *logits, bl_tensor *target)
{
    return bl_binary_cross_entropy_with_logits_with(logits, target, NULL);
}

bl_tensor *bl_binary_cross_entropy_with_logits_with(bl_tensor *logits, bl_tensor *target,
                                                    const bl_binary_cross_entropy_options *options)
{
    bl_binary_cross_entropy_options chosen = options ? *options : bl_binary_cross_entropy_defaults();
    bl__binary_loss_attributes attributes = {.reduction = chosen.reduction};
    bl_tensor *inputs[4] = {logits, target};
    size_t count = 2;
    attributes.weighted = bl__add_input(inputs, &count, chosen.weight);
    attributes.positive_weighted = bl__add_input(inputs, &count, chosen.pos_weight);
    return bl__apply(&bl__op_binary_cross_entropy_with_logits, inputs, count, &attributes);
}

/* With a weight w of positives, w t log(1 + e^-x) + (1 - t) log(1 + e^x): nothing cancels. */
static void binary_cross_entropy_with_logits_decompose(bl_graph *graph, bl_tensor *const *inputs,
                                                       size_t input_count, const void *attributes,
                                                       bl_tensor **outputs)
{
    const bl__binary_loss_attributes *loss = attributes;
    bl_tensor *x = inputs[PREDICTION], *t = inputs[TARGET], *elements;
    (void)graph;
    if (loss->positive_weighted) {
        bl_tensor *weight = bl_mul(t, inputs[input_count - 1]);
        bl_tensor *positive = bl_mul(weight, bl__logistic_loss(x, bl__number_like(x, 1)));
        bl_tensor *negative = bl_mul(bl_scalar_sub(1, t), bl__logistic_loss(x, bl__number_like(x, 0)));
        elements = bl_add(positive, negative);
    } else
        elements = bl__logistic_loss(x, t);
    outputs[0] = weigh(elements, inputs, attributes);
}

static bl_tensor *binary_cross_entropy_with_logits_sample(bl_sampler *sampler)
{
    bl_binary_cross_entropy_options options = {.reduction = bl__sample_loss_reduction(sampler)};
    bl_shape shape = bl__sample_loss_shape(sampler, 0, 5, options.reduction);
    bl_tensor *x = bl_sample_real(sampler, shape, -4, 4);
    bl_tensor *t = bl_sample_real(sampler, shape, 0, 1);
    options.weight = sample_weight(sampler, shape);
    options.pos_weight = sample_weight(sampler, shape);
    return bl_binary_cross_entropy_with_logits_with(x, t, &options);
}

const bl_op bl__op_binary_cross_entropy_with_logits = {
    BL__OP_BETWEEN(binary_cross_entropy_with_logits, 2, 4),
    .flags = BL__OP_COMPOSITE,
    .attributes_size = sizeof(bl__binary_loss_attributes),
    .infer = check_weights,
    .decompose = binary_cross_entropy_with_logits_decompose,
    .sample = binary_cross_entropy_with_logits_sample};

/* ---- soft_margin_loss: log(1 + e^(-t x)) ---- */

static bl_status soft_margin_loss_infer(bl_infer_call *call)
{
    return bl__infer_pair(call, ((const bl__loss_attributes *)call->attributes)->reduction);
}

bl_tensor *bl_soft_margin_loss(bl_tensor *prediction, bl_tensor *target)
{
    return bl_soft_margin_loss_reduced(prediction, target, BL_REDUCE_MEAN);
}

bl_tensor *bl_soft_margin_loss_reduced(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction)
{
    bl__loss_attributes attributes = {.reduction = reduction};
    return bl__apply_2(&bl__op_soft_margin_loss, prediction, target, &attributes);
}

static void soft_margin_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                       const void *attributes, bl_tensor **outputs)
{
    int64_t reduction = ((const bl__loss_attributes *)attributes)->reduction;
    bl_tensor *product = bl_mul(inputs[PREDICTION], inputs[TARGET]);
    (void)graph, (void)input_count;
    outputs[0] = bl__reduce_loss(bl__logistic_loss(product, bl__number_like(product, 1)), reduction);
}

static bl_tensor *soft_margin_loss_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *prediction = bl_sample_real(sampler, shape, -3, 3);
    bl_tensor *target = bl_sample_signed(sampler, shape, 0.5, 1);
    return bl_soft_margin_loss_reduced(prediction, target, bl__sample_loss_reduction(sampler));
}

const bl_op bl__op_soft_margin_loss = {BL__OP(soft_margin_loss, 2),
                                       .flags = BL__OP_COMPOSITE,
                                       .attributes_size = sizeof(bl__loss_attributes),
                                       .infer = soft_margin_loss_infer,
                                       .decompose = soft_margin_loss_decompose,
                                       .sample = soft_margin_loss_sample};
