/* Attention: what a mask, a cache and shared heads mean, queries without keys, dropout, what is refused; the
 * kernels' tiles, threads and memory. The values themselves are compared with PyTorch's in tests/pytorch.
 * Looks at the entry of the op that the kernels compute (ops/registry.h), for its decomposition. */
#include "check.h"
#include "ops/attributes.h"
#include "ops/registry.h"

#include <stdlib.h>
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

/* A weight that is kept is one of those without dropout, scale included, over the probability to be kept. */
Test(attention, dropout_of_scaled_weights)
{
    bl_parameter *random = bl_params_add_random(params, "random", 5);
    bl_tensor *q = numbers(BL_SHAPE(1, 4), 1), *k = numbers(BL_SHAPE(200, 4), 2);
    bl_tensor *v = bl_full(graph, BL_F64, BL_SHAPE(200, 1), 1);
    bl_attention_options options = {.scale = 0.3, .dropout = 0.25, .random = random};
    bl_tensor *dropped = bl_gradient(attend(q, k, v, options), v);
    bl_tensor *all = bl_gradient(attend(q, k, v, (bl_attention_options){.scale = 0.3}), v);
    bl_program *p = bl_compile(context, dropped, all);
    cr_assert_eq(bl_run(p), BL_OK);
    int kept = 0;
    for (int64_t i = 0; i < 200; i++) {
        double weight = bl_item_at(p, dropped, BL_SHAPE(i, 0)), whole = bl_item_at(p, all, BL_SHAPE(i, 0));
        cr_assert(weight == 0 || fabs(weight - whole / 0.75) < 1e-12, "%g, not %g", weight, whole / 0.75);
        kept += weight != 0;
    }
    cr_expect(kept > 100 && kept < 190);
    bl_program_free(p);
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

/* ---- tiles: more queries and keys than one has ---- */

enum {
    BATCHES = 2,
    HEADS = 3,
    LONG = 300, /* no multiple of a tile, and more than one of keys */
    WIDE = 5,
    NUMBERS_OF_EACH = BATCHES * 2 * HEADS * LONG * WIDE
};

/* q, k, v, a mask, and weights of the result, from which its gradients are taken. */
typedef struct large {
    bl_tensor *inputs[5], *weights;
    size_t count;
    bl__attention_attributes attributes;
} large;

/* As `numbers`, of any count and either dtype. */
static bl_tensor *many(bl_dtype dtype, bl_shape shape, double phase)
{
    int64_t count = bl_shape_count(shape);
    double *values = malloc((size_t)count * sizeof(double));
    for (int64_t i = 0; i < count; i++)
        values[i] = sin(phase + 1.7 * (double)i);
    bl_tensor *tensor = bl_constant(graph, BL_F64, shape, values);
    free(values);
    return dtype == BL_F64 ? tensor : bl_cast(tensor, dtype);
}

static large large_with(bl_dtype dtype, bl_shape q, bl_shape k, bool causal, int64_t offset)
{
    large l = {.count = 3, .attributes = {.scale = 0.7, .causal = causal, .causal_offset = offset}};
    l.inputs[0] = many(dtype, q, 1);
    l.inputs[1] = many(dtype, k, 2);
    l.inputs[2] = many(dtype, k, 3);
    l.weights = many(dtype, q, 4);
    return l;
}

static large large_of(bl_dtype dtype, int64_t heads, bool causal, int64_t offset)
{
    return large_with(dtype, BL_SHAPE(BATCHES, heads, LONG, WIDE), BL_SHAPE(BATCHES, HEADS, LONG + 7, WIDE),
                      causal, offset);
}

/* All queries use one head of keys: the backward kernel cuts them into pieces. */
static large one_group_of(bl_dtype dtype, bool causal, int64_t offset)
{
    return large_with(dtype, BL_SHAPE(1, 4 * HEADS, 100, WIDE), BL_SHAPE(1, 1, LONG, WIDE), causal, offset);
}

static void mask_by(large *l, bl_tensor *mask)
{
    l->inputs[l->count++] = mask;
    l->attributes.masked = 1;
}

/* The result and its gradients by q, k and v, of the kernels or of the decomposition. */
static void results_of(const large *l, bool by_kernel, bl_tensor *results[4])
{
    bl_tensor *outputs[BL_MAX_OUTPUTS];
    if (by_kernel)
        outputs[0] = bl_apply(graph, &bl__op_attention, l->inputs, l->count, &l->attributes);
    else
        bl__op_attention.decompose(graph, l->inputs, l->count, &l->attributes, outputs);
    results[0] = outputs[0];
    cr_assert_eq(bl_grad(outputs, 1, &l->weights, l->inputs, 3, results + 1), BL_OK);
}

static double *values_of(bl_program *program, const bl_tensor *tensor)
{
    int64_t count = bl_tensor_count(tensor);
    const void *data = bl_output_data(program, tensor);
    double *values = malloc((size_t)count * sizeof(double));
    for (int64_t i = 0; i < count; i++)
        values[i] =
            bl_tensor_dtype(tensor) == BL_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
    return values;
}

/* The kernels give what the decomposition gives. */
static void expect_near_decomposition(const large *l, double tolerance)
{
    bl_tensor *results[8];
    results_of(l, true, results);
    results_of(l, false, results + 4);
    bl_program *program = bl_compile_list(context, results, 8, NULL);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    for (int i = 0; i < 4; i++) {
        double *kernel = values_of(program, results[i]), *parts = values_of(program, results[i + 4]);
        for (int64_t j = 0; j < bl_tensor_count(results[i]); j++)
            cr_assert((isnan(kernel[j]) && isnan(parts[j])) ||
                          fabs(kernel[j] - parts[j]) <= tolerance * fmax(1, fabs(parts[j])),
                      "result %d, element %d: %.17g, not %.17g", i, (int)j, kernel[j], parts[j]);
        free(kernel);
        free(parts);
    }
    bl_program_free(program);
}

static void expect_decomposition(const large *l)
{
    expect_near_decomposition(l, bl_tensor_dtype(l->weights) == BL_F32 ? 2e-4 : 1e-12);
}

Test(attention, tiles)
{
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        large plain = large_of(dtype, HEADS, false, 0);
        expect_decomposition(&plain);
        const int64_t offsets[] = {0, 7, -70, 250, -LONG, INT64_MIN, INT64_MAX};
        for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            large causal = large_of(dtype, HEADS, true, offsets[i]);
            expect_decomposition(&causal);
        }
        large grouped = large_of(dtype, 2 * HEADS, true, 3);
        expect_decomposition(&grouped);
    }
}

