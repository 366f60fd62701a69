/* Adam and AdamW against PyTorch's training runs, and the options it refuses. */
#include "trajectory.h"

#include <criterion/criterion.h>
#include <math.h>

/* 200 steps in f64 differ by 1e-15 where both sides round in the same places; a wrong formula by far more. */
#define TOLERANCE 1e-12

static bl_optimizer *plain(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adam_defaults();
    options.lr = 0.01;
    return bl_adam(context, &options);
}

static bl_optimizer *weight_decay(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adam_defaults();
    options.lr = 0.01;
    options.weight_decay = 0.05;
    return bl_adam(context, &options);
}

static bl_optimizer *betas(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adam_defaults();
    options.lr = 0.005;
    options.beta1 = 0.8;
    options.beta2 = 0.95;
    options.eps = 1e-3;
    return bl_adam(context, &options);
}

static bl_optimizer *faster(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adam_defaults();
    options.lr = 0.02;
    return bl_adam(context, &options);
}

static bl_optimizer *amsgrad(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adam_defaults();
    options.lr = 0.02;
    options.beta1 = 0.8;
    options.beta2 = 0.9;
    options.amsgrad = true;
    return bl_adam(context, &options);
}

static bl_optimizer *uphill(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adam_defaults();
    options.lr = 0.01;
    options.weight_decay = 0.05;
    options.maximize = true;
    return bl_adam(context, &options);
}

static bl_optimizer *decoupled(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adamw_defaults();
    options.lr = 0.01;
    return bl_adamw(context, &options);
}

static bl_optimizer *decoupled_all(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adamw_defaults();
    options.lr = 0.02;
    options.beta1 = 0.8;
    options.beta2 = 0.9;
    options.weight_decay = 0.5;
    options.amsgrad = true;
    return bl_adamw(context, &options);
}

static bl_optimizer *decoupled_uphill(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_adam_options options = bl_adamw_defaults();
    options.lr = 0.01;
    options.maximize = true;
    return bl_adamw(context, &options);
}

Test(adam, follows_pytorch)
{
    follow("adam", plain, BL_F64, (training){0}, TOLERANCE);
    follow("adam weight decay", weight_decay, BL_F64, (training){0}, TOLERANCE);
    follow("adam betas", betas, BL_F64, (training){0}, TOLERANCE);
    follow("adam amsgrad", amsgrad, BL_F64, (training){0}, TOLERANCE);
    follow("adam weight decay", uphill, BL_F64, (training){.negate = true}, TOLERANCE);
}

Test(adamw, follows_pytorch)
{
    follow("adamw", decoupled, BL_F64, (training){0}, TOLERANCE);
    follow("adamw all", decoupled_all, BL_F64, (training){0}, TOLERANCE);
    follow("adamw", decoupled_uphill, BL_F64, (training){.negate = true}, TOLERANCE);
}

Test(adam, follows_a_schedule_and_late_parameters)
{
    follow("adam dropped lr", faster, BL_F64, (training){.drop = 100}, TOLERANCE);
    follow("adam late", plain, BL_F64, (training){.late = 50}, TOLERANCE);
}

/* In f32 the same path, as far as 200 steps of roundings of 6e-8 let it. */
Test(adam, f32)
{
    follow("adam", plain, BL_F32, (training){0}, 5e-6);
    follow("adamw", decoupled, BL_F32, (training){0}, 5e-6);
}

Test(adam, options)
{
    bl_adam_options options = bl_adam_defaults();
    cr_assert(options.lr == 0.001 && options.beta1 == 0.9 && options.beta2 == 0.999);
    cr_assert(options.eps == 1e-8 && options.weight_decay == 0);
    bl_context *context = bl_context_new(NULL);
    static const struct {
        bl_adam_options options;
        const char *message;
    } bad[] = {
        {{.lr = -1}, "bl_adam: lr is -1, not in [0, inf)"},
        {{.beta1 = 1}, "bl_adam: beta1 is 1, not in [0, 1)"},
        {{.beta2 = -0.25}, "bl_adam: beta2 is -0.25, not in [0, 1)"},
        {{.eps = -1}, "bl_adam: eps is -1, not in [0, inf)"},
        {{.weight_decay = INFINITY}, "bl_adam: weight_decay is inf, not in [0, inf)"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_null(bl_adam(context, &bad[i].options));
        cr_assert_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);
        cr_assert_str_eq(bl_context_error(context)->message, bad[i].message);
    }
    options.lr = NAN;
    cr_assert_null(bl_adam(context, &options));
    cr_assert_null(bl_adam(NULL, NULL));
    bl_optimizer *optimizer = bl_adam(context, NULL);
    cr_assert_eq(*(const double *)bl_parameter_data(bl_optimizer_lr(optimizer)), 0.001);
    bl_context_free(context);
    bl_optimizer_free(optimizer);
}
