/* mse_loss and cross_entropy. Values and gradients are PyTorch 1.13's. */
#include "check.h"

TestSuite(loss, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

/* ---- mse_loss ---- */

Test(loss, mse)
{
    bl_tensor *prediction = REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6),
              *target = REAL(BL_SHAPE(2, 3), 0.5, 1, 3.5, 4, 7, 5);
    bl_tensor *loss = bl_mse_loss(prediction, target);
    EXPECT_TYPE(loss, BL_F64, BL_SCALAR);
    EXPECT(loss, 1.0833333333333333);
    EXPECT(bl_gradient(loss, prediction), 1.0 / 6, 1.0 / 3, -1.0 / 6, 0, -2.0 / 3, 1.0 / 3);
    EXPECT(bl_gradient(loss, target), -1.0 / 6, -1.0 / 3, 1.0 / 6, 0, 2.0 / 3, -1.0 / 3);
    EXPECT(bl_mse_loss_reduced(prediction, target, BL_REDUCE_SUM), 6.5);
    EXPECT(bl_mse_loss_reduced(prediction, target, BL_REDUCE_NONE), 0.25, 1, 0.25, 0, 4, 1);
    EXPECT(bl_mse_loss(EMPTY(BL_SHAPE(0)), EMPTY(BL_SHAPE(0))), nan_);
    EXPECT(bl_mse_loss_reduced(EMPTY(BL_SHAPE(0)), EMPTY(BL_SHAPE(0)), BL_REDUCE_SUM), 0);
}

Test(loss, mse_refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 1), 1, 2), *y = REAL(BL_SHAPE(2), 1, 2);
    EXPECT_ERROR(bl_mse_loss(x, y), BL_ERR_SHAPE, "bl_mse_loss: shapes differ: [2,1] and [2]", "test_loss.c");
    EXPECT_ERROR(bl_mse_loss(x, bl_cast(x, BL_F32)), BL_ERR_DTYPE, "bl_mse_loss: dtypes differ: f64 [2,1]");
    EXPECT_ERROR(bl_mse_loss(bl_cast(x, BL_I32), x), BL_ERR_DTYPE,
                 "the first operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_mse_loss_reduced(x, x, (bl_reduction)7), BL_ERR_ARGUMENT, "there is no reduction 7");
    EXPECT_ERROR(bl_mse_loss(x, NULL), BL_ERR_ARGUMENT, "bl_mse_loss: a tensor is NULL");
    cr_assert_null(bl_mse_loss(NULL, NULL));
}

/* ---- cross_entropy ---- */

static bl_tensor *logits(void)
{
    return REAL(BL_SHAPE(4, 3), 1, 2, -1, 0.5, 0.5, 3, -2, 0, 1, 0.1, 0.2, 0.3);
}

static bl_tensor *targets(void)
{
    return CONSTANT(BL_I64, BL_SHAPE(4), 1, 2, -100, 0);
}

static bl_tensor *reduced(bl_tensor *x, bl_tensor *classes, bl_reduction reduction)
{
    bl_cross_entropy_options options = bl_cross_entropy_defaults();
    options.reduction = reduction;
    return bl_cross_entropy_with(x, classes, &options);
}

Test(loss, cross_entropy_mean)
{
    bl_tensor *x = logits(), *loss = bl_cross_entropy(x, targets());
    EXPECT_TYPE(loss, BL_F64, BL_SCALAR);
    EXPECT(loss, 0.5676544831295218);
    EXPECT(bl_gradient(loss, x), 0.0864988201141397, -0.0982051624339196, 0.011706342319779909,
           0.023503153553735015, 0.023503153553735015, -0.04700630710747007, 0, 0, 0, -0.23313013154809087,
           0.11074166451111578, 0.12238846703697516);
}

Test(loss, cross_entropy_none_and_sum)
{
    bl_tensor *x = logits(), *classes = bl_cast(targets(), BL_I32);
    bl_tensor *none = reduced(x, classes, BL_REDUCE_NONE), *sum = reduced(x, classes, BL_REDUCE_SUM);
    EXPECT_TYPE(none, BL_F64, BL_SHAPE(4));
    EXPECT(none, 0.34901221676818633, 0.1520083843911351, 0, 1.201942848229244);
    EXPECT(sum, 1.7029634493885655);
    for (int i = 0; i < 2; i++)
        EXPECT(bl_gradient(i ? none : sum, x), 0.25949646034241913, -0.2946154873017588, 0.03511902695933973,
               0.07050946066120505, 0.07050946066120505, -0.14101892132241023, 0, 0, 0, -0.6993903946442727,
               0.33222499353334733, 0.3671654011109255);
}

Test(loss, cross_entropy_of_many_axes)
{
    bl_tensor *x = bl_reshape(logits(), BL_SHAPE(2, 2, 3)), *classes = bl_reshape(targets(), BL_SHAPE(2, 2));
    EXPECT(bl_cross_entropy(x, classes), 0.5676544831295218);
    EXPECT_TYPE(reduced(x, classes, BL_REDUCE_NONE), BL_F64, BL_SHAPE(2, 2));
    EXPECT(bl_cross_entropy(REAL(BL_SHAPE(3), 1, 2, -1), CONSTANT(BL_I32, BL_SCALAR, 1)),
           0.34901221676818633);
}

