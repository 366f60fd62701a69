/* The matrix product against plain loops, on numbers whose sums are exact: small products and those of BLIS,
 * any strides, broadcast batches. The output is full of NaN before each. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

/* The element of an operand's batch that meets batch `i` of the output. */
static int64_t batch_of(const tensor *x, const tensor *out, int64_t i)
{
    int64_t at = 0, block = 1;
    for (int d = 3; d <= out->operand.rank; d++) {
        int64_t index = i % out->size[out->operand.rank - d];
        i /= out->size[out->operand.rank - d];
        if (d > x->operand.rank)
            continue;
        int64_t size = x->size[x->operand.rank - d];
        at += (size == 1 ? 0 : index) * block;
        block *= size;
    }
    return at;
}

/* Multiplies and compares; the operands are [.., m, k] and [.., k, n]. */
static void check(tensor *a, tensor *b, bl_shape shape)
{
    tensor *in[2] = {a, b}, *out = new_tensor(a->operand.dtype, shape, PLAIN);
    int64_t m = shape.size[shape.rank - 2], n = shape.size[shape.rank - 1], k = a->size[a->operand.rank - 1];
    cr_assert_eq(call_kernel(BL__KEY_matmul, in, 2, out, NULL), BL_OK);
    for (int64_t i = 0; i < out->operand.count; i++) {
        int64_t row = i / n % m, column = i % n, batch = i / n / m;
        double sum = 0;
        for (int64_t p = 0; p < k; p++)
            sum += get(a, (batch_of(a, out, batch) * m + row) * k + p) *
                   get(b, (batch_of(b, out, batch) * k + p) * n + column);
        cr_assert_eq(get(out, i), sum, "%s %dx%dx%d, element %d: %g, not %g", bl_dtype_name(a->operand.dtype),
                     (int)m, (int)k, (int)n, (int)i, get(out, i), sum);
    }
    free_tensor(out);
}

static void check_layouts(bl_dtype dtype, bl_shape left, bl_shape right, bl_shape shape)
{
    for (unsigned how = 0; how < LAYOUT_COUNT * LAYOUT_COUNT; how++) {
        tensor *a = new_tensor(dtype, left, how % LAYOUT_COUNT);
        tensor *b = new_tensor(dtype, right, how / LAYOUT_COUNT);
        set_all(a, 1000);
        set_all(b, 997);
        check(a, b, shape);
        free_tensor(a);
        free_tensor(b);
    }
}

Test(matmul, any_size_and_strides)
{
    const int64_t sizes[][3] = {{1, 1, 1},    {6, 3, 10},  {10, 6, 3},  {3, 6, 10},  {4, 8, 8},
                                {5, 1, 9},    {1, 40, 1},  {17, 1, 17}, {1, 7, 30},  {30, 7, 1},
                                {12, 12, 12}, {0, 3, 4},   {3, 0, 4},   {3, 4, 0},   {40, 40, 40},
                                {64, 20, 3},  {3, 20, 64}, {1, 600, 1}, {1, 90, 90}, {90, 90, 1},
                                {100, 1, 90}, {33, 70, 65}};
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            int64_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
            check_layouts(t, BL_SHAPE(m, k), BL_SHAPE(k, n), BL_SHAPE(m, n));
        }
}

Test(matmul, strides_without_a_one)
{
    const int64_t sizes[] = {5, 40}; /* in small products and in BLIS */
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (int s = 0; s < 2; s++) {
            int64_t n = sizes[s];
            tensor *a = new_tensor(t, BL_SHAPE(n, n), STEPPED), *b = new_tensor(t, BL_SHAPE(n, n), STEPPED);
            tensor *turned = exchange_axes(b, 0, 1);
            set_all(a, 1000);
            set_all(b, 997);
            check(a, turned, BL_SHAPE(n, n));
            check(turned, a, BL_SHAPE(n, n));
            free_tensor(turned);
            free_tensor(a);
            free_tensor(b);
        }
}

Test(matmul, one_axis_expanded)
{
    const int64_t sizes[][2] = {{9, 5}, {20, 300}}; /* in small products and in BLIS */
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (int s = 0; s < 2; s++)
            for (int axis = 0; axis < 2; axis++) {
                int64_t m = sizes[s][0], k = sizes[s][1];
                tensor *a = new_tensor(t, BL_SHAPE(m, k), PLAIN), *b = new_tensor(t, BL_SHAPE(k, m), PLAIN);
                a->stride[axis] = 0;
                set_all(a, 1000);
                set_all(b, 997);
                check(a, b, BL_SHAPE(m, m));
                check(b, a, BL_SHAPE(k, k));
                free_tensor(a);
                free_tensor(b);
            }
}

