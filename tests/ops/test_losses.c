/* Losses of regression and of distributions. The generic suite compares derivatives; here stand known values.
 */
#include "check.h"

TestSuite(losses, .init = open_all, .fini = close_all);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

/* ---- mse_loss ---- */

Test(losses, mse)
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

Test(losses, mse_refuses)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 1), 1, 2), *y = REAL(BL_SHAPE(2), 1, 2);
    EXPECT_ERROR(bl_mse_loss(x, y), BL_ERR_SHAPE, "bl_mse_loss: shapes differ: [2,1] and [2]",
                 "test_losses.c");
    EXPECT_ERROR(bl_mse_loss(x, bl_cast(x, BL_F32)), BL_ERR_DTYPE, "bl_mse_loss: dtypes differ: f64 [2,1]");
    EXPECT_ERROR(bl_mse_loss(bl_cast(x, BL_I32), x), BL_ERR_DTYPE,
                 "the first operand is i32, not f32 or f64");
    EXPECT_ERROR(bl_mse_loss_reduced(x, x, (bl_reduction)7), BL_ERR_ARGUMENT, "there is no reduction 7");
    EXPECT_ERROR(bl_mse_loss(x, NULL), BL_ERR_ARGUMENT, "bl_mse_loss: a tensor is NULL");
    cr_assert_null(bl_mse_loss(NULL, NULL));
}

/* ---- l1, smooth l1, huber ---- */

Test(losses, l1)
{
    bl_tensor *x = REAL(BL_SHAPE(4), 1, -2, 0, inf), *t = REAL(BL_SHAPE(4), 0, 1, 0, 0);
    bl_tensor *loss = bl_l1_loss_reduced(x, t, BL_REDUCE_NONE);
    EXPECT(loss, 1, 3, 0, inf);
    EXPECT(bl_gradient(loss, x), 1, -1, 0, 1);
    EXPECT(bl_gradient(loss, t), -1, 1, 0, -1);
    EXPECT(bl_l1_loss(bl_slice(x, 0, 0, 2, 1), bl_slice(t, 0, 0, 2, 1)), 2);
    EXPECT(bl_l1_loss(EMPTY(BL_SHAPE(0, 2)), EMPTY(BL_SHAPE(0, 2))), nan_);
    EXPECT_ERROR(bl_l1_loss(x, bl_reshape(t, BL_SHAPE(4, 1))), BL_ERR_SHAPE,
                 "bl_l1_loss: shapes differ: [4] and [4,1]", "test_losses.c");
    EXPECT_ERROR(bl_l1_loss_reduced(x, t, BL_REDUCE_BATCH_MEAN), BL_ERR_ARGUMENT, "there is no reduction 3");
}

/* Infinite differences have a slope too. */
Test(losses, smooth_l1_and_huber)
{
    bl_tensor *x = REAL(BL_SHAPE(5), 0.5, -1, 3, -inf, nan_), *t = bl_full(graph, BL_F64, BL_SHAPE(5), 0);
    bl_tensor *loss = bl_smooth_l1_loss_with(x, t, &(bl_smooth_l1_loss_options){2, BL_REDUCE_NONE});
    EXPECT(loss, 0.0625, 0.25, 2, inf, nan_);
    EXPECT(bl_slice(bl_gradient(loss, x), 0, 0, 4, 1), 0.25, -0.5, 1, -1);
    EXPECT(bl_smooth_l1_loss_with(x, t, &(bl_smooth_l1_loss_options){0, BL_REDUCE_NONE}), 0.5, 1, 3, inf,
           nan_);
    loss = bl_huber_loss_with(x, t, &(bl_huber_loss_options){2, BL_REDUCE_NONE});
    EXPECT(loss, 0.125, 0.5, 4, inf, nan_);
    EXPECT(bl_slice(bl_gradient(loss, x), 0, 0, 4, 1), 0.5, -1, 2, -2);
    bl_tensor *three = bl_slice(x, 0, 0, 3, 1), *zeros = bl_slice(t, 0, 0, 3, 1);
    EXPECT(bl_smooth_l1_loss(three, zeros), (0.125 + 0.5 + 2.5) / 3);
    EXPECT(bl_huber_loss(three, zeros), (0.125 + 0.5 + 2.5) / 3);
    EXPECT_ERROR(bl_smooth_l1_loss_with(x, t, &(bl_smooth_l1_loss_options){-1, BL_REDUCE_NONE}),
                 BL_ERR_ARGUMENT, "bl_smooth_l1_loss: beta = -1 is negative or not finite");
    EXPECT_ERROR(bl_huber_loss_with(x, t, &(bl_huber_loss_options){0, BL_REDUCE_NONE}), BL_ERR_ARGUMENT,
                 "bl_huber_loss: delta = 0 is not positive and finite");
}

