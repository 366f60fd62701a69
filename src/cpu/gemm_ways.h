/* Private to gemm.c: the two ways to compute a product. The first takes panels of B alone; the other packs
 * panels of both factors for BLIS's micro-kernels. */
#ifndef BOWLINE_CPU_GEMM_WAYS_H
#define BOWLINE_CPU_GEMM_WAYS_H

#include "cpu/panels.h"

/* A product that is to be computed. */
typedef struct bl__gemm_job {
    const bl__call *call;
    bl__product product;
    bool turned; /* the rows of C are the columns of this product, and so on: it is C^T = B^T A^T */
    bool pays;
    const void *a, *b;
    void *c, *scratch;
    size_t step; /* bytes of scratch from worker to worker */
    bl__gemm_done *done;
    const void *work;
} bl__gemm_job;

/* The same product turned over. */
bl__product bl__turned_product(const bl__product *product);

/* The columns of C lie side by side. Scratch is of one worker. */
size_t bl__panel_gemm_scratch(const bl__panels *panels, const bl__product *product);
void bl__panel_gemm(const bl__panels *panels, const bl__gemm_job *job);

/* Scratch is of all workers. */
size_t bl__blis_gemm_scratch(const bl__product *product);
void bl__blis_gemm(const bl__gemm_job *job);

/* Tells the job's caller of a part of C that is done, as rows and columns of its own. */
void bl__gemm_tell(const bl__gemm_job *job, int64_t row, int64_t rows, int64_t column, int64_t columns,
                   int worker);

#endif
