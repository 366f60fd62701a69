/* Attention by hand: softmax(s) v along the last axis, with scores s of
 *
 *     q k^T        s c, s / c        s + mask        where(allowed, s, low)        where(forbidden, low, s)
 *
 * the latter of any s, for a number c and a low of -inf. So at most one mask can be, beside a causal one: a
 * triangle of ones, or of -inf that are added. With one that leaves each row a key, low may be finite too:
 * -1e9 or less, so far below all scores that its weight is 0.
 *
 * A row without keys is NaN by hand, so the op is told to leave it undefined; but where the weights of what
 * is forbidden are made 0 by the same bools, any such low does, and the row is 0. */
#include "bowline/ops.h"
#include "ops/attributes.h"
#include "ops/registry.h"
#include "ops/spelling_parts.h"
#include "ops/spellings.h"

#include <math.h>

static const double low_enough = -1e9;

typedef struct spelling {
    bl__match *match;
    bl_tensor *q, *k, *mask;
    bl_tensor *zeroed; /* bools by which the weights are chosen, or else 0 */
    int64_t queries, keys;
    bl__attention_attributes attributes;
} spelling;

static int64_t last(bl_shape shape, int from_end)
{
    return shape.size[shape.rank - from_end];
}

/* ---- causal masks ---- */

/* Whether a mask is one row of keys below the other for each query. */
static bool is_square(const spelling *s, const bl_tensor *mask)
{
    bl_shape shape = bl_tensor_shape(mask);
    return shape.rank >= 2 && last(shape, 2) == s->queries && last(shape, 1) == s->keys &&
           mask->count == s->queries * s->keys && mask->count > 0;
}

/* Whether bools, which are true where a key is allowed or where it is not, allow row i the keys 0 .. i +
 * offset. */
static bool causal_bools(const spelling *s, const bl_tensor *mask, bool allows, int64_t *offset)
{
    const bl__node *node = mask->node;
    const bl_op *op = node->op;
    for (; op == &bl__op_logical_not || op == &bl__op_equal || op == &bl__op_not_equal; op = node->op) {
        if (op != &bl__op_logical_not && bl__match_number(node->inputs[1]) != 0)
            return false;
        allows = allows == (op == &bl__op_not_equal);
        mask = node->inputs[0];
        node = mask->node;
    }
    if (op != &bl__op_tril && op != &bl__op_triu)
        return false;
    const bl__triangle_attributes *triangle = bl__attributes(node);
    *offset = triangle->diagonal - (op == &bl__op_triu);
    return is_square(s, mask) && bl__match_number(node->inputs[0]) == 1 && allows == (op == &bl__op_tril);
}

/* The same of floats that are added. */
static bool causal_floats(const spelling *s, const bl_tensor *mask, int64_t *offset)
{
    const bl__node *node = mask->node;
    if (node->op != &bl__op_triu)
        return false;
    *offset = ((const bl__triangle_attributes *)bl__attributes(node))->diagonal - 1;
    return is_square(s, mask) && bl__match_number(node->inputs[0]) == -(double)INFINITY;
}

static bool set_causal(spelling *s, int64_t offset)
{
    if (s->attributes.causal)
        return false;
    s->attributes.causal = 1;
    s->attributes.causal_offset = offset;
    return true;
}

static bool set_mask(spelling *s, bl_tensor *mask, bool allows)
{
    if (s->mask)
        return false;
    s->mask = mask;
    s->attributes.masked = 1;
    s->attributes.forbids = !allows;
    return true;
}

/* ---- scores ---- */

static bool match_scores(spelling *s, const bl_tensor *scores);

/* The scores that a number multiplies or divides. */
static bool match_scaled(spelling *s, const bl__node *node, double factor)
{
    s->attributes.scale *= factor;
    return match_scores(s, node->inputs[0]);
}

static bool match_where(spelling *s, const bl__node *node)
{
    double low = bl__match_number(node->inputs[2]), other = bl__match_number(node->inputs[1]);
    bool allows = low <= low_enough;
    int64_t offset = 0;
    if (!allows && !(other <= low_enough))
        return false;
    bool causal = causal_bools(s, node->inputs[0], allows, &offset);
    if (node->inputs[0] == s->zeroed && allows) {
        s->zeroed = NULL;
        s->attributes.undefined = 0;
    } else if (!isinf(allows ? low : other) && !(causal && offset >= 0)) {
        return false;
    }
    if (!(causal && set_causal(s, offset)) && !set_mask(s, node->inputs[0], allows))
        return false;
    return match_scores(s, node->inputs[allows ? 1 : 2]);
}

static bool match_sum(spelling *s, const bl__node *node)
{
    int64_t offset = 0;
    for (int i = 0; i < 2; i++) {
        spelling before = *s;
        size_t inner = s->match->inner_count;
        bl_tensor *mask = node->inputs[1 - i];
        if (((causal_floats(s, mask, &offset) && set_causal(s, offset)) || set_mask(s, mask, true)) &&
            match_scores(s, node->inputs[i]))
            return true;
        *s = before;
        s->match->inner_count = inner;
    }
    return false;
}

