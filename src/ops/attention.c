/* Attention: each query's mean of the values, weighted by how well its keys fit. */
#include "ops/attention.h"
#include "bowline/ops.h"
#include "ops/random.h"

#include <float.h>
#include <math.h>

enum {
    MASK = BL__V + 1 /* where the attributes say so; after it, where there is dropout, the random state */
};

/* ---- shapes ---- */

static int64_t heads_of(bl_shape shape)
{
    return shape.rank > 2 ? shape.size[shape.rank - 3] : 1;
}

int64_t bl__heads_of(bl_tensor *x)
{
    return heads_of(bl_tensor_shape(x));
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
    if (groups == 0 || heads == 0 ? groups != heads : heads % groups != 0)
        return "the heads of k do not divide those of q";
    if (!bl_shape_broadcast(batch_of(q), batch_of(k), batch) ||
        !bl_shape_broadcast(*batch, batch_of(v), batch))
        return "the leading axes do not broadcast";
    return NULL;
}

bl_shape bl__attention_matrices(const bl__attention_shape *shape, int64_t heads, int64_t rows,
                                int64_t columns)
{
    bl_shape matrices = shape->batch;
    if (shape->has_heads)
        matrices.size[matrices.rank++] = heads;
    matrices.size[matrices.rank++] = rows;
    matrices.size[matrices.rank++] = columns;
    return matrices;
}

static bl_status check_mask(bl_infer_call *call, size_t index, bl_shape scores)
{
    bl_shape mask = bl__shape_in(call, index), both;
    bl_dtype dtype = bl_tensor_dtype(call->inputs[index]), own = bl_tensor_dtype(call->inputs[BL__Q]);
    if (dtype != BL_BOOL && dtype != own)
        return bl_infer_fail(call, BL_ERR_DTYPE, "the mask is %s, not bool or %s as q is",
                             bl_dtype_name(dtype), bl_dtype_name(own));
    if (!bl_shape_broadcast(mask, scores, &both) || !bl_shape_equal(both, scores))
        return bl_infer_fail(call, BL_ERR_SHAPE, "the mask is %s for scores of %s", BL__SHAPE_TEXT(mask),
                             BL__SHAPE_TEXT(scores));
    return BL_OK;
}

bl_status bl__attention_check(bl_infer_call *call, size_t mask, bl__attention_shape *shape)
{
    const bl__attention_attributes *attributes = call->attributes;
    bl_shape q = bl__shape_in(call, BL__Q), k = bl__shape_in(call, BL__K), v = bl__shape_in(call, BL__V);
    for (size_t i = BL__Q; i <= BL__V; i++) {
        bl_status status = bl__require(call, i, BL__REALS);
        if (status == BL_OK)
            status = bl__require_same(call, BL__Q, i);
        if (status != BL_OK)
            return status;
    }
    const char *wrong = misfit(q, k, v, &shape->batch);
    if (wrong)
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s: q %s, k %s, v %s", wrong, BL__SHAPE_TEXT(q),
                             BL__SHAPE_TEXT(k), BL__SHAPE_TEXT(v));
    shape->has_heads = q.rank > 2 || k.rank > 2 || v.rank > 2;
    shape->heads = heads_of(q);
    shape->groups = heads_of(k);
    shape->queries = last(q, 2);
    shape->keys = last(k, 2);
    shape->width = last(q, 1);
    shape->value_width = last(v, 1);
    if (attributes->masked) {
        bl_status status =
            check_mask(call, mask, bl__attention_matrices(shape, shape->heads, shape->queries, shape->keys));
        if (status != BL_OK)
            return status;
    }
    if (!isfinite(attributes->scale))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the scale %g is not finite", attributes->scale);
    return BL_OK;
}

static bl_status infer(bl_infer_call *call)
{
    bl__attention_shape shape;
    bl_status status = bl__attention_check(call, MASK, &shape);
    return status != BL_OK
               ? status
               : bl__infer_as(call, bl_tensor_dtype(call->inputs[BL__Q]),
                              bl__attention_matrices(&shape, shape.heads, shape.queries, shape.value_width));
}

/* ---- builders ---- */

bl_attention_options bl_attention_defaults(void)
{
    return (bl_attention_options){.scale = (double)NAN};
}

bl__attention_attributes bl__attention_attributes_of(const bl_attention_options *options, bl_tensor *q)
{
    bl_shape shape = bl_tensor_shape(q);
    int64_t width = shape.rank > 0 ? last(shape, 1) : 1;
    return (bl__attention_attributes){.scale = !isnan(options->scale) ? options->scale
                                               : width > 0            ? 1 / sqrt((double)width)
                                                                      : 1,
                                      .causal = options->causal,
                                      .causal_offset = options->causal_offset,
                                      .masked = options->mask != NULL};
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
    bl__attention_attributes attributes = bl__attention_attributes_of(&chosen, q);
    attributes.p = chosen.dropout;
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
    if (attributes->forbids && mask)
        allowed = bl_logical_not(mask);
    else if (mask && bl_tensor_dtype(mask) != BL_BOOL) /* a NaN is allowed, so that it is not lost */
        allowed = bl_not_equal(mask, bl__number_like(mask, -(double)INFINITY));
    if (!attributes->causal)
        return allowed;
    bl_tensor *past = past_of(graph, queries, keys, attributes->causal_offset);
    return allowed ? bl_logical_and(allowed, past) : past;
}

