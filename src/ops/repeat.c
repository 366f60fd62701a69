/* The same elements several times: builders over reshape and expand, which writes them once, at its end. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"

/* A tensor without elements that depends on x. */
static bl_tensor *nothing(bl_tensor *x, bl_shape shape)
{
    return bl_reshape(bl_slice(bl_reshape(x, BL_SHAPE(x->count)), 0, 0, 0, 1), shape);
}

/* ---- repeat: whole axes one after the other ---- */

enum {
    AXES_AT_ONCE = 3 /* each is two axes while it is repeated, and those around make two more: 8 at most */
};

/* Repeats the axes of x, which has elements, from `first` on, as many as can be at once. */
static bl_tensor *repeat_some(bl_tensor *x, bl_shape repeats, int first)
{
    bl_shape whole = bl_tensor_shape(x), apart = {.rank = 1, .size = {1}}, spread;
    int end = first + AXES_AT_ONCE < whole.rank ? first + AXES_AT_ONCE : whole.rank;
    for (int d = 0; d < first; d++)
        apart.size[0] *= whole.size[d];
    spread = apart;
    for (int d = first; d < end; d++) {
        apart.size[apart.rank++] = 1;
        apart.size[apart.rank++] = whole.size[d];
        spread.size[spread.rank++] = repeats.size[d];
        spread.size[spread.rank++] = whole.size[d];
        whole.size[d] *= repeats.size[d];
    }
    apart.size[apart.rank] = 1;
    for (int d = end; d < whole.rank; d++)
        apart.size[apart.rank] *= whole.size[d];
    spread.size[spread.rank++] = apart.size[apart.rank++];
    return bl_reshape(bl_expand(bl_reshape(x, apart), spread), whole);
}

/* x repeated along its axes and new ones before them; op is known, repeats at least as long as the rank. */
static bl_tensor *repeat(const char *op, bl_tensor *x, bl_shape repeats)
{
    bl_shape lifted = {.rank = repeats.rank}, whole;
    int added = repeats.rank - x->rank;
    for (int d = 0; d < lifted.rank; d++)
        lifted.size[d] = d < added ? 1 : x->size[d - added];
    whole = lifted;
    for (int d = 0; d < whole.rank; d++) {
        if (repeats.size[d] < 0)
            return bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "axis %d cannot be there %lld times", d,
                            (long long)repeats.size[d]);
        if (!bl__multiply(lifted.size[d], repeats.size[d], &whole.size[d]))
            return bl__fail(bl__graph_of(x), BL_ERR_OVERFLOW, op, "axis %d grows too long", d);
    }
    if (!bl__possible(op, x, whole))
        return bl__refused(x);
    if (bl_shape_count(whole) == 0)
        return nothing(x, whole);
    x = bl_reshape(x, lifted);
    for (int d = 0; d < whole.rank && bl_tensor_valid(x); d++) {
        if (repeats.size[d] == 1)
            continue;
        x = repeat_some(x, repeats, d);
        d += AXES_AT_ONCE - 1;
    }
    return x;
}

/* Whether a list of repeats can be one; reported when not. x is known. */
static bool check_list(const char *op, const bl_tensor *x, bl_shape repeats, int least)
{
    if (repeats.rank >= least && repeats.rank <= BL_MAX_RANK)
        return true;
    bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, op, "%d repeats do not fit %s", repeats.rank,
             BL__SHAPE_TEXT(bl_tensor_shape(x)));
    return false;
}

bl_tensor *bl_repeat(bl_tensor *x, bl_shape repeats)
{
    if (!bl__known("repeat", x) || !check_list("repeat", x, repeats, x->rank))
        return bl__refused(x);
    return repeat("repeat", x, repeats);
}

bl_tensor *bl_tile(bl_tensor *x, bl_shape repeats)
{
    if (!bl__known("tile", x) || !check_list("tile", x, repeats, 0))
        return bl__refused(x);
    int missing = x->rank - repeats.rank;
    bl_shape all = {.rank = missing > 0 ? x->rank : repeats.rank};
    for (int d = 0; d < all.rank; d++)
        all.size[d] = d < missing ? 1 : repeats.size[missing > 0 ? d - missing : d];
    return repeat("tile", x, all);
}

/* ---- repeat_interleave: each element of an axis several times ---- */

bl_tensor *bl_repeat_interleave(bl_tensor *x, int64_t repeats, int axis)
{
    if (!bl__known("repeat_interleave", x) || !bl__find_axis("repeat_interleave", x, &axis))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    bl_shape whole = bl_tensor_shape(x);
    if (repeats < 0)
        return bl__fail(graph, BL_ERR_ARGUMENT, "repeat_interleave", "nothing is there %lld times",
                        (long long)repeats);
    if (!bl__multiply(whole.size[axis], repeats, &whole.size[axis]))
        return bl__fail(graph, BL_ERR_OVERFLOW, "repeat_interleave", "axis %d grows too long", axis);
    if (!bl__possible("repeat_interleave", x, whole))
        return bl__refused(x);
    if (bl_shape_count(whole) == 0)
        return nothing(x, whole);
    int64_t rows = 1;
    for (int d = 0; d <= axis; d++)
        rows *= x->size[d];
    bl_tensor *apart = bl_reshape(x, BL_SHAPE(rows, 1, x->count / rows));
    return bl_reshape(bl_expand(apart, BL_SHAPE(rows, repeats, x->count / rows)), whole);
}
