/* Attention: each query's mean of the values, weighted by how well its keys fit. */
#include "bowline/ops.h"
#include "bowline/sequence.h"
#include "ops/random.h"
#include "ops/sampler.h"

#include <float.h>
#include <math.h>

enum {
    Q,
    K,
    V,
    MASK /* where the attributes say so; after it, where there is dropout, the random state */
};

/* ---- shapes ---- */

static int64_t heads_of(bl_shape shape)
{
    return shape.rank > 2 ? shape.size[shape.rank - 3] : 1;
}

/* The axes before the heads. */
static bl_shape batch_of(bl_shape shape)
{
    shape.rank = shape.rank > 3 ? shape.rank - 3 : 0;
    return shape;
}

static int64_t last(bl_shape shape, int from_end)
{
    return shape.size[shape.rank - from_end];
}

/* What is wrong with the shapes of q, k and v; NULL when they fit. */
static const char *misfit(bl_shape q, bl_shape k, bl_shape v, bl_shape *batch)
{
    if (q.rank < 2 || k.rank < 2 || v.rank < 2)
        return "a rank is below 2";
    if (last(q, 1) != last(k, 1))
        return "q and k differ in width";
    if (last(k, 2) != last(v, 2))
        return "k and v differ in length";
    int64_t heads = heads_of(q), groups = heads_of(k);
    if (groups != heads_of(v))
        return "k and v differ in heads";
    if (groups == 0 ? heads != 0 : heads % groups != 0)
        return "the heads of k do not divide those of q";
    if (!bl_shape_broadcast(batch_of(q), batch_of(k), batch) ||
        !bl_shape_broadcast(*batch, batch_of(v), batch))
        return "the leading axes do not broadcast";
    return NULL;
}

/* [batch, heads, rows, columns], without heads where no input has any. */
static bl_shape with_heads(bl_shape batch, bool has_heads, int64_t heads, int64_t rows, int64_t columns)
{
    if (has_heads)
        batch.size[batch.rank++] = heads;
    batch.size[batch.rank++] = rows;
    batch.size[batch.rank++] = columns;
    return batch;
}

static bl_status check_mask(bl_infer_call *call, bl_shape scores)
{
    bl_shape mask = bl__shape_in(call, MASK), both;
    bl_dtype dtype = bl_tensor_dtype(call->inputs[MASK]);
    if (dtype != BL_BOOL && dtype != bl_tensor_dtype(call->inputs[Q]))
        return bl_infer_fail(call, BL_ERR_DTYPE, "the mask is %s, not bool or %s as q is",
                             bl_dtype_name(dtype), bl_dtype_name(bl_tensor_dtype(call->inputs[Q])));
    if (!bl_shape_broadcast(mask, scores, &both) || !bl_shape_equal(both, scores))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the mask is %s for scores of %s", BL__SHAPE_TEXT(mask),
                             BL__SHAPE_TEXT(scores));
    return BL_OK;
}

static bl_status infer(bl_infer_call *call)
{
    const bl__attention_attributes *attributes = call->attributes;
    bl_shape q = bl__shape_in(call, Q), k = bl__shape_in(call, K), v = bl__shape_in(call, V), batch;
    for (size_t i = Q; i <= V; i++) {
        bl_status status = bl__require(call, i, BL__REALS);
        if (status == BL_OK)
            status = bl__require_same(call, Q, i);
        if (status != BL_OK)
            return status;
    }
    const char *wrong = misfit(q, k, v, &batch);
    if (wrong)
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s: q %s, k %s, v %s", wrong, BL__SHAPE_TEXT(q),
                             BL__SHAPE_TEXT(k), BL__SHAPE_TEXT(v));
    bool has_heads = q.rank > 2 || k.rank > 2 || v.rank > 2;
    if (attributes->masked) {
        bl_status status =
            check_mask(call, with_heads(batch, has_heads, heads_of(q), last(q, 2), last(k, 2)));
        if (status != BL_OK)
            return status;
    }
    if (!isfinite(attributes->scale))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the scale %g is not finite", attributes->scale);
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[Q]),
                        with_heads(batch, has_heads, heads_of(q), last(q, 2), last(v, 1)));
}

/* ---- builders ---- */

