/* The sampler that ops are recorded on: what it draws. Looks at ops/sampler.h. */
#include "bowline/bowline.h"
#include "ops/sampler.h"

#include <criterion/criterion.h>
#include <math.h>

static bl_context *context;

static void open_context(void)
{
    context = bl_context_new(NULL);
}

static void close_context(void)
{
    bl_context_free(context);
}

TestSuite(sampler, .init = open_context, .fini = close_context);

Test(sampler, is_repeatable)
{
    bl_sampler *a = bl__sampler_new(context, 7, BL_F32), *b = bl__sampler_new(context, 7, BL_F64);
    bl_sampler *other = bl__sampler_new(context, 8, BL_F32);
    int differ = 0;
    for (int i = 0; i < 100; i++) {
        int64_t n = bl_sample_int(a, -50, 50);
        cr_assert(n >= -50 && n <= 50);
        cr_assert_eq(n, bl_sample_int(b, -50, 50));
        differ += n != bl_sample_int(other, -50, 50);
    }
    cr_assert_gt(differ, 80);
    cr_assert_eq(bl_sample_int(a, 3, 3), 3);
    bl__sampler_free(a);
    bl__sampler_free(b);
    bl__sampler_free(other);
}

Test(sampler, leaves_hold_distinct_values)
{
    bl_sampler *sampler = bl__sampler_new(context, 1, BL_F32);
    int views = 0;
    for (int i = 0; i < 30; i++) {
        bl_tensor *x = bl_sample_signed(sampler, BL_SHAPE(3, 5), 0.5, 2);
        const bl__sample_leaf *leaf = bl__sampler_leaf(sampler, bl__sampler_leaf_count(sampler) - 1);
        cr_assert(bl_shape_equal(bl_tensor_shape(x), BL_SHAPE(3, 5)));
        cr_assert_eq(leaf->count, bl_tensor_count(leaf->tensor));
        views += leaf->tensor != x;
        for (int64_t k = 0; k < leaf->count; k++) {
            cr_assert(fabs(leaf->values[k]) >= 0.5 && fabs(leaf->values[k]) <= 2);
            cr_assert_eq(leaf->values[k], (double)(float)leaf->values[k]);
            for (int64_t j = 0; j < k; j++)
                cr_assert_gt(fabs(fabs(leaf->values[k]) - fabs(leaf->values[j])), 1e-3);
        }
    }
    cr_assert(views > 2 && views < 28, "%d of 30 are views", views);
    bl__sampler_free(sampler);
}

Test(sampler, shapes_vary_and_broadcast)
{
    bl_sampler *sampler = bl__sampler_new(context, 2, BL_F64);
    int empty = 0, ranks[5] = {0}, unequal = 0;
    for (int i = 0; i < 500; i++) {
        bl_shape shape = bl_sample_shape(sampler, 0, 4), a, b, both;
        cr_assert(bl_shape_count(shape) >= 0 && bl_shape_count(shape) <= 300);
        empty += bl_shape_count(shape) == 0;
        ranks[shape.rank]++;
        bl_sample_broadcast(sampler, &a, &b);
        cr_assert(bl_shape_broadcast(a, b, &both));
        unequal += !bl_shape_equal(a, b);
    }
    cr_assert(empty > 5 && empty < 100, "%d of 500 are empty", empty);
    cr_assert_gt(unequal, 100);
    for (int rank = 0; rank < 5; rank++)
        cr_assert_gt(ranks[rank], 40);
    bl__sampler_free(sampler);
}

Test(sampler, parameters_and_constants)
{
    bl_sampler *sampler = bl__sampler_new(context, 3, BL_F32);
    bl_tensor *x = bl__sample_parameter(sampler, BL_SHAPE(2, 2), -1, 1);
    const bl__sample_leaf *leaf = bl__sampler_leaf(sampler, 0);
    const float *values = bl_parameter_data(bl_tensor_parameter(x));
    for (int i = 0; i < 4; i++)
        cr_assert_eq((double)values[i], leaf->values[i]);
    cr_assert_eq(bl_tensor_dtype(bl_sample_bools(sampler, BL_SHAPE(3))), BL_BOOL);
    int64_t indices[20];
    bl_tensor *n = bl__sample_integers(sampler, BL_I64, BL_SHAPE(20), -1, 1);
    cr_assert_eq(bl_eval(n, indices, sizeof(indices)), BL_OK);
    for (int i = 0; i < 20; i++)
        cr_assert(indices[i] >= -1 && indices[i] <= 1);
    cr_assert_not(bl_tensor_valid(bl_sample_real(sampler, BL_SHAPE(-1), 0, 1)));
    cr_assert_eq(bl_graph_error(bl_sampler_graph(sampler))->code, BL_ERR_SHAPE);
    bl__sampler_free(sampler);
    bl__sampler_free(NULL);
    cr_assert_null(bl__sampler_new(NULL, 0, BL_F32));
}
