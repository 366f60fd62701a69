/* The one door to BLIS, whose packing buffers, allocated by itself at its first larger product and kept, are
 * the one memory that does not come from a context; where there is none left for them, BLIS ends the process.
 */
#define _POSIX_C_SOURCE 200112L /* its header names types of pthreads that plain C11 leaves out */

#include "cpu/gemm.h"

#include <blis.h>

/* The buffers have the same size whatever the shape, so a tiny product by the way of large ones fetches them.
 */
void bl__gemm_warm(void)
{
    enum {
        SIDE = 8
    };
    float a[SIDE * SIDE] = {0}, b[SIDE * SIDE] = {0}, c[SIDE * SIDE], one = 1, zero = 0;
    rntm_t runtime;
    bli_rntm_init_from_global(&runtime);
    bli_rntm_disable_l3_sup(&runtime);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, SIDE, SIDE, SIDE, &one, a, SIDE, 1, b, SIDE, 1, &zero,
                 c, SIDE, 1, NULL, &runtime);
}

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