bl_attention_options bl_attention_defaults(void)
{
    return (bl_attention_options){.scale = (double)NAN};
}

bl_tensor *bl_scaled_dot_product_attention(bl_tensor *q, bl_tensor *k, bl_tensor *v)
{
    return bl_scaled_dot_product_attention_with(q, k, v, NULL);
}

bl_tensor *bl_scaled_dot_product_attention_with(bl_tensor *q, bl_tensor *k, bl_tensor *v,
                                                const bl_attention_options *options)
{
    const char *op = bl__op_scaled_dot_product_attention.name;
    bl_attention_options chosen = options ? *options : bl_attention_defaults();
    bl_tensor *inputs[5] = {q, k, v};
    size_t count = 3;
    bl_graph *graph = bl__graph_of(q ? q : k ? k : v);
    if (!bl__usable(graph, op, q))
        return graph ? &graph->invalid : NULL;
    int64_t width = q->rank > 0 ? q->size[q->rank - 1] : 1;
    bl__attention_attributes attributes = {.scale = !isnan(chosen.scale) ? chosen.scale
                                                    : width > 0          ? 1 / sqrt((double)width)
                                                                         : 1,
                                           .p = chosen.dropout,
                                           .causal = chosen.causal,
                                           .causal_offset = chosen.causal_offset,
                                           .masked = chosen.mask != NULL};
    if (!bl__is_probability(graph, op, chosen.dropout))
        return &graph->invalid;
    if (chosen.mask)
        inputs[count++] = chosen.mask;
    if (chosen.dropout > 0) {
        inputs[count++] = bl__use_random(graph, op, chosen.random);
        attributes.stream = bl__next_stream(graph);
    }
    return bl_apply(graph, &bl__op_scaled_dot_product_attention, inputs, count, &attributes);
}

/* ---- the decomposition ---- */

/* Whether key j <= i + offset, for query i: bools [queries, keys]. */
static bl_tensor *past_of(bl_graph *graph, int64_t queries, int64_t keys, int64_t offset)
{
    offset = offset < -queries ? -queries : offset > keys ? keys : offset; /* further off, it is the same */
    bl_tensor *key = bl_arange(graph, BL_I64, 0, (double)keys, 1);
    bl_tensor *latest = bl_arange(graph, BL_I64, (double)offset, (double)(offset + queries), 1);
    return bl_less_equal(key, bl_reshape(latest, BL_SHAPE(queries, 1)));
}

/* Whether a query may attend to a key, as bools that broadcast to the scores; NULL where every one may. */
static bl_tensor *allowed_of(bl_graph *graph, const bl__attention_attributes *attributes, bl_tensor *mask,
                             int64_t queries, int64_t keys)
{
    bl_tensor *allowed = mask;
    if (mask && bl_tensor_dtype(mask) != BL_BOOL) /* a NaN is allowed, so that it is not lost */
        allowed = bl_not_equal(mask, bl__number_like(mask, -(double)INFINITY));
    if (!attributes->causal)
        return allowed;
    bl_tensor *past = past_of(graph, queries, keys, attributes->causal_offset);
    return allowed ? bl_logical_and(allowed, past) : past;
}

/* The softmax over the allowed ones of each row, and 0 for the others: also where none is allowed, since
 * what stands in for their scores is finite. */
static bl_tensor *weigh(bl_tensor *scores, bl_tensor *allowed)
{
    if (!allowed)
        return bl_softmax(scores, -1);
    double lowest = bl_tensor_dtype(scores) == BL_F32 ? -(double)FLT_MAX : -DBL_MAX;
    bl_tensor *weights = bl_softmax(bl_where(allowed, scores, bl__number_like(scores, lowest)), -1);
    return bl_where(allowed, weights, bl__number_like(weights, 0));
}

/* x [.., heads, rows, n] as [.., groups, heads / groups * rows, n], or back when `heads` are those of x:
 * heads that share keys are rows of one matrix. */
static bl_tensor *regroup(bl_tensor *x, int64_t heads)
{
    bl_shape shape = bl_tensor_shape(x);
    if (!bl_tensor_valid(x) || heads_of(shape) == heads || shape.rank < 3)
        return x;
    shape.size[shape.rank - 2] = heads_of(shape) * last(shape, 2) / heads;
    shape.size[shape.rank - 3] = heads;
    return bl_reshape(x, shape);
}

