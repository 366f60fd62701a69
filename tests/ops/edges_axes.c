/* Rows of edges.h: reductions over axes, scans and orders along one. */
#include "edges.h"
#include "ops/rules.h"

#include <math.h>

/* A recurrence, and moves to and from places, along an axis that the builders of the library know to be
 * there. */
static bl_tensor *recurrence(bl_tensor *const *x)
{
    bl__scan_attributes attributes = {.axis = edge_place('*')};
    return bl__apply(&bl__op_recurrence, x, 2, &attributes);
}

static bl_tensor *move(const bl_op *op, bl_tensor *const *x)
{
    bl__take_attributes attributes = {.axis = edge_place('*'), .size = edge_size('*')};
    return bl__apply(op, x, 2, &attributes);
}

static bl_tensor *logsumexp_backward(bl_tensor *const *x)
{
    bl__logsumexp_attributes attributes = {.shift = BL__SHIFT_FINITE};
    return bl__apply(&bl__op_logsumexp_backward, x, 3, &attributes);
}

/* clang-format off */
#define ALONG(empty, scalar) ("r:abc", "r:1a11b1c1", empty, scalar, NULL)
#define PAIR(empty, scalars) ("r:abc r:abc", "r:1a11b1c1 r:1a11b1c1", empty, scalars, NULL)
#define PLACES ("r:abc o*:abc", "r:1a11b1c1 o*:1a11b1c1", NULL, "---", NULL)
#define LAST ("r:abc r:abc", "r:11111abc r:11111abc", NULL, "---", NULL)

#define ROWS(X) \
    X(sum, ALONG("*=0", "+"), bl_sum(x[0], edge_axes('*'), true)) \
    X(mean, ALONG("*=nan", "+"), bl_mean(x[0], edge_axes('*'), true)) \
    X(nansum, ALONG("*=0", "+"), bl_nansum(x[0], edge_axes('*'), true)) \
    X(prod, ALONG("*=1", "+"), bl_prod(x[0], edge_axes('*'), true)) \
    X(max, ALONG("*=!", "+"), bl_max(x[0], edge_axes('*'), true)) \
    X(min, ALONG("*=!", "+"), bl_min(x[0], edge_axes('*'), true)) \
    X(argmax, ALONG("*=!", "+"), bl_argmax(x[0], edge_axes('*'), true)) \
    X(argmin, ALONG("*=!", "+"), bl_argmin(x[0], edge_axes('*'), true)) \
    X(count_nonzero, ALONG("*=0", "+"), bl_count_nonzero(x[0], edge_axes('*'), true)) \
    X(logsumexp, ALONG("*=-inf", "+"), bl_logsumexp(x[0], edge_axes('*'), true)) \
    X(logsumexp_backward, ("r:ab1 r:1bc r:1b1", "r:1a11b111 r:1111b1c1 r:1111b111", NULL, "++++", "ac"), logsumexp_backward(x)) \
    X(any, ("b:abc", "b:1a11b1c1", "*=0", "+", NULL), bl_any(x[0], edge_axes('*'), true)) \
    X(all, ("b:abc", "b:1a11b1c1", "*=1", "+", NULL), bl_all(x[0], edge_axes('*'), true)) \
    X(var, ALONG("*=nan", "+"), bl_var(x[0], edge_axes('*'), 1, true)) \
    X(std, ALONG("*=nan", "+"), bl_std(x[0], edge_axes('*'), 1, true)) \
    X(norm, ALONG("*=0", "+"), bl_norm(x[0], 3, edge_axes('*'), true)) \
    X(cumsum, ALONG(NULL, "-"), bl_cumsum(x[0], edge_at('*'))) \
    X(cumprod, ALONG(NULL, "-"), bl_cumprod(x[0], edge_at('*'))) \
    X(softmax, ALONG(NULL, "-"), bl_softmax(x[0], edge_at('*'))) \
    X(log_softmax, ALONG(NULL, "-"), bl_log_softmax(x[0], edge_at('*'))) \
    X(normalize, ALONG(NULL, "-"), bl_normalize(x[0], edge_at('*'))) \
    X(recurrence, PAIR(NULL, "---"), recurrence(x)) \
    X(sort, ALONG(NULL, "-"), bl_sort(x[0], edge_at('*'), true)) \
    X(topk, ALONG("*=!", "-"), bl_topk(x[0], edge_argument(2, -1, edge_size('*') + 1), edge_at('*'), true)) \
    X(take_sorted, PLACES, move(&bl__op_take_sorted, x)) \
    X(put_sorted, PLACES, move(&bl__op_put_sorted, x)) \
    X(softmax_backward, LAST, bl__apply(&bl__op_softmax_backward, x, 2, NULL)) \
    X(log_softmax_backward, LAST, bl__apply(&bl__op_log_softmax_backward, x, 2, NULL)) \
    X(flip, ALONG(NULL, "+"), bl_flip(x[0], edge_axes('*'))) \
    X(glu, ("r:ac", "r:1a1111c1", NULL, "-", NULL), bl_glu(x[0], edge_at('*')))

#define MORE(Y) \
    Y(argsort, sort, ALONG(NULL, "-"), bl_argsort(x[0], edge_at('*'), false))
/* clang-format on */

ROWS(EDGE_BUILD)
MORE(EDGE_BUILD_AS)

const edge_row edge_rows_axes[] = {ROWS(EDGE_ROW) MORE(EDGE_ROW_AS){0}};
