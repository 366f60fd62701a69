/* The reductions beside those of test_reduce.c, over any axes of any layout: min and argmin against max and
 * argmax, the others against plain loops. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

enum {
    MOST_AXES = 5
};

static const bl_shape shapes[] = {{0},           {1, {7}},        {1, {1003}},          {2, {3, 300}},
                                  {2, {300, 3}}, {3, {5, 9, 21}}, {5, {3, 1, 2, 5, 4}}, {3, {2, 0, 3}}};
static const bl_dtype numbers[] = {BL_F32, BL_F64, BL_I32, BL_I64};

/* The output's element that takes element i of x. */
static int64_t kept_index(const tensor *x, uint32_t axes, int64_t i)
{
    int64_t kept = 0, block = 1;
    for (int d = x->operand.rank - 1; d >= 0; d--) {
        if (!(axes >> d & 1u)) {
            kept += i % x->size[d] * block;
            block *= x->size[d];
        }
        i /= x->size[d];
    }
    return kept;
}

static tensor *new_result(const tensor *x, uint32_t axes, bl_dtype dtype)
{
    bl_shape shape = BL_SCALAR;
    for (int d = 0; d < x->operand.rank; d++)
        if (!(axes >> d & 1u))
            shape.size[shape.rank++] = x->size[d];
    return new_tensor(dtype, shape, PLAIN);
}

/* What is done for each tensor of each shape, layout and dtype of a list, and for each set of axes. */
typedef void check(tensor *x, uint32_t axes);

static void for_each(const bl_dtype *dtypes, size_t count, int64_t period, check *check_one)
{
    for (size_t t = 0; t < count; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
                tensor *x = new_tensor(dtypes[t], shapes[s], how);
                set_all(x, period);
                for (uint32_t axes = 0; axes < 1u << shapes[s].rank; axes++)
                    check_one(x, axes);
                free_tensor(x);
            }
}

/* Every element of the kernel's result is what `fold` makes of the elements that go into it. */
static void check_fold(tensor *x, uint32_t axes, int key, bl_dtype result, double begin,
                       double (*fold)(double so_far, double x))
{
    const bl__reduce_attributes attributes = {axes, 0};
    tensor *y = new_result(x, axes, result), *expected = new_result(x, axes, BL_F64);
    for (int64_t k = 0; k < y->operand.count; k++)
        set(expected, k, begin);
    for (int64_t i = 0; i < x->operand.count; i++) {
        int64_t k = kept_index(x, axes, i);
        set(expected, k, fold(get(expected, k), get(x, i)));
    }
    cr_assert_eq(call_kernel(key, &x, 1, y, &attributes), BL_OK);
    for (int64_t k = 0; k < y->operand.count; k++)
        cr_assert_eq(get(y, k), get(expected, k), "key %d %s axes %x element %d: %g, not %g", key,
                     bl_dtype_name(x->operand.dtype), axes, (int)k, get(y, k), get(expected, k));
    free_tensor(y);
    free_tensor(expected);
}

/* ---- min, argmin ---- */

static tensor *reduced(tensor *x, uint32_t axes, int key)
{
    const bl__reduce_attributes attributes = {axes, 0};
    bool place = key == BL__KEY_argmin || key == BL__KEY_argmax;
    tensor *y = new_result(x, axes, place ? BL_I64 : x->operand.dtype);
    cr_assert_eq(call_kernel(key, &x, 1, y, &attributes), BL_OK);
    return y;
}

static void negate(tensor *x)
{
    for (int64_t i = 0; i < x->operand.count && (i == 0 || element(x, i) != element(x, 0)); i++)
        set(x, i, -get(x, i));
}

static void check_against_max(tensor *x, uint32_t axes)
{
    if (x->operand.count == 0)
        return;
    tensor *least = reduced(x, axes, BL__KEY_min), *at = reduced(x, axes, BL__KEY_argmin);
    negate(x);
    tensor *most = reduced(x, axes, BL__KEY_max), *expected_at = reduced(x, axes, BL__KEY_argmax);
    negate(x);
    for (int64_t k = 0; k < least->operand.count; k++) {
        cr_assert(same(get(least, k), -get(most, k)), "axes %x element %d", axes, (int)k);
        cr_assert_eq(get(at, k), get(expected_at, k), "axes %x element %d", axes, (int)k);
    }
    free_tensor(least);
    free_tensor(at);
    free_tensor(most);
    free_tensor(expected_at);
}

Test(reducers, min_is_max_of_the_negatives)
{
    for_each(numbers, 4, 1009, check_against_max);
}

Test(reducers, nan_is_the_smallest_too)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (int64_t nan = 0; nan < 60; nan++) {
            tensor *x = new_tensor(t, BL_SHAPE(4, 15), nan % 2 ? PLAIN : TURNED);
            set_all(x, 60);
            set(x, nan, (double)NAN);
            set(x, 59 - nan / 2, (double)NAN);
            for (uint32_t axes = 1; axes < 4; axes++)
                check_against_max(x, axes);
            free_tensor(x);
        }
}

/* ---- prod, any, all, count_nonzero ---- */

static double multiply(double a, double x)
{
    return a * x;
}

static double either(double a, double x)
{
    return a != 0 || x != 0;
}

static double both(double a, double x)
{
    return a != 0 && x != 0;
}

static double count(double a, double x)
{
    return a + (x != 0);
}

/* Signs, and a few numbers whose product is exact. */
static void check_prod(tensor *x, uint32_t axes)
{
    static const double factors[] = {2, -3, 1, 5};
    for (int64_t i = 0; i < x->operand.count; i++)
        set(x, i, i % 101 < 4 && i < 404 ? factors[i % 101] : i % 3 ? 1 : -1);
    check_fold(x, axes, BL__KEY_prod, x->operand.dtype, 1, multiply);
}

static void check_any(tensor *x, uint32_t axes)
{
    check_fold(x, axes, BL__KEY_any, BL_BOOL, 0, either);
}

static void check_all(tensor *x, uint32_t axes)
{
    check_fold(x, axes, BL__KEY_all, BL_BOOL, 1, both);
}

static void check_count(tensor *x, uint32_t axes)
{
    check_fold(x, axes, BL__KEY_count_nonzero, BL_I64, 0, count);
}

Test(reducers, products)
{
    for_each(numbers, 4, 1, check_prod);
}

Test(reducers, bools)
{
    const bl_dtype boolean[] = {BL_BOOL};
    for_each(boolean, 1, 1009, check_any);
    for_each(boolean, 1, 1009, check_all);
    for_each(boolean, 1, 1009, check_count);
}

Test(reducers, counts)
{
    for_each(numbers, 4, 1009, check_count);
}
