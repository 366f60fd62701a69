/* Private. Matrix products that are too small to be worth packing for gemm.h, C[m,n] = sum_p A[m,p] B[p,n],
 * or C += A B, and then a row that is added to each of C. Each element is one sum over p in ascending order;
 * where the product is a column or a row, one for each lane. So bits depend on shapes and the instruction
 * set, and not on strides. */
#ifndef BOWLINE_CPU_SMALL_PRODUCT_H
#define BOWLINE_CPU_SMALL_PRODUCT_H

#include "cpu/gemm.h"

/* How the functions of one set of instructions compute; made by `plan`. */
typedef struct bl__small_plan {
    bl__product product; /* turned over where that takes less work: C^T = B^T A^T */
    bool turned;         /* then the factors change places too */
    bool dots;           /* one for each row of C, lane by lane */
    size_t scratch;      /* bytes, for what has to lie side by side and does not */
    const void *row;     /* added to every row of C at last; `plan` says NULL for none */
} bl__small_plan;

/* What a set of instructions has for one dtype. */
typedef struct bl__small_products {
    bl__small_plan (*plan)(const bl__product *product);
    /* a and b are the factors as they were before turning; k > 0. */
    void (*multiply)(const bl__small_plan *plan, const void *a, const void *b, void *c, void *scratch);
    double (*nanoseconds)(const bl__small_plan *plan); /* that it takes, about */
} bl__small_products;

#endif