bl_tensor *bl__attention_only(bl_tensor *x, bl_tensor *allowed, double others)
{
    return allowed ? bl_where(allowed, x, bl__number_like(x, others)) : x;
}

bl_tensor *bl__attention_masked(bl__attention_scores s)
{
    double lowest = bl_tensor_dtype(s.scores) == BL_F32 ? -(double)FLT_MAX : -DBL_MAX;
    return bl__attention_only(s.scores, s.allowed, lowest);
}

bl_tensor *bl__attention_weights(bl__attention_scores s)
{
    return bl__attention_only(bl_softmax(bl__attention_masked(s), -1), s.allowed, 0);
}

bl_tensor *bl__attention_regroup(bl_tensor *x, int64_t heads)
{
    bl_shape shape = bl_tensor_shape(x);
    if (!bl_tensor_valid(x) || heads_of(shape) == heads || shape.rank < 3)
        return x;
    shape.size[shape.rank - 2] = heads_of(shape) * last(shape, 2) / heads;
    shape.size[shape.rank - 3] = heads;
    return bl_reshape(x, shape);
}

bl__attention_scores bl__attention_score(bl_graph *graph, bl_tensor *queries, bl_tensor *keys,
                                         bl_tensor *mask, const bl__attention_attributes *attributes)
{
    bl_tensor *grouped = bl__attention_regroup(queries, bl__heads_of(keys));
    bl_tensor *scores = bl_matmul(grouped, bl_transpose(keys, -1, -2));
    scores = bl__attention_regroup(scores, bl__heads_of(queries));
    if (mask && bl_tensor_dtype(mask) != BL_BOOL)
        scores = bl_add(scores, mask);
    bl_tensor *allowed = allowed_of(graph, attributes, mask, last(bl_tensor_shape(queries), 2),
                                    last(bl_tensor_shape(keys), 2));
    return (bl__attention_scores){scores, allowed};
}

bl_tensor *bl__attention_apply(bl_tensor *weights, bl_tensor *values, int64_t heads)
{
    bl_tensor *grouped = bl__attention_regroup(weights, bl__heads_of(values));
    return bl__attention_regroup(bl_matmul(grouped, values), heads);
}

/* Dropout falls between the weights and the values, where the attention op has no place for it. */
static void decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *data,
                      bl_tensor **outputs)
{
    const bl__attention_attributes *attributes = data;
    bl_tensor *q = inputs[BL__Q];
    if (!(attributes->p > 0)) {
        outputs[0] = bl__attention(graph, inputs, input_count, attributes);
        return;
    }
    bl_tensor *mask = attributes->masked ? inputs[MASK] : NULL;
    bl_tensor *scaled = bl_mul_scalar(q, attributes->scale);
    bl_tensor *weights =
        bl__attention_weights(bl__attention_score(graph, scaled, inputs[BL__K], mask, attributes));
    weights = bl__dropout(weights, inputs[input_count - 1], attributes->p, attributes->stream);
    outputs[0] = bl__attention_apply(weights, inputs[BL__V], bl__heads_of(q));
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
    if (bl__sample_chance(sampler, 3))
        options.mask = bl_sample_bools(sampler, sample_mask_shape(sampler, scores));
    else if (bl__sample_chance(sampler, 2))
        options.mask = bl_sample_real(sampler, sample_mask_shape(sampler, scores), -1, 1);
    return options;
}

bl__attention_sample bl__sample_attention(bl_sampler *sampler)
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
    bl__attention_sample sample = {.result =
                                       flat ? BL_SHAPE(queries, e) : BL_SHAPE(batch, heads, queries, e)};
    sample.options = sample_options(sampler, scores);
    sample.q = bl_sample_real(sampler, q, -1, 1);
    sample.k = bl_sample_real(sampler, k, -1, 1);
    sample.v = bl_sample_real(sampler, v, -1, 1);
    return sample;
}

static bl_tensor *sample(bl_sampler *sampler)
{
    bl__attention_sample s = bl__sample_attention(sampler);
    if (bl__sample_chance(sampler, 4)) {
        s.options.dropout = 0.4;
        s.options.random = bl__sample_random(sampler);
    }
    return bl_scaled_dot_product_attention_with(s.q, s.k, s.v, &s.options);
}

const bl_op bl__op_scaled_dot_product_attention = {BL__OP_BETWEEN(scaled_dot_product_attention, 3, 5),
                                                   .flags = BL__OP_COMPOSITE | BL__OP_RANDOM,
                                                   .attributes_size = sizeof(bl__attention_attributes),
                                                   .infer = infer,
                                                   .decompose = decompose,
                                                   .sample = sample};
