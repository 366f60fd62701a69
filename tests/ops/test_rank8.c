/* Ops along an axis, and products and losses, at rank 8: what they compute at the rank of the sizes that are
 * not 1, with the same gradient. Element-wise ops are in test_limits.c. */
#include "check.h"

TestSuite(rank8, .init = open_all, .fini = close_all);

enum {
    COUNT = 24
};

typedef bl_tensor *along(bl_tensor *x, int axis);

#define REDUCTION(op)                                    \
    static bl_tensor *op##_along(bl_tensor *x, int axis) \
    {                                                    \
        return bl_##op(x, BL_AXES(axis), true);          \
    }
#define SCAN(op)                                         \
    static bl_tensor *op##_along(bl_tensor *x, int axis) \
    {                                                    \
        return bl_##op(x, axis);                         \
    }
#define OTHER(op, call)                                  \
    static bl_tensor *op##_along(bl_tensor *x, int axis) \
    {                                                    \
        return call;                                     \
    }
/* clang-format off */
#define ALL(R, S, O) \
    R(sum) R(mean) R(prod) R(max) R(min) R(argmax) R(argmin) R(count_nonzero) R(nansum) R(logsumexp) \
    S(cumsum) S(cumprod) S(softmax) S(log_softmax) S(normalize) \
    O(any, bl_any(bl_greater(x, bl_neg(x)), BL_AXES(axis), true)) \
    O(all, bl_all(bl_greater(x, bl_neg(x)), BL_AXES(axis), true)) \
    O(var, bl_var(x, BL_AXES(axis), 1, true)) \
    O(std, bl_std(x, BL_AXES(axis), 1, true)) \
    O(norm, bl_norm(x, 3, BL_AXES(axis), true)) \
    O(sort, bl_sort(x, axis, true)) \
    O(argsort, bl_argsort(x, axis, false)) \
    O(topk, bl_topk(x, 2, axis, true)) \
    O(flip, bl_flip(x, BL_AXES(axis))) \
    O(roll, bl_roll(x, (const int64_t[]){1}, BL_AXES(axis))) \
    O(slice, bl_slice(x, axis, 1, 2, 1)) \
    O(concat, bl_concat((bl_tensor *[]){x, x}, 2, axis)) \
    O(index_select, bl_index_select(x, axis, CONSTANT(BL_I64, BL_SHAPE(3), 1, 0, 1)))
/* clang-format on */
ALL(REDUCTION, SCAN, OTHER)

static const struct {
    const char *name;
    along *apply;
} ops[] = {
#define NAME(op)      {#op, op##_along},
#define ROW(op, call) {#op, op##_along},
    ALL(NAME, NAME, ROW)};

/* The values of a tensor, as f64; their number. */
static int64_t values_of(bl_tensor *x, double *values)
{
    int64_t count = bl_tensor_count(x);
    bl_tensor *wide = bl_cast(x, BL_F64);
    cr_assert(bl_tensor_valid(wide), "%s", error_text(bl_graph_error(graph)));
    cr_assert_leq(count, 2 * COUNT);
    cr_assert_eq(bl_eval(wide, values, (size_t)count * sizeof(double)), BL_OK, "%s",
                 error_text(bl_context_error(context)));
    return count;
}

static void expect_same(const char *name, int axis, bl_tensor *a, bl_tensor *b)
{
    double x[2 * COUNT], y[2 * COUNT];
    int64_t count = values_of(a, x);
    cr_assert_eq(values_of(b, y), count, "%s, axis %d", name, axis);
    for (int64_t i = 0; i < count; i++)
        cr_assert_leq(fabs(x[i] - y[i]), 1e-13, "%s, axis %d, element %lld: %g, not %g", name, axis,
                      (long long)i, x[i], y[i]);
}

