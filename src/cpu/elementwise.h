/* Private. The driver of element-wise ops, for kernels that look at their inputs before the tiles run. */
#ifndef BOWLINE_CPU_ELEMENTWISE_H
#define BOWLINE_CPU_ELEMENTWISE_H

#include "cpu/kernel.h"
#include "cpu/tile.h"

/* Prepare and run of a kernel that is no more than the tile functions of `key`, of which `tile` is the one
 * for the call's dtypes. */
bl_status bl__elementwise_prepare(bl__call *call, bl__arena *arena, int key);
bl_status bl__elementwise_run(const bl__call *call, bl__tile tile);

#endif
