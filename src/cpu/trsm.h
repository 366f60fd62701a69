/* Private. Triangular systems, by BLIS. */
#ifndef BOWLINE_CPU_TRSM_H
#define BOWLINE_CPU_TRSM_H

#include "cpu/gemm.h"

/* Which triangle of A[n,n] counts, on which side of X it stands, and whether its diagonal counts as ones. */
typedef struct bl__triangle_kind {
    bool upper, left, unit;
} bl__triangle_kind;

/* Solves A X = B, n being m, or X A = B, n being the other; X takes the place of B[m,n]. Steps are above 0,
 * and no two are 1 for more than one element. */
void bl__trsm_f32(bl__triangle_kind kind, int64_t m, int64_t n, void *a, bl__steps a_steps, void *b,
                  bl__steps b_steps);
void bl__trsm_f64(bl__triangle_kind kind, int64_t m, int64_t n, void *a, bl__steps a_steps, void *b,
                  bl__steps b_steps);

/* Makes BLIS allocate what systems of any shape, and LAPACK's products, will need, so that runs do not: for
 * when a program is compiled. */
void bl__trsm_warm(void);

#endif
