/* softmax and log_softmax. Values and gradients are PyTorch 1.13's. Looks at their entries (ops/registry.h).
 */
#include "check.h"
#include "ops/attributes.h"
#include "ops/registry.h"

TestSuite(softmax, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

static bl_tensor *logits(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, -1, 0.5, 0.5, 3);
}

static bl_tensor *weights(void)
{
    return REAL(BL_SHAPE(2, 3), 0.3, -0.2, 0.7, 1, 0.4, -0.6);
}

Test(softmax, values)
{
    bl_tensor *x = logits();
    EXPECT(bl_softmax(x, -1), 0.25949646034241913, 0.7053845126982412, 0.03511902695933973,
           0.07050946066120506, 0.07050946066120506, 0.8589810786775898);
    EXPECT(bl_softmax(x, 0), 0.6224593312018546, 0.8175744761936437, 0.017986209962091555,
           0.37754066879814546, 0.18242552380635632, 0.9820137900379085);
    EXPECT(bl_log_softmax(x, 1), -1.3490122167681864, -0.34901221676818633, -3.349012216768186,
           -2.6520083843911353, -2.6520083843911353, -0.1520083843911351);
    EXPECT(bl_log_softmax(x, -2), -0.4740769841801067, -0.20141327798275246, -4.0181499279178094,
           -0.9740769841801067, -1.7014132779827524, -0.01814992791780978);
    EXPECT_TYPE(bl_softmax(bl_cast(x, BL_F32), -1), BL_F32, BL_SHAPE(2, 3));
}

Test(softmax, derivatives)
{
    bl_tensor *x = logits(), *w = weights();
    EXPECT(bl_gradient(bl_mul(bl_softmax(x, 1), w), x), 0.08787708683813043, -0.1138175680591131,
           0.025940481220982685, 0.09988901854681963, 0.05758334215009659, -0.15747236069691628);
    EXPECT(bl_gradient(bl_mul(bl_softmax(x, 0), w), x), -0.16450259854111618, -0.0894878712421997,
           0.022961518077278444, 0.16450259854111612, 0.08948787124219972, -0.02296151807727846);
    EXPECT(bl_gradient(bl_mul(bl_log_softmax(x, 1), w), x), 0.0924028317260647, -0.7643076101585929,
           0.6719047784325282, 0.943592431471036, 0.34359243147103596, -1.2871848629420717);
    EXPECT(bl_gradient(bl_mul(bl_log_softmax(x, 0), w), x), -0.509197130562411, -0.36351489523872876,
           0.6982013790037908, 0.509197130562411, 0.36351489523872876, -0.6982013790037908);
}

/* The derivative as its formula has it, in rows of fewer and more elements than any vector has. */
Test(softmax, derivatives_in_rows_of_any_length)
{
    double values[7 * 40];
    for (int i = 0; i < 7 * 40; i++)
        values[i] = sin((double)i * 1.7);
    for (int64_t n = 1; n <= 40; n++) {
        for (int64_t rows = 1; rows <= 7; rows++) {
            bl_dtype dtype = (n + rows) % 2 ? BL_F32 : BL_F64;
            bl_graph_reset(graph);
            bl_tensor *w = bl_cast(bl_constant(graph, BL_F64, BL_SHAPE(rows, n), values), dtype);
            bl_tensor *x = bl_mul_scalar(w, 3), *y = bl_softmax(x, 1), *product = bl_mul(y, w);
            bl_tensor *mean = bl_sum(product, BL_AXES(1), true);
            bl_tensor *off = bl_sub(bl_gradient(product, x), bl_mul(y, bl_sub(w, mean)));
            EXPECT_NEAR(bl_cast(bl_max(bl_abs(off), BL_ALL_AXES, false), BL_F64),
                        dtype == BL_F32 ? 3e-7 : 1e-15, 0);
        }
    }
}

Test(softmax, special_values)
{
    EXPECT(bl_softmax(REAL(BL_SHAPE(2), 1000, 1000), 0), 0.5, 0.5);
    EXPECT(bl_log_softmax(REAL(BL_SHAPE(2), -1000, 0), 0), -1000, 0);
    bl_tensor *masked = REAL(BL_SHAPE(3), -inf, 0, 0);
    EXPECT(bl_softmax(masked, 0), 0, 0.5, 0.5);
    EXPECT(bl_log_softmax(masked, 0), -inf, -0.6931471805599453, -0.6931471805599453);
    EXPECT(bl_gradient(bl_slice(bl_log_softmax(masked, 0), 0, 1, 2, 1), masked), 0, 0.5, -0.5);
    bl_tensor *broken = REAL(BL_SHAPE(2, 2), nan_, 1, 1, 1);
    EXPECT(bl_softmax(broken, 1), nan_, nan_, 0.5, 0.5);
    EXPECT(bl_softmax(REAL(BL_SHAPE(1), -inf), 0), nan_);
}

Test(softmax, without_elements)
{
    EXPECT_TYPE(bl_softmax(EMPTY(BL_SHAPE(2, 0)), 1), BL_F64, BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_log_softmax(EMPTY(BL_SHAPE(0, 3)), -1), BL_F64, BL_SHAPE(0, 3));
    bl_tensor *x = EMPTY(BL_SHAPE(2, 0));
    EXPECT_TYPE(bl_gradient(bl_softmax(x, 1), x), BL_F64, BL_SHAPE(2, 0));
}

Test(softmax, refuses)
{
    bl_tensor *x = logits();
    EXPECT_ERROR(bl_softmax(x, 2), BL_ERR_ARGUMENT, "bl_softmax: axis 2 is outside the rank of [2,3]",
                 "test_softmax.c");
    EXPECT_ERROR(bl_log_softmax(bl_scalar(graph, BL_F64, 1), -1), BL_ERR_ARGUMENT,
                 "bl_log_softmax: axis -1 is outside the rank of []");
    EXPECT_ERROR(bl_softmax(bl_cast(x, BL_I64), 0), BL_ERR_DTYPE,
                 "bl_softmax: the operand is i64, not f32 or f64");
    EXPECT_ERROR(bl_log_softmax(bl_cast(x, BL_BF16), 0), BL_ERR_DTYPE, "bf16, which is storage only");
    cr_assert_null(bl_softmax(NULL, 0));
    cr_assert_null(bl_log_softmax(NULL, 0));
}

/* The definition is as safe as the kernel: no exponential overflows. */
Test(softmax, decomposition_of_large_logits)
{
    bl_tensor *x = REAL(BL_SHAPE(3), 1000, 999, -1000), *same;
    const double e = exp(-1.0);
    const bl__axis_attributes attributes = {.axis = 0};
    bl__op_softmax.decompose(graph, &x, 1, &attributes, &same);
    EXPECT(same, 1 / (1 + e), e / (1 + e), 0);
    bl__op_log_softmax.decompose(graph, &x, 1, &attributes, &same);
    EXPECT(same, -log1p(e), -1 - log1p(e), -2000 - log1p(e));
}
