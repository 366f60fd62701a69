/* masked_fill: a builder over where. */
#include "bowline/ops.h"
#include "ops/arguments.h"
#include "ops/rules.h"

bl_tensor *bl_masked_fill(bl_tensor *x, bl_tensor *mask, double value)
{
    if (!bl__known("masked_fill", x))
        return bl__refused(x);
    bl_graph *graph = bl__graph_of(x);
    if (!bl__usable(graph, "masked_fill", mask))
        return &graph->invalid;
    bl_dtype dtype = bl_tensor_dtype(x);
    bl_shape shape = bl_tensor_shape(x), places = bl_tensor_shape(mask), both;
    if (bl_tensor_dtype(mask) != BL_BOOL)
        return bl__fail(graph, BL_ERR_DTYPE, "masked_fill", "the mask is %s, not bool",
                        bl_dtype_name(bl_tensor_dtype(mask)));
    if (!bl__is_one_of(dtype, BL__COMPUTED))
        return bl__fail(graph, BL_ERR_DTYPE, "masked_fill", "%s is storage only: cast it to f32 first",
                        bl_dtype_name(dtype));
    if (!bl__holds(dtype, value))
        return bl__fail(graph, BL_ERR_ARGUMENT, "masked_fill", "%s cannot hold %.17g", bl_dtype_name(dtype),
                        value);
    if (!bl_shape_broadcast(shape, places, &both))
        return bl__fail(graph, BL_ERR_SHAPE, "masked_fill", "%s and a mask of %s do not broadcast",
                        BL__SHAPE_TEXT(shape), BL__SHAPE_TEXT(places));
    if (!bl__possible("masked_fill", x, both))
        return &graph->invalid;
    return bl_where(mask, bl_scalar(graph, dtype, value), x);
}
