/* Losses of real predictions: l1, smooth l1, huber. */
#include "ops/losses.h"

#include <math.h>

enum {
    PREDICTION,
    TARGET
};

/* ---- l1_loss: |prediction - target|, reduced ---- */

static bl_status l1_loss_infer(bl_infer_call *call)
{
    return bl__infer_pair(call, ((const bl__loss_attributes *)call->attributes)->reduction);
}

bl_tensor *bl_l1_loss(bl_tensor *prediction, bl_tensor *target)
{
    return bl_l1_loss_reduced(prediction, target, BL_REDUCE_MEAN);
}

bl_tensor *bl_l1_loss_reduced(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction)
{
    bl__loss_attributes attributes = {.reduction = reduction};
    return bl__apply_2(&bl__op_l1_loss, prediction, target, &attributes);
}

static void l1_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                              const void *attributes, bl_tensor **outputs)
{
    int64_t reduction = ((const bl__loss_attributes *)attributes)->reduction;
    (void)graph, (void)input_count;
    outputs[0] = bl__reduce_loss(bl_abs(bl_sub(inputs[PREDICTION], inputs[TARGET])), reduction);
}

static bl_tensor *l1_loss_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *prediction = bl_sample_signed(sampler, shape, 0.5, 1);
    bl_tensor *target = bl_sample_real(sampler, shape, -0.3, 0.3);
    return bl_l1_loss_reduced(prediction, target, bl__sample_loss_reduction(sampler));
}

const bl_op bl__op_l1_loss = {
    BL__OP(l1_loss, 2),     .flags = BL__OP_COMPOSITE,      .attributes_size = sizeof(bl__loss_attributes),
    .infer = l1_loss_infer, .decompose = l1_loss_decompose, .sample = l1_loss_sample};

/* ---- what smooth_l1_loss and huber_loss share: a square inside of a limit, a line outside ---- */

/* square d^2 where |d| < limit, else line (|d| - limit / 2). The square is taken of 0 where it does not
 * count, so that an infinite d has a derivative. */
static bl_tensor *rounded_distance(bl_tensor *const *inputs, double limit, double square, double line)
{
    bl_tensor *d = bl_sub(inputs[PREDICTION], inputs[TARGET]), *size = bl_abs(d);
    bl_tensor *inside = bl_less(size, bl__number_like(d, limit));
    bl_tensor *small = bl_where(inside, d, bl__number_like(d, 0));
    bl_tensor *outer = bl_mul_scalar(bl_sub_scalar(size, limit / 2), line);
    return bl_where(inside, bl_mul_scalar(bl_square(small), square), outer);
}

typedef bl_tensor *builder(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction, double limit);

/* |prediction - target| is 0.3..0.7 or 1.1..1.9. */
static bl_tensor *sample_limited(bl_sampler *sampler, builder *build)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *prediction = bl__sample_two_sizes(sampler, shape);
    bl_tensor *target = bl_sample_real(sampler, shape, -0.1, 0.1);
    return build(prediction, target, bl__sample_loss_reduction(sampler), bl__sample_number(sampler, 0.8, 1));
}

/* ---- smooth_l1_loss: d^2 / (2 beta) where |d| < beta, else |d| - beta / 2 ---- */

static bl_status smooth_l1_loss_infer(bl_infer_call *call)
{
    const bl__margin_loss_attributes *attributes = call->attributes;
    if (!(attributes->margin >= 0) || isinf(attributes->margin))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "beta = %g is negative or not finite",
                             attributes->margin);
    return bl__infer_pair(call, attributes->reduction);
}

