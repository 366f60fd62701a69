/* The reductions against plain loops: any axes, any layout, every dtype; the order of sums. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

static const bl_dtype numbers[] = {BL_F32, BL_F64, BL_I32, BL_I64};

/* The output's element that takes element i of x, and how many elements before i went there. */
static int64_t kept_index(const tensor *x, uint32_t axes, int64_t i, int64_t *position)
{
    int64_t kept = 0, block = 1, reduced_block = 1;
    *position = 0;
    for (int d = x->operand.rank - 1; d >= 0; d--) {
        int64_t index = i % x->size[d];
        i /= x->size[d];
        if (axes >> d & 1u) {
            *position += index * reduced_block;
            reduced_block *= x->size[d];
        } else {
            kept += index * block;
            block *= x->size[d];
        }
    }
    return kept;
}

static bl_shape kept_shape(const tensor *x, uint32_t axes)
{
    bl_shape shape = BL_SCALAR;
    for (int d = 0; d < x->operand.rank; d++)
        if (!(axes >> d & 1u))
            shape.size[shape.rank++] = x->size[d];
    return shape;
}

static void check(tensor *x, uint32_t axes, int key)
{
    const bl__reduce_attributes attributes = {axes, 0};
    bl_shape shape = kept_shape(x, axes);
    tensor *out = new_tensor(key == BL__KEY_argmax ? BL_I64 : x->operand.dtype, shape, PLAIN);
    int64_t count = out->operand.count;
    tensor *best = new_tensor(BL_F64, BL_SHAPE(count), PLAIN),
           *at = new_tensor(BL_I64, BL_SHAPE(count), PLAIN);
    for (int64_t k = 0; k < count; k++) {
        set(best, k, key == BL__KEY_sum ? 0 : -(double)INFINITY);
        set(at, k, 0);
    }
    for (int64_t i = 0; i < x->operand.count; i++) {
        int64_t position, k = kept_index(x, axes, i, &position);
        double value = get(x, i), so_far = get(best, k);
        if (key == BL__KEY_sum) {
            set(best, k, so_far + value);
        } else if (value > so_far || (isnan(value) && !isnan(so_far))) {
            set(best, k, value);
            set(at, k, (double)position);
        }
    }
    cr_assert_eq(call_kernel(key, &x, 1, out, &attributes), BL_OK);
    for (int64_t k = 0; k < count; k++)
        cr_assert(same(get(out, k), get(key == BL__KEY_argmax ? at : best, k)),
                  "key %d %s rank %d axes %x element %d: %g", key, bl_dtype_name(x->operand.dtype),
                  x->operand.rank, axes, (int)k, get(out, k));
    free_tensor(out);
    free_tensor(best);
    free_tensor(at);
}

static void check_all_axes(bl_dtype dtype, bl_shape shape, layout how)
{
    tensor *x = new_tensor(dtype, shape, how);
    set_all(x, 1009);
    for (uint32_t axes = 0; axes < 1u << shape.rank; axes++) {
        check(x, axes, BL__KEY_sum);
        if (x->operand.count > 0) {
            check(x, axes, BL__KEY_max);
            check(x, axes, BL__KEY_argmax);
        }
    }
    free_tensor(x);
}

Test(reduce, any_axes_of_any_layout)
{
    for (size_t t = 0; t < 4; t++)
        for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
            check_all_axes(numbers[t], BL_SCALAR, how);
            check_all_axes(numbers[t], BL_SHAPE(1), how);
            check_all_axes(numbers[t], BL_SHAPE(7), how);
            check_all_axes(numbers[t], BL_SHAPE(1003), how);
            check_all_axes(numbers[t], BL_SHAPE(6, 10), how);
            check_all_axes(numbers[t], BL_SHAPE(3, 300), how);
            check_all_axes(numbers[t], BL_SHAPE(300, 3), how);
            check_all_axes(numbers[t], BL_SHAPE(5, 9, 21), how);
            check_all_axes(numbers[t], BL_SHAPE(3, 1, 2, 5, 4), how);
            check_all_axes(numbers[t], BL_SHAPE(2, 1, 2, 3, 1, 2, 2, 3), how);
            check_all_axes(numbers[t], BL_SHAPE(2, 0, 3), how);
            check_all_axes(numbers[t], BL_SHAPE(0), how);
        }
}

