/* The kernels that only move elements: copy, concat, slice_backward. Every element is a number of its own. */
#include "call.h"

#include <criterion/criterion.h>

static const bl_dtype sizes[] = {BL_BOOL, BL_F16, BL_F32, BL_I64};

/* Sets the elements to first, first + 1, ..; modulo 2 in bool. */
static void set_numbers(tensor *t, int64_t first)
{
    for (int64_t i = 0; i < t->operand.count; i++)
        set(t, i, (double)(t->operand.dtype == BL_BOOL ? (first + i) % 2 : first + i));
}

Test(copy, any_layout_to_contiguous)
{
    const bl_shape shapes[] = {BL_SCALAR,
                               BL_SHAPE(1),
                               BL_SHAPE(67),
                               BL_SHAPE(8, 9),
                               BL_SHAPE(3, 50, 4),
                               BL_SHAPE(2, 0, 3),
                               BL_SHAPE(2, 1, 3, 2, 1, 2, 2, 3)};
    for (size_t t = 0; t < 4; t++)
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
                tensor *x = new_tensor(sizes[t], shapes[s], how), *y = new_tensor(sizes[t], shapes[s], PLAIN);
                set_numbers(x, 1);
                cr_assert_eq(call_kernel(BL__KEY_COPY, &x, 1, y, NULL), BL_OK);
                for (int64_t i = 0; i < x->operand.count; i++)
                    cr_assert_eq(get(y, i), get(x, i), "shape %d, layout %u, element %d", (int)s, how,
                                 (int)i);
                free_tensor(x);
                free_tensor(y);
            }
}

/* Where element i of a part of `shape` stands in a tensor of the same shape but for `size` along `axis`, when
 * the part begins there at `start` and takes every step-th place. */
static int64_t place_in(bl_shape shape, int64_t i, int axis, int64_t size, int64_t start, int64_t step)
{
    int64_t at = 0, block = 1;
    for (int d = shape.rank - 1; d >= 0; d--) {
        int64_t index = i % shape.size[d];
        i /= shape.size[d];
        at += (d == axis ? start + index * step : index) * block;
        block *= d == axis ? size : shape.size[d];
    }
    return at;
}

static void check_concat(bl_dtype dtype, int axis, const int64_t *parts, unsigned how)
{
    const bl__axis_attributes attributes = {axis};
    bl_shape shape[3], whole = BL_SHAPE(4, 5, 6);
    tensor *x[3];
    for (int k = 0; k < 3; k++) {
        shape[k] = BL_SHAPE(4, 5, 6);
        shape[k].size[axis] = parts[k];
        x[k] = new_tensor(dtype, shape[k], (how + (unsigned)k) % LAYOUT_COUNT);
        set_numbers(x[k], 1000 * k);
    }
    whole.size[axis] = parts[0] + parts[1] + parts[2];
    tensor *y = new_tensor(dtype, whole, PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_concat, x, 3, y, &attributes), BL_OK);
    for (int64_t k = 0, start = 0; k < 3; start += parts[k], k++)
        for (int64_t i = 0; i < x[k]->operand.count; i++)
            cr_assert_eq(get(y, place_in(shape[k], i, axis, whole.size[axis], start, 1)), get(x[k], i));
    for (int k = 0; k < 3; k++)
        free_tensor(x[k]);
    free_tensor(y);
}

Test(copy, concat)
{
    const int64_t some[] = {3, 1, 4}, none[] = {0, 2, 0};
    for (size_t t = 0; t < 4; t++)
        for (int axis = 0; axis < 3; axis++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
                check_concat(sizes[t], axis, some, how);
                check_concat(sizes[t], axis, none, how);
            }
}

static void check_slice_backward(bl_dtype dtype, int axis, bl__slice_attributes slice, unsigned how)
{
    bl_shape part = BL_SHAPE(4, 5, 6), whole = part;
    part.size[axis] = slice.stop > slice.start ? (slice.stop - slice.start + slice.step - 1) / slice.step : 0;
    whole.size[axis] = slice.size;
    tensor *x = new_tensor(dtype, part, how), *y = new_tensor(dtype, whole, PLAIN);
    tensor *expected = new_tensor(dtype, whole, PLAIN);
    set_numbers(x, 1);
    for (int64_t i = 0; i < expected->operand.count; i++)
        set(expected, i, 0);
    for (int64_t i = 0; i < x->operand.count; i++)
        set(expected, place_in(part, i, axis, slice.size, slice.start, slice.step), get(x, i));
    cr_assert_eq(call_kernel(BL__KEY_slice_backward, &x, 1, y, &slice), BL_OK);
    for (int64_t i = 0; i < y->operand.count; i++)
        cr_assert_eq(get(y, i), get(expected, i));
    free_tensor(x);
    free_tensor(y);
    free_tensor(expected);
}

Test(copy, slice_backward)
{
    for (size_t t = 0; t < 4; t++)
        for (int axis = 0; axis < 3; axis++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
                check_slice_backward(sizes[t], axis, (bl__slice_attributes){axis, 2, 7, 1, 9}, how);
                check_slice_backward(sizes[t], axis, (bl__slice_attributes){axis, 1, 9, 3, 9}, how);
                check_slice_backward(sizes[t], axis, (bl__slice_attributes){axis, 0, 7, 1, 7}, how);
                check_slice_backward(sizes[t], axis, (bl__slice_attributes){axis, 3, 3, 1, 5}, how);
            }
}