/* ---- from distributions ---- */

Test(losses, kl_div)
{
    bl_tensor *x = REAL(BL_SHAPE(2, 2), log(0.5), log(0.5), log(0.25), log(0.75));
    bl_tensor *t = REAL(BL_SHAPE(2, 2), 1, 0, 0.5, 0.5);
    bl_kl_div_options options = bl_kl_div_defaults();
    double first = log(2), second = 0.5 * log(0.5 / 0.25) + 0.5 * log(0.5 / 0.75);
    EXPECT(bl_kl_div(x, t), (first + second) / 4);
    options.reduction = BL_REDUCE_BATCH_MEAN;
    EXPECT(bl_kl_div_with(x, t, &options), (first + second) / 2);
    EXPECT(bl_kl_div_with(bl_scalar(graph, BL_F64, -1), bl_scalar(graph, BL_F64, 1), &options), 1);
    bl_tensor *none = bl_kl_div_with(EMPTY(BL_SHAPE(0, 2)), EMPTY(BL_SHAPE(0, 2)), &options);
    EXPECT_TYPE(none, BL_F64, BL_SCALAR);
    EXPECT(none, nan_);
    options.reduction = BL_REDUCE_SUM;
    bl_tensor *loss = bl_kl_div_with(x, t, &options);
    EXPECT(loss, first + second);
    EXPECT(bl_gradient(loss, x), -1, 0, -0.5, -0.5);
    EXPECT(bl_slice(bl_gradient(loss, t), 0, 0, 1, 1), 1 + log(2), log(2)); /* finite where t = 0 */
    options.log_target = true;
    EXPECT(bl_kl_div_with(x, bl_log(t), &options), nan_); /* e^-inf times an infinity, as in PyTorch */
    EXPECT(bl_kl_div_with(x, x, &options), 0);
    options.reduction = (bl_reduction)4;
    EXPECT_ERROR(bl_kl_div_with(x, t, &options), BL_ERR_ARGUMENT, "bl_kl_div: there is no reduction 4");
}

Test(losses, gaussian_nll)
{
    bl_gaussian_nll_loss_options options = bl_gaussian_nll_loss_defaults();
    bl_tensor *x = REAL(BL_SHAPE(2, 2), 1, 2, 3, 4), *t = REAL(BL_SHAPE(2, 2), 1, 1, 1, 1);
    bl_tensor *variance = REAL(BL_SHAPE(2), 1, 4);
    options.reduction = BL_REDUCE_NONE;
    EXPECT(bl_gaussian_nll_loss_with(x, t, variance, &options), 0, (log(4) + 0.25) / 2, 2,
           (log(4) + 2.25) / 2);
    options.full = true;
    options.reduction = BL_REDUCE_SUM;
    EXPECT(bl_gaussian_nll_loss_with(x, t, variance, &options), log(4) + 3.25 + 2 * log(2 * acos(-1.0)));
    options.eps = 2; /* the least variance: the gradient of the first is that at 2 */
    EXPECT(bl_gradient(bl_gaussian_nll_loss_with(x, t, variance, &options), variance), 0.5 - 0.5,
           0.25 - 10.0 / 32);
    EXPECT_ERROR(bl_gaussian_nll_loss(x, t, REAL(BL_SHAPE(3), 1, 1, 1)), BL_ERR_SHAPE,
                 "bl_gaussian_nll_loss: the variance of [3] does not broadcast to [2,2]");
    options.eps = 0;
    EXPECT_ERROR(bl_gaussian_nll_loss_with(x, t, variance, &options), BL_ERR_ARGUMENT,
                 "eps = 0 is not positive");
}

Test(losses, poisson_nll)
{
    bl_poisson_nll_loss_options options = bl_poisson_nll_loss_defaults();
    bl_tensor *x = REAL(BL_SHAPE(3), 0, 1, 2), *t = REAL(BL_SHAPE(3), 0, 1, 3);
    options.reduction = BL_REDUCE_NONE;
    EXPECT(bl_poisson_nll_loss_with(x, t, &options), 1, exp(1) - 1, exp(2) - 6);
    options.full = true;
    double stirling = 3 * log(3) - 3 + 0.5 * log(2 * acos(-1.0) * 3);
    EXPECT(bl_poisson_nll_loss_with(x, t, &options), 1, exp(1) - 1, exp(2) - 6 + stirling);
    options.full = options.log_input = false;
    EXPECT(bl_poisson_nll_loss_with(x, t, &options), 0, 1 - log(1 + 1e-8), 2 - 3 * log(2 + 1e-8));
    options.eps = -1;
    EXPECT_ERROR(bl_poisson_nll_loss_with(x, t, &options), BL_ERR_ARGUMENT, "eps = -1 is negative");
}
