/* logsumexp by hand, over any axes, kept or not:
 *
 *     log sum exp(x)        log sum exp(x - m) + m
 *
 * with m = max x over the same axes, or m where that is finite and else 0. The first is infinite or undefined
 * where bl_logsumexp is not, and so is the second for an infinite m; the op is told to be so too. What flows
 * through m cancels, as long as both are detached, or neither. */
#include "ops/registry.h"
#include "ops/spelling_parts.h"
#include "ops/spellings.h"

#include <math.h>

static bool matched(bl__match *match, bl_tensor *x, const bl__reduce_attributes *reduce, int64_t shift)
{
    const bl__logsumexp_attributes attributes = {.reduce = *reduce, .shift = shift};
    bl__match_op(match, &bl__op_logsumexp, &attributes);
    match->inputs[match->input_count++] = x;
    return true;
}

bool bl__spelling_log_sum(const bl__node *log, bl__match *match)
{
    const bl__node *sum = bl__match_inner(match, log->inputs[0], &bl__op_sum);
    const bl__node *exp = sum ? bl__match_inner(match, sum->inputs[0], &bl__op_exp) : NULL;
    return exp && matched(match, exp->inputs[0], bl__attributes(sum), BL__SHIFT_NONE);
}

/* m, as it is taken off and as it is added. */
typedef struct maximum {
    const bl__node *max;
    const bl_tensor *chosen; /* the tensor without detaching and reshaping */
    bool detached, finite;
} maximum;

/* Whether bools say where `most` is infinite, or if not `infinite`, where it is finite. NaN may be either. */
static bool tells_infinite(bl__match *match, const bl_tensor *bools, const bl_tensor *most, bool infinite)
{
    const bl__node *node = bl__match_inner(match, bools, &bl__op_logical_not);
    if (node)
        return tells_infinite(match, node->inputs[0], most, !infinite);
    if (bl__match_inner(match, bools, infinite ? &bl__op_isinf : &bl__op_isfinite))
        return bools->node->inputs[0] == most;
    node = infinite ? bl__match_inner(match, bools, &bl__op_equal) : NULL;
    const bl__node *abs = node ? bl__match_inner(match, node->inputs[0], &bl__op_abs) : NULL;
    return abs && abs->inputs[0] == most && bl__match_number(node->inputs[1]) == (double)INFINITY;
}

/* The max that a tensor is, detached or not, infinite or not. Its shape is not looked at. */
static bool find_maximum(bl__match *match, const bl_tensor *tensor, maximum *m)
{
    const bl_tensor *most = bl__match_attached(match, tensor);
    m->detached = most != tensor;
    if (bl__match_inner(match, most, &bl__op_reshape))
        most = most->node->inputs[0];
    if (!m->detached) {
        const bl_tensor *inside = bl__match_attached(match, most);
        m->detached = inside != most;
        most = inside;
    }
    m->chosen = most;
    const bl__node *where = bl__match_inner(match, most, &bl__op_where);
    m->finite = where != NULL;
    if (where) {
        bool zero_first = bl__match_number(where->inputs[1]) == 0;
        most = where->inputs[zero_first ? 2 : 1];
        if (bl__match_number(where->inputs[zero_first ? 1 : 2]) != 0 ||
            !tells_infinite(match, where->inputs[0], most, zero_first))
            return false;
    }
    m->max = bl__match_inner(match, most, &bl__op_max);
    return m->max != NULL;
}

/* log sum exp(x - m), which is a logsumexp by now, and m. */
static bool match_sum(bl__match *match, const bl_tensor *log_sum, const bl_tensor *added)
{
    maximum off, on;
    uint32_t axes = 0;
    const bl__node *lse = bl__match_inner(match, log_sum, &bl__op_logsumexp);
    const bl__logsumexp_attributes *attributes = lse ? bl__attributes(lse) : NULL;
    const bl__node *sub = lse ? bl__match_inner(match, lse->inputs[0], &bl__op_sub) : NULL;
    if (!sub || attributes->shift != BL__SHIFT_NONE || !find_maximum(match, sub->inputs[1], &off) ||
        !find_maximum(match, added, &on))
        return false;
    const bl__reduce_attributes *taken = bl__attributes(off.max), *back = bl__attributes(on.max);
    axes = attributes->reduce.axes;
    bool same =
        off.chosen == on.chosen || (off.max->inputs[0] == on.max->inputs[0] && !off.finite && !on.finite);
    bool kept = bl_shape_equal(bl_tensor_shape(log_sum), bl_tensor_shape(added)) &&
                off.max->inputs[0] == sub->inputs[0] && taken->axes == axes && back->axes == axes;
    bl_shape off_shape = bl_tensor_shape(sub->inputs[1]), x = bl_tensor_shape(sub->inputs[0]);
    for (int d = 0; d < x.rank && kept; d++)
        kept = off_shape.rank == x.rank && off_shape.size[d] == (axes >> d & 1u ? 1 : x.size[d]);
    return same && kept && off.detached == on.detached &&
           matched(match, sub->inputs[0], &attributes->reduce,
                   off.finite ? BL__SHIFT_FINITE : BL__SHIFT_MOST);
}

bool bl__spelling_logsumexp(const bl__node *add, bl__match *match)
{
    for (int side = 0; side < 2; side++) {
        match->inner_count = 0;
        if (match_sum(match, add->inputs[side], add->inputs[1 - side]))
            return true;
    }
    return false;
}
