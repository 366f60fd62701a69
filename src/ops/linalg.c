/* What the ops of linear algebra share: parts of shape rules, and small builders. */
#include "ops/linalg.h"
#include "bowline/ops.h"
#include "ops/rules.h"

/* ---- parts of shape rules ---- */

bl_status bl__require_reals(bl_infer_call *call)
{
    bl_status status = BL_OK;
    for (size_t i = 0; i < call->input_count && status == BL_OK; i++)
        status = bl__require(call, i, BL__REALS);
    for (size_t i = 1; i < call->input_count && status == BL_OK; i++)
        status = bl__require_same(call, 0, i);
    return status;
}

bl_status bl__require_rank(bl_infer_call *call, size_t index, int rank)
{
    bl_shape shape = bl__shape_in(call, index);
    if (shape.rank == rank)
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_SHAPE, "operand %zu is %s, not of rank %d", index + 1,
                         BL__SHAPE_TEXT(shape), rank);
}

bl_status bl__require_square(bl_infer_call *call, size_t index)
{
    bl_shape shape = bl__shape_in(call, index);
    if (shape.rank >= 2 && shape.size[shape.rank - 1] == shape.size[shape.rank - 2])
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_SHAPE, "%s is no square matrix, nor many", BL__SHAPE_TEXT(shape));
}

bl_shape bl__leading(bl_shape shape, int axes)
{
    shape.rank -= axes;
    return shape;
}

/* ---- builders ---- */

bl_tensor *bl__triangle(bl_tensor *x, bool upper, bool strict)
{
    return upper ? bl_triu(x, strict ? 1 : 0) : bl_tril(x, strict ? -1 : 0);
}

bl_tensor *bl__turned(bl_tensor *x)
{
    return bl_transpose(x, -1, -2);
}

bl_tensor *bl__as_matrices(bl_tensor *x)
{
    bl_shape shape = bl_tensor_shape(x);
    shape.size[shape.rank++] = 1;
    shape.size[shape.rank++] = 1;
    return bl_tensor_valid(x) ? bl_reshape(x, shape) : x;
}
