/* The kernel of triangular systems on numbers whose arithmetic is exact: any strides, both sides, sizes on
 * both sides of BLIS's blocks. The output is full of NaN before each. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

/* Whether element (i, j) of A is read. */
static bool inside(const bl__solve_triangular_attributes *how, int64_t i, int64_t j)
{
    return i == j ? !how->unitriangular : how->upper ? i < j : i > j;
}

/* A as it counts: its triangle, and zeros or ones for what is not read. */
static double counted(const tensor *a, const bl__solve_triangular_attributes *how, int64_t n, int64_t i,
                      int64_t j)
{
    return inside(how, i, j) ? get(a, i * n + j) : i == j ? 1 : 0;
}

/* Solves for a right-hand side that a solution of small whole numbers gives. */
static void check(tensor *a, int64_t n, int64_t k, layout how_b, const bl__solve_triangular_attributes *how)
{
    bl_dtype dtype = a->operand.dtype;
    bl_shape shape = how->left ? BL_SHAPE(n, k) : BL_SHAPE(k, n);
    tensor *x = new_tensor(dtype, shape, PLAIN), *b = new_tensor(dtype, shape, how_b), *in[2] = {a, b};
    tensor *found = new_tensor(dtype, shape, PLAIN);
    set_all(x, 7);
    for (int64_t i = 0; i < shape.size[0]; i++)
        for (int64_t j = 0; j < shape.size[1]; j++) {
            double sum = 0;
            for (int64_t p = 0; p < n; p++)
                sum += how->left ? counted(a, how, n, i, p) * get(x, p * k + j)
                                 : get(x, i * n + p) * counted(a, how, n, p, j);
            set(b, i * shape.size[1] + j, sum);
        }
    cr_assert_eq(call_kernel(BL__KEY_solve_triangular, in, 2, found, how), BL_OK);
    for (int64_t i = 0; i < x->operand.count; i++)
        cr_assert_eq(get(found, i), get(x, i), "%s, n %d, k %d, element %d: %g, not %g", bl_dtype_name(dtype),
                     (int)n, (int)k, (int)i, get(found, i), get(x, i));
    free_tensor(x);
    free_tensor(b);
    free_tensor(found);
}

/* Ones and minus ones on the diagonal, few others, so that all is exact; NaN where nothing is read. */
static void fill(tensor *a, int64_t n, const bl__solve_triangular_attributes *how)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double value = i == j ? (i % 3 ? 1 : -1) : (i * 7 + j) % 9 == 0;
            set(a, i * n + j, inside(how, i, j) ? value : (double)NAN);
        }
}

Test(triangular, any_size_side_and_strides)
{
    const int64_t sizes[][2] = {{1, 1}, {2, 1}, {1, 5}, {5, 3}, {17, 1}, {40, 9}};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
        for (int which = 0; which < 96; which++) {
            bl__solve_triangular_attributes how = {which & 1, which >> 1 & 1, which >> 2 & 1};
            bl_dtype dtype = which >> 3 & 1 ? BL_F32 : BL_F64;
            int64_t n = sizes[s][0];
            tensor *a = new_tensor(dtype, BL_SHAPE(n, n), (layout)(which / 16 % 3));
            fill(a, n, &how);
            check(a, n, sizes[s][1], which / 48 ? STEPPED : TURNED, &how);
            free_tensor(a);
        }
}

/* One element everywhere, with strides of 0. */
Test(triangular, spread_matrices)
{
    bl__solve_triangular_attributes how = {.left = 1, .upper = 1};
    tensor *a = new_tensor(BL_F64, BL_SHAPE(6, 6), SPREAD);
    set(a, 0, 1);
    check(a, 6, 2, PLAIN, &how);
    free_tensor(a);
}

Test(triangular, other_dtypes_have_no_kernel)
{
    bl__solve_triangular_attributes how = {.left = 1};
    tensor *a = new_tensor(BL_I32, BL_SHAPE(1, 1), PLAIN), *in[2] = {a, a};
    tensor *out = new_tensor(BL_I32, BL_SHAPE(1, 1), PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_solve_triangular, in, 2, out, &how), BL_ERR_DTYPE);
    free_tensor(a);
    free_tensor(out);
}
