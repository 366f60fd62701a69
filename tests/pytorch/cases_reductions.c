/* PyTorch's cases of reductions, scans and ordering: see cases_reductions.py. */
#include "cases.h"

/* clang-format off */
#define REDUCTION(X) X(nansum) X(prod) X(min) X(argmin) X(any) X(all) X(count_nonzero) X(logsumexp)
#define SCAN(X) X(cumsum) X(cumprod)
#define MOMENT(X) X(var) X(std)
/* clang-format on */

/* Attributes: keepdim and axes, behind what is said of each. */
static bl_axes axes_behind(const pytorch_case *c, size_t first)
{
    return axes_at(c, first, c->attribute_count - first);
}

#define BUILD_REDUCTION(op) DEFINE_BUILD(op, bl_##op(c->input[0], axes_behind(c, 1), integer_at(c, 0) != 0))
/* The correction first. */
#define BUILD_MOMENT(op) \
    DEFINE_BUILD(op, bl_##op(c->input[0], axes_behind(c, 2), c->attribute[0], integer_at(c, 1) != 0))
#define BUILD_SCAN(op) DEFINE_BUILD(op, bl_##op(c->input[0], (int)integer_at(c, 0)))
REDUCTION(BUILD_REDUCTION)
MOMENT(BUILD_MOMENT)
SCAN(BUILD_SCAN)

/* p first. */
DEFINE_BUILD(norm, bl_norm(c->input[0], c->attribute[0], axes_behind(c, 2), integer_at(c, 1) != 0))
DEFINE_BUILD(argsort, bl_argsort(c->input[0], (int)integer_at(c, 0), integer_at(c, 1) != 0))

/* Axis, and whether descending. */
static void build_sort(pytorch_case *c)
{
    c->output[0] = bl_sort(c->input[0], (int)integer_at(c, 0), integer_at(c, 1) != 0);
    c->output[1] = bl_output(c->output[0], 1);
}

/* k, axis, and whether the largest. */
static void build_topk(pytorch_case *c)
{
    c->output[0] = bl_topk(c->input[0], integer_at(c, 0), (int)integer_at(c, 1), integer_at(c, 2) != 0);
    c->output[1] = bl_output(c->output[0], 1);
}

#define LIST(op) ROW(op),
const pytorch_builder pytorch_reductions[] = {REDUCTION(LIST) MOMENT(LIST) SCAN(LIST) ROW(norm), ROW(argsort),
                                              ROW(sort), ROW(topk), END_ROW};
