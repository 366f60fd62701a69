/* SGD in all its variants against PyTorch's training runs, and the options it refuses. */
#include "trajectory.h"

#include <criterion/criterion.h>
#include <math.h>

/* 200 steps in f64 differ by 1e-15 where both sides round in the same places; a wrong formula by far more. */
#define TOLERANCE 1e-12

static bl_optimizer *plain(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.1;
    return bl_sgd(context, &options);
}

static bl_optimizer *weight_decay(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.1;
    options.weight_decay = 0.02;
    return bl_sgd(context, &options);
}

static bl_optimizer *momentum(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.05;
    options.momentum = 0.9;
    return bl_sgd(context, &options);
}

static bl_optimizer *dampening(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.1;
    options.momentum = 0.8;
    options.dampening = 0.5;
    return bl_sgd(context, &options);
}

static bl_optimizer *nesterov(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.05;
    options.momentum = 0.9;
    options.nesterov = true;
    return bl_sgd(context, &options);
}

static bl_optimizer *all(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.1;
    options.momentum = 0.7;
    options.dampening = 0.25;
    options.weight_decay = 0.01;
    return bl_sgd(context, &options);
}

static bl_optimizer *half_momentum(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.1;
    options.momentum = 0.5;
    return bl_sgd(context, &options);
}

static bl_optimizer *uphill(bl_context *context, const bl_params *params)
{
    (void)params;
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.1;
    options.momentum = 0.7;
    options.dampening = 0.25;
    options.weight_decay = 0.01;
    options.maximize = true;
    return bl_sgd(context, &options);
}

Test(sgd, follows_pytorch)
{
    follow("sgd", plain, BL_F64, (training){0}, TOLERANCE);
    follow("sgd weight decay", weight_decay, BL_F64, (training){0}, TOLERANCE);
    follow("sgd momentum", momentum, BL_F64, (training){0}, TOLERANCE);
    follow("sgd dampening", dampening, BL_F64, (training){0}, TOLERANCE);
    follow("sgd nesterov", nesterov, BL_F64, (training){0}, TOLERANCE);
    follow("sgd all", all, BL_F64, (training){0}, TOLERANCE);
    follow("sgd all", uphill, BL_F64, (training){.negate = true}, TOLERANCE);
}

Test(sgd, follows_a_schedule_and_late_parameters)
{
    follow("sgd dropped lr", half_momentum, BL_F64, (training){.drop = 100}, TOLERANCE);
    follow("sgd late", dampening, BL_F64, (training){.late = 50}, TOLERANCE);
}

Test(sgd, options)
{
    bl_sgd_options options = bl_sgd_defaults();
    cr_assert(options.lr == 0.001 && options.momentum == 0 && options.dampening == 0);
    cr_assert(options.weight_decay == 0 && !options.nesterov);
    bl_context *context = bl_context_new(NULL);
    static const struct {
        bl_sgd_options options;
        const char *message;
    } bad[] = {
        {{.lr = -1}, "bl_sgd: lr is -1, not in [0, inf)"},
        {{.lr = INFINITY}, "bl_sgd: lr is inf, not in [0, inf)"},
        {{.momentum = -0.5}, "bl_sgd: momentum is -0.5, not in [0, inf)"},
        {{.weight_decay = -0.5}, "bl_sgd: weight_decay is -0.5, not in [0, inf)"},
        {{.dampening = INFINITY}, "bl_sgd: dampening is inf"},
        {{.nesterov = true}, "bl_sgd: nesterov needs momentum > 0 and dampening 0, not 0 and 0"},
        {{.nesterov = true, .momentum = 0.5, .dampening = 0.25},
         "bl_sgd: nesterov needs momentum > 0 and dampening 0, not 0.5 and 0.25"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_null(bl_sgd(context, &bad[i].options));
        cr_assert_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);
        cr_assert_str_eq(bl_context_error(context)->message, bad[i].message);
    }
    cr_assert_null(bl_sgd(NULL, NULL));
    bl_optimizer *optimizer = bl_sgd(context, NULL);
    cr_assert_eq(*(const double *)bl_parameter_data(bl_optimizer_lr(optimizer)), 0.001);
    bl_context_free(context);
    bl_optimizer_free(optimizer);
}
