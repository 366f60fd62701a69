/* The kernels of factorizations: any strides, and matrices of which only a part is read. Looks at ops/keys.h:
 * without LAPACK there are none. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

#if BL__LAPACK

enum {
    N = 30
};

/* A symmetric matrix with a large diagonal. */
static tensor *new_definite(bl_dtype dtype, layout how)
{
    tensor *a = new_tensor(dtype, BL_SHAPE(2, N, N), how);
    for (int64_t b = 0; b < 2; b++)
        for (int64_t i = 0; i < N; i++)
            for (int64_t j = 0; j < N; j++)
                set(a, (b * N + i) * N + j, i == j ? N + 1.0 : (double)((i + j + b) % 3) / 2);
    return a;
}

Test(factorize, cholesky_of_any_strides)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (layout how = PLAIN; how < SPREAD; how++) {
            tensor *a = new_definite(t, how), *l = new_tensor(t, BL_SHAPE(2, N, N), PLAIN), *in[1] = {a};
            for (int64_t i = 0; i < N; i++)
                for (int64_t j = i + 1; j < N; j++)
                    set(a, (N + i) * N + j, (double)NAN); /* not read */
            cr_assert_eq(call_kernel(BL__KEY_cholesky, in, 1, l, NULL), BL_OK, "%s", reason);
            for (int64_t k = 0; k < 2 * N * N; k++) {
                int64_t i = k / N % N, j = k % N, rows = k / (N * N) * N;
                double sum = 0;
                for (int64_t p = 0; p < N; p++)
                    sum += get(l, (rows + i) * N + p) * get(l, (rows + j) * N + p);
                if (j <= i)
                    cr_assert(close_to(t, sum, get(a, k)) ||
                              fabs(sum - get(a, k)) < (t == BL_F32 ? 1e-4 : 1e-12));
                else
                    cr_assert_eq(get(l, k), 0);
            }
            free_tensor(a);
            free_tensor(l);
        }
}

/* A permutation times numbers exact in binary: every step of A = L U P is exact, and every row is exchanged.
 */
static tensor *new_shuffled(bl_dtype dtype, layout how)
{
    tensor *a = new_tensor(dtype, BL_SHAPE(N, N), how);
    for (int64_t k = 0; k < N * N; k++)
        set(a, k, k % N == (k / N * 7 + 3) % N ? (k / N % 2 ? 2 : -0.5) : 0);
    return a;
}

Test(factorize, inverse_and_solve_of_any_strides)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (layout how = PLAIN; how < SPREAD; how++) {
            tensor *a = new_shuffled(t, how), *b = new_tensor(t, BL_SHAPE(N, 3), how), *in[2] = {a, b};
            tensor *inverse = new_tensor(t, BL_SHAPE(N, N), PLAIN), *x = new_tensor(t, BL_SHAPE(N, 3), PLAIN);
            set_all(b, 11);
            cr_assert_eq(call_kernel(BL__KEY_inverse, in, 1, inverse, NULL), BL_OK, "%s", reason);
            cr_assert_eq(call_kernel(BL__KEY_solve, in, 2, x, NULL), BL_OK, "%s", reason);
            for (int64_t i = 0; i < N; i++) {
                int64_t j = (i * 7 + 3) % N;
                double pivot = get(a, i * N + j);
                cr_assert_eq(get(inverse, j * N + i), 1 / pivot);
                for (int64_t c = 0; c < 3; c++)
                    cr_assert_eq(get(x, j * 3 + c), get(b, i * 3 + c) / pivot);
            }
            free_tensor(a);
            free_tensor(b);
            free_tensor(inverse);
            free_tensor(x);
        }
}

/* One matrix for many right-hand sides, and one element everywhere, which is singular. */
Test(factorize, strides_of_zero)
{
    tensor *a = new_tensor(BL_F64, BL_SHAPE(1, 1), SPREAD),
           *b = new_tensor(BL_F64, BL_SHAPE(4, 1, 2), SPREAD);
    tensor *x = new_tensor(BL_F64, BL_SHAPE(4, 1, 2), PLAIN), *in[2] = {a, b};
    set(a, 0, 2);
    set(b, 0, 6);
    cr_assert_eq(call_kernel(BL__KEY_solve, in, 2, x, NULL), BL_OK, "%s", reason);
    for (int64_t i = 0; i < 8; i++)
        cr_assert_eq(get(x, i), 3);
    tensor *flat = new_tensor(BL_F64, BL_SHAPE(3, 3), SPREAD),
           *out = new_tensor(BL_F64, BL_SHAPE(3, 3), PLAIN);
    set(flat, 0, 1);
    cr_assert_eq(call_kernel(BL__KEY_inverse, &flat, 1, out, NULL), BL_ERR_ARGUMENT);
    cr_assert_str_eq(reason, "matrix 0 is singular: its pivot 2 is 0");
    free_tensor(a);
    free_tensor(b);
    free_tensor(x);
    free_tensor(flat);
    free_tensor(out);
}

Test(factorize, determinants_of_any_strides)
{
    for (layout how = PLAIN; how < SPREAD; how++) {
        tensor *a = new_tensor(BL_F64, BL_SHAPE(2, 2, 2), how), *out = new_tensor(BL_F64, BL_SHAPE(2), PLAIN);
        for (int64_t i = 0; i < 8; i++)
            set(a, i, (double)(i * i));
        cr_assert_eq(call_kernel(BL__KEY_det, &a, 1, out, NULL), BL_OK);
        cr_assert(close_to(BL_F64, get(out, 0), -4));
        cr_assert(fabs(get(out, 1) - (16.0 * 49 - 25 * 36)) < 1e-11);
        free_tensor(a);
        free_tensor(out);
    }
}

#endif
