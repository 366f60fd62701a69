/* Private. Whether a tensor can have a shape. */
#ifndef BOWLINE_GRAPH_SHAPE_H
#define BOWLINE_GRAPH_SHAPE_H

#include "bowline/tensor.h"

/* BL_ERR_SHAPE for a rank outside 0..8 or a size below 0, BL_ERR_OVERFLOW when 8 bytes an element, which a
 * program in f64 takes whatever the dtype, cannot be counted. */
bl_status bl__shape_status(bl_shape shape);

/* bl_dtype_size of what is known to be a dtype. */
static inline size_t bl__dtype_bytes(bl_dtype dtype)
{
    static const uint8_t sizes[] = {
#define SIZE(dtype, name, bytes) bytes,
        BL_DTYPE_LIST(SIZE)
#undef SIZE
    };
    return sizes[dtype];
}

#endif