/* Pieces of queries, some of which need none of the keys behind the first tile, and no keys at all. */
Test(attention, pieces)
{
    const int64_t offsets[] = {0, 170, -70, -100, LONG};
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        large all = one_group_of(dtype, false, 0);
        expect_decomposition(&all);
        all.attributes.scale = 1.7;
        expect_decomposition(&all);
        for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            large causal = one_group_of(dtype, true, offsets[i]);
            expect_decomposition(&causal);
        }
    }
    bl_shape no_keys = BL_SHAPE(1, 1, 0, WIDE);
    large none = large_with(BL_F64, BL_SHAPE(1, 4 * HEADS, 100, WIDE), no_keys, false, 0);
    expect_decomposition(&none);
    large alone = large_with(BL_F32, BL_SHAPE(1, 1, 800, WIDE), BL_SHAPE(1, 1, 800, WIDE), true, 0);
    expect_decomposition(&alone);
}

/* So few that keys are not laid out for them, one more, and a head's rows far apart. */
Test(attention, few_queries)
{
    const int64_t counts[] = {1, 2, 7, 8, 9};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        large l = large_of(i % 2 ? BL_F32 : BL_F64, 2 * HEADS, i % 2, LONG - counts[i]);
        l.inputs[0] = bl_slice(l.inputs[0], 2, 0, counts[i], 1);
        l.weights = bl_slice(l.weights, 2, 0, counts[i], 1);
        for (int j = 1; j < 3; j++) {
            bl_tensor *rows = bl_reshape(l.inputs[j], BL_SHAPE(BATCHES, LONG + 7, HEADS, WIDE));
            l.inputs[j] = bl_permute(rows, BL_AXES(0, 2, 1, 3));
        }
        expect_decomposition(&l);
    }
}