Test(matmul, batches_broadcast)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++) {
        check_layouts(t, BL_SHAPE(2, 3, 3), BL_SHAPE(3, 10), BL_SHAPE(2, 3, 10));
        check_layouts(t, BL_SHAPE(2, 3, 5, 4), BL_SHAPE(4, 6), BL_SHAPE(2, 3, 5, 6));
        check_layouts(t, BL_SHAPE(5, 4), BL_SHAPE(2, 3, 4, 6), BL_SHAPE(2, 3, 5, 6));
        check_layouts(t, BL_SHAPE(2, 1, 5, 4), BL_SHAPE(3, 4, 6), BL_SHAPE(2, 3, 5, 6));
        check_layouts(t, BL_SHAPE(3, 2, 1, 4), BL_SHAPE(4, 6), BL_SHAPE(3, 2, 1, 6));
        check_layouts(t, BL_SHAPE(3, 30, 20), BL_SHAPE(3, 20, 30), BL_SHAPE(3, 30, 30));
        check_layouts(t, BL_SHAPE(3, 30, 20), BL_SHAPE(1, 20, 30), BL_SHAPE(3, 30, 30));
        check_layouts(t, BL_SHAPE(0, 3, 2), BL_SHAPE(2, 4), BL_SHAPE(0, 3, 4));
        check_layouts(t, BL_SHAPE(2, 3, 0), BL_SHAPE(2, 0, 4), BL_SHAPE(2, 3, 4));
    }
}

Test(matmul, nan_reaches_its_row_and_no_other)
{
    const int64_t sizes[] = {6, 40};
    for (int s = 0; s < 2; s++) {
        int64_t n = sizes[s];
        tensor *in[2] = {new_tensor(BL_F32, BL_SHAPE(n, n), PLAIN),
                         new_tensor(BL_F32, BL_SHAPE(n, n), PLAIN)};
        tensor *out = new_tensor(BL_F32, BL_SHAPE(n, n), PLAIN);
        for (int64_t i = 0; i < n * n; i++) {
            set(in[0], i, 1);
            set(in[1], i, 0);
        }
        set(in[0], 2 * n + 3, (double)NAN);
        cr_assert_eq(call_kernel(BL__KEY_matmul, in, 2, out, NULL), BL_OK);
        for (int64_t i = 0; i < n * n; i++)
            cr_assert(i / n == 2 ? isnan(get(out, i)) : get(out, i) == 0);
        free_tensor(in[0]);
        free_tensor(in[1]);
        free_tensor(out);
    }
}

/* Where all sums round to nothing below 0, their sign is the same for any strides. */
Test(matmul, the_sign_of_nothing)
{
    const int64_t sizes[][3] = {{10, 6, 3}, {3, 6, 10}, {17, 1, 17}, {1, 7, 30}, {30, 7, 1}, {1, 40, 1}};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
        for (int f64 = 0; f64 < 2; f64++) {
            int64_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
            bl_dtype dtype = f64 ? BL_F64 : BL_F32;
            int negative = -1;
            for (unsigned how = 0; how < SPREAD * SPREAD; how++) {
                tensor *in[2] = {new_tensor(dtype, BL_SHAPE(m, k), how % SPREAD),
                                 new_tensor(dtype, BL_SHAPE(k, n), how / SPREAD)};
                tensor *out = new_tensor(dtype, BL_SHAPE(m, n), PLAIN);
                for (int i = 0; i < 2; i++)
                    for (int64_t j = 0; j < in[i]->operand.count; j++)
                        set(in[i], j, (i ? -1 : 1) * (f64 ? 1e-200 : 1e-30));
                cr_assert_eq(call_kernel(BL__KEY_matmul, in, 2, out, NULL), BL_OK);
                for (int64_t j = 0; j < out->operand.count; j++) {
                    negative = negative < 0 ? signbit(get(out, j)) != 0 : negative;
                    cr_assert(get(out, j) == 0 && (signbit(get(out, j)) != 0) == negative, "%dx%dx%d way %u",
                              (int)m, (int)k, (int)n, how);
                }
                free_tensor(in[0]);
                free_tensor(in[1]);
                free_tensor(out);
            }
        }
}