Test(reduce, nan_is_the_largest_and_the_first_counts)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (unsigned how = 0; how < SPREAD; how++)
            for (int64_t nan = 0; nan < 60; nan++) {
                tensor *x = new_tensor(t, BL_SHAPE(4, 15), how);
                set_all(x, 60);
                set(x, nan, (double)NAN);
                set(x, 59 - nan / 2, (double)NAN);
                for (uint32_t axes = 1; axes < 4; axes++) {
                    check(x, axes, BL__KEY_max);
                    check(x, axes, BL__KEY_argmax);
                }
                free_tensor(x);
            }
}

Test(reduce, all_as_small_as_can_be)
{
    for (size_t t = 0; t < 4; t++) {
        tensor *x = new_tensor(numbers[t], BL_SHAPE(11, 12), PLAIN);
        const double least[] = {-(double)INFINITY, -(double)INFINITY, INT32_MIN, -0x1p63};
        for (int64_t i = 0; i < 132; i++)
            set(x, i, least[t]);
        for (uint32_t axes = 1; axes < 4; axes++) {
            const bl__reduce_attributes attributes = {axes, 0};
            tensor *most = new_tensor(numbers[t], kept_shape(x, axes), PLAIN);
            tensor *index = new_tensor(BL_I64, kept_shape(x, axes), PLAIN);
            cr_assert_eq(call_kernel(BL__KEY_max, &x, 1, most, &attributes), BL_OK);
            cr_assert_eq(call_kernel(BL__KEY_argmax, &x, 1, index, &attributes), BL_OK);
            for (int64_t k = 0; k < most->operand.count; k++) {
                cr_assert_eq(get(most, k), least[t]);
                cr_assert_eq(get(index, k), 0);
            }
            free_tensor(most);
            free_tensor(index);
        }
        free_tensor(x);
    }
}

Test(reduce, integers_wrap)
{
    const bl__reduce_attributes all = {1, 0};
    for (bl_dtype t = BL_I32; t <= BL_I64; t++) {
        tensor *x = new_tensor(t, BL_SHAPE(20), PLAIN), *sum = new_tensor(t, BL_SCALAR, PLAIN);
        for (int64_t i = 0; i < 20; i++)
            set(x, i, i < 16 ? (t == BL_I32 ? -0x1p31 : -0x1p63) : 3);
        cr_assert_eq(call_kernel(BL__KEY_sum, &x, 1, sum, &all), BL_OK);
        cr_assert_eq(get(sum, 0), 12);
        free_tensor(x);
        free_tensor(sum);
    }
}

Test(reduce, f32_sums_are_accumulated_in_f64)
{
    const bl__reduce_attributes rows = {1, 0}; /* 300000 numbers, beside each other and apart */
    for (int64_t columns = 1; columns <= 9; columns += 8) {
        tensor *x = new_tensor(BL_F32, BL_SHAPE(300000, columns), PLAIN);
        tensor *sum = new_tensor(BL_F32, BL_SHAPE(columns), PLAIN);
        for (int64_t i = 0; i < x->operand.count; i++)
            set(x, i, 0.1);
        cr_assert_eq(call_kernel(BL__KEY_sum, &x, 1, sum, &rows), BL_OK);
        for (int64_t k = 0; k < columns; k++)
            cr_assert_eq(get(sum, k), rounded(BL_F32, 300000 * (double)0.1f));
        free_tensor(x);
        free_tensor(sum);
    }
}

/* Numbers whose sum has other bits in another order. */
static void set_rough(tensor *x)
{
    for (int64_t i = 0; i < x->operand.count; i++)
        set(x, i, sin((double)i * 12.9898) * exp2((double)(i * 37 % 41)));
}

