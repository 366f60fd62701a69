/* The optimizers besides SGD and Adam against PyTorch's training runs and those that make_reference.py
 * transcribes, in f64 and f32. */
#include "trajectory.h"

#include <criterion/criterion.h>

#define MAKE(name, kind, ...)                                               \
    static bl_optimizer *name(bl_context *context, const bl_params *params) \
    {                                                                       \
        (void)params;                                                       \
        bl_##kind##_options options = bl_##kind##_defaults();               \
        __VA_ARGS__;                                                        \
        return bl_##kind(context, &options);                                \
    }

/* What rounding makes of 200 steps in f64; a wrong formula differs by far more. */
#define TOLERANCE 1e-12

/* In f32 each of 200 steps rounds by 6e-8, and what make_reference.py allows runs to amplify comes on top. */
#define TOLERANCE_F32 2e-5

static const training plain, uphill = {.negate = true}, late = {.late = 50};

MAKE(adamax, adamax, options.lr = 0.01)
MAKE(adamax_all, adamax, options.lr = 0.005, options.beta1 = 0.8, options.beta2 = 0.95, options.eps = 1e-2,
     options.weight_decay = 0.05)
MAKE(adamax_uphill, adamax, options.lr = 0.01, options.maximize = true)

Test(adamax, follows_pytorch)
{
    follow("adamax", adamax, BL_F64, plain, TOLERANCE);
    follow("adamax all", adamax_all, BL_F64, plain, TOLERANCE);
    follow("adamax", adamax_uphill, BL_F64, uphill, TOLERANCE);
    follow("adamax", adamax, BL_F32, plain, TOLERANCE_F32);
}

MAKE(nadam, nadam, options.lr = 0.005)
MAKE(nadam_all, nadam, options.lr = 0.003, options.beta1 = 0.8, options.beta2 = 0.95, options.eps = 1e-3,
     options.weight_decay = 0.05, options.momentum_decay = 0.02)

Test(nadam, follows_pytorch)
{
    follow("nadam", nadam, BL_F64, plain, TOLERANCE);
    follow("nadam all", nadam_all, BL_F64, plain, TOLERANCE);
    follow("nadam late", nadam, BL_F64, late, TOLERANCE);
    follow("nadam", nadam, BL_F32, plain, TOLERANCE_F32);
}

MAKE(radam, radam, options.lr = 0.01)
MAKE(radam_all, radam, options.lr = 0.01, options.beta1 = 0.8, options.beta2 = 0.95, options.eps = 1e-3,
     options.weight_decay = 0.05)

Test(radam, follows_pytorch)
{
    follow("radam", radam, BL_F64, plain, TOLERANCE);
    follow("radam all", radam_all, BL_F64, plain, TOLERANCE);
    follow("radam", radam, BL_F32, plain, TOLERANCE_F32);
}

MAKE(adagrad, adagrad, options.lr = 0.05)
MAKE(adagrad_all, adagrad, options.lr = 0.1, options.lr_decay = 0.01, options.weight_decay = 0.02,
     options.initial_accumulator = 0.1, options.eps = 1e-3)
MAKE(adagrad_uphill, adagrad, options.lr = 0.05, options.maximize = true)

Test(adagrad, follows_pytorch)
{
    follow("adagrad", adagrad, BL_F64, plain, TOLERANCE);
    follow("adagrad all", adagrad_all, BL_F64, plain, TOLERANCE);
    follow("adagrad", adagrad_uphill, BL_F64, uphill, TOLERANCE);
    follow("adagrad", adagrad, BL_F32, plain, TOLERANCE_F32);
}

MAKE(adadelta, adadelta, options.lr = 0.5)
MAKE(adadelta_all, adadelta, options.lr = 0.5, options.rho = 0.8, options.eps = 1e-4,
     options.weight_decay = 0.02)
MAKE(adadelta_uphill, adadelta, options.lr = 0.5, options.maximize = true)

Test(adadelta, follows_pytorch)
{
    follow("adadelta", adadelta, BL_F64, plain, TOLERANCE);
    follow("adadelta all", adadelta_all, BL_F64, plain, TOLERANCE);
    follow("adadelta", adadelta_uphill, BL_F64, uphill, TOLERANCE);
    follow("adadelta", adadelta, BL_F32, plain, TOLERANCE_F32);
}