/* No target counts: NaN, with a gradient of zero. */
Test(loss, cross_entropy_over_nothing)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 2, nan_, inf),
              *ignored = CONSTANT(BL_I64, BL_SHAPE(2), -100, -100);
    bl_tensor *mean = bl_cross_entropy(x, ignored);
    EXPECT(mean, nan_);
    EXPECT(bl_gradient(mean, x), 0, 0, 0, 0);
    EXPECT(reduced(x, ignored, BL_REDUCE_SUM), 0);
    EXPECT(bl_gradient(reduced(x, ignored, BL_REDUCE_SUM), x), 0, 0, 0, 0);
    EXPECT(bl_gradient(bl_gradient(mean, x), x), 0, 0, 0, 0);
    bl_tensor *scale = bl_scalar(graph, BL_F64, 2), *by_x = bl_gradient(bl_mul(mean, scale), x);
    EXPECT(bl_gradient(by_x, scale), 0);
    bl_tensor *none = bl_constant(graph, BL_I64, BL_SHAPE(0), NULL);
    EXPECT(bl_cross_entropy(EMPTY(BL_SHAPE(0, 3)), none), nan_);
    EXPECT(reduced(EMPTY(BL_SHAPE(0, 3)), none, BL_REDUCE_SUM), 0);
}

/* What an ignored row holds does not count, NaN or not; nor does a class of probability zero. */
Test(loss, cross_entropy_keeps_what_does_not_count_out)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 3), nan_, inf, 1, 0, -inf, 0),
              *classes = CONSTANT(BL_I64, BL_SHAPE(2), -100, 2);
    bl_tensor *loss = bl_cross_entropy(x, classes);
    EXPECT(loss, 0.6931471805599453);
    EXPECT(bl_gradient(loss, x), 0, 0, 0, 0.5, 0, -0.5);
    EXPECT(bl_cross_entropy(REAL(BL_SHAPE(1, 2), 0, -inf), CONSTANT(BL_I64, BL_SHAPE(1), 1)), inf);
    EXPECT(bl_cross_entropy(REAL(BL_SHAPE(1, 2), 0, nan_), CONSTANT(BL_I64, BL_SHAPE(1), 0)), nan_);
}

Test(loss, cross_entropy_ignores_any_value)
{
    bl_cross_entropy_options options = {.ignore_index = 2, .reduction = BL_REDUCE_SUM};
    bl_tensor *x = logits(), *classes = CONSTANT(BL_I32, BL_SHAPE(4), 1, 2, 2, 0);
    bl_tensor *loss = bl_cross_entropy_with(x, classes, &options);
    EXPECT(loss, 0.34901221676818633 + 1.201942848229244);
    EXPECT(bl_slice(bl_gradient(loss, x), 0, 1, 3, 1), 0, 0, 0, 0, 0, 0);
    options.ignore_index = INT64_C(1) << 40; /* no i32 */
    EXPECT(bl_cross_entropy_with(x, CONSTANT(BL_I32, BL_SHAPE(4), 1, 2, 2, 0), &options),
           0.34901221676818633 + 0.1520083843911351 + 0.3490122167681864 + 1.201942848229244);
}

Test(loss, cross_entropy_checks_targets_at_run)
{
    bl_tensor *loss = bl_cross_entropy(logits(), CONSTANT(BL_I64, BL_SHAPE(4), 0, 0, 3, 0));
    bl_program *program = bl_compile(context, loss);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert(error_says(bl_program_error(program), BL_ERR_INDEX, "bl_cross_entropy: target 3 at [2]", "0..2",
                         NULL),
              "%s", error_text(bl_program_error(program)));
    bl_program_free(program);
}

Test(loss, cross_entropy_refuses)
{
    bl_tensor *x = logits(), *classes = targets();
    bl_cross_entropy_options options = {.ignore_index = 0, .reduction = (bl_reduction)3};
    EXPECT_ERROR(bl_cross_entropy(bl_transpose(x, 0, 1), classes), BL_ERR_SHAPE,
                 "bl_cross_entropy: logits of [3,4] do not fit targets of [4]", "test_loss.c");
    EXPECT_ERROR(bl_cross_entropy(x, bl_reshape(classes, BL_SHAPE(4, 1))), BL_ERR_SHAPE, "[4,3]", "[4,1]");
    EXPECT_ERROR(bl_cross_entropy(EMPTY(BL_SHAPE(4, 0)), classes), BL_ERR_SHAPE,
                 "logits of [4,0] have no classes");
    EXPECT_ERROR(bl_cross_entropy(bl_scalar(graph, BL_F64, 0), classes), BL_ERR_SHAPE,
                 "logits of [] have no classes");
    EXPECT_ERROR(bl_cross_entropy(classes, classes), BL_ERR_DTYPE,
                 "the first operand is i64, not f32 or f64");
    EXPECT_ERROR(bl_cross_entropy(x, bl_cast(classes, BL_BOOL)), BL_ERR_DTYPE,
                 "the second operand is bool, not i32 or i64");
    EXPECT_ERROR(bl_cross_entropy(bl_cast(x, BL_F16), classes), BL_ERR_DTYPE, "f16, which is storage only");
    EXPECT_ERROR(bl_cross_entropy_with(x, classes, &options), BL_ERR_ARGUMENT, "there is no reduction 3");
    EXPECT_ERROR(bl_cross_entropy(x, NULL), BL_ERR_ARGUMENT, "bl_cross_entropy: a tensor is NULL");
    cr_assert_null(bl_cross_entropy(NULL, NULL));
}
