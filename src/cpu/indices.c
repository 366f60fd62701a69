/* Checking index operands. */
#include "cpu/indices.h"
#include "cpu/loop.h"
#include "graph/text.h"

bl_status bl__indices_prepare(const bl__call *call, const bl__operand *indices)
{
    if (indices->dtype == BL_I32 || indices->dtype == BL_I64)
        return BL_OK;
    return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for indices of %s", bl_dtype_name(indices->dtype));
}

static bl_status report(const bl__call *call, const bl__operand *indices, int64_t at, int64_t limit,
                        const char *what)
{
    bl_shape place = {.rank = indices->rank}; /* written as a shape is */
    int64_t rest = at;
    for (int d = indices->rank - 1; d >= 0; d--) {
        place.size[d] = rest % indices->size[d];
        rest /= indices->size[d];
    }
    return bl__kernel_fail(call, BL_ERR_INDEX, "%s %lld at %s is outside 0..%lld", what,
                           (long long)bl__index_at(indices, at), BL__SHAPE_TEXT(place), (long long)limit - 1);
}

bl_status bl__indices_check(const bl__call *call, const bl__operand *indices, int64_t limit,
                            const int64_t *exempt, const char *what)
{
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t index = bl__index_at(indices, i);
        if ((index < 0 || index >= limit) && !(exempt && index == *exempt))
            return report(call, indices, i, limit, what);
    }
    return BL_OK;
}
