/* Scans along any axis of any layout, in both directions, against plain loops. */
#include "call.h"

#include <criterion/criterion.h>

static const bl_shape shapes[] = {
    {1, {9}}, {2, {4, 150}}, {2, {150, 4}}, {3, {3, 70, 5}}, {5, {2, 1, 3, 2, 4}}, {2, {3, 0}}, {2, {0, 3}}};

/* The element before i along an axis, in the scan's direction; -1 when i is the first. */
static int64_t before(const tensor *x, const bl__scan_attributes *scan, int64_t i)
{
    int64_t block = 1, size = x->size[scan->axis];
    for (int d = x->operand.rank - 1; d > scan->axis; d--)
        block *= x->size[d];
    int64_t index = i / block % size;
    if (scan->reverse)
        return index == size - 1 ? -1 : i + block;
    return index == 0 ? -1 : i - block;
}

/* Each element of the result is made of the inputs' and of the result's element before it. */
static void check(int key, tensor *a, tensor *b, const bl__scan_attributes *scan)
{
    tensor *inputs[] = {a, b};
    tensor *y = new_tensor(a->operand.dtype, bl_shape_of(a->operand.rank, a->size), PLAIN);
    cr_assert_eq(call_kernel(key, inputs, b ? 2 : 1, y, scan), BL_OK);
    for (int64_t i = 0; i < y->operand.count; i++) {
        int64_t k = before(a, scan, i);
        double last = k >= 0 ? get(y, k) : key == BL__KEY_cumprod ? 1 : 0;
        double expected = key == BL__KEY_cumsum    ? last + get(a, i)
                          : key == BL__KEY_cumprod ? last * get(a, i)
                                                   : get(a, i) + get(b, i) * last;
        cr_assert_eq(get(y, i), expected, "key %d %s axis %d reverse %d element %d: %g, not %g", key,
                     bl_dtype_name(a->operand.dtype), (int)scan->axis, (int)scan->reverse, (int)i, get(y, i),
                     expected);
    }
    free_tensor(y);
}

/* Numbers whose products stay exact: signs, and now and then a power of two or a zero. */
static void set_factors(tensor *x)
{
    static const double few[] = {2, 1, -1, 1, -2, 1, 1, -1, 1, 1, -1};
    bool real = x->operand.dtype == BL_F32 || x->operand.dtype == BL_F64;
    for (int64_t i = 0; i < x->operand.count; i++)
        set(x, i,
            i == 77               ? 0
            : real && i % 13 == 5 ? 0.5
                                  : few[i % 11] * (i % 11 && i % 11 != 4 ? 1
                                                   : i < 60              ? 1
                                                                         : 0.5));
    for (int64_t i = 0; i < x->operand.count && !real; i++)
        set(x, i, i == 77 ? 0 : i % 40 == 3 ? 2 : i % 3 ? 1 : -1);
}

static void check_layouts(bl_dtype dtype, bl_shape shape, const bl__scan_attributes *scan)
{
    for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
        tensor *x = new_tensor(dtype, shape, how), *b = new_tensor(dtype, shape, (how + 1) % LAYOUT_COUNT);
        set_all(x, 1009);
        check(BL__KEY_cumsum, x, NULL, scan);
        set_factors(b);
        check(BL__KEY_cumprod, b, NULL, scan);
        if (dtype == BL_F32 || dtype == BL_F64)
            check(BL__KEY_recurrence, x, b, scan);
        free_tensor(x);
        free_tensor(b);
    }
}

Test(scan, along_any_axis_of_any_layout)
{
    const bl_dtype numbers[] = {BL_F32, BL_F64, BL_I32, BL_I64};
    for (size_t t = 0; t < 4; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (int axis = 0; axis < shapes[s].rank; axis++)
                for (int64_t reverse = 0; reverse < 2; reverse++) {
                    const bl__scan_attributes scan = {axis, reverse};
                    check_layouts(numbers[t], shapes[s], &scan);
                }
}

/* The result may stand in the memory of an input. */
Test(scan, in_place)
{
    for (int64_t axis = 0; axis < 2; axis++) {
        const bl__scan_attributes scan = {axis, axis};
        tensor *x = new_tensor(BL_F32, BL_SHAPE(70, 70), PLAIN),
               *y = new_tensor(BL_F32, BL_SHAPE(70, 70), PLAIN);
        set_all(x, 1009);
        cr_assert_eq(call_kernel(BL__KEY_cumsum, &x, 1, y, &scan), BL_OK);
        cr_assert_eq(call_kernel(BL__KEY_cumsum, &x, 1, x, &scan), BL_OK);
        for (int64_t i = 0; i < x->operand.count; i++)
            cr_assert_eq(get(x, i), get(y, i));
        free_tensor(x);
        free_tensor(y);
    }
}
