/* The kernels that choose by indices, on inputs of every layout: gather, scatter, scatter_add, index_select,
 * index_add, dynamic_slice, dynamic_update_slice. Compared with plain loops. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

static const bl_dtype moved[] = {BL_BOOL, BL_F16, BL_F32, BL_I64};
static const bl_dtype added[] = {BL_F32, BL_F64, BL_I32, BL_I64};
static const bl_dtype integers[] = {BL_I32, BL_I64};

/* Indices below `limit`, many of them repeated; all the same where the layout is SPREAD. */
static tensor *new_indices(bl_dtype dtype, bl_shape shape, layout how, int64_t limit)
{
    tensor *indices = new_tensor(dtype, shape, how);
    for (int64_t i = 0; i < indices->operand.count; i++)
        set(indices, i, (double)(i * 5 % 7 % limit));
    return indices;
}

static tensor *new_values(bl_dtype dtype, bl_shape shape, layout how)
{
    tensor *values = new_tensor(dtype, shape, how);
    set_all(values, 33);
    return values;
}

static void free_all(tensor **tensors, int count)
{
    for (int i = 0; i < count; i++)
        free_tensor(tensors[i]);
}

/* Where element i of a tensor of `shape` stands in one of `whole`, with `index` in the place of its own along
 * the axis. */
static int64_t place_in(bl_shape shape, bl_shape whole, int64_t i, int axis, int64_t index)
{
    int64_t at = 0, block = 1;
    for (int d = shape.rank - 1; d >= 0; d--) {
        at += (d == axis ? index : i % shape.size[d]) * block;
        i /= shape.size[d];
        block *= whole.size[d];
    }
    return at;
}

/* The shape of an index for [3,4,5]: not above it, but longer along the axis. */
static bl_shape index_shape(int axis)
{
    bl_shape shape = BL_SHAPE(2, 3, 4);
    shape.size[axis] = 6;
    return shape;
}

static void check_gather(bl_dtype dtype, bl_dtype integer, int axis, unsigned how)
{
    const bl__axis_attributes attributes = {axis};
    bl_shape whole = BL_SHAPE(3, 4, 5), some = index_shape(axis);
    tensor *in[] = {new_values(dtype, whole, how),
                    new_indices(integer, some, (how + 1) % LAYOUT_COUNT, whole.size[axis])};
    tensor *out = new_tensor(dtype, some, PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_gather, in, 2, out, &attributes), BL_OK);
    for (int64_t i = 0; i < out->operand.count; i++)
        cr_assert_eq(get(out, i), get(in[0], place_in(some, whole, i, axis, (int64_t)get(in[1], i))));
    free_all(in, 2);
    free_tensor(out);
}

Test(gather, of_every_layout)
{
    for (int t = 0; t < 4; t++)
        for (int axis = 0; axis < 3; axis++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++)
                check_gather(moved[t], integers[how % 2], axis, how);
}

/* scatter (`adds` false) or scatter_add, against the same in the order of the rows. */
static void check_scatter(bl_dtype dtype, bl_dtype integer, int axis, unsigned how, bool adds)
{
    const bl__axis_attributes attributes = {axis};
    bl_shape whole = BL_SHAPE(3, 4, 5), some = index_shape(axis), more = some;
    more.size[2] += 1;
    tensor *in[] = {new_values(dtype, whole, how),
                    new_indices(integer, some, (how + 1) % LAYOUT_COUNT, whole.size[axis]),
                    new_values(dtype, more, (how + 2) % LAYOUT_COUNT)};
    tensor *out = new_tensor(dtype, whole, PLAIN), *expected = new_tensor(dtype, whole, PLAIN);
    for (int64_t i = 0; i < expected->operand.count; i++)
        set(expected, i, get(in[0], i));
    for (int64_t i = 0; i < in[1]->operand.count; i++) {
        int64_t at = place_in(some, whole, i, axis, (int64_t)get(in[1], i));
        double value = get(in[2], place_in(some, more, i, -1, 0));
        set(expected, at, adds ? get(expected, at) + value : value);
    }
    cr_assert_eq(call_kernel(adds ? BL__KEY_scatter_add : BL__KEY_scatter, in, 3, out, &attributes), BL_OK);
    for (int64_t i = 0; i < out->operand.count; i++)
        cr_assert_eq(get(out, i), get(expected, i));
    free_all(in, 3);
    free_tensor(out);
    free_tensor(expected);
}

Test(gather, scatter_of_every_layout)
{
    for (int t = 0; t < 4; t++)
        for (int axis = 0; axis < 3; axis++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
                check_scatter(moved[t], integers[how % 2], axis, how, false);
                check_scatter(added[t], integers[how % 2], axis, how, true);
            }
}