bl_smooth_l1_loss_options bl_smooth_l1_loss_defaults(void)
{
    return (bl_smooth_l1_loss_options){.beta = 1, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_smooth_l1_loss(bl_tensor *prediction, bl_tensor *target)
{
    return bl_smooth_l1_loss_with(prediction, target, NULL);
}

bl_tensor *bl_smooth_l1_loss_with(bl_tensor *prediction, bl_tensor *target,
                                  const bl_smooth_l1_loss_options *options)
{
    bl_smooth_l1_loss_options chosen = options ? *options : bl_smooth_l1_loss_defaults();
    bl__margin_loss_attributes attributes = {.reduction = chosen.reduction, .margin = chosen.beta};
    return bl__apply_2(&bl__op_smooth_l1_loss, prediction, target, &attributes);
}

static void smooth_l1_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                     const void *attributes, bl_tensor **outputs)
{
    const bl__margin_loss_attributes *loss = attributes;
    double beta = loss->margin;
    (void)graph, (void)input_count;
    bl_tensor *elements = beta == 0 ? bl_abs(bl_sub(inputs[PREDICTION], inputs[TARGET]))
                                    : rounded_distance(inputs, beta, 0.5 / beta, 1);
    outputs[0] = bl__reduce_loss(elements, loss->reduction);
}

static bl_tensor *smooth_l1_loss_of(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction,
                                    double beta)
{
    return bl_smooth_l1_loss_with(prediction, target, &(bl_smooth_l1_loss_options){beta, reduction});
}

static bl_tensor *smooth_l1_loss_sample(bl_sampler *sampler)
{
    if (!bl__sample_chance(sampler, 4))
        return sample_limited(sampler, smooth_l1_loss_of);
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *prediction = bl_sample_signed(sampler, shape, 0.5, 1);
    bl_tensor *target = bl_sample_real(sampler, shape, -0.3, 0.3);
    return smooth_l1_loss_of(prediction, target, bl__sample_loss_reduction(sampler), 0);
}

const bl_op bl__op_smooth_l1_loss = {BL__OP(smooth_l1_loss, 2),
                                     .flags = BL__OP_COMPOSITE,
                                     .attributes_size = sizeof(bl__margin_loss_attributes),
                                     .infer = smooth_l1_loss_infer,
                                     .decompose = smooth_l1_loss_decompose,
                                     .sample = smooth_l1_loss_sample};

/* ---- huber_loss: d^2 / 2 where |d| < delta, else delta (|d| - delta / 2) ---- */

static bl_status huber_loss_infer(bl_infer_call *call)
{
    const bl__margin_loss_attributes *attributes = call->attributes;
    if (!(attributes->margin > 0) || isinf(attributes->margin))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "delta = %g is not positive and finite",
                             attributes->margin);
    return bl__infer_pair(call, attributes->reduction);
}

bl_huber_loss_options bl_huber_loss_defaults(void)
{
    return (bl_huber_loss_options){.delta = 1, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_huber_loss(bl_tensor *prediction, bl_tensor *target)
{
    return bl_huber_loss_with(prediction, target, NULL);
}

bl_tensor *bl_huber_loss_with(bl_tensor *prediction, bl_tensor *target, const bl_huber_loss_options *options)
{
    bl_huber_loss_options chosen = options ? *options : bl_huber_loss_defaults();
    bl__margin_loss_attributes attributes = {.reduction = chosen.reduction, .margin = chosen.delta};
    return bl__apply_2(&bl__op_huber_loss, prediction, target, &attributes);
}

static void huber_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                 const void *attributes, bl_tensor **outputs)
{
    const bl__margin_loss_attributes *loss = attributes;
    (void)graph, (void)input_count;
    outputs[0] = bl__reduce_loss(rounded_distance(inputs, loss->margin, 0.5, loss->margin), loss->reduction);
}

static bl_tensor *huber_loss_of(bl_tensor *prediction, bl_tensor *target, bl_reduction reduction,
                                double delta)
{
    return bl_huber_loss_with(prediction, target, &(bl_huber_loss_options){delta, reduction});
}

static bl_tensor *huber_loss_sample(bl_sampler *sampler)
{
    return sample_limited(sampler, huber_loss_of);
}

const bl_op bl__op_huber_loss = {BL__OP(huber_loss, 2),
                                 .flags = BL__OP_COMPOSITE,
                                 .attributes_size = sizeof(bl__margin_loss_attributes),
                                 .infer = huber_loss_infer,
                                 .decompose = huber_loss_decompose,
                                 .sample = huber_loss_sample};
