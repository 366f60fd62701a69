/* Private. The list of the CPU's kernels, each made in the file of its family: from it come the declarations
 * and the table. Views (reshape, permute, expand, slice) have none: they are strides, or a copy. Neither have
 * leaves, effects, and the ops that are recorded as their decomposition. */
#ifndef BOWLINE_CPU_KERNELS_H
#define BOWLINE_CPU_KERNELS_H

#include "cpu/kernel.h"
#include "cpu/tile.h"

/* clang-format off */
#define BL__KERNELS(X) \
    /* elementwise.c */ BL__TILED_OPS(X) X(cast) \
    /* reduce.c */ X(sum) X(max) X(argmax) \
    /* copy.c */ X(concat) X(slice_backward) \
    /* matmul.c */ X(matmul) \
    /* softmax.c */ X(softmax) X(log_softmax) \
    /* cross_entropy.c */ X(cross_entropy) \
    /* embedding.c */ X(embedding) X(embedding_backward) X(one_hot) \
    /* random.c */ X(uniform) X(normal) X(bernoulli) X(dropout) \
    /* rotary.c */ X(rotary_embedding)
/* clang-format on */

#define BL__DECLARE_KERNEL(op) extern const bl__kernel bl__kernel_##op;
BL__KERNELS(BL__DECLARE_KERNEL)
#undef BL__DECLARE_KERNEL
extern const bl__kernel bl__kernel_copy; /* copy.c: what the compiler inserts */

#endif
