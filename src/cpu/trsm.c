/* Triangular systems by BLIS, whose packing buffers, allocated by itself at the first and kept, are the one
 * memory that does not come from a context; where there is none left for them, BLIS ends the process. */
#define _POSIX_C_SOURCE 200112L /* its header names types of pthreads that plain C11 leaves out */

#include "cpu/trsm.h"

#include <blis.h>

/* BLIS's way for large products, at all sizes: its kernels for small and thin ones (0.9) read elements behind
 * the end of an operand, which may be the end of a page that the caller gave. */
static rntm_t packing_runtime(void)
{
    rntm_t runtime;
    bli_rntm_init_from_global(&runtime);
    bli_rntm_disable_l3_sup(&runtime);
    return runtime;
}

#define TRSM(name, type, solve)                                                                              \
    void bl__trsm_##name(bl__triangle_kind kind, int64_t m, int64_t n, void *a, bl__steps a_steps, void *b,  \
                         bl__steps b_steps)                                                                  \
    {                                                                                                        \
        type one = 1;                                                                                        \
        rntm_t runtime = packing_runtime();                                                                  \
        solve(kind.left ? BLIS_LEFT : BLIS_RIGHT, kind.upper ? BLIS_UPPER : BLIS_LOWER, BLIS_NO_TRANSPOSE,   \
              kind.unit ? BLIS_UNIT_DIAG : BLIS_NONUNIT_DIAG, m, n, &one, a, a_steps.row, a_steps.column, b, \
              b_steps.row, b_steps.column, NULL, &runtime);                                                  \
    }

TRSM(f32, float, bli_strsm_ex)
TRSM(f64, double, bli_dtrsm_ex)

/* The buffers have the same size whatever the shape: a tiny product fetches them. */
static void warm_product(void)
{
    enum {
        SIDE = 8
    };
    float one = 1, zero = 0, a[SIDE * SIDE] = {0}, b[SIDE * SIDE] = {0}, c[SIDE * SIDE];
    rntm_t runtime = packing_runtime();
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, SIDE, SIDE, SIDE, &one, a, SIDE, 1, b, SIDE, 1, &zero,
                 c, SIDE, 1, NULL, &runtime);
}

/* A system takes a second buffer as soon as it is longer than a block. This one is, and its matrix is zeros
 * with ones on the diagonal, of which all rows may share their memory. */
void bl__trsm_warm(void)
{
    enum {
        MOST = 2048
    };
    float zeros[2 * MOST] = {0}, x[MOST] = {0};
    int64_t block = bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_KC, bli_gks_query_cntx());
    int64_t n = 2 * block < MOST ? 2 * block : MOST;
    const bl__triangle_kind kind = {.left = true, .unit = true};
    warm_product();
    bl__trsm_f32(kind, n, 1, zeros, (bl__steps){1, 1}, x, (bl__steps){1, n});
}
