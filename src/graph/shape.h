/* Private. Whether a tensor can have a shape. */
#ifndef BOWLINE_GRAPH_SHAPE_H
#define BOWLINE_GRAPH_SHAPE_H

#include "bowline/tensor.h"

/* BL_ERR_SHAPE for a rank outside 0..8 or a size below 0, BL_ERR_OVERFLOW when 8 bytes an element, which a
 * program in f64 takes whatever the dtype, cannot be counted. */
bl_status bl__shape_status(bl_shape shape);

#endif
