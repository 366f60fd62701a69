/* Private. What losses ask of the ops on rows. */
#ifndef BOWLINE_OPS_ROWS_H
#define BOWLINE_OPS_ROWS_H

#include "bowline/ops.h"

/* bl_one_hot, with rows of zeros for indices that equal ignore_index, whatever the number of classes. */
bl_tensor *bl__one_hot_ignoring(bl_tensor *indices, int64_t classes, int64_t ignore_index, bl_dtype dtype);

#endif
