/* Attention as one op, and its derivative as another: neither keeps the matrix of all scores. */
#include "bowline/ops.h"
#include "ops/attention.h"

#include <math.h>

/* ---- attention: y and, for each query, the logarithm of the sum of exp(score) over the keys allowed ----
 *
 * That logarithm is 0 where none is allowed. With cotangents g of y and h of the logarithms, and d_i = g_i .
 * y_i - h_i, the derivative by a score is w_ij (g_i . v_j - d_i), w being the weights.
 */

enum {
    MASK = BL__V + 1,
    RESULT = 0, /* outputs */
    LOG_SUM
};

static bl_status infer(bl_infer_call *call)
{
    bl__attention_shape shape;
    bl_status status = bl__attention_check(call, MASK, &shape);
    if (status != BL_OK)
        return status;
    call->dtype[LOG_SUM] = bl_tensor_dtype(call->inputs[BL__Q]);
    call->shape[LOG_SUM] = bl__attention_matrices(&shape, shape.heads, shape.queries, 1);
    return bl__infer_as(call, call->dtype[LOG_SUM],
                        bl__attention_matrices(&shape, shape.heads, shape.queries, shape.value_width));
}

bl_tensor *bl__attention(bl_graph *graph, bl_tensor *const *inputs, size_t count,
                         const bl__attention_attributes *attributes)
{
    return bl_apply(graph, &bl__op_attention, inputs, count, attributes);
}

/* What the derivatives are made from: the op's outputs, and a cotangent of each. */
typedef struct known {
    bl_tensor *result, *log_sum, *cotangent, *of_sum;
} known;

/* What w and the derivative by the scores are made of. */
typedef struct slopes {
    bl_tensor *queries; /* scaled */
    bl_tensor *weights, *by_scores;
} slopes;

static slopes slopes_of(bl_graph *graph, bl_tensor *const *inputs, bl_tensor *mask,
                        const bl__attention_attributes *attributes, known at)
{
    bl_tensor *k = inputs[BL__K], *v = inputs[BL__V];
    bl_tensor *offset = bl_sub(bl_sum(bl_mul(at.cotangent, at.result), BL_AXES(-1), true), at.of_sum);
    slopes s = {.queries = bl_mul_scalar(inputs[BL__Q], attributes->scale)};
    bl__attention_scores scores = bl__attention_score(graph, s.queries, k, mask, attributes);
    s.weights =
        bl__attention_only(bl_exp(bl_sub(bl__attention_masked(scores), at.log_sum)), scores.allowed, 0);
    bl_tensor *by_weights =
        bl__attention_apply(at.cotangent, bl_transpose(v, -1, -2), bl__heads_of(at.cotangent));
    s.by_scores = bl__attention_only(bl_mul(s.weights, bl_sub(by_weights, offset)), scores.allowed, 0);
    return s;
}

/* A cotangent of an output: zeros where nothing flows. */
static bl_tensor *cotangent_of(const bl_vjp_call *call, int output)
{
    bl_tensor *like = call->outputs[output], *cotangent = call->cotangents[output];
    return cotangent ? cotangent : bl_expand(bl__number_like(like, 0), bl_tensor_shape(like));
}

static void vjp(bl_vjp_call *call)
{
    const bl__attention_attributes *attributes = call->attributes;
    known at = {call->outputs[RESULT], call->outputs[LOG_SUM], cotangent_of(call, RESULT),
                cotangent_of(call, LOG_SUM)};
    bl_tensor *mask = attributes->masked ? call->inputs[MASK] : NULL;
    bl_tensor *inputs[] = {call->inputs[BL__Q], call->inputs[BL__K], call->inputs[BL__V], at.log_sum,
                           at.cotangent,        at.result,           at.of_sum,           mask};
    bl_tensor *first = bl_apply(call->graph, &bl__op_attention_backward, inputs, mask ? 8 : 7, attributes);
    for (int i = BL__Q; i <= BL__V; i++)
        call->gradients[i] = bl_output(first, i);
    if (mask && call->needed[MASK])
        call->gradients[MASK] = slopes_of(call->graph, call->inputs, mask, attributes, at).by_scores;
}

/* The logarithms, [.., queries, 1]. */
static bl_tensor *log_sums_of(bl__attention_scores scores)
{
    bl_tensor *masked = bl__attention_masked(scores), *sums = bl_logsumexp(masked, BL_AXES(-1), true);
    bl_shape shape = bl_tensor_shape(masked);
    if (!scores.allowed)
        return bl_tensor_count(masked) > 0 ? sums : bl__number_like(sums, 0);
    return bl__attention_only(sums, bl_any(bl_expand(scores.allowed, shape), BL_AXES(-1), true), 0);
}

static void decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *data,
                      bl_tensor **outputs)
{
    const bl__attention_attributes *attributes = data;
    bl_tensor *q = inputs[BL__Q], *mask = attributes->masked ? inputs[MASK] : NULL;
    bl_tensor *scaled = bl_mul_scalar(q, attributes->scale), *weights;
    bl__attention_scores scores = bl__attention_score(graph, scaled, inputs[BL__K], mask, attributes);
    (void)input_count;
    if (attributes->undefined)
        weights = bl_softmax(bl__attention_only(scores.scores, scores.allowed, -(double)INFINITY), -1);
    else
        weights = bl__attention_weights(scores);
    outputs[RESULT] = bl__attention_apply(weights, inputs[BL__V], bl__heads_of(q));
    bl_shape shape = bl_tensor_shape(outputs[RESULT]);
    outputs[LOG_SUM] = bl_expand(log_sums_of(scores), bl__shape_with(shape, shape.rank - 1, 1));
}