Test(reduce, sums_have_the_same_bits_in_any_layout)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (uint32_t axes = 1; axes < 8; axes++) {
            tensor *sums[SPREAD];
            for (unsigned how = 0; how < SPREAD; how++) {
                const bl__reduce_attributes attributes = {axes, 0};
                tensor *x = new_tensor(t, BL_SHAPE(17, 31, 13), how);
                set_rough(x);
                sums[how] = new_tensor(t, kept_shape(x, axes), PLAIN);
                cr_assert_eq(call_kernel(BL__KEY_sum, &x, 1, sums[how], &attributes), BL_OK);
                free_tensor(x);
            }
            for (unsigned how = 1; how < SPREAD; how++)
                for (int64_t k = 0; k < sums[0]->operand.count; k++)
                    cr_assert_eq(get(sums[how], k), get(sums[0], k), "layout %u, axes %x", how, axes);
            for (unsigned how = 0; how < SPREAD; how++)
                free_tensor(sums[how]);
        }
}

/* Columns of a small matrix, whose sums have a way of their own, are as good as rows. */
Test(reduce, sums_of_small_columns_have_the_bits_of_rows)
{
    const bl__reduce_attributes down = {1, 0}, across = {2, 0};
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (int64_t rows = 1; rows <= 40; rows += rows < 10 ? 1 : 5)
            for (int64_t columns = 1; columns <= 33; columns += 4) {
                tensor *x = new_tensor(t, BL_SHAPE(rows, columns), PLAIN);
                tensor *turned = new_tensor(t, BL_SHAPE(columns, rows), PLAIN);
                tensor *sums[2] = {new_tensor(t, BL_SHAPE(columns), PLAIN),
                                   new_tensor(t, BL_SHAPE(columns), PLAIN)};
                set_rough(x);
                for (int64_t i = 0; i < rows * columns; i++)
                    set(turned, i % columns * rows + i / columns, get(x, i));
                cr_assert_eq(call_kernel(BL__KEY_sum, &x, 1, sums[0], &down), BL_OK);
                cr_assert_eq(call_kernel(BL__KEY_sum, &turned, 1, sums[1], &across), BL_OK);
                for (int64_t k = 0; k < columns; k++)
                    cr_assert_eq(get(sums[0], k), get(sums[1], k), "%d rows, column %d of %d", (int)rows,
                                 (int)k, (int)columns);
                free_tensor(x);
                free_tensor(turned);
                free_tensor(sums[0]);
                free_tensor(sums[1]);
            }
}

/* More elements a result than one block has: sums that are exact, and places in every block. */
Test(reduce, several_blocks)
{
    const int64_t sizes[][2] = {{1, 100003}, {100003, 1}, {40000, 9}, {9, 40000}};
    for (int s = 0; s < 4; s++) {
        int64_t rows = sizes[s][0], columns = sizes[s][1];
        tensor *x = new_tensor(BL_F32, BL_SHAPE(rows, columns), s % 2 ? TURNED : PLAIN);
        set_all(x, 17);
        for (int axis = 0; axis < 2; axis++) {
            bl__reduce_attributes attributes = {.axes = 1u << axis};
            int64_t results = axis ? rows : columns, length = axis ? columns : rows;
            tensor *sum = new_tensor(BL_F32, BL_SHAPE(results), PLAIN),
                   *place = new_tensor(BL_I64, BL_SHAPE(results), PLAIN);
            for (int64_t i = 0; i < results;
                 i++) /* the largest of each result in its last block but one, or its last */
                set(x,
                    axis ? i * columns + (length - 1 - i * 3000 % length)
                         : (length - 1 - i * 3000 % length) * columns + i,
                    1000);
            cr_assert_eq(call_kernel(BL__KEY_sum, &x, 1, sum, &attributes), BL_OK);
            cr_assert_eq(call_kernel(BL__KEY_argmax, &x, 1, place, &attributes), BL_OK);
            for (int64_t i = 0; i < results; i++) {
                double total = 0, most = -1e9;
                int64_t at = 0;
                for (int64_t j = 0; j < length; j++) {
                    double value = get(x, axis ? i * columns + j : j * columns + i);
                    total += value;
                    at = value > most ? j : at;
                    most = value > most ? value : most;
                }
                cr_assert_eq(get(sum, i), rounded(BL_F32, total));
                cr_assert_eq(get(place, i), (double)at);
            }
            free_tensor(sum);
            free_tensor(place);
        }
        free_tensor(x);
    }
}
