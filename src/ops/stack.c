/* Lists of tensors made into one, and one into a list: builders over reshape, expand, slice and concat. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"

/* ---- one from many ---- */

/* Whether tensors, which are known, have one shape and dtype; reported when not. */
static bool alike(const char *op, bl_tensor *const *tensors, size_t count)
{
    bl_shape first = bl_tensor_shape(tensors[0]);
    for (size_t i = 1; i < count; i++) {
        bl_shape next = bl_tensor_shape(tensors[i]);
        bool same = bl_shape_equal(first, next);
        if (same && tensors[i]->dtype == tensors[0]->dtype)
            continue;
        bl__fail(bl__graph_of(tensors[0]), same ? BL_ERR_DTYPE : BL_ERR_SHAPE, op,
                 "tensors 0 and %zu differ: %s %s and %s %s", i, bl_dtype_name(bl_tensor_dtype(tensors[0])),
                 BL__SHAPE_TEXT(first), bl_dtype_name(bl_tensor_dtype(tensors[i])), BL__SHAPE_TEXT(next));
        return false;
    }
    return true;
}

/* Tensors with one more axis each, put one after the other along it. */
static bl_tensor *stack(bl_graph *graph, bl_tensor *const *tensors, size_t count, int axis)
{
    bl_tensor **parts = bl__arena_take(&graph->scratch, count * sizeof(bl_tensor *));
    if (!parts)
        return bl__fail(graph, BL_ERR_MEMORY, "stack", "no memory for %zu tensors", count);
    for (size_t i = 0; i < count; i++)
        parts[i] = bl_unsqueeze(tensors[i], axis);
    return bl_concat(parts, count, axis);
}

bl_tensor *bl_stack(bl_tensor *const *tensors, size_t count, int axis)
{
    bl_graph *graph = bl__graph_of_list(tensors, count);
    if (!graph)
        return NULL;
    if (!bl__all_known("stack", graph, tensors, count) || !alike("stack", tensors, count) ||
        !bl__has_room("stack", tensors[0], 1))
        return &graph->invalid;
    bl_shape each = bl_tensor_shape(tensors[0]), whole = {.rank = each.rank + 1};
    int place = bl__axis(axis, whole.rank);
    if (place < 0)
        return bl__fail(graph, BL_ERR_ARGUMENT, "stack", "axis %d has no place among those of %s", axis,
                        BL__SHAPE_TEXT(each));
    for (int d = 0; d < whole.rank; d++)
        whole.size[d] = d == place ? (int64_t)count : each.size[d - (d > place)];
    if (!bl__possible("stack", tensors[0], whole))
        return &graph->invalid;
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    bl_tensor *stacked = stack(graph, tensors, count, place);
    bl__arena_rewind(&graph->scratch, before);
    return stacked;
}

/* ---- many from one ---- */

bl_tensor *bl_narrow(bl_tensor *x, int axis, int64_t start, int64_t length)
{
    if (!bl__known("narrow", x) || !bl__find_axis("narrow", x, &axis))
        return bl__refused(x);
    if (start < 0 || length < 0 || start > x->size[axis] || length > x->size[axis] - start)
        return bl__fail(bl__graph_of(x), BL_ERR_SHAPE, "narrow",
                        "%lld from %lld on do not lie inside axis %d of %s", (long long)length,
                        (long long)start, axis, BL__SHAPE_TEXT(bl_tensor_shape(x)));
    return bl_slice(x, axis, start, start + length, 1);
}

static bool chunk(bl_tensor *x, size_t count, int axis, bl_tensor **parts)
{
    if (!bl__known("chunk", x) || !bl__find_axis("chunk", x, &axis))
        return false;
    int64_t size = x->size[axis], most = (int64_t)((uint64_t)size / count) + ((uint64_t)size % count != 0);
    int64_t start = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t length = size - start < most ? size - start : most;
        parts[i] = bl_slice(x, axis, start, start + length, 1);
        if (!bl_tensor_valid(parts[i]))
            return false;
        start += length;
    }
    return true;
}

bl_status bl_chunk(bl_tensor *x, size_t count, int axis, bl_tensor **parts)
{
    bl_graph *graph = bl__graph_of(x);
    bool given = count > 0 && parts;
    if (graph && !given)
        bl__fail(graph, BL_ERR_ARGUMENT, "chunk", count > 0 ? "the parts are NULL" : "there are no parts");
    return bl__give_list(graph, graph && given && chunk(x, count, axis, parts), parts, count);
}

