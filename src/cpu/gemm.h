/* Private. The one door to BLIS: C[m,n] = A[m,k] B[k,n], C written whole or added to; and triangular systems.
 */
#ifndef BOWLINE_CPU_GEMM_H
#define BOWLINE_CPU_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* Strides of a matrix in elements: any that are not 0 and do not make elements overlap. */
typedef struct bl__steps {
    int64_t row, column;
} bl__steps;

void bl__gemm_f32(int64_t m, int64_t n, int64_t k, void *a, bl__steps a_steps, void *b, bl__steps b_steps,
                  void *c, bl__steps c_steps);
void bl__gemm_f64(int64_t m, int64_t n, int64_t k, void *a, bl__steps a_steps, void *b, bl__steps b_steps,
                  void *c, bl__steps c_steps);

/* C += A B. */
void bl__gemm_add_f32(int64_t m, int64_t n, int64_t k, void *a, bl__steps a_steps, void *b, bl__steps b_steps,
                      void *c, bl__steps c_steps);
void bl__gemm_add_f64(int64_t m, int64_t n, int64_t k, void *a, bl__steps a_steps, void *b, bl__steps b_steps,
                      void *c, bl__steps c_steps);

/* The steps of a contiguous matrix, and of what it is when it is turned over. BLIS takes no two steps of 1
 * for more than one element. */
static inline bl__steps bl__row_steps(int64_t rows, int64_t columns)
{
    return columns == 1 ? (bl__steps){1, rows} : (bl__steps){columns, 1};
}

static inline bl__steps bl__turned_steps(int64_t rows, int64_t columns)
{
    bl__steps steps = bl__row_steps(rows, columns);
    return (bl__steps){steps.column, steps.row};
}

/* Which triangle of A[n,n] counts, on which side of X it stands, and whether its diagonal counts as ones. */
typedef struct bl__triangle_kind {
    bool upper, left, unit;
} bl__triangle_kind;

/* Solves A X = B, n being m, or X A = B, n being the other; X takes the place of B[m,n]. */
void bl__trsm_f32(bl__triangle_kind kind, int64_t m, int64_t n, void *a, bl__steps a_steps, void *b,
                  bl__steps b_steps);
void bl__trsm_f64(bl__triangle_kind kind, int64_t m, int64_t n, void *a, bl__steps a_steps, void *b,
                  bl__steps b_steps);

/* Makes BLIS allocate what products of any shape will need, so that runs do not: for when a
 * program is compiled. */
void bl__gemm_warm(void);
/* The same for systems and for LAPACK. */
void bl__trsm_warm(void);

#endif
