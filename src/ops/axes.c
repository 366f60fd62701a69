/* Axes added, dropped, joined, cut and moved: builders over reshape and permute. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"

/* ---- axes of size 1 ---- */

bl_tensor *bl_unsqueeze(bl_tensor *x, int axis)
{
    if (!bl__known("unsqueeze", x) || !bl__has_room("unsqueeze", x, 1))
        return bl__refused(x);
    bl_shape from = bl_tensor_shape(x), to = {.rank = from.rank + 1};
    int place = bl__axis(axis, to.rank);
    if (place < 0)
        return bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, "unsqueeze",
                        "axis %d has no place among those of %s", axis, BL__SHAPE_TEXT(from));
    for (int d = 0; d < to.rank; d++)
        to.size[d] = d == place ? 1 : from.size[d - (d > place)];
    return bl_reshape(x, to);
}

bl_tensor *bl_squeeze(bl_tensor *x, bl_axes axes)
{
    uint32_t mask;
    if (!bl__mask_axes("squeeze", x, axes, &mask))
        return bl__refused(x);
    bl_shape to = {.rank = 0};
    for (int d = 0; d < x->rank; d++) {
        if (x->size[d] != 1 || !(mask >> d & 1u))
            to.size[to.rank++] = x->size[d];
    }
    return bl_reshape(x, to);
}

/* ---- neighbouring axes as one, and back ---- */

/* Axes first .. last of x, whose rank is above 0, as one. */
static bl_tensor *join(bl_tensor *x, int first, int last)
{
    bl_shape to = {.rank = 0};
    for (int d = 0; d < first; d++)
        to.size[to.rank++] = x->size[d];
    to.size[to.rank] = 1;
    for (int d = first; d <= last; d++)
        to.size[to.rank] *= x->size[d];
    to.rank++;
    for (int d = last + 1; d < x->rank; d++)
        to.size[to.rank++] = x->size[d];
    return bl_reshape(x, to);
}

bl_tensor *bl_flatten(bl_tensor *x, int first, int last)
{
    if (!bl__known("flatten", x))
        return bl__refused(x);
    if (x->rank == 0 && bl__axis(first, 1) == 0 && bl__axis(last, 1) == 0)
        return bl_reshape(x, BL_SHAPE(1));
    if (!bl__find_axis("flatten", x, &first) || !bl__find_axis("flatten", x, &last))
        return bl__refused(x);
    if (first > last)
        return bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, "flatten", "axis %d of %s comes after axis %d",
                        first, BL__SHAPE_TEXT(bl_tensor_shape(x)), last);
    return join(x, first, last);
}

bl_tensor *bl_unflatten(bl_tensor *x, int axis, bl_shape sizes)
{
    if (!bl__known("unflatten", x) || !bl__find_axis("unflatten", x, &axis))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    if (sizes.rank < 1 || sizes.rank > BL_MAX_RANK)
        return bl__fail(graph, BL_ERR_ARGUMENT, "unflatten", "%d sizes are not in 1..%d", sizes.rank,
                        BL_MAX_RANK);
    if (!bl__has_room("unflatten", x, sizes.rank - 1))
        return bl__refused(x);
    bl_shape parts = sizes, to = {.rank = x->rank + sizes.rank - 1};
    if (!bl__complete_shape(&parts, x->size[axis]) || bl_shape_count(parts) != x->size[axis])
        return bl__fail(graph, BL_ERR_SHAPE, "unflatten", "%s does not make up axis %d of %s",
                        BL__SHAPE_TEXT(sizes), axis, BL__SHAPE_TEXT(bl_tensor_shape(x)));
    for (int d = 0; d < axis; d++)
        to.size[d] = x->size[d];
    for (int d = 0; d < parts.rank; d++)
        to.size[axis + d] = parts.size[d];
    for (int d = axis + 1; d < x->rank; d++)
        to.size[parts.rank - 1 + d] = x->size[d];
    return bl_reshape(x, to);
}

/* ---- another order ---- */

/* Makes axes 0..rank-1 of x, all different; false, reported, where they are not. */
static bool find_different(const bl_tensor *x, bl_axes *axes)
{
    uint32_t mask;
    if (!bl__mask_axes("movedim", x, *axes, &mask))
        return false;
    for (int i = 0; i < axes->count; i++)
        axes->axis[i] = bl__axis(axes->axis[i], x->rank);
    return true;
}

bl_tensor *bl_movedim(bl_tensor *x, bl_axes source, bl_axes destination)
{
    if (!bl__known("movedim", x))
        return bl__refused(x);
    if (source.count < 0 || source.count != destination.count)
        return bl__fail(bl__graph_of(x), BL_ERR_ARGUMENT, "movedim", "%d axes do not go to %d places",
                        source.count, destination.count);
    if (!find_different(x, &source) || !find_different(x, &destination))
        return bl__refused(x);
    bl_axes order = {.count = x->rank};
    uint32_t moved = 0, taken = 0;
    for (int i = 0; i < source.count; i++) {
        order.axis[destination.axis[i]] = source.axis[i];
        moved |= 1u << source.axis[i];
        taken |= 1u << destination.axis[i];
    }
    for (int d = 0, from = 0; d < x->rank; d++) { /* the others keep their order */
        if (taken >> d & 1u)
            continue;
        while (moved >> from & 1u)
            from++;
        order.axis[d] = from++;
    }
    return bl_permute(x, order);
}