static bl__attention_attributes sample_attributes(bl_sampler *sampler, const bl__attention_sample *s)
{
    bl__attention_attributes attributes = bl__attention_attributes_of(&s->options, s->q);
    bl_tensor *mask = s->options.mask;
    attributes.forbids = mask && bl_tensor_dtype(mask) == BL_BOOL && bl__sample_chance(sampler, 3);
    return attributes;
}

static bl_tensor *sample(bl_sampler *sampler)
{
    bl__attention_sample s = bl__sample_attention(sampler);
    bl__attention_attributes attributes = sample_attributes(sampler, &s);
    bl_tensor *inputs[] = {s.q, s.k, s.v, s.options.mask};
    return bl__attention(bl_sampler_graph(sampler), inputs, s.options.mask ? 4 : 3, &attributes);
}

const bl_op bl__op_attention = {.size = sizeof(bl_op),
                                .name = "attention",
                                .key = BL__KEY_attention,
                                .min_inputs = 3,
                                .max_inputs = 4,
                                .output_count = 2,
                                .attributes_size = sizeof(bl__attention_attributes),
                                .infer = infer,
                                .vjp = vjp,
                                .decompose = decompose,
                                .sample = sample};

/* ---- attention_backward: the derivatives by q, k and v, for each batch that they broadcast to ---- */

enum {
    SUMS = BL__V + 1, /* the logarithms */
    COTANGENT,
    OF_RESULT, /* y */
    OF_SUMS,   /* a cotangent */
    BACKWARD_MASK
};

static bl_status backward_infer(bl_infer_call *call)
{
    bl__attention_shape shape;
    bl_status status = bl__attention_check(call, BACKWARD_MASK, &shape);
    for (size_t i = SUMS; i <= OF_SUMS && status == BL_OK; i++) {
        int64_t columns = i == COTANGENT || i == OF_RESULT ? shape.value_width : 1;
        bl_shape wanted = bl__attention_matrices(&shape, shape.heads, shape.queries, columns);
        status = bl__require_same(call, BL__Q, i);
        if (status == BL_OK && !bl_shape_equal(wanted, bl__shape_in(call, i)))
            status = bl_infer_fail(call, BL_ERR_SHAPE, "input %zu is %s, not %s", i,
                                   BL__SHAPE_TEXT(bl__shape_in(call, i)), BL__SHAPE_TEXT(wanted));
    }
    if (status != BL_OK)
        return status;
    for (int i = BL__Q; i <= BL__V; i++)
        call->dtype[i] = bl_tensor_dtype(call->inputs[BL__Q]);
    call->shape[BL__Q] = bl__attention_matrices(&shape, shape.heads, shape.queries, shape.width);
    call->shape[BL__K] = bl__attention_matrices(&shape, shape.groups, shape.keys, shape.width);
    call->shape[BL__V] = bl__attention_matrices(&shape, shape.groups, shape.keys, shape.value_width);
    return BL_OK;
}

/* a^T b of the matrices of each group. */
static bl_tensor *contract(bl_tensor *a, bl_tensor *b, int64_t groups)
{
    bl_tensor *rows = bl__attention_regroup(a, groups), *others = bl__attention_regroup(b, groups);
    return bl_matmul(bl_transpose(rows, -1, -2), others);
}

static void backward_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                               const void *data, bl_tensor **outputs)
{
    const bl__attention_attributes *attributes = data;
    bl_tensor *k = inputs[BL__K], *g = inputs[COTANGENT];
    bl_tensor *mask = attributes->masked ? inputs[BACKWARD_MASK] : NULL;
    int64_t heads = bl__heads_of(g), groups = bl__heads_of(k);
    (void)input_count;
    known at = {inputs[OF_RESULT], inputs[SUMS], g, inputs[OF_SUMS]};
    slopes s = slopes_of(graph, inputs, mask, attributes, at);
    outputs[BL__Q] = bl_mul_scalar(bl__attention_apply(s.by_scores, k, heads), attributes->scale);
    outputs[BL__K] = contract(s.by_scores, s.queries, groups);
    outputs[BL__V] = contract(s.weights, g, groups);
}

static bl_tensor *backward_sample(bl_sampler *sampler)
{
    bl__attention_sample s = bl__sample_attention(sampler);
    bl__attention_attributes attributes = sample_attributes(sampler, &s);
    bl_shape column = bl__shape_with(s.result, s.result.rank - 1, 1);
    bl_tensor *inputs[] = {s.q,
                           s.k,
                           s.v,
                           bl_sample_real(sampler, column, 0, 2),
                           bl_sample_real(sampler, s.result, -1, 1),
                           bl_sample_real(sampler, s.result, -1, 1),
                           bl_sample_real(sampler, column, -1, 1),
                           s.options.mask};
    bl_tensor *first = bl_apply(bl_sampler_graph(sampler), &bl__op_attention_backward, inputs,
                                s.options.mask ? 8 : 7, &attributes);
    return bl_output(first, (int)bl_sample_int(sampler, 0, 2));
}

const bl_op bl__op_attention_backward = {.size = sizeof(bl_op),
                                         .name = "attention_backward",
                                         .key = BL__KEY_attention_backward,
                                         .min_inputs = 7,
                                         .max_inputs = 8,
                                         .output_count = 3,
                                         .attributes_size = sizeof(bl__attention_attributes),
                                         .infer = backward_infer,
                                         .decompose = backward_decompose,
                                         .sample = backward_sample};
