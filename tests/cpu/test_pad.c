/* The kernels that leave a part of their output one value, on inputs of every layout: pad, diag_embed, tril,
 * triu.
 */
#include "call.h"

#include <criterion/criterion.h>

static const bl_dtype dtypes[] = {BL_BOOL, BL_F32, BL_F64, BL_I32, BL_I64};

static void check_pad(bl_dtype dtype, unsigned how, double value)
{
    const bl__pad_attributes attributes = {value, {1, 0, 2}, {0, 3, 0}};
    tensor *x = new_tensor(dtype, BL_SHAPE(2, 3, 4), how), *y = new_tensor(dtype, BL_SHAPE(3, 6, 6), PLAIN);
    set_all(x, 33);
    cr_assert_eq(call_kernel(BL__KEY_pad, &x, 1, y, &attributes), BL_OK);
    for (int64_t i = 0; i < y->operand.count; i++) {
        int64_t a = i / 36 - 1, b = i / 6 % 6, c = i % 6 - 2;
        bool inside = a >= 0 && b < 3 && c >= 0;
        cr_assert_eq(get(y, i), inside ? get(x, (a * 3 + b) * 4 + c) : value);
    }
    free_tensor(x);
    free_tensor(y);
}

Test(pad, of_every_layout)
{
    for (int t = 0; t < 5; t++)
        for (unsigned how = 0; how < LAYOUT_COUNT; how++) {
            check_pad(dtypes[t], how, 0);
            check_pad(dtypes[t], how, 1);
        }
}

/* The 16-bit floats have no kernel, should a node of theirs ever be made. */
Test(pad, refuses_storage)
{
    const bl__pad_attributes attributes = {0};
    tensor *x = new_tensor(BL_F16, BL_SHAPE(2), PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_pad, &x, 1, x, &attributes), BL_ERR_DTYPE);
    cr_assert_str_eq(reason, "no kernel for f16");
    free_tensor(x);
}

static void check_diag_embed(bl_dtype dtype, unsigned how, int64_t offset)
{
    int64_t rows = 3 + (offset < 0 ? -offset : 0), columns = 3 + (offset > 0 ? offset : 0);
    const bl__diagonal_attributes attributes = {offset, 2, 0, rows, columns};
    tensor *x = new_tensor(dtype, BL_SHAPE(2, 3), how),
           *y = new_tensor(dtype, BL_SHAPE(columns, 2, rows), PLAIN);
    set_all(x, 33);
    cr_assert_eq(call_kernel(BL__KEY_diag_embed, &x, 1, y, &attributes), BL_OK);
    for (int64_t i = 0; i < y->operand.count; i++) {
        int64_t column = i / (2 * rows), b = i / rows % 2, row = i % rows;
        int64_t k = offset > 0 ? row : column;
        cr_assert_eq(get(y, i), column - row == offset ? get(x, b * 3 + k) : 0);
    }
    free_tensor(x);
    free_tensor(y);
}

Test(pad, diag_embed_of_every_layout)
{
    for (int t = 0; t < 5; t++)
        for (unsigned how = 0; how < LAYOUT_COUNT; how++)
            for (int64_t offset = -2; offset <= 2; offset++)
                check_diag_embed(dtypes[t], how, offset);
}

static void check_triangles(bl_dtype dtype, unsigned how, int64_t diagonal)
{
    const bl__triangle_attributes attributes = {diagonal};
    bl_shape shape = BL_SHAPE(2, 2, 3, 4);
    tensor *x = new_tensor(dtype, shape, how);
    tensor *lower = new_tensor(dtype, shape, PLAIN), *upper = new_tensor(dtype, shape, PLAIN);
    set_all(x, 33);
    cr_assert_eq(call_kernel(BL__KEY_tril, &x, 1, lower, &attributes), BL_OK);
    cr_assert_eq(call_kernel(BL__KEY_triu, &x, 1, upper, &attributes), BL_OK);
    for (int64_t i = 0; i < lower->operand.count; i++) {
        int64_t above = i % 4 - i / 4 % 3;
        cr_assert_eq(get(lower, i), above <= diagonal ? get(x, i) : 0);
        cr_assert_eq(get(upper, i), above >= diagonal ? get(x, i) : 0);
    }
    free_tensor(x);
    free_tensor(lower);
    free_tensor(upper);
}

Test(pad, triangles_of_every_layout)
{
    for (int t = 0; t < 5; t++)
        for (unsigned how = 0; how < LAYOUT_COUNT; how++)
            for (int64_t diagonal = -3; diagonal <= 4; diagonal++)
                check_triangles(dtypes[t], how, diagonal);
}
