/* softmax and log_softmax by hand, with m = max x along one axis, which is kept as a size of 1:
 *
 *     exp(x - m) / sum exp(x - m)        (x - m) - log sum exp(x - m)        x - logsumexp(x)
 *
 * exp(x) / sum exp(x) and log(softmax(x)) are left as they are: for large or far apart x they are NaN or
 * infinite, and the ops are not. */
#include "ops/attributes.h"
#include "ops/registry.h"
#include "ops/spellings.h"

/* The axis of a reduction over one axis that is kept; -1 for another. */
static int64_t kept_axis(const bl__node *node)
{
    const bl__reduce_attributes *reduce = bl__attributes(node);
    for (int64_t d = 0; reduce->keepdim && d < BL_MAX_RANK; d++) {
        if (reduce->axes == 1u << d)
            return d;
    }
    return -1;
}

/* The reduction of x along an axis that a tensor is, as an inner node; *axis of -1 becomes the axis. */
static const bl__node *reduction(bl__match *match, const bl_tensor *tensor, const bl_op *op, int64_t *axis)
{
    const bl__node *node = bl__match_inner(match, tensor, op);
    int64_t own = node ? kept_axis(node) : -1;
    if (own < 0 || (*axis >= 0 && own != *axis))
        return NULL;
    *axis = own;
    return node;
}

/* The x of x - max x, or NULL. */
static bl_tensor *shifted(bl__match *match, const bl_tensor *tensor, int64_t *axis)
{
    const bl__node *sub = bl__match_inner(match, tensor, &bl__op_sub);
    if (!sub)
        return NULL;
    const bl_tensor *most = sub->inputs[1];
    if (most->node->op == &bl__op_stop_gradient && bl__match_inner(match, most, &bl__op_stop_gradient))
        most = most->node->inputs[0];
    const bl__node *max = reduction(match, most, &bl__op_max, axis);
    return max && max->inputs[0] == sub->inputs[0] ? sub->inputs[0] : NULL;
}

static bool matched(bl__match *match, const bl_op *op, bl_tensor *x, int64_t axis)
{
    const bl__axis_attributes attributes = {.axis = axis};
    bl__match_op(match, op, &attributes);
    match->inputs[match->input_count++] = x;
    return true;
}

bool bl__spelling_softmax(const bl__node *div, bl__match *match)
{
    int64_t axis = -1;
    const bl__node *exp = bl__match_inner(match, div->inputs[0], &bl__op_exp);
    const bl__node *sum = exp ? reduction(match, div->inputs[1], &bl__op_sum, &axis) : NULL;
    if (!sum || sum->inputs[0] != div->inputs[0])
        return false;
    bl_tensor *x = shifted(match, exp->inputs[0], &axis);
    return x && matched(match, &bl__op_softmax, x, axis);
}

/* x - logsumexp(x). */
static bool by_logsumexp(const bl__node *sub, bl__match *match)
{
    int64_t axis = -1;
    const bl__node *lse = reduction(match, sub->inputs[1], &bl__op_logsumexp, &axis);
    return lse && lse->inputs[0] == sub->inputs[0] &&
           matched(match, &bl__op_log_softmax, sub->inputs[0], axis);
}

bool bl__spelling_log_softmax(const bl__node *sub, bl__match *match)
{
    int64_t axis = -1;
    if (sub->inputs[1]->node->op == &bl__op_logsumexp)
        return by_logsumexp(sub, match);
    const bl__node *log = bl__match_inner(match, sub->inputs[1], &bl__op_log);
    const bl__node *sum = log ? reduction(match, log->inputs[0], &bl__op_sum, &axis) : NULL;
    const bl__node *exp = sum ? bl__match_inner(match, sum->inputs[0], &bl__op_exp) : NULL;
    if (!exp || exp->inputs[0] != sub->inputs[0])
        return false;
    bl_tensor *x = shifted(match, sub->inputs[0], &axis);
    return x && matched(match, &bl__op_log_softmax, x, axis);
}