/* Masks that change within a tile, with rows of which one tile is forbidden, or all. */
Test(attention, masks_of_tiles)
{
    bl_shape whole = BL_SHAPE(BATCHES, HEADS, LONG, LONG + 7);
    bl_tensor *number = many(BL_F64, whole, 5), *column = bl_arange(graph, BL_F64, 0, LONG + 7, 1);
    bl_tensor *row = bl_reshape(bl_arange(graph, BL_F64, 0, LONG, 1), BL_SHAPE(LONG, 1));
    bl_tensor *few = bl_greater(number, bl_constant(graph, BL_F64, BL_SCALAR, &(double){0.9}));
    bl_tensor *late = bl_greater(bl_sub(column, row), bl_constant(graph, BL_F64, BL_SCALAR, &(double){100}));
    bl_tensor *never = bl_constant(graph, BL_F64, BL_SCALAR, &(double){-INFINITY});
    bl_tensor *masks[] = {few, late, bl_where(few, number, never), bl_where(late, column, never)};
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
        for (int causal = 0; causal < 2; causal++) {
            large l = large_of(BL_F64, HEADS, causal != 0, 40);
            mask_by(&l, masks[i]);
            expect_decomposition(&l);
            l.attributes.forbids = i < 2;
            expect_decomposition(&l);
        }
}

/* x with another value at one place of its second axis from the end. */
static bl_tensor *with_row(bl_tensor *x, int64_t row, double value)
{
    bl_shape shape = bl_tensor_shape(x);
    bl_tensor *places =
        bl_reshape(bl_arange(graph, BL_I64, 0, (double)shape.size[2], 1), BL_SHAPE(shape.size[2], 1));
    bl_tensor *there = bl_equal(places, bl_constant(graph, BL_I64, BL_SCALAR, &row));
    return bl_where(there, bl_constant(graph, BL_F64, BL_SCALAR, &value), x);
}

/* 0 times NaN is NaN, also where a tile would be left out. Of a value that is none, all of the result is NaN,
 * and in the kernels what flows back through it too. */
Test(attention, numbers_that_are_none_in_tiles)
{
    for (int which = 0; which < 24; which++) {
        int input = which % 4, last = which / 4 % 2;
        bl_shape few = BL_SHAPE(1, HEADS, 40, WIDE), keys = BL_SHAPE(1, HEADS, LONG, WIDE);
        large l = which < 8    ? large_of(BL_F64, HEADS, true, 0)
                  : which < 16 ? one_group_of(BL_F64, true, 0)
                               : large_with(BL_F64, few, keys, true, 0); /* one tile of queries */
        bl_tensor **place = input < 3 ? &l.inputs[input] : &l.weights;
        *place = with_row(*place, last ? bl_tensor_shape(*place).size[2] - 10 : 10, last ? inf : nan_);
        bl_tensor *results[8];
        results_of(&l, true, results);
        results_of(&l, false, results + 4);
        for (int i = 0; i < (input == 2 ? 1 : 4); i++) {
            bl_tensor *apart = bl_not_equal(bl_isnan(results[i]), bl_isnan(results[i + 4]));
            EXPECT(bl_cast(bl_any(apart, BL_ALL_AXES, false), BL_F64), 0);
        }
    }
}

