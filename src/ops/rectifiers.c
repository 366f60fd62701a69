/* Activation functions in pieces: one formula for x > 0 and another below, or linear between bounds; and glu,
 * which gates one half of a tensor by the other. In the formulas y is the result. */
#include "bowline/ops.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <math.h>

static double number_of(const void *attributes)
{
    return ((const bl__scalar_attributes *)attributes)->value;
}

static bl_tensor *is_positive(bl_tensor *x)
{
    return bl_greater(x, bl__number_like(x, 0));
}

/* A setting as the op's dtype has it. */
static double in_dtype(const bl_infer_call *call, double value)
{
    return bl_tensor_dtype(call->inputs[0]) == BL_F32 ? (double)(float)value : value;
}

static bl_status infer_finite(bl_infer_call *call)
{
    double c = number_of(call->attributes);
    bl_status status = bl__infer_reals(call);
    if (status == BL_OK && !isfinite(in_dtype(call, c)))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%g is not finite in %s", c,
                             bl_dtype_name(call->dtype[0]));
    return status;
}

/* Floats away from 0. */
static bl_tensor *sample_sides(bl_sampler *sampler)
{
    return bl_sample_signed(sampler, bl_sample_shape(sampler, 0, 5), 0.1, 3);
}

/* ---- leaky_relu: x for x > 0, else slope x ---- */

bl_tensor *bl_leaky_relu(bl_tensor *x, double slope)
{
    bl__scalar_attributes attributes = {.value = slope};
    return bl__apply_1(&bl__op_leaky_relu, x, &attributes);
}

static void leaky_relu_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *c = bl__number_like(x, number_of(call->attributes));
    bl_tensor *slope = bl_where(is_positive(x), bl__number_like(x, 1), c);
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static void leaky_relu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                                 const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[0], *leak = bl_mul_scalar(x, number_of(attributes));
    outputs[0] = bl_where(is_positive(x), x, leak);
    (void)graph;
    (void)input_count;
}

static bl_tensor *leaky_relu_sample(bl_sampler *sampler)
{
    return bl_leaky_relu(sample_sides(sampler), bl__sample_number(sampler, -1, 1));
}

const bl_op bl__op_leaky_relu = {
    BL__OP(leaky_relu, 1),      .flags = BL_OP_ELEMENTWISE, .attributes_size = sizeof(bl__scalar_attributes),
    .infer = infer_finite,      .vjp = leaky_relu_vjp,      .decompose = leaky_relu_decompose,
    .sample = leaky_relu_sample};

/* ---- elu: x for x > 0, else alpha (e^x - 1), whose derivative is y + alpha ---- */

bl_tensor *bl_elu(bl_tensor *x, double alpha)
{
    bl__scalar_attributes attributes = {.value = alpha};
    return bl__apply_1(&bl__op_elu, x, &attributes);
}

static void elu_vjp(bl_vjp_call *call)
{
    double alpha = number_of(call->attributes);
    bl_tensor *x = call->inputs[0], *below = bl_add_scalar(call->outputs[0], alpha);
    bl_tensor *slope = bl_where(is_positive(x), bl__number_like(x, 1), below);
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static void elu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, bl_tensor **outputs)
{
    bl_tensor *x = inputs[0], *below = bl_mul_scalar(bl_expm1(x), number_of(attributes));
    outputs[0] = bl_where(is_positive(x), x, below);
    (void)graph;
    (void)input_count;
}

static bl_tensor *elu_sample(bl_sampler *sampler)
{
    return bl_elu(sample_sides(sampler), bl__sample_number(sampler, -2, 2));
}

const bl_op bl__op_elu = {BL__OP(elu, 1),
                          .flags = BL_OP_ELEMENTWISE,
                          .attributes_size = sizeof(bl__scalar_attributes),
                          .infer = infer_finite,
                          .vjp = elu_vjp,
                          .decompose = elu_decompose,
                          .sample = elu_sample};

/* SELU's constants. Source: Klambauer et al. 2017, "Self-Normalizing Neural Networks". */
#define SELU_ALPHA 1.6732632423543772848170429916717
#define SELU_SCALE 1.0507009873554804934193349852946

/* ---- selu: scale x for x > 0, else scale alpha (e^x - 1), whose derivative is y + scale alpha ---- */

bl_tensor *bl_selu(bl_tensor *x)
{
    return bl__apply_1(&bl__op_selu, x, NULL);
}

static void selu_vjp(bl_vjp_call *call)
{
    bl_tensor *x = call->inputs[0], *below = bl_add_scalar(call->outputs[0], SELU_SCALE * SELU_ALPHA);
    bl_tensor *slope = bl_where(is_positive(x), bl__number_like(x, SELU_SCALE), below);
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static void selu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    outputs[0] = bl_mul_scalar(bl_elu(inputs[0], SELU_ALPHA), SELU_SCALE);
    (void)graph;
    (void)input_count;
    (void)attributes;
}

static bl_tensor *selu_sample(bl_sampler *sampler)
{
    return bl_selu(sample_sides(sampler));
}

const bl_op bl__op_selu = {BL__OP(selu, 1), .flags = BL_OP_ELEMENTWISE,  .infer = bl__infer_reals,
                           .vjp = selu_vjp, .decompose = selu_decompose, .sample = selu_sample};

/* ---- celu: x for x > 0, else alpha (e^(x / alpha) - 1), whose derivative is y / alpha + 1 ---- */

static bl_status celu_infer(bl_infer_call *call)
{
    double alpha = number_of(call->attributes);
    bl_status status = infer_finite(call);
    if (status == BL_OK && in_dtype(call, alpha) == 0)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "alpha = %g is zero in %s", alpha,
                             bl_dtype_name(call->dtype[0]));
    return status;
}

bl_tensor *bl_celu(bl_tensor *x, double alpha)
{
    bl__scalar_attributes attributes = {.value = alpha};
    return bl__apply_1(&bl__op_celu, x, &attributes);
}

static void celu_vjp(bl_vjp_call *call)
{
    double alpha = number_of(call->attributes);
    bl_tensor *x = call->inputs[0], *below = bl_add_scalar(bl_div_scalar(call->outputs[0], alpha), 1);
    bl_tensor *slope = bl_where(is_positive(x), bl__number_like(x, 1), below);
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static void celu_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes, bl_tensor **outputs)
{
    double alpha = number_of(attributes);
    bl_tensor *x = inputs[0], *below = bl_mul_scalar(bl_expm1(bl_div_scalar(x, alpha)), alpha);
    outputs[0] = bl_where(is_positive(x), x, below);
    (void)graph;
    (void)input_count;
}

static bl_tensor *celu_sample(bl_sampler *sampler)
{
    double alpha = bl__sample_number(sampler, 0.5, 2);
    return bl_celu(sample_sides(sampler), bl__sample_chance(sampler, 4) ? -alpha : alpha);
}

const bl_op bl__op_celu = {BL__OP(celu, 1),
                           .flags = BL_OP_ELEMENTWISE,
                           .attributes_size = sizeof(bl__scalar_attributes),
                           .infer = celu_infer,
                           .vjp = celu_vjp,
                           .decompose = celu_decompose,
                           .sample = celu_sample};
