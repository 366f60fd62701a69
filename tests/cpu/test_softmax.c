/* softmax and log_softmax against plain loops in f64, along every axis of every layout. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

/* The element before element i along an axis by `back` places. */
static int64_t neighbour(const tensor *x, int axis, int64_t i, int64_t to)
{
    int64_t block = 1;
    for (int d = x->operand.rank - 1; d > axis; d--)
        block *= x->size[d];
    int64_t index = i / block % x->size[axis];
    return i + (to - index) * block;
}

static double expected(const tensor *x, int axis, int64_t i, bool logarithm)
{
    double most = -(double)INFINITY, sum = 0;
    for (int64_t k = 0; k < x->size[axis]; k++)
        most = fmax(most, get(x, neighbour(x, axis, i, k)));
    for (int64_t k = 0; k < x->size[axis]; k++)
        sum += exp(get(x, neighbour(x, axis, i, k)) - most);
    return logarithm ? get(x, i) - most - log(sum) : exp(get(x, i) - most) / sum;
}

static void check(tensor *x, int axis, bool logarithm, tensor *out)
{
    const bl__axis_attributes attributes = {axis};
    double tolerance = x->operand.dtype == BL_F32 ? 1e-6 : 1e-14;
    int64_t count = x->operand.count;
    tensor *values = new_tensor(BL_F64, BL_SHAPE(count), PLAIN);
    for (int64_t i = 0; i < count; i++)
        set(values, i, expected(x, axis, i, logarithm));
    cr_assert_eq(call_kernel(logarithm ? BL__KEY_log_softmax : BL__KEY_softmax, &x, 1, out, &attributes),
                 BL_OK);
    for (int64_t i = 0; i < count; i++) {
        double value = get(values, i), found = get(out, i);
        cr_assert(fabs(found - value) <= tolerance * fmax(fabs(value), logarithm ? 1 : 0),
                  "axis %d, element %d: %.17g, not %.17g", axis, (int)i, found, value);
    }
    free_tensor(values);
}

Test(softmax, any_axis_of_any_layout)
{
    const bl_shape shapes[] = {BL_SHAPE(1),           BL_SHAPE(10),   BL_SHAPE(6, 10), BL_SHAPE(3, 40, 2),
                               BL_SHAPE(2, 5, 3, 20), BL_SHAPE(0, 3), BL_SHAPE(3, 0)};
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++)
                for (int axis = 0; axis < shapes[s].rank; axis++) {
                    tensor *x = new_tensor(t, shapes[s], how), *y = new_tensor(t, shapes[s], PLAIN);
                    set_all(x, 1000);
                    check(x, axis, false, y);
                    check(x, axis, true, y);
                    if (how == PLAIN) /* in the place of its input */
                        check(x, axis, axis % 2 == 0, x);
                    free_tensor(x);
                    free_tensor(y);
                }
}

Test(softmax, large_numbers_do_not_overflow)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++) {
        tensor *x = new_tensor(t, BL_SHAPE(3), PLAIN), *y = new_tensor(t, BL_SHAPE(3), PLAIN);
        set(x, 0, 1e30);
        set(x, 1, 1e30);
        set(x, 2, -1e30);
        check(x, 0, false, y);
        cr_assert_eq(get(y, 0), 0.5);
        cr_assert_eq(get(y, 2), 0);
        check(x, 0, true, y);
        free_tensor(x);
        free_tensor(y);
    }
}

Test(softmax, nan_fills_its_row_and_no_other)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (int logarithm = 0; logarithm < 2; logarithm++)
            for (int64_t nan = 0; nan < 5; nan++) {
                const bl__axis_attributes attributes = {1};
                tensor *x = new_tensor(t, BL_SHAPE(3, 5), PLAIN), *y = new_tensor(t, BL_SHAPE(3, 5), PLAIN);
                set_all(x, 15);
                set(x, 5 + nan, (double)NAN);
                cr_assert_eq(
                    call_kernel(logarithm ? BL__KEY_log_softmax : BL__KEY_softmax, &x, 1, y, &attributes),
                    BL_OK);
                for (int64_t i = 0; i < 15; i++)
                    cr_assert_eq(isnan(get(y, i)), i / 5 == 1);
                free_tensor(x);
                free_tensor(y);
            }
}