static void decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *data,
                      bl_tensor **outputs)
{
    const bl__attention_attributes *attributes = data;
    bl_shape q = bl_tensor_shape(inputs[Q]), k = bl_tensor_shape(inputs[K]);
    bl_tensor *mask = attributes->masked ? inputs[MASK] : NULL;
    bl_tensor *scaled = regroup(bl_mul_scalar(inputs[Q], attributes->scale), heads_of(k));
    bl_tensor *scores = regroup(bl_matmul(scaled, bl_transpose(inputs[K], -1, -2)), heads_of(q));
    if (mask && bl_tensor_dtype(mask) != BL_BOOL)
        scores = bl_add(scores, mask);
    bl_tensor *weights = weigh(scores, allowed_of(graph, attributes, mask, last(q, 2), last(k, 2)));
    if (attributes->p > 0)
        weights = bl__dropout(weights, inputs[input_count - 1], attributes->p, attributes->stream);
    outputs[0] = regroup(bl_matmul(regroup(weights, heads_of(k)), inputs[V]), heads_of(q));
}

/* ---- samples ---- */

/* A shape that broadcasts to that of the scores. */
static bl_shape sample_mask_shape(bl_sampler *sampler, bl_shape scores)
{
    int cut = bl__sample_chance(sampler, 3) ? (int)bl_sample_int(sampler, 0, scores.rank) : 0;
    bl_shape shape = {.rank = scores.rank - cut};
    for (int d = 0; d < shape.rank; d++)
        shape.size[d] = bl__sample_chance(sampler, 5) ? 1 : scores.size[cut + d];
    return shape;
}

static bl_attention_options sample_options(bl_sampler *sampler, bl_shape scores)
{
    bl_attention_options options = bl_attention_defaults();
    options.causal = bl__sample_chance(sampler, 2);
    options.causal_offset = bl_sample_int(sampler, -1, 2);
    options.scale = bl__sample_chance(sampler, 3) ? 0.7 : options.scale;
    if (bl__sample_chance(sampler, 4)) {
        options.dropout = 0.4;
        options.random = bl__sample_random(sampler);
    }
    if (bl__sample_chance(sampler, 3))
        options.mask = bl_sample_bools(sampler, sample_mask_shape(sampler, scores));
    else if (bl__sample_chance(sampler, 2))
        options.mask = bl_sample_real(sampler, sample_mask_shape(sampler, scores), -1, 1);
    return options;
}

static bl_tensor *sample(bl_sampler *sampler)
{
    int64_t size[6];
    for (int i = 0; i < 6; i++)
        size[i] = bl_sample_int(sampler, bl__sample_chance(sampler, 12) ? 0 : 1, 3);
    int64_t batch = size[0], groups = size[1], queries = size[2], keys = size[3], width = size[4],
            e = size[5];
    int64_t heads = groups * bl_sample_int(sampler, 1, 2);
    bool flat = bl__sample_chance(sampler, 5), shared = bl__sample_chance(sampler, 5);
    bl_shape q = flat ? BL_SHAPE(queries, width) : BL_SHAPE(batch, heads, queries, width);
    bl_shape k = flat ? BL_SHAPE(keys, width) : BL_SHAPE(shared ? 1 : batch, groups, keys, width);
    bl_shape v = flat ? BL_SHAPE(keys, e) : BL_SHAPE(batch, groups, keys, e);
    bl_shape scores = flat ? BL_SHAPE(queries, keys) : BL_SHAPE(batch, heads, queries, keys);
    bl_attention_options options = sample_options(sampler, scores);
    bl_tensor *query = bl_sample_real(sampler, q, -1, 1), *key = bl_sample_real(sampler, k, -1, 1);
    return bl_scaled_dot_product_attention_with(query, key, bl_sample_real(sampler, v, -1, 1), &options);
}

const bl_op bl__op_scaled_dot_product_attention = {BL__OP_BETWEEN(scaled_dot_product_attention, 3, 5),
                                                   .flags = BL__OP_COMPOSITE | BL__OP_RANDOM,
                                                   .attributes_size = sizeof(bl__attention_attributes),
                                                   .infer = infer,
                                                   .decompose = decompose,
                                                   .sample = sample};