/* index_select, and index_add of what it gives, which counts every part as often as it is listed. */
static void check_parts(bl_dtype dtype, bl_dtype integer, int axis, unsigned how)
{
    const bl__axis_attributes attributes = {axis};
    bl_shape whole = BL_SHAPE(3, 4, 5), some = whole;
    some.size[axis] = 6;
    tensor *in[] = {new_values(dtype, whole, how),
                    new_indices(integer, BL_SHAPE(6), (how + 2) % LAYOUT_COUNT, whole.size[axis]),
                    new_values(dtype, some, (how + 1) % LAYOUT_COUNT)};
    tensor *parts = new_tensor(dtype, some, PLAIN), *sums = new_tensor(dtype, whole, PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_index_select, in, 2, parts, &attributes), BL_OK);
    cr_assert_eq(call_kernel(BL__KEY_index_add, in, 3, sums, &attributes), BL_OK);
    tensor *expected = new_tensor(dtype, whole, PLAIN);
    for (int64_t i = 0; i < expected->operand.count; i++)
        set(expected, i, get(in[0], i));
    int64_t inside = 1;
    for (int d = axis + 1; d < 3; d++)
        inside *= whole.size[d];
    for (int64_t i = 0; i < parts->operand.count; i++) {
        int64_t at = place_in(some, whole, i, axis, (int64_t)get(in[1], i / inside % 6));
        cr_assert_eq(get(parts, i), get(in[0], at));
        set(expected, at, get(expected, at) + get(in[2], i));
    }
    for (int64_t i = 0; i < sums->operand.count; i++)
        cr_assert_eq(get(sums, i), get(expected, i));
    free_all(in, 3);
    free_tensor(parts);
    free_tensor(sums);
    free_tensor(expected);
}

Test(gather, parts_of_every_layout)
{
    for (int t = 0; t < 4; t++)
        for (int axis = 0; axis < 3; axis++)
            for (unsigned how = 0; how < LAYOUT_COUNT; how++)
                check_parts(added[t], integers[how % 2], axis, how);
}

/* A part put into a tensor, and taken out again. */
static void check_dynamic(bl_dtype dtype, bl_dtype integer, unsigned how)
{
    const bl__dynamic_slice_attributes attributes = {{2, 1, 3}};
    bl_shape whole = BL_SHAPE(3, 4, 5), part = BL_SHAPE(2, 1, 3);
    tensor *in[] = {new_values(dtype, whole, how), new_values(dtype, part, (how + 1) % LAYOUT_COUNT),
                    new_tensor(integer, BL_SHAPE(3), STEPPED)};
    tensor *out = new_tensor(dtype, whole, PLAIN), *back = new_tensor(dtype, part, PLAIN);
    for (int d = 0; d < 3; d++)
        set(in[2], d, d == 1 ? 3 : 1);
    cr_assert_eq(call_kernel(BL__KEY_dynamic_update_slice, in, 3, out, NULL), BL_OK);
    cr_assert_eq(call_kernel(BL__KEY_dynamic_slice, (tensor *[]){out, in[2]}, 2, back, &attributes), BL_OK);
    for (int64_t i = 0; i < part.size[0] * part.size[2]; i++)
        cr_assert_eq(get(back, i), get(in[1], i));
    for (int64_t i = 0; i < out->operand.count; i++) {
        bool inside = i / 20 >= 1 && i / 5 % 4 == 3 && i % 5 >= 1 && i % 5 < 4;
        if (!inside)
            cr_assert_eq(get(out, i), get(in[0], i));
    }
    free_all(in, 3);
    free_tensor(out);
    free_tensor(back);
}

Test(gather, dynamic_of_every_layout)
{
    for (int t = 0; t < 4; t++)
        for (unsigned how = 0; how < LAYOUT_COUNT; how++)
            check_dynamic(moved[t], integers[how % 2], how);
}

/* A wrong index is found before anything is written, and its place told whatever the layout. */
Test(gather, nothing_is_written_for_a_wrong_index)
{
    const bl__axis_attributes attributes = {1};
    for (unsigned how = 0; how < SPREAD; how++) {
        tensor *in[] = {new_values(BL_F32, BL_SHAPE(3, 4), PLAIN),
                        new_indices(BL_I64, BL_SHAPE(3, 4), how, 4),
                        new_values(BL_F32, BL_SHAPE(3, 4), PLAIN)};
        tensor *out = new_tensor(BL_F32, BL_SHAPE(3, 4), PLAIN);
        const int keys[] = {BL__KEY_gather, BL__KEY_scatter, BL__KEY_scatter_add};
        set(in[1], 6, 4);
        for (int k = 0; k < 3; k++) {
            cr_assert_eq(call_kernel(keys[k], in, k == 0 ? 2 : 3, out, &attributes), BL_ERR_INDEX);
            cr_assert_str_eq(reason, "index 4 at [1,2] is outside 0..3");
            for (int64_t i = 0; i < 12; i++)
                cr_assert(isnan(get(out, i)));
        }
        free_all(in, 3);
        free_tensor(out);
    }
}