static bl_tensor *numbers(bl_shape shape)
{
    bl_tensor *count = bl_arange(graph, BL_F64, 0, (double)bl_shape_count(shape), 1);
    return bl_reshape(bl_sin(bl_add_scalar(bl_mul_scalar(count, 1.7), 0.5)), shape);
}

Test(rank8, along_every_axis)
{
    static const int places[] = {1, 4, 6};
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
        for (int axis = 0; axis < 3; axis++) {
            bl_graph_reset(graph);
            bl_tensor *x = numbers(BL_SHAPE(2, 3, 4)), *x8 = bl_reshape(x, BL_SHAPE(1, 2, 1, 1, 3, 1, 4, 1));
            bl_tensor *y = ops[i].apply(x, axis), *y8 = ops[i].apply(x8, places[axis]);
            cr_assert_eq(bl_tensor_shape(y8).rank, 8, "%s", ops[i].name);
            expect_same(ops[i].name, axis, y8, y);
            if (bl_tensor_dtype(y) == BL_F64)
                expect_same(ops[i].name, axis, bl_gradient(bl_square(y8), x8), bl_gradient(bl_square(y), x));
        }
    }
}

/* Six axes of a batch, and matrices; rows of classes; a norm over the last axes. */
Test(rank8, products_losses_and_norms)
{
    bl_shape left = BL_SHAPE(1, 2, 1, 1, 1, 1, 2, 3), right = BL_SHAPE(1, 1, 1, 1, 2, 1, 3, 2);
    bl_tensor *a = numbers(left), *b = numbers(right), *y = bl_matmul(a, b);
    cr_assert(bl_shape_equal(bl_tensor_shape(y), BL_SHAPE(1, 2, 1, 1, 2, 1, 2, 2)));
    bl_tensor *a4 = bl_reshape(a, BL_SHAPE(2, 1, 2, 3)), *b4 = bl_reshape(b, BL_SHAPE(2, 3, 2));
    bl_tensor *y4 = bl_matmul(a4, b4);
    expect_same("matmul", 0, y, y4);
    expect_same("matmul", 0, bl_gradient(bl_square(y), a), bl_gradient(bl_square(y4), a4));
    expect_same("matmul", 1, bl_gradient(bl_square(y), b), bl_gradient(bl_square(y4), b4));

    bl_tensor *x = numbers(BL_SHAPE(1, 2, 1, 1, 1, 1, 2, 3)), *rows = bl_reshape(x, BL_SHAPE(4, 3));
    bl_tensor *classes = CONSTANT(BL_I64, BL_SHAPE(4), 2, 0, 1, 1);
    bl_tensor *many = bl_reshape(classes, BL_SHAPE(1, 2, 1, 1, 1, 1, 2));
    expect_same("cross_entropy", 0, bl_cross_entropy(x, many), bl_cross_entropy(rows, classes));
    expect_same("nll_loss", 0, bl_nll_loss(x, many), bl_nll_loss(rows, classes));
    expect_same("cross_entropy", 1, bl_gradient(bl_cross_entropy(x, many), x),
                bl_gradient(bl_cross_entropy(rows, classes), rows));
    expect_same("mse_loss", 0, bl_mse_loss(x, bl_sin(x)), bl_mse_loss(rows, bl_sin(rows)));
    expect_same("l1_loss", 0, bl_l1_loss(x, bl_sin(x)), bl_l1_loss(rows, bl_sin(rows)));
    expect_same("layer_norm", 0, bl_layer_norm(x, BL_SHAPE(3), NULL, NULL, 1e-5),
                bl_layer_norm(rows, BL_SHAPE(3), NULL, NULL, 1e-5));
    expect_same("rms_norm", 0, bl_rms_norm(x, BL_SHAPE(3), NULL, 1e-5),
                bl_rms_norm(rows, BL_SHAPE(3), NULL, 1e-5));
    expect_same("tril", 0, bl_tril(x, 0), bl_tril(bl_reshape(x, BL_SHAPE(2, 2, 3)), 0));
}
