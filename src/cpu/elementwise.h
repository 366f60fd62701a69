/* Private. The driver of element-wise ops, for kernels that look at their inputs before the tiles run. */
#ifndef BOWLINE_CPU_ELEMENTWISE_H
#define BOWLINE_CPU_ELEMENTWISE_H

#include "cpu/kernel.h"

/* The prepare and run functions of a kernel that is no more than the tile functions of `key`. */
bl_status bl__elementwise_prepare(bl__call *call, bl__arena *arena, int key);
bl_status bl__elementwise_run(const bl__call *call);

#endif