/* Scores of which only the largest counts. */
Test(attention, large_scores)
{
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        large l = large_of(dtype, HEADS, true, 0);
        bl_tensor *results[4];
        l.attributes.scale = 1e4;
        results_of(&l, true, results);
        for (int i = 0; i < 4; i++)
            EXPECT(bl_cast(bl_all(bl_isfinite(results[i]), BL_ALL_AXES, false), BL_F64), 1);
        if (dtype == BL_F64)
            expect_near_decomposition(&l, 1e-8);
    }
}

/* Rows that are undefined are NaN, as a softmax over nothing but -inf is; the others are what they were. */
Test(attention, undefined)
{
    large l = large_of(BL_F64, HEADS, true, -1);
    bl_tensor *whole = bl_apply(graph, &bl__op_attention, l.inputs, l.count, &l.attributes);
    l.attributes.undefined = 1;
    bl_tensor *parts[BL_MAX_OUTPUTS],
        *y = bl_apply(graph, &bl__op_attention, l.inputs, l.count, &l.attributes);
    bl__op_attention.decompose(graph, l.inputs, l.count, &l.attributes, parts);
    EXPECT(bl_slice(bl_slice(bl_slice(y, 0, 0, 1, 1), 1, 0, 1, 1), 2, 0, 1, 1), nan_, nan_, nan_, nan_, nan_);
    EXPECT(bl_sum(bl_cast(bl_not_equal(bl_isnan(y), bl_isnan(parts[0])), BL_F64), BL_ALL_AXES, false), 0);
    bl_tensor *apart = bl_sub(bl_slice(y, 2, 1, LONG, 1), bl_slice(whole, 2, 1, LONG, 1));
    EXPECT(bl_max(bl_abs(apart), BL_ALL_AXES, false), 0);
}

/* ---- threads and memory ---- */

/* The bits of the results on so many threads, in one block. */
static void *bits_of(bl_tensor *results[4], int threads, size_t *bytes)
{
    bl_compile_options options = bl_compile_defaults();
    options.threads = threads;
    bl_program *program = bl_compile_list(context, results, 4, &options);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    char *block = malloc(4 * NUMBERS_OF_EACH * sizeof(double));
    *bytes = 0;
    for (int i = 0; i < 4; i++) {
        size_t own = (size_t)bl_tensor_count(results[i]) * bl_dtype_size(bl_tensor_dtype(results[i]));
        memcpy(block + *bytes, bl_output_data(program, results[i]), own);
        *bytes += own;
    }
    bl_program_free(program);
    return block;
}

Test(attention, same_bits_on_any_threads)
{
    const int threads[] = {2, 3, 4, 8};
    for (int kind = 0; kind < 12; kind++) {
        bl_dtype dtype = kind & 1 ? BL_F64 : BL_F32;
        large l = kind < 8 ? large_of(dtype, kind & 2 ? 2 * HEADS : HEADS, kind & 4, 3)
                           : one_group_of(dtype, kind & 2, 3);
        bl_tensor *results[4];
        size_t bytes, own;
        results_of(&l, true, results);
        void *alone = bits_of(results, 1, &bytes);
        for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
            void *shared = bits_of(results, threads[i], &own);
            cr_assert_eq(own, bytes);
            cr_assert(memcmp(alone, shared, bytes) == 0, "kind %d, %d threads", kind, threads[i]);
            free(shared);
        }
        free(alone);
    }
}

/* No matrix of all scores is kept, for the gradient neither. */
Test(attention, memory)
{
    const int64_t length = 2048;
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(length, 32)), *outputs[2];
    outputs[0] = attend(x, x, x, (bl_attention_options){.scale = nan_, .causal = true});
    outputs[1] = bl_gradient(bl_sum(outputs[0], BL_ALL_AXES, false), x);
    bl_program *program = bl_compile_list(context, outputs, 2, NULL);
    cr_assert_eq(bl_program_error(program)->code, BL_OK);
    cr_expect_lt(bl_program_workspace_bytes(program), (size_t)(length * length) * sizeof(float) / 4);
    bl_program_free(program);
}
