/* softmax and log_softmax by hand, with m = max x along one axis, which is kept as a size of 1:
 *
 *     exp(x - m) / sum exp(x - m)        (x - m) - log sum exp(x - m)        x - logsumexp(x)
 *
 * The logarithm is a logsumexp by then, from which nothing is taken off: see spelling_logsumexp.c.
 * exp(x) / sum exp(x) and log(softmax(x)) are left as they are: for large or far apart x they are NaN or
 * infinite, and the ops are not. */
#include "ops/registry.h"
#include "ops/spelling_parts.h"
#include "ops/spellings.h"

/* The x of x - max x, or NULL. */
static bl_tensor *shifted(bl__match *match, const bl_tensor *tensor, uint32_t *axes)
{
    const bl__node *sub = bl__match_inner(match, tensor, &bl__op_sub);
    if (!sub)
        return NULL;
    const bl_tensor *most = bl__match_attached(match, sub->inputs[1]);
    const bl__node *max = bl__match_kept(match, most, &bl__op_max, axes);
    return max && max->inputs[0] == sub->inputs[0] ? sub->inputs[0] : NULL;
}

/* Where it is one axis. */
static bool matched(bl__match *match, const bl_op *op, bl_tensor *x, uint32_t axes)
{
    bl__axis_attributes attributes = {.axis = 0};
    while (axes != 1u << attributes.axis && attributes.axis < BL_MAX_RANK)
        attributes.axis++;
    if (attributes.axis == BL_MAX_RANK)
        return false;
    bl__match_op(match, op, &attributes);
    match->inputs[match->input_count++] = x;
    return true;
}

bool bl__spelling_softmax(const bl__node *div, bl__match *match)
{
    uint32_t axes = 0;
    const bl__node *exp = bl__match_inner(match, div->inputs[0], &bl__op_exp);
    const bl__node *sum = exp ? bl__match_kept(match, div->inputs[1], &bl__op_sum, &axes) : NULL;
    if (!sum || sum->inputs[0] != div->inputs[0])
        return false;
    bl_tensor *x = shifted(match, exp->inputs[0], &axes);
    return x && matched(match, &bl__op_softmax, x, axes);
}

bool bl__spelling_log_softmax(const bl__node *sub, bl__match *match)
{
    uint32_t axes = 0;
    const bl__node *lse = bl__match_kept(match, sub->inputs[1], &bl__op_logsumexp, &axes);
    bl_tensor *x = sub->inputs[0];
    if (!lse || lse->inputs[0] != x)
        return false;
    if (((const bl__logsumexp_attributes *)bl__attributes(lse))->shift == BL__SHIFT_NONE)
        x = shifted(match, x, &axes);
    return x && matched(match, &bl__op_log_softmax, x, axes);
}
