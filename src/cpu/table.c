/* The table of the CPU's kernels by op. */
#include "cpu/kernels.h"

#include <stddef.h>

const bl__kernel *bl__cpu_kernel(int key)
{
    static const bl__kernel *const kernels[BL__KEY_COUNT] = {
#define ROW(op) [BL__KEY_##op] = &bl__kernel_##op,
        BL__KERNELS(ROW)
#undef ROW
            [BL__KEY_COPY] = &bl__kernel_copy,
    };
    return key > BL__KEY_NONE && key < BL__KEY_COUNT ? kernels[key] : NULL;
}
