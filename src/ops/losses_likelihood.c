/* Losses from distributions: kl_div, gaussian_nll_loss, poisson_nll_loss. */
#include "bowline/transform.h"
#include "ops/losses.h"

#include <math.h>

enum {
    PREDICTION,
    TARGET,
    VARIANCE
};

/* ---- kl_div: t (log t - x), with 0 log 0 = 0; e^t (t - x) where t is a logarithm ---- */

static bl_status kl_div_infer(bl_infer_call *call)
{
    int64_t reduction = ((const bl__kl_div_attributes *)call->attributes)->reduction;
    return bl__infer_pair(call, reduction == BL_REDUCE_BATCH_MEAN ? BL_REDUCE_SUM : reduction);
}

bl_kl_div_options bl_kl_div_defaults(void)
{
    return (bl_kl_div_options){.log_target = false, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_kl_div(bl_tensor *log_probabilities, bl_tensor *target)
{
    return bl_kl_div_with(log_probabilities, target, NULL);
}

bl_tensor *bl_kl_div_with(bl_tensor *log_probabilities, bl_tensor *target, const bl_kl_div_options *options)
{
    bl_kl_div_options chosen = options ? *options : bl_kl_div_defaults();
    bl__kl_div_attributes attributes = {.reduction = chosen.reduction, .log_target = chosen.log_target};
    return bl__apply_2(&bl__op_kl_div, log_probabilities, target, &attributes);
}

static bl_tensor *kl_div_elements(bl_tensor *x, bl_tensor *t, bool log_target)
{
    if (log_target)
        return bl_mul(bl_exp(t), bl_sub(t, x));
    bl_tensor *none = bl_equal(t, bl__number_like(t, 0));
    return bl_sub(bl_mul(t, bl_log(bl__one_where(none, t))), bl_mul(t, x));
}

/* Over a first axis of size 0 the mean is that over nothing. */
static void kl_div_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                             const void *attributes, bl_tensor **outputs)
{
    const bl__kl_div_attributes *loss = attributes;
    bl_tensor *elements = kl_div_elements(inputs[PREDICTION], inputs[TARGET], loss->log_target);
    bl_shape shape = bl_tensor_shape(elements);
    bool batch = loss->reduction == BL_REDUCE_BATCH_MEAN;
    (void)graph, (void)input_count;
    if (batch && shape.rank > 0 && shape.size[0] == 0)
        outputs[0] = bl_mean(elements, BL_ALL_AXES, false);
    else
        outputs[0] = bl__reduce_loss(elements, batch ? BL_REDUCE_SUM : loss->reduction);
    if (batch && shape.rank > 0 && shape.size[0] > 0)
        outputs[0] = bl_div_scalar(outputs[0], (double)shape.size[0]);
}

static bl_tensor *kl_div_sample(bl_sampler *sampler)
{
    bl_kl_div_options options = {.log_target = bl__sample_chance(sampler, 2)};
    options.reduction = (bl_reduction)bl_sample_int(sampler, BL_REDUCE_NONE, BL_REDUCE_BATCH_MEAN);
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_real(sampler, shape, -3, 0);
    bl_tensor *t = bl_sample_real(sampler, shape, options.log_target ? -3 : 0.1, 1);
    return bl_kl_div_with(x, t, &options);
}

const bl_op bl__op_kl_div = {
    BL__OP(kl_div, 2),     .flags = BL__OP_COMPOSITE,     .attributes_size = sizeof(bl__kl_div_attributes),
    .infer = kl_div_infer, .decompose = kl_div_decompose, .sample = kl_div_sample};

/* ---- gaussian_nll_loss: (log v + (x - t)^2 / v) / 2, v at least eps; full: + log(2 pi) / 2 ---- */

static bl_status gaussian_nll_loss_infer(bl_infer_call *call)
{
    const bl__likelihood_attributes *attributes = call->attributes;
    bl_status status = bl__infer_pair(call, attributes->reduction);
    if (status == BL_OK)
        status = bl__check_factor(call, VARIANCE, bl__shape_in(call, PREDICTION), "variance");
    if (status == BL_OK && !(attributes->eps > 0))
        status = bl_infer_fail(call, BL_ERR_ARGUMENT, "eps = %g is not positive", attributes->eps);
    return status;
}

bl_gaussian_nll_loss_options bl_gaussian_nll_loss_defaults(void)
{
    return (bl_gaussian_nll_loss_options){.full = false, .eps = 1e-6, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_gaussian_nll_loss(bl_tensor *prediction, bl_tensor *target, bl_tensor *variance)
{
    return bl_gaussian_nll_loss_with(prediction, target, variance, NULL);
}

bl_tensor *bl_gaussian_nll_loss_with(bl_tensor *prediction, bl_tensor *target, bl_tensor *variance,
                                     const bl_gaussian_nll_loss_options *options)
{
    bl_gaussian_nll_loss_options chosen = options ? *options : bl_gaussian_nll_loss_defaults();
    bl__likelihood_attributes attributes = {
        .reduction = chosen.reduction, .full = chosen.full, .eps = chosen.eps};
    bl_tensor *inputs[] = {prediction, target, variance};
    return bl__apply(&bl__op_gaussian_nll_loss, inputs, 3, &attributes);
}

/* max(x, least) with the derivative of x, as PyTorch's clamp that is not recorded. */
static bl_tensor *held_above(bl_tensor *x, double least)
{
    return bl_add(x, bl_stop_gradient(bl_sub(bl_maximum_scalar(x, least), x)));
}

static void gaussian_nll_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                        const void *attributes, bl_tensor **outputs)
{
    const bl__likelihood_attributes *loss = attributes;
    bl_tensor *variance = held_above(inputs[VARIANCE], loss->eps);
    bl_tensor *squares = bl_square(bl_sub(inputs[PREDICTION], inputs[TARGET]));
    bl_tensor *elements = bl_mul_scalar(bl_add(bl_log(variance), bl_div(squares, variance)), 0.5);
    (void)graph, (void)input_count;
    if (loss->full)
        elements = bl_add_scalar(elements, 0.5 * log(2 * acos(-1.0)));
    outputs[0] = bl__reduce_loss(elements, loss->reduction);
}

static bl_tensor *gaussian_nll_loss_sample(bl_sampler *sampler)
{
    bl_gaussian_nll_loss_options options = {
        .full = bl__sample_chance(sampler, 2), .eps = 1e-6, .reduction = bl__sample_loss_reduction(sampler)};
    bl_shape shape = bl__sample_loss_shape(sampler, 0, 5, options.reduction);
    bl_tensor *x = bl_sample_real(sampler, shape, -1, 1), *t = bl_sample_real(sampler, shape, -1, 1);
    bl_tensor *variance = bl_sample_real(sampler, bl__sample_narrowed(sampler, shape), 0.5, 2);
    return bl_gaussian_nll_loss_with(x, t, variance, &options);
}

const bl_op bl__op_gaussian_nll_loss = {BL__OP(gaussian_nll_loss, 3),
                                        .flags = BL__OP_COMPOSITE,
                                        .attributes_size = sizeof(bl__likelihood_attributes),
                                        .infer = gaussian_nll_loss_infer,
                                        .decompose = gaussian_nll_loss_decompose,
                                        .sample = gaussian_nll_loss_sample};

/* ---- poisson_nll_loss: e^x - t x of a logarithm x, else x - t log(x + eps); full: for t > 1 Stirling's
 * t log t - t + log(2 pi t) / 2 is added ---- */

static bl_status poisson_nll_loss_infer(bl_infer_call *call)
{
    const bl__likelihood_attributes *attributes = call->attributes;
    bl_status status = bl__infer_pair(call, attributes->reduction);
    if (status == BL_OK && !(attributes->eps >= 0))
        status = bl_infer_fail(call, BL_ERR_ARGUMENT, "eps = %g is negative", attributes->eps);
    return status;
}

bl_poisson_nll_loss_options bl_poisson_nll_loss_defaults(void)
{
    return (bl_poisson_nll_loss_options){
        .log_input = true, .full = false, .eps = 1e-8, .reduction = BL_REDUCE_MEAN};
}

bl_tensor *bl_poisson_nll_loss(bl_tensor *prediction, bl_tensor *target)
{
    return bl_poisson_nll_loss_with(prediction, target, NULL);
}

bl_tensor *bl_poisson_nll_loss_with(bl_tensor *prediction, bl_tensor *target,
                                    const bl_poisson_nll_loss_options *options)
{
    bl_poisson_nll_loss_options chosen = options ? *options : bl_poisson_nll_loss_defaults();
    bl__likelihood_attributes attributes = {
        .reduction = chosen.reduction, .log_input = chosen.log_input, .full = chosen.full, .eps = chosen.eps};
    return bl__apply_2(&bl__op_poisson_nll_loss, prediction, target, &attributes);
}

/* Stirling's approximation of log t!, and 0 for t <= 1. */
static bl_tensor *log_factorial(bl_tensor *t)
{
    bl_tensor *few = bl_less_equal(t, bl__number_like(t, 1)), *many = bl__one_where(few, t);
    bl_tensor *logs = bl_mul(bl_add_scalar(many, 0.5), bl_log(many));
    bl_tensor *stirling = bl_add_scalar(bl_sub(logs, many), 0.5 * log(2 * acos(-1.0)));
    return bl_where(few, bl__number_like(t, 0), stirling);
}

static void poisson_nll_loss_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                       const void *attributes, bl_tensor **outputs)
{
    const bl__likelihood_attributes *loss = attributes;
    bl_tensor *x = inputs[PREDICTION], *t = inputs[TARGET];
    bl_tensor *logs = loss->log_input ? x : bl_log(bl_add_scalar(x, loss->eps));
    bl_tensor *elements = bl_sub(loss->log_input ? bl_exp(x) : x, bl_mul(t, logs));
    (void)graph, (void)input_count;
    if (loss->full)
        elements = bl_add(elements, log_factorial(t));
    outputs[0] = bl__reduce_loss(elements, loss->reduction);
}

/* Targets are away from 1, where the approximation begins. */
static bl_tensor *poisson_nll_loss_sample(bl_sampler *sampler)
{
    bl_poisson_nll_loss_options options = {.log_input = bl__sample_chance(sampler, 2),
                                           .full = bl__sample_chance(sampler, 2),
                                           .eps = 1e-8,
                                           .reduction = bl__sample_loss_reduction(sampler)};
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    bl_tensor *x = bl_sample_real(sampler, shape, options.log_input ? -2 : 0.3, 2);
    return bl_poisson_nll_loss_with(x, bl_abs(bl__sample_two_sizes(sampler, shape)), &options);
}

const bl_op bl__op_poisson_nll_loss = {BL__OP(poisson_nll_loss, 2),
                                       .flags = BL__OP_COMPOSITE,
                                       .attributes_size = sizeof(bl__likelihood_attributes),
                                       .infer = poisson_nll_loss_infer,
                                       .decompose = poisson_nll_loss_decompose,
                                       .sample = poisson_nll_loss_sample};
