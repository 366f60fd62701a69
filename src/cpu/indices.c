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

/* Index `index`, the at-th of them row by row, is wrong. */
static bl_status report(const bl__call *call, const bl__operand *indices, int64_t index, int64_t at,
                        int64_t limit, const char *what)
{
    bl_shape place = {.rank = indices->rank}; /* written as a shape is */
    int64_t rest = at;
    for (int d = indices->rank - 1; d >= 0; d--) {
        place.size[d] = rest % indices->size[d];
        rest /= indices->size[d];
    }
    return bl__kernel_fail(call, BL_ERR_INDEX, "%s %lld at %s is outside 0..%lld", what, (long long)index,
                           BL__SHAPE_TEXT(place), (long long)limit - 1);
}

bl_status bl__indices_check(const bl__call *call, const bl__operand *indices, int64_t limit,
                            const int64_t *exempt, const char *what)
{
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t index = bl__index_at(indices, i);
        if ((index < 0 || index >= limit) && !(exempt && index == *exempt))
            return report(call, indices, index, i, limit, what);
    }
    return BL_OK;
}

bl_status bl__indices_check_strided(const bl__call *call, const bl__operand *indices, int64_t limit,
                                    const char *what)
{
    bl__loop loop;
    bl__place place = {{0}, {0}};
    int64_t at = 0;
    bl__loop_init(&loop, 1);
    for (int d = 0; d < indices->rank; d++)
        bl__loop_push(&loop, indices->size[d], &indices->stride[d]);
    if (loop.count == 0)
        return BL_OK;
    int64_t row = bl__loop_row(&loop), step = bl__loop_step(&loop, 0);
    do {
        for (int64_t i = 0; i < row; i++, at++) {
            int64_t index = bl__index_at(indices, place.offset[0] + i * step);
            if (index < 0 || index >= limit)
                return report(call, indices, index, at, limit, what);
        }
    } while (bl__loop_next(&loop, &place));
    return BL_OK;
}
