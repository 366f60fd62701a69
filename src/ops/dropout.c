/* Dropout and its kin. */
#include "bowline/ops.h"
#include "ops/random.h"
#include "ops/sampler.h"

#include <math.h>

/* ---- dropout: y = m x, where m is 1 / (1 - p) with probability 1 - p, else 0 ---- */

enum {
    X,
    STATE
};

static bl_status dropout_infer(bl_infer_call *call)
{
    bl_status status = bl__require(call, X, BL__REALS);
    if (status == BL_OK)
        status = bl__require_random(call);
    return status == BL_OK ? bl__infer_as(call, bl_tensor_dtype(call->inputs[X]), bl__shape_in(call, X))
                           : status;
}

bl_tensor *bl__dropout(bl_tensor *x, bl_tensor *state, double p, uint64_t stream)
{
    bl__random_attributes attributes = {.stream = stream, .a = p};
    return bl__apply_2(&bl__op_dropout, x, state, &attributes);
}

/* Whether dropout's arguments are right but there is nothing to draw: reported when they are not. */
static bool check(const char *op, bl_tensor *x, double p, bool training, bool *identity)
{
    bl_graph *graph = bl__graph_of(x);
    if (!bl__usable(graph, op, x) || !bl__is_probability(graph, op, p))
        return false;
    *identity = !training || p == 0;
    if (bl__is_one_of(bl_tensor_dtype(x), BL__REALS))
        return true;
    bl__fail(graph, BL_ERR_DTYPE, op, "the operand is %s, not f32 or f64: cast it first",
             bl_dtype_name(bl_tensor_dtype(x)));
    return false;
}

bl_tensor *bl_dropout(bl_tensor *x, double p, bool training, bl_parameter *random)
{
    bool identity;
    if (!check("dropout", x, p, training, &identity))
        return bl__refused(x);
    if (identity)
        return x;
    bl_graph *graph = bl__graph_of(x);
    bl_tensor *state = bl__use_random(graph, "dropout", random);
    return bl_tensor_valid(state) ? bl__dropout(x, state, p, bl__next_stream(graph)) : state;
}

/* The cotangent through the same mask, which is drawn again rather than kept. */
static void dropout_vjp(bl_vjp_call *call)
{
    if (call->needed[X])
        call->gradients[X] =
            bl__apply_2(&bl__op_dropout, call->cotangents[0], call->inputs[STATE], call->attributes);
}

static void dropout_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                              const void *attributes, bl_tensor **outputs)
{
    bl__random_attributes mask = *(const bl__random_attributes *)attributes;
    bl_shape shape = bl_tensor_shape(inputs[X]);
    double p = mask.a;
    mask.a = 1 - p;
    mask.dtype = bl_tensor_dtype(inputs[X]);
    mask.rank = shape.rank;
    for (int d = 0; d < shape.rank; d++)
        mask.size[d] = shape.size[d];
    (void)input_count;
    bl_tensor *kept = bl_apply(graph, &bl__op_bernoulli, &inputs[STATE], 1, &mask);
    outputs[0] = bl_mul(inputs[X], bl_mul_scalar(kept, p < 1 ? 1 / (1 - p) : 0));
}

static bl_tensor *dropout_sample(bl_sampler *sampler)
{
    bl_parameter *random = bl__sample_random(sampler);
    bl_tensor *x = bl_sample_real(sampler, bl_sample_shape(sampler, 0, 5), -2, 2);
    double p = bl__sample_chance(sampler, 10) ? 1 : bl__sample_number(sampler, 0.1, 0.9);
    return bl_dropout(x, p, true, random);
}

const bl_op bl__op_dropout = {
    BL__OP(dropout, 2),      .flags = BL__OP_RANDOM, .attributes_size = sizeof(bl__random_attributes),
    .infer = dropout_infer,  .vjp = dropout_vjp,     .decompose = dropout_decompose,
    .sample = dropout_sample};

/* ---- feature dropout: one draw for each of the first two axes' places ---- */

bl_tensor *bl_feature_dropout(bl_tensor *x, double p, bool training, bl_parameter *random)
{
    bool identity;
    if (!check("feature_dropout", x, p, training, &identity))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    bl_shape shape = bl_tensor_shape(x);
    if (shape.rank < 2)
        return bl__fail(graph, BL_ERR_SHAPE, "feature_dropout", "%s is not [N, C, ..]",
                        BL__SHAPE_TEXT(shape));
    if (identity)
        return x;
    if (!bl_tensor_valid(bl__use_random(graph, "feature_dropout", random)))
        return &graph->invalid;
    for (int d = 2; d < shape.rank; d++)
        shape.size[d] = 1;
    bl_tensor *kept = bl_bernoulli(graph, random, bl_tensor_dtype(x), shape, 1 - p);
    return bl_mul(x, bl_mul_scalar(kept, p < 1 ? 1 / (1 - p) : 0));
}

/* ---- alpha dropout: y = a (x or s) + b keeps mean 0 and variance 1. Source: Klambauer et al. 2017,
 * "Self-Normalizing Neural Networks", section 3; s = -lambda alpha is what SELU saturates at ---- */

bl_tensor *bl_alpha_dropout(bl_tensor *x, double p, bool training, bl_parameter *random)
{
    const double saturated = -1.7580993408473766;
    bool identity;
    if (!check("alpha_dropout", x, p, training, &identity))
        return bl__refused(x);
    if (identity)
        return x;
    bl_graph *graph = bl__graph_of(x);
    if (!bl_tensor_valid(bl__use_random(graph, "alpha_dropout", random)))
        return &graph->invalid;
    if (p == 1)
        return bl_mul_scalar(x, 0);
    double a = 1 / sqrt((1 - p) * (1 + p * saturated * saturated)), b = -a * p * saturated;
    bl_tensor *kept = bl_bernoulli(graph, random, BL_BOOL, bl_tensor_shape(x), 1 - p);
    bl_tensor *chosen = bl_where(kept, x, bl__number_like(x, saturated));
    return bl_add_scalar(bl_mul_scalar(chosen, a), b);
}