MAKE(rmsprop, rmsprop, options.lr = 0.001)
MAKE(rmsprop_momentum, rmsprop, options.lr = 0.001, options.momentum = 0.5)
MAKE(rmsprop_all, rmsprop, options.lr = 0.001, options.alpha = 0.9, options.eps = 1e-2,
     options.momentum = 0.8, options.centered = true, options.weight_decay = 0.02)
MAKE(rmsprop_uphill, rmsprop, options.lr = 0.001, options.maximize = true)

Test(rmsprop, follows_pytorch)
{
    follow("rmsprop", rmsprop, BL_F64, plain, TOLERANCE);
    follow("rmsprop momentum", rmsprop_momentum, BL_F64, plain, TOLERANCE);
    follow("rmsprop all", rmsprop_all, BL_F64, plain, TOLERANCE);
    follow("rmsprop", rmsprop_uphill, BL_F64, uphill, TOLERANCE);
    follow("rmsprop", rmsprop, BL_F32, plain, TOLERANCE_F32);
}

MAKE(lion, lion, options.lr = 0.003)
MAKE(lion_all, lion, options.lr = 0.002, options.beta1 = 0.8, options.beta2 = 0.95,
     options.weight_decay = 0.5)

Test(lion, follows_the_paper)
{
    follow("lion", lion, BL_F64, plain, TOLERANCE);
    follow("lion all", lion_all, BL_F64, plain, TOLERANCE);
    follow("lion", lion, BL_F32, plain, TOLERANCE_F32);
}

MAKE(adafactor, adafactor, options.lr = 0.003)
MAKE(adafactor_all, adafactor, options.lr = 0.03, options.beta2_decay = -0.6, options.eps1 = 0.1,
     options.eps2 = 0.5, options.clip_threshold = 2, options.weight_decay = 0.01)

Test(adafactor, follows_the_paper)
{
    follow("adafactor", adafactor, BL_F64, plain, TOLERANCE);
    follow("adafactor all", adafactor_all, BL_F64, plain, TOLERANCE);
    follow("adafactor late", adafactor, BL_F64, late, TOLERANCE);
    follow("adafactor", adafactor, BL_F32, plain, TOLERANCE_F32);
}

MAKE(lamb, lamb, options.lr = 0.003)
MAKE(lamb_all, lamb, options.lr = 0.003, options.beta1 = 0.8, options.beta2 = 0.95, options.eps = 1e-2,
     options.weight_decay = 0)

Test(lamb, follows_the_paper)
{
    follow("lamb", lamb, BL_F64, plain, TOLERANCE);
    follow("lamb all", lamb_all, BL_F64, plain, TOLERANCE);
    follow("lamb", lamb, BL_F32, plain, TOLERANCE_F32);
}

/* AdamW, with a group for the matrices. */
static bl_optimizer *with_matrices(bl_context *context, const bl_params *params,
                                   const bl_muon_options *options)
{
    bl_adam_options rest = bl_adamw_defaults();
    rest.lr = 0.01;
    bl_optimizer *adamw = bl_adamw(context, &rest);
    cr_assert_eq(bl_optimizer_add_group(adamw, params, "w?", bl_muon(context, options)), BL_OK);
    return adamw;
}

static bl_optimizer *muon(bl_context *context, const bl_params *params)
{
    bl_muon_options options = bl_muon_defaults();
    options.lr = 0.003;
    return with_matrices(context, params, &options);
}

static bl_optimizer *muon_all(bl_context *context, const bl_params *params)
{
    bl_muon_options options = bl_muon_defaults();
    options.lr = 0.01;
    options.momentum = 0.8;
    options.nesterov = false;
    options.weight_decay = 0.5;
    options.scale = BL_MUON_MATCH_ADAMW;
    return with_matrices(context, params, &options);
}

Test(muon, follows_its_author)
{
    follow("muon", muon, BL_F64, plain, TOLERANCE);
    follow("muon all", muon_all, BL_F64, plain, TOLERANCE);
    follow("muon", muon, BL_F32, plain, TOLERANCE_F32);
}
