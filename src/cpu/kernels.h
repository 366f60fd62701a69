/* Private. The list of the CPU's kernels, each made in the file of its family: from it come the declarations
 * and the tables. Views have none: they are strides, or a copy. Neither have leaves, effects, and the ops
 * that are recorded as their decomposition. */
#ifndef BOWLINE_CPU_KERNELS_H
#define BOWLINE_CPU_KERNELS_H

#include "cpu/flops.h"
#include "cpu/kernel.h"
#include "cpu/tile.h"
#include "ops/keys.h"

/* clang-format off */
#if BL__LAPACK
#define BL__LAPACK_KERNELS(X) X(cholesky) X(inverse) X(solve) X(det) X(slogdet)
#else
#define BL__LAPACK_KERNELS(X)
#endif

/* Those that each set of instructions has for itself: see of_set.h. */
#define BL__SET_KERNELS(X) \
    /* elementwise_kernels.c */ BL__TILED_OPS(X) X(cast) \
    /* remainder.c */ BL__DIVIDING_OPS(X) \
    /* reduce_sum.c */ X(sum) X(prod) X(any) X(all) X(count_nonzero) \
    /* reduce_extreme.c */ X(max) X(min) X(argmax) X(argmin) \
    /* row_statistics.c */ X(var) X(std) X(logsumexp) X(norm) \
    /* scan.c */ X(cumsum) X(cumprod) X(recurrence) \
    /* softmax.c */ X(softmax) X(log_softmax) \
    /* cross_entropy.c */ X(cross_entropy) \
    /* linear_cross_entropy.c */ X(linear_cross_entropy) \
    /* attention.c, attention_backward.c */ X(attention) X(attention_backward) \
    /* softmax_backward.c */ X(softmax_backward) X(log_softmax_backward) X(cross_entropy_backward) \
    /* standardize.c */ X(standardize) \
    /* standardize_backward.c */ X(standardize_backward)

#define BL__SHARED_KERNELS(X) \
    /* sort.c */ X(sort) X(topk) \
    /* take.c */ X(take_sorted) X(put_sorted) \
    /* copy.c */ X(concat) X(slice_backward) \
    /* matmul.c */ X(matmul) \
    /* convolution.c */ X(convolution) X(convolution_input) X(convolution_weight) \
    /* pooling.c */ X(max_pool) X(plane_gather) X(plane_scatter) \
    /* resample.c */ X(resample) X(resample_backward) \
    /* pad.c */ X(pad) X(diag_embed) \
    /* triangle.c */ X(tril) X(triu) \
    /* gather.c */ X(gather) X(scatter) X(scatter_add) \
    /* index_select.c */ X(index_select) X(index_add) \
    /* dynamic_slice.c */ X(dynamic_slice) X(dynamic_update_slice) \
    /* triangular.c */ X(solve_triangular) \
    /* factorize.c */ BL__LAPACK_KERNELS(X) \
    /* take_target.c */ X(take_target) \
    /* embedding.c */ X(embedding) X(embedding_backward) X(one_hot) \
    /* random.c */ X(uniform) X(normal) X(bernoulli) X(dropout) \
    /* rotary.c */ X(rotary_embedding)
/* clang-format on */

#define BL__DECLARE_KERNEL(op) extern const bl__kernel bl__kernel_##op;
BL__SHARED_KERNELS(BL__DECLARE_KERNEL)
#undef BL__DECLARE_KERNEL
/* What the compiler makes of others. */
extern const bl__kernel bl__kernel_copy;       /* copy.c */
extern const bl__kernel bl__kernel_matmul_add; /* matmul.c */

#endif
