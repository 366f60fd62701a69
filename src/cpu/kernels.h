/* Private. The rows of the table of kernels, each made in the file of its family. */
#ifndef BOWLINE_CPU_KERNELS_H
#define BOWLINE_CPU_KERNELS_H

#include "cpu/kernel.h"
#include "cpu/tile.h"

/* elementwise.c */
#define BL__DECLARE_KERNEL(op) extern const bl__kernel bl__kernel_##op;
BL__TILED_OPS(BL__DECLARE_KERNEL)
#undef BL__DECLARE_KERNEL
extern const bl__kernel bl__kernel_cast;

extern const bl__kernel bl__kernel_sum, bl__kernel_max, bl__kernel_argmax;             /* reduce.c */
extern const bl__kernel bl__kernel_copy, bl__kernel_concat, bl__kernel_slice_backward; /* copy.c */
extern const bl__kernel bl__kernel_matmul;                                             /* matmul.c */
extern const bl__kernel bl__kernel_softmax, bl__kernel_log_softmax;                    /* softmax.c */
extern const bl__kernel bl__kernel_cross_entropy;                                      /* cross_entropy.c */
extern const bl__kernel bl__kernel_embedding, bl__kernel_embedding_backward;           /* embedding.c */
extern const bl__kernel bl__kernel_one_hot;                                            /* embedding.c */

#endif
