/* Private. Index operands of i32 or i64, and the check that every one is in range. */
#ifndef BOWLINE_CPU_INDICES_H
#define BOWLINE_CPU_INDICES_H

#include "cpu/kernel.h"

/* The index that stands i elements into the data. */
static inline int64_t bl__index_at(const bl__operand *indices, int64_t i)
{
    return indices->dtype == BL_I32 ? ((const int32_t *)indices->data)[i]
                                    : ((const int64_t *)indices->data)[i];
}

/* BL_ERR_DTYPE, with a message, unless the operand is i32 or i64. */
bl_status bl__indices_prepare(const bl__call *call, const bl__operand *indices);

/* BL_ERR_INDEX, with a message that calls it `what`, where one is outside 0..limit-1 and not *exempt (NULL:
 * none is). */
bl_status bl__indices_check(const bl__call *call, const bl__operand *indices, int64_t limit,
                            const int64_t *exempt, const char *what);

/* The same for indices of any strides, none of them exempt. */
bl_status bl__indices_check_strided(const bl__call *call, const bl__operand *indices, int64_t limit,
                                    const char *what);

#endif