/* ---- many from many ---- */

/* Whether a list of tensors and one for the results are given, and the tensors known; reported when not. */
static bool check_lists(const char *op, bl_graph *graph, bl_tensor *const *tensors, size_t count,
                        bl_tensor *const *results)
{
    if (graph && !results)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the results are NULL");
    return graph && results && bl__all_known(op, graph, tensors, count);
}

static bool broadcast_all(bl_graph *graph, bl_tensor *const *tensors, size_t count, bl_tensor **results)
{
    bl_shape shape = bl_tensor_shape(tensors[0]);
    for (size_t i = 1; i < count; i++) {
        bl_shape next = bl_tensor_shape(tensors[i]), before = shape;
        if (bl_shape_broadcast(before, next, &shape))
            continue;
        bl__fail(graph, BL_ERR_SHAPE, "broadcast_tensors", "shapes do not broadcast: %s and %s",
                 BL__SHAPE_TEXT(before), BL__SHAPE_TEXT(next));
        return false;
    }
    if (!bl__possible("broadcast_tensors", tensors[0], shape))
        return false;
    bool done = true;
    for (size_t i = 0; i < count && done; i++) {
        results[i] = bl_expand(tensors[i], shape);
        done = bl_tensor_valid(results[i]);
    }
    return done;
}

bl_status bl_broadcast_tensors(bl_tensor *const *tensors, size_t count, bl_tensor **results)
{
    bl_graph *graph = bl__graph_of_list(tensors, count);
    bool done = check_lists("broadcast_tensors", graph, tensors, count, results) &&
                broadcast_all(graph, tensors, count, results);
    return bl__give_list(graph, done, results, count);
}

/* The shape of a grid, an axis for each tensor of rank 0 or 1; false, reported, where there is none. */
static bool grid_shape(bl_graph *graph, bl_tensor *const *tensors, size_t count, bl_shape *grid)
{
    *grid = (bl_shape){.rank = (int)count};
    for (size_t i = 0; i < count; i++) {
        if (tensors[i]->rank > 1) {
            bl__fail(graph, BL_ERR_SHAPE, "meshgrid", "tensor %zu is %s, not a list of coordinates", i,
                     BL__SHAPE_TEXT(bl_tensor_shape(tensors[i])));
            return false;
        }
        grid->size[i] = tensors[i]->count;
    }
    return bl__possible("meshgrid", tensors[0], *grid);
}

static bool meshgrid(bl_graph *graph, bl_tensor *const *tensors, size_t count, bl_meshgrid_indexing indexing,
                     bl_tensor **grids)
{
    bl_shape grid, line;
    if (!grid_shape(graph, tensors, count, &grid))
        return false;
    bool turned = indexing == BL_MESHGRID_XY && count > 1;
    if (turned) {
        grid.size[0] = tensors[1]->count;
        grid.size[1] = tensors[0]->count;
    }
    bool done = true;
    for (size_t i = 0; i < count && done; i++) {
        line = (bl_shape){.rank = grid.rank};
        for (int d = 0; d < line.rank; d++)
            line.size[d] = 1;
        line.size[turned && i < 2 ? 1 - i : i] = tensors[i]->count;
        grids[i] = bl_expand(bl_reshape(tensors[i], line), grid);
        done = bl_tensor_valid(grids[i]);
    }
    return done;
}

bl_status bl_meshgrid(bl_tensor *const *tensors, size_t count, bl_meshgrid_indexing indexing,
                      bl_tensor **grids)
{
    bl_graph *graph = bl__graph_of_list(tensors, count);
    bool known = check_lists("meshgrid", graph, tensors, count, grids);
    if (known && count > BL_MAX_RANK)
        bl__fail(graph, BL_ERR_SHAPE, "meshgrid", "a grid has at most %d axes, not %zu", BL_MAX_RANK, count);
    else if (known && indexing != BL_MESHGRID_IJ && indexing != BL_MESHGRID_XY)
        bl__fail(graph, BL_ERR_ARGUMENT, "meshgrid", "there is no indexing %d", (int)indexing);
    else
        known = known && meshgrid(graph, tensors, count, indexing, grids);
    return bl__give_list(graph, known && graph->error.code == BL_OK, grids, count);
}
