/* The kernels of rows chosen by an index: embedding, embedding_backward, one_hot. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

static const bl_dtype integers[] = {BL_I32, BL_I64};
static const int64_t chosen[] = {4, 9, 3, 0, 3, 9};

static tensor *new_indices(bl_dtype dtype)
{
    tensor *indices = new_tensor(dtype, BL_SHAPE(2, 3), PLAIN);
    for (int64_t i = 0; i < 6; i++)
        set(indices, i, (double)chosen[i]);
    return indices;
}

static void check_embedding(bl_dtype dtype, bl_dtype integer, bl__embedding_attributes attributes)
{
    tensor *in[2] = {new_tensor(dtype, BL_SHAPE(10, 3), PLAIN), new_indices(integer)};
    tensor *out = new_tensor(dtype, BL_SHAPE(2, 3, 3), PLAIN);
    for (int64_t i = 0; i < 30; i++)
        set(in[0], i, (double)(i + 1));
    cr_assert_eq(call_kernel(BL__KEY_embedding, in, 2, out, &attributes), BL_OK);
    for (int64_t i = 0; i < 18; i++) {
        bool zero = attributes.mask_padding && chosen[i / 3] == attributes.padding_index;
        cr_assert_eq(get(out, i), zero ? 0 : get(in[0], chosen[i / 3] * 3 + i % 3));
    }
    for (int k = 0; k < 2; k++)
        free_tensor(in[k]);
    free_tensor(out);
}

Test(embedding, rows_of_any_dtype)
{
    const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL, BL_BF16};
    for (size_t t = 0; t < 6; t++)
        for (int integer = 0; integer < 2; integer++) {
            check_embedding(dtypes[t], integers[integer], (bl__embedding_attributes){-1, 0, 10});
            check_embedding(dtypes[t], integers[integer], (bl__embedding_attributes){3, 0, 10});
            check_embedding(dtypes[t], integers[integer], (bl__embedding_attributes){3, 1, 10});
        }
}

static void check_backward(bl_dtype dtype, bl_dtype integer, int64_t padding_index)
{
    const bl__embedding_attributes attributes = {padding_index, 0, 10};
    tensor *in[2] = {new_indices(integer), new_tensor(dtype, BL_SHAPE(2, 3, 7), PLAIN)};
    tensor *out = new_tensor(dtype, BL_SHAPE(10, 7), PLAIN),
           *expected = new_tensor(dtype, BL_SHAPE(10, 7), PLAIN);
    set_all(in[1], 42);
    for (int64_t i = 0; i < 70; i++)
        set(expected, i, 0);
    for (int64_t i = 0; i < 42; i++) {
        int64_t at = chosen[i / 7] * 7 + i % 7;
        if (chosen[i / 7] != padding_index)
            set(expected, at, get(expected, at) + get(in[1], i));
    }
    cr_assert_eq(call_kernel(BL__KEY_embedding_backward, in, 2, out, &attributes), BL_OK);
    for (int64_t i = 0; i < 70; i++)
        cr_assert_eq(get(out, i), get(expected, i));
    for (int k = 0; k < 2; k++)
        free_tensor(in[k]);
    free_tensor(out);
    free_tensor(expected);
}

Test(embedding, backward_adds_rows_up)
{
    for (bl_dtype t = BL_F32; t <= BL_F64; t++)
        for (int integer = 0; integer < 2; integer++) {
            check_backward(t, integers[integer], -1);
            check_backward(t, integers[integer], 9);
        }
}

Test(embedding, one_hot_of_any_dtype)
{
    const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    for (size_t t = 0; t < 5; t++)
        for (int integer = 0; integer < 2; integer++) {
            const bl__one_hot_attributes attributes = {10, -7, dtypes[t], true};
            tensor *indices = new_indices(integers[integer]);
            tensor *out = new_tensor(dtypes[t], BL_SHAPE(2, 3, 10), PLAIN);
            set(indices, 4, -7); /* ignored */
            cr_assert_eq(call_kernel(BL__KEY_one_hot, &indices, 1, out, &attributes), BL_OK);
            for (int64_t i = 0; i < 60; i++)
                cr_assert_eq(get(out, i), i / 10 != 4 && chosen[i / 10] == i % 10);
            free_tensor(indices);
            free_tensor(out);
        }
}

