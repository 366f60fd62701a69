/* cross_entropy by hand: of p = log_softmax(x) along the last axis, and the p_t that a target picks of each
 * row,
 *
 *     -p_t        -sum p_t        -mean p_t
 *
 * picked as nll_loss does, or gathered by the targets with one more axis of size 1. With one_hot(t) p, which
 * is undefined where a class that is no target has a logit of -infinity, it stays as it is. */
#include "bowline/ops.h"
#include "ops/registry.h"
#include "ops/spelling_parts.h"
#include "ops/spellings.h"

/* No target is as low as this, but for one that is refused by hand. */
static const int64_t none_ignored = INT64_MIN;

typedef struct spelling {
    bl__match *match;
    bl_tensor *targets;
    bl__loss_attributes attributes;
} spelling;

static bl_shape rows_of(const bl_tensor *logits)
{
    bl_shape shape = bl_tensor_shape(logits);
    shape.rank--;
    return shape;
}

/* The p of gather(p, last axis, targets [.., 1]). */
static const bl_tensor *gathered(spelling *s, const bl_tensor *picked)
{
    const bl__node *gather = bl__match_inner(s->match, picked, &bl__op_gather);
    const bl_tensor *p = gather ? gather->inputs[0] : NULL;
    if (!p || ((const bl__axis_attributes *)bl__attributes(gather))->axis != p->rank - 1 ||
        gather->inputs[1]->node->op != &bl__op_reshape)
        return NULL;
    bl_tensor *targets = gather->inputs[1]->node->inputs[0];
    if (gather->inputs[1]->size[p->rank - 1] != 1 || !bl_shape_equal(bl_tensor_shape(targets), rows_of(p)) ||
        gather->inputs[1]->count != targets->count)
        return NULL;
    s->targets = targets;
    s->attributes.ignore_index = none_ignored;
    return p;
}

/* The x of p_t; with `rows`, of the shape of the rows. */
static bl_tensor *match_picked(spelling *s, const bl_tensor *picked, bool rows)
{
    const bl_tensor *p, *inside = picked;
    const bl__node *take = bl__match_inner(s->match, picked, &bl__op_take_target);
    if (take) {
        const bl__take_target_attributes *taken = bl__attributes(take);
        s->targets = take->inputs[1];
        s->attributes.ignore_index = taken->ignores ? taken->ignore_index : none_ignored;
        p = take->inputs[0];
    } else {
        if (bl__match_inner(s->match, picked, &bl__op_reshape))
            inside = picked->node->inputs[0];
        p = gathered(s, inside);
        if (p && rows && !bl_shape_equal(bl_tensor_shape(picked), rows_of(p)))
            return NULL;
    }
    const bl__node *log_softmax = p ? bl__match_inner(s->match, p, &bl__op_log_softmax) : NULL;
    if (!log_softmax || ((const bl__axis_attributes *)bl__attributes(log_softmax))->axis != p->rank - 1)
        return NULL;
    return log_softmax->inputs[0];
}

/* What all elements are summed of, into one number; NULL where it is no such sum. */
static const bl_tensor *summed(spelling *s, const bl_tensor *tensor)
{
    const bl__node *sum = bl__match_inner(s->match, tensor, &bl__op_sum);
    const bl_tensor *of = sum ? sum->inputs[0] : NULL;
    bool all = of && tensor->rank == 0 &&
               ((const bl__reduce_attributes *)bl__attributes(sum))->axes == (1u << of->rank) - 1;
    return all ? of : NULL;
}

bool bl__spelling_cross_entropy(const bl__node *neg, bl__match *match)
{
    spelling s = {.match = match, .attributes = {.reduction = BL_REDUCE_NONE}};
    const bl_tensor *picked = neg->inputs[0], *of;
    const bl__node *div = bl__match_inner(match, picked, &bl__op_div_scalar);
    if (div) {
        of = summed(&s, div->inputs[0]);
        if (!of || ((const bl__scalar_attributes *)bl__attributes(div))->value != (double)of->count)
            return false;
        s.attributes.reduction = BL_REDUCE_MEAN;
        picked = of;
    } else if ((of = summed(&s, picked)) != NULL) {
        s.attributes.reduction = BL_REDUCE_SUM;
        picked = of;
    }
    bl_tensor *x = match_picked(&s, picked, s.attributes.reduction == BL_REDUCE_NONE);
    bool ignores = s.attributes.ignore_index != none_ignored;
    if (!x || (s.attributes.reduction == BL_REDUCE_MEAN && ignores)) /* its mean is over those that count */
        return false;
    bl__match_op(match, &bl__op_cross_entropy, &s.attributes);
    match->inputs[match->input_count++] = x;
    match->inputs[match->input_count++] = s.targets;
    return true;
}
