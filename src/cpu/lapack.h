/* Private. The one door to LAPACK, where the build has found it: factorizations in place of an n x n matrix
 * that stands row by row, to LAPACK the transposed one column by column. Its routines call BLIS, whose
 * kernels for thin products (0.9) read elements behind the end of an operand: let BL__LAPACK_MARGIN bytes
 * follow. */
#ifndef BOWLINE_CPU_LAPACK_H
#define BOWLINE_CPU_LAPACK_H

#include <stdint.h>

enum {
    BL__LAPACK_MARGIN = 1024
};

/* A = L L^T, of which only the lower triangles are read and written. 0, or the order of the first leading
 * minor that is not positive. */
int64_t bl__potrf_f32(int64_t n, float *a);
int64_t bl__potrf_f64(int64_t n, double *a);

/* A = L U P with ones on the diagonal of U, both in A's place: A with column i and column pivots[i] - 1
 * exchanged, for i = 0, 1, .. in turn, is L U. 0, or the number of the first diagonal element of L that is 0.
 */
int64_t bl__getrf_f32(int64_t n, float *a, int32_t *pivots);
int64_t bl__getrf_f64(int64_t n, double *a, int32_t *pivots);

#endif