Test(embedding, one_hot_follows_the_output_not_the_attribute)
{
    const bl__one_hot_attributes attributes = {10, -1, BL_F32, true}; /* recorded in f32, run in f64 */
    tensor *indices = new_indices(BL_I64), *out = new_tensor(BL_F64, BL_SHAPE(2, 3, 10), PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_one_hot, &indices, 1, out, &attributes), BL_OK);
    cr_assert_eq(get(out, 4), 1);
    cr_assert_eq(get(out, 19), 1);
    cr_assert_eq(get(out, 5), 0);
    free_tensor(indices);
    free_tensor(out);
}

Test(embedding, empty_shapes)
{
    const bl__embedding_attributes attributes = {-1, 0, 10};
    const bl__one_hot_attributes no_classes = {0, 5, BL_F32, true};
    tensor *none = new_tensor(BL_I64, BL_SHAPE(0), PLAIN), *thin = new_tensor(BL_F32, BL_SHAPE(10, 0), PLAIN);
    tensor *weight = new_tensor(BL_F32, BL_SHAPE(10, 2), PLAIN),
           *nothing = new_tensor(BL_F32, BL_SHAPE(0, 2), PLAIN);
    tensor *indices = new_indices(BL_I64), *rows = new_tensor(BL_F32, BL_SHAPE(2, 3, 0), PLAIN);
    cr_assert_eq(call_kernel(BL__KEY_embedding, (tensor *[]){weight, none}, 2, nothing, &attributes), BL_OK);
    cr_assert_eq(call_kernel(BL__KEY_embedding, (tensor *[]){thin, indices}, 2, rows, &attributes), BL_OK);
    cr_assert_eq(call_kernel(BL__KEY_embedding_backward, (tensor *[]){indices, rows}, 2, thin, &attributes),
                 BL_OK);
    cr_assert_eq(call_kernel(BL__KEY_embedding_backward, (tensor *[]){none, nothing}, 2, weight, &attributes),
                 BL_OK);
    for (int64_t i = 0; i < 20; i++)
        cr_assert_eq(get(weight, i), 0, "rows that no index names are zero");
    cr_assert_eq(call_kernel(BL__KEY_one_hot, &none, 1, thin, &no_classes), BL_OK);
    cr_assert_eq(call_kernel(BL__KEY_one_hot, &indices, 1, rows, &no_classes), BL_ERR_INDEX);
    free_tensor(none);
    free_tensor(thin);
    free_tensor(weight);
    free_tensor(nothing);
    free_tensor(indices);
    free_tensor(rows);
}

/* A wrong index is reported by all three before anything is written. */
Test(embedding, indices_out_of_range)
{
    const bl__embedding_attributes rows = {-1, 0, 10};
    const bl__one_hot_attributes classes = {10, -100, BL_F32, true};
    const double wrong[] = {-1, 10};
    const char *const texts[] = {"index -1 at [1,0] is outside 0..9", "index 10 at [1,0] is outside 0..9"};
    tensor *indices = new_indices(BL_I64), *weight = new_tensor(BL_F32, BL_SHAPE(10, 3), PLAIN);
    tensor *values = new_tensor(BL_F32, BL_SHAPE(2, 3, 3), PLAIN),
           *hot = new_tensor(BL_F32, BL_SHAPE(2, 3, 10), PLAIN);
    for (int w = 0; w < 2; w++) {
        set(indices, 3, wrong[w]);
        tensor *forward[] = {weight, indices}, *backward[] = {indices, values};
        cr_assert_eq(call_kernel(BL__KEY_embedding, forward, 2, values, &rows), BL_ERR_INDEX);
        cr_assert_str_eq(reason, texts[w]);
        cr_assert_eq(call_kernel(BL__KEY_embedding_backward, backward, 2, weight, &rows), BL_ERR_INDEX);
        cr_assert_str_eq(reason, texts[w]);
        cr_assert_eq(call_kernel(BL__KEY_one_hot, &indices, 1, hot, &classes), BL_ERR_INDEX);
        cr_assert_str_eq(reason, texts[w]);
        cr_assert(isnan(get(values, 0)) && isnan(get(weight, 0)) && isnan(get(hot, 0)));
    }
    free_tensor(indices);
    free_tensor(weight);
    free_tensor(values);
    free_tensor(hot);
}
