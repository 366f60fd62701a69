/* Private. Matrix products of any size and strides: by the set of instructions' own kernels (panels.h), or
 * where it has none, or C neither has rows nor columns of neighbours, by BLIS's. All memory that a product
 * needs is the caller's scratch. */
#ifndef BOWLINE_CPU_GEMM_H
#define BOWLINE_CPU_GEMM_H

#include "cpu/kernel.h"

/* Strides of a matrix in elements: any. */
typedef struct bl__steps {
    int64_t row, column;
} bl__steps;

/* C[m,n] = A[m,k] B[k,n], or C += A B. C is written fastest when one of its steps is 1; its elements do not
 * overlap. */
typedef struct bl__product {
    int64_t m, n, k;
    bl__steps a, b, c;
    bool f64, add;
    bool is_near; /* all of it lies in a near cache: direct_product.h need not ask for it ahead */
} bl__product;

/* The steps of a contiguous matrix, and of what it is when it is turned over. */
static inline bl__steps bl__row_steps(int64_t columns)
{
    return (bl__steps){columns, 1};
}

static inline bl__steps bl__turned_steps(int64_t columns)
{
    return (bl__steps){1, columns};
}

struct bl__kernel_set;

/* Bytes of scratch, 64-byte aligned, that a product of these sizes needs when it is computed by so many
 * workers; a multiple of 64. The set's own kernels take it worker by worker, BLIS's have one for all. */
size_t bl__gemm_scratch(const struct bl__kernel_set *set, const bl__product *product, int workers);

/* What one worker needs at most for a product of these sizes and any steps. */
size_t bl__gemm_scratch_at_most(const struct bl__kernel_set *set, const bl__product *product);

/* Computes a product by the call's set, on the calling thread. */
void bl__gemm(const bl__call *call, const bl__product *product, const void *a, const void *b, void *c,
              void *scratch);

/* Rows `row` .. `row + rows - 1` of C are done, in columns `column` .. `column + columns - 1`. */
typedef void bl__gemm_done(const bl__call *call, const void *work, int64_t row, int64_t rows, int64_t column,
                           int64_t columns, int worker);

/* Nanoseconds that a product takes on one thread, about, for bl__pays_for_threads. */
double bl__gemm_nanoseconds(const bl__product *product);

/* Computes a product, shared out among the program's threads if it pays: the same bits as bl__gemm. The
 * first worker's scratch is at `scratch`, the next one's `step` bytes on, at least what one asks for. `done`,
 * which may be NULL, is called once for every part of C, while it is in the cache, by the thread that
 * computed it. */
void bl__gemm_shared(const bl__call *call, bool pays, const bl__product *product, const void *a,
                     const void *b, void *c, void *scratch, size_t step, bl__gemm_done *done,
                     const void *work);

#endif
