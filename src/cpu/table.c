/* The table of the CPU's kernels by op. Views (reshape, permute, expand, slice) have none: they are strides,
 * or a copy. Neither have leaves, effects, and the ops that are recorded as their decomposition. */
#include "cpu/kernels.h"

#include <stddef.h>

const bl__kernel *bl__cpu_kernel(int key)
{
    static const bl__kernel *const kernels[BL__KEY_COUNT] = {
#define ROW(op) [BL__KEY_##op] = &bl__kernel_##op,
        BL__TILED_OPS(ROW)
#undef ROW
            [BL__KEY_cast] = &bl__kernel_cast,
        [BL__KEY_sum] = &bl__kernel_sum,
        [BL__KEY_max] = &bl__kernel_max,
        [BL__KEY_argmax] = &bl__kernel_argmax,
        [BL__KEY_slice_backward] = &bl__kernel_slice_backward,
        [BL__KEY_concat] = &bl__kernel_concat,
        [BL__KEY_matmul] = &bl__kernel_matmul,
        [BL__KEY_embedding] = &bl__kernel_embedding,
        [BL__KEY_embedding_backward] = &bl__kernel_embedding_backward,
        [BL__KEY_one_hot] = &bl__kernel_one_hot,
        [BL__KEY_softmax] = &bl__kernel_softmax,
        [BL__KEY_log_softmax] = &bl__kernel_log_softmax,
        [BL__KEY_cross_entropy] = &bl__kernel_cross_entropy,
        [BL__KEY_COPY] = &bl__kernel_copy,
    };
    return key > BL__KEY_NONE && key < BL__KEY_COUNT ? kernels[key] : NULL;
}
