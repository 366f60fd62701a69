/* The one door to BLIS, whose packing buffers, allocated by itself at its first larger product and kept, are
 * the one memory that does not come from a context. */
#define _POSIX_C_SOURCE 200112L /* its header names types of pthreads that plain C11 leaves out */

#include "cpu/gemm.h"

#include <blis.h>

void bl__gemm_f32(int64_t m, int64_t n, int64_t k, void *a, bl__steps a_steps, void *b, bl__steps b_steps,
                  void *c, bl__steps c_steps)
{
    float one = 1, zero = 0;
    bli_sgemm(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one, a, a_steps.row, a_steps.column, b,
              b_steps.row, b_steps.column, &zero, c, c_steps.row, c_steps.column);
}

void bl__gemm_f64(int64_t m, int64_t n, int64_t k, void *a, bl__steps a_steps, void *b, bl__steps b_steps,
                  void *c, bl__steps c_steps)
{
    double one = 1, zero = 0;
    bli_dgemm(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one, a, a_steps.row, a_steps.column, b,
              b_steps.row, b_steps.column, &zero, c, c_steps.row, c_steps.column);
}
