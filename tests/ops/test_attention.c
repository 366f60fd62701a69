/* Attention: what a mask, a cache and shared heads mean, queries without keys, dropout, what is refused. The
 * values themselves are compared with PyTorch's in tests/pytorch. */
#include "check.h"

#include <string.h>

TestSuite(attention, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

/* Numbers in -1 .. 1 that repeat late, as a constant. */
static bl_tensor *numbers(bl_shape shape, double phase)
{
    static double values[4096];
    for (int i = 0; i < 4096; i++)
        values[i] = sin(phase + 1.7 * i);
    return bl_constant(graph, BL_F64, shape, values);
}

static bl_tensor *attend(bl_tensor *q, bl_tensor *k, bl_tensor *v, bl_attention_options options)
{
    return bl_scaled_dot_product_attention_with(q, k, v, &options);
}

/* Runs a tensor and checks that all elements of it are small. */
static void expect_zeros(bl_tensor *tensor)
{
    static double values[4096];
    size_t count = (size_t)bl_tensor_count(tensor);
    cr_assert(bl_tensor_valid(tensor), "%s", error_text(bl_graph_error(graph)));
    cr_assert_leq(count, 4096);
    cr_assert_eq(bl_eval(tensor, values, count * sizeof(double)), BL_OK);
    for (size_t i = 0; i < count; i++)
        cr_assert_leq(fabs(values[i]), 1e-14, "element %zu is %g", i, values[i]);
}

/* One key gets all the weight, two equal ones half each; the scale is 1 / sqrt(d) or what is asked for. */
Test(attention, by_hand)
{
    bl_tensor *v = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4);
    bl_tensor *q = REAL(BL_SHAPE(1, 4), 1, 1, 1, 1), *k = REAL(BL_SHAPE(2, 4), 1, 0, 0, 0, 0, 1, 0, 0);
    EXPECT(bl_scaled_dot_product_attention(q, k, v), 2, 3);
    bl_tensor *longer = REAL(BL_SHAPE(2, 4), 1, 1, 1, 1, 0, 0, 0, 0);
    double weight = exp(2) / (exp(2) + 1), scaled = exp(1) / (exp(1) + 1);
    EXPECT(bl_scaled_dot_product_attention(q, longer, v), 3 - 2 * weight, 4 - 2 * weight);
    EXPECT(attend(q, longer, v, (bl_attention_options){.scale = 0.25}), 3 - 2 * scaled, 4 - 2 * scaled);
    EXPECT(attend(q, longer, v, (bl_attention_options){.scale = nan_, .causal = true}), 1, 2);
    EXPECT_TYPE(bl_scaled_dot_product_attention(bl_cast(q, BL_F32), bl_cast(k, BL_F32), bl_cast(v, BL_F32)),
                BL_F32, BL_SHAPE(1, 2));
}

/* With `cached` keys before the first query, the last rows of a causal attention come out as in the whole. */
Test(attention, cache)
{
    bl_tensor *q = numbers(BL_SHAPE(2, 6, 4), 1), *k = numbers(BL_SHAPE(2, 6, 4), 2),
              *v = numbers(BL_SHAPE(2, 6, 3), 3);
    bl_tensor *whole = attend(q, k, v, (bl_attention_options){.scale = nan_, .causal = true});
    for (int64_t cached = 0; cached < 6; cached++) {
        bl_tensor *rest =
            attend(bl_slice(q, 1, cached, 6, 1), k, v,
                   (bl_attention_options){.scale = nan_, .causal = true, .causal_offset = cached});
        expect_zeros(bl_sub(rest, bl_slice(whole, 1, cached, 6, 1)));
    }
}

/* Heads that share keys give what they give with copies of the keys. */
Test(attention, shared_heads)
{
    bl_tensor *q = numbers(BL_SHAPE(2, 6, 3, 4), 1), *k = numbers(BL_SHAPE(2, 2, 5, 4), 2),
              *v = numbers(BL_SHAPE(2, 2, 5, 2), 3);
    bl_tensor *copies[2] = {k, v};
    for (int i = 0; i < 2; i++) {
        bl_shape shape = bl_tensor_shape(copies[i]);
        bl_tensor *apart = bl_reshape(copies[i], BL_SHAPE(2, 2, 1, 5, shape.size[3]));
        copies[i] = bl_reshape(bl_expand(apart, BL_SHAPE(2, 2, 3, 5, shape.size[3])),
                               BL_SHAPE(2, 6, 5, shape.size[3]));
    }
    bl_attention_options options = {
        .scale = nan_, .mask = numbers(BL_SHAPE(6, 1, 5), 4), .causal = true, .causal_offset = 1};
    bl_tensor *shared = attend(q, k, v, options), *copied = attend(q, copies[0], copies[1], options);
    EXPECT_TYPE(shared, BL_F64, BL_SHAPE(2, 6, 3, 2));
    expect_zeros(bl_sub(shared, copied));
    expect_zeros(bl_sub(bl_gradient(shared, k), bl_gradient(copied, k)));
    expect_zeros(bl_sub(bl_gradient(shared, q), bl_gradient(copied, q)));
}