/* Whether a node exchanges the last two axes, and no others. */
static bool is_turned(const bl__node *permute)
{
    const bl__permute_attributes *attributes = bl__attributes(permute);
    int rank = permute->outputs[0].rank;
    for (int d = 0; d < rank; d++) {
        int from = d == rank - 1 ? rank - 2 : d == rank - 2 ? rank - 1 : d;
        if (attributes->axis[d] != from)
            return false;
    }
    return rank >= 2;
}

static bool match_product(spelling *s, const bl__node *node)
{
    const bl__node *turned = bl__match_inner(s->match, node->inputs[1], &bl__op_permute);
    if (!turned || !is_turned(turned) || node->inputs[0]->rank < 2)
        return false;
    s->q = node->inputs[0];
    s->k = turned->inputs[0];
    return true;
}

static bool match_scores(spelling *s, const bl_tensor *scores)
{
    const bl__node *node = bl__match_inner(s->match, scores, scores->node->op);
    if (!node)
        return false;
    const bl_op *op = node->op;
    if (op == &bl__op_matmul)
        return match_product(s, node);
    if (op == &bl__op_where)
        return match_where(s, node);
    if (op == &bl__op_add)
        return match_sum(s, node);
    if (op == &bl__op_mul_scalar || op == &bl__op_div_scalar) {
        double number = ((const bl__scalar_attributes *)bl__attributes(node))->value;
        return match_scaled(s, node, op == &bl__op_mul_scalar ? number : 1 / number);
    }
    if ((op == &bl__op_mul || op == &bl__op_div) && node->inputs[1]->count == 1) {
        double number = bl__match_number(node->inputs[1]);
        return match_scaled(s, node, op == &bl__op_mul ? number : 1 / number);
    }
    return false;
}

/* ---- all of it ---- */

static int64_t heads_of(bl_shape shape)
{
    return shape.rank > 2 ? last(shape, 3) : 1;
}

static bl_shape batch_of(bl_shape shape)
{
    shape.rank = shape.rank > 3 ? shape.rank - 3 : 0;
    return shape;
}

/* Whether the op takes shapes and dtypes and gives the product's. */
static bool fits(const spelling *s, const bl_tensor *v, const bl_tensor *product)
{
    bl_shape q = bl_tensor_shape(s->q), k = bl_tensor_shape(s->k), values = bl_tensor_shape(v), batch, both;
    bl_shape result = bl_tensor_shape(product), scores = result;
    bool has_heads = q.rank > 2 || k.rank > 2 || values.rank > 2;
    if (values.rank < 2 || heads_of(k) != heads_of(values) || heads_of(q) != heads_of(result) ||
        (heads_of(k) != heads_of(q) && heads_of(k) != 1) || heads_of(q) == 0)
        return false;
    if (!bl_shape_broadcast(batch_of(q), batch_of(k), &batch) ||
        !bl_shape_broadcast(batch, batch_of(values), &batch) || result.rank != batch.rank + 2 + has_heads ||
        !bl_shape_equal(batch, batch_of(result)))
        return false;
    scores.size[scores.rank - 1] = s->keys;
    return !s->mask ||
           (bl_shape_broadcast(bl_tensor_shape(s->mask), scores, &both) && bl_shape_equal(both, scores) &&
            (s->mask->dtype == BL_BOOL || s->mask->dtype == s->q->dtype));
}

bool bl__spelling_attention(const bl__node *product, bl__match *match)
{
    const bl_tensor *weights = product->inputs[0];
    bl_tensor *v = product->inputs[1], *zeroed = NULL;
    const bl__node *where = bl__match_inner(match, weights, &bl__op_where);
    if (where && bl__match_number(where->inputs[2]) == 0) {
        zeroed = where->inputs[0];
        weights = where->inputs[1];
    }
    const bl__node *softmax = bl__match_inner(match, weights, &bl__op_softmax);
    if (!softmax ||
        ((const bl__axis_attributes *)bl__attributes(softmax))->axis != softmax->outputs[0].rank - 1 ||
        softmax->outputs[0].rank < 2)
        return false;
    bl_shape scores = bl_tensor_shape(&softmax->outputs[0]);
    spelling s = {.match = match, .zeroed = zeroed, .queries = last(scores, 2), .keys = last(scores, 1)};
    s.attributes = (bl__attention_attributes){.scale = 1, .undefined = 1};
    if (!match_scores(&s, softmax->inputs[0]) || s.zeroed || !isfinite(s.attributes.scale) ||
        !fits(&s, v, &product->outputs[0]))
        return false;
    match->inputs[match->input_count++] = s.q;
    match->inputs[match->input_count++] = s.k;
    match->inputs[match->input_count++] = v;
    if (s.mask)
        match->inputs[match->input_count++] = s.mask;
    bl__match_op(match, &bl__op_attention, &s.attributes);
    return true;
}