/* A query that may attend to nothing gives zeros, whatever forbids it, and lets nothing flow back: not even
 * from keys and values that are no numbers. */
Test(attention, queries_without_keys)
{
    bl_tensor *q = numbers(BL_SHAPE(2, 3), 1), *k = numbers(BL_SHAPE(4, 3), 2),
              *v = numbers(BL_SHAPE(4, 2), 3);
    bl_tensor *bools = CONSTANT(BL_BOOL, BL_SHAPE(2, 1), 1, 0);
    bl_tensor *floats = REAL(BL_SHAPE(2, 4), 0, 1, -inf, 2, -inf, -inf, -inf, -inf);
    bl_attention_options cases[] = {{.scale = nan_, .mask = bools},
                                    {.scale = nan_, .mask = floats},
                                    {.scale = nan_, .causal = true, .causal_offset = -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bl_tensor *y = attend(q, k, v, cases[i]);
        int64_t dead = i < 2 ? 1 : 0;
        bl_tensor *row = bl_slice(y, 0, dead, dead + 1, 1);
        EXPECT(row, 0, 0);
        EXPECT(bl_slice(bl_gradient(y, q), 0, dead, dead + 1, 1), 0, 0, 0);
        expect_zeros(bl_gradient(row, k));
        expect_zeros(bl_gradient(row, v));
        double values[4];
        cr_assert_eq(bl_eval(y, values, sizeof(values)), BL_OK);
        cr_expect(values[dead == 1 ? 0 : 2] != 0);
    }
    bl_tensor *none = bl_scaled_dot_product_attention(q, EMPTY(BL_SHAPE(0, 3)), EMPTY(BL_SHAPE(0, 2)));
    EXPECT(none, 0, 0, 0, 0);
    /* the gradient by a mask of -inf is 0, not NaN */
    expect_zeros(bl_slice(bl_gradient(attend(q, k, v, cases[1]), floats), 0, 1, 2, 1));
}

/* A NaN is not lost: neither in a score nor in a mask. */
Test(attention, special_values)
{
    bl_tensor *q = REAL(BL_SHAPE(1, 1), 1), *k = REAL(BL_SHAPE(3, 1), 1, 1, 1),
              *v = REAL(BL_SHAPE(3, 1), 1, 2, 6);
    EXPECT(bl_scaled_dot_product_attention(REAL(BL_SHAPE(1, 1), nan_), k, v), nan_);
    EXPECT(attend(q, k, v, (bl_attention_options){.scale = nan_, .mask = REAL(BL_SHAPE(3), 0, nan_, 0)}),
           nan_);
    EXPECT(attend(q, k, v, (bl_attention_options){.scale = nan_, .mask = REAL(BL_SHAPE(3), 0, -inf, 0)}),
           3.5);
    /* the score of a key that is masked does not matter */
    bl_tensor *masked = CONSTANT(BL_BOOL, BL_SHAPE(3), 1, 0, 1);
    EXPECT(
        attend(q, REAL(BL_SHAPE(3, 1), 1, nan_, 1), v, (bl_attention_options){.scale = nan_, .mask = masked}),
        3.5);
    EXPECT(attend(REAL(BL_SHAPE(1, 1), 1e300), k, v, (bl_attention_options){.scale = nan_, .mask = masked}),
           3.5);
}

/* Weights are dropped after the softmax, in the gradient the same ones. */
Test(attention, dropout)
{
    bl_parameter *random = bl_params_add_random(params, "random", 3);
    bl_tensor *q = numbers(BL_SHAPE(1, 2), 1), *k = bl_full(graph, BL_F64, BL_SHAPE(1000, 2), 1);
    bl_tensor *v = bl_full(graph, BL_F64, BL_SHAPE(1000, 1), 1);
    bl_tensor *y = attend(q, k, v, (bl_attention_options){.scale = nan_, .dropout = 0.5, .random = random});
    bl_tensor *slope = bl_gradient(y, v);
    bl_program *p = bl_compile(context, y, slope);
    cr_assert_eq(bl_run(p), BL_OK);
    double kept = 0;
    for (int64_t i = 0; i < 1000; i++) {
        double weight = bl_item_at(p, slope, BL_SHAPE(i, 0));
        cr_assert(weight == 0 || fabs(weight - 0.002) < 1e-12);
        kept += weight != 0;
    }
    cr_expect(fabs(kept - 500) < 80);
    cr_expect_float_eq(bl_item(p, y), 0.002 * kept, 1e-12);
    cr_expect_eq(((const int64_t *)bl_parameter_data(random))[1], 1);
    bl_program_free(p);
    bl_tensor *without = attend(q, k, v, (bl_attention_options){.scale = nan_, .dropout = 0, .random = NULL});
    EXPECT(without, 1);
}

/* A rank of 2 is one head, which all heads of q share. */
Test(attention, ranks)
{
    bl_tensor *q = numbers(BL_SHAPE(4, 3, 5), 1), *k = numbers(BL_SHAPE(6, 5), 2),
              *v = numbers(BL_SHAPE(6, 2), 3);
    bl_tensor *y = bl_scaled_dot_product_attention(q, k, v);
    EXPECT_TYPE(y, BL_F64, BL_SHAPE(4, 3, 2));
    bl_tensor *second = bl_reshape(bl_slice(q, 0, 2, 3, 1), BL_SHAPE(3, 5));
    expect_zeros(bl_sub(bl_slice(y, 0, 2, 3, 1), bl_scaled_dot_product_attention(second, k, v)));
    bl_tensor *deep = bl_scaled_dot_product_attention(second, bl_reshape(k, BL_SHAPE(1, 1, 6, 5)), v);
    EXPECT_TYPE(deep, BL_F64, BL_SHAPE(1, 1, 3, 2));
    expect_zeros(bl_sub(deep, bl_slice(y, 0, 2, 3, 1)));
    bl_shape whole = BL_SHAPE(2, 1, 1, 1, 1, 1, 2, 3);
    bl_tensor *most = numbers(whole, 4);
    EXPECT_TYPE(bl_scaled_dot_product_attention(most, most, most), BL_F64, whole);
}

Test(attention, refused)
{
    bl_tensor *q = numbers(BL_SHAPE(2, 4, 3, 5), 1), *k = numbers(BL_SHAPE(2, 2, 6, 5), 2),
              *v = numbers(BL_SHAPE(2, 2, 6, 3), 3);
    const char *op = "bl_scaled_dot_product_attention: ";
    EXPECT_ERROR(bl_scaled_dot_product_attention(bl_cast(q, BL_I32), k, v), BL_ERR_DTYPE, op, "i32");
    EXPECT_ERROR(bl_scaled_dot_product_attention(q, bl_cast(k, BL_F32), v), BL_ERR_DTYPE, op,
                 "dtypes differ");
    EXPECT_ERROR(bl_scaled_dot_product_attention(REAL(BL_SHAPE(1), 1), k, v), BL_ERR_SHAPE, op,
                 "a rank is below 2");
    EXPECT_ERROR(bl_scaled_dot_product_attention(REAL(BL_SCALAR, 1), k, v), BL_ERR_SHAPE, op, "q []");
    EXPECT_ERROR(bl_scaled_dot_product_attention(bl_slice(q, 3, 0, 4, 1), k, v), BL_ERR_SHAPE, op,
                 "q and k differ in width: q [2,4,3,4], k [2,2,6,5], v [2,2,6,3]");
    EXPECT_ERROR(bl_scaled_dot_product_attention(q, bl_slice(k, 2, 0, 4, 1), v), BL_ERR_SHAPE, op,
                 "differ in length");
    EXPECT_ERROR(bl_scaled_dot_product_attention(q, k, bl_slice(v, 1, 0, 1, 1)), BL_ERR_SHAPE, op,
                 "differ in heads");
    EXPECT_ERROR(bl_scaled_dot_product_attention(bl_slice(q, 1, 0, 3, 1), k, v), BL_ERR_SHAPE, op,
                 "the heads of k do not divide those of q");
    EXPECT_ERROR(bl_scaled_dot_product_attention(numbers(BL_SHAPE(3, 4, 3, 5), 1), k, v), BL_ERR_SHAPE, op,
                 "the leading axes do not broadcast");
    EXPECT_ERROR(bl_scaled_dot_product_attention(q, NULL, v), BL_ERR_ARGUMENT, op, "a tensor is NULL");
    EXPECT_ERROR(bl_scaled_dot_product_attention(NULL, k, v), BL_ERR_ARGUMENT, op, "a tensor is NULL");
    cr_expect_null(bl_scaled_dot_product_attention(NULL, NULL, NULL));
    EXPECT_ERROR(attend(q, k, v, (bl_attention_options){.scale = nan_, .mask = numbers(BL_SHAPE(3, 5), 1)}),
                 BL_ERR_SHAPE, op, "the mask is [3,5] for scores of [2,4,3,6]");
    EXPECT_ERROR(
        attend(q, k, v, (bl_attention_options){.scale = nan_, .mask = numbers(BL_SHAPE(2, 2, 4, 3, 6), 1)}),
        BL_ERR_SHAPE, op);
    EXPECT_ERROR(
        attend(q, k, v, (bl_attention_options){.scale = nan_, .mask = CONSTANT(BL_I32, BL_SCALAR, 1)}),
        BL_ERR_DTYPE, op, "the mask is i32, not bool or f64");
    EXPECT_ERROR(
        attend(q, k, v, (bl_attention_options){.scale = nan_, .mask = CONSTANT(BL_F32, BL_SCALAR, 1)}),
        BL_ERR_DTYPE, op);
    EXPECT_ERROR(attend(q, k, v, (bl_attention_options){.scale = inf}), BL_ERR_ARGUMENT, op, "the scale inf");
    EXPECT_ERROR(attend(q, k, v, (bl_attention_options){.scale = nan_, .dropout = 1.5}), BL_ERR_ARGUMENT, op,
                 "p = 1.5");
    EXPECT_ERROR(attend(q, k, v, (bl_attention_options){.scale = nan_, .dropout = 0.5}), BL_ERR_ARGUMENT, op,
                 "the random state is NULL");
}
