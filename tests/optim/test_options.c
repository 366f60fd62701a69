/* The options of the optimizers besides SGD and Adam: defaults, and what is refused. */
#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <math.h>

/* Sets one option to a value, and expects what follows "bl_KIND: ". */
#define REFUSE(kind, member, value, text)                                            \
    do {                                                                             \
        bl_##kind##_options options = bl_##kind##_defaults();                        \
        options.member = value;                                                      \
        cr_assert_null(bl_##kind(context, &options));                                \
        cr_assert_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);              \
        cr_assert_str_eq(bl_context_error(context)->message, "bl_" #kind ": " text); \
    } while (0)

/* The defaults make an optimizer that goes by its constructor's name, without context there is none. */
#define ACCEPT(kind, expected_lr)                                                                  \
    do {                                                                                           \
        bl_optimizer *optimizer = bl_##kind(context, NULL);                                        \
        cr_assert_str_eq(bl_optimizer_name(optimizer), #kind);                                     \
        cr_assert_eq(*(const double *)bl_parameter_data(bl_optimizer_lr(optimizer)), expected_lr); \
        bl_optimizer_free(optimizer);                                                              \
        cr_assert_null(bl_##kind(NULL, NULL));                                                     \
    } while (0)

static bl_context *context;

static void open_context(void)
{
    context = bl_context_new(NULL);
}

static void close_context(void)
{
    bl_context_free(context);
}

TestSuite(options, .init = open_context, .fini = close_context);

Test(options, defaults)
{
    ACCEPT(adamw, 0.001);
    ACCEPT(adamax, 0.002);
    ACCEPT(nadam, 0.002);
    ACCEPT(radam, 0.001);
    ACCEPT(adagrad, 0.01);
    ACCEPT(adadelta, 1);
    ACCEPT(rmsprop, 0.01);
    ACCEPT(lion, 0.0001);
    ACCEPT(adafactor, 0.01);
    ACCEPT(lamb, 0.001);
    ACCEPT(muon, 0.001);
    bl_adam_options adamw = bl_adamw_defaults();
    cr_assert(adamw.beta1 == 0.9 && adamw.beta2 == 0.999 && adamw.eps == 1e-8 && adamw.weight_decay == 0.01);
    cr_assert(!adamw.amsgrad && !adamw.maximize);
    bl_adamax_options adamax = bl_adamax_defaults();
    cr_assert(adamax.beta1 == 0.9 && adamax.beta2 == 0.999 && adamax.eps == 1e-8 && adamax.weight_decay == 0);
    bl_nadam_options nadam = bl_nadam_defaults();
    cr_assert(nadam.beta1 == 0.9 && nadam.beta2 == 0.999 && nadam.eps == 1e-8 && nadam.weight_decay == 0);
    cr_assert_eq(nadam.momentum_decay, 0.004);
    bl_radam_options radam = bl_radam_defaults();
    cr_assert(radam.beta1 == 0.9 && radam.beta2 == 0.999 && radam.eps == 1e-8 && radam.weight_decay == 0);
    bl_adagrad_options adagrad = bl_adagrad_defaults();
    cr_assert(adagrad.lr_decay == 0 && adagrad.weight_decay == 0 && adagrad.initial_accumulator == 0);
    cr_assert(adagrad.eps == 1e-10 && !adagrad.maximize);
    bl_adadelta_options adadelta = bl_adadelta_defaults();
    cr_assert(adadelta.rho == 0.9 && adadelta.eps == 1e-6 && adadelta.weight_decay == 0);
    bl_rmsprop_options rmsprop = bl_rmsprop_defaults();
    cr_assert(rmsprop.alpha == 0.99 && rmsprop.eps == 1e-8 && rmsprop.weight_decay == 0);
    cr_assert(rmsprop.momentum == 0 && !rmsprop.centered && !rmsprop.maximize);
    bl_lion_options lion = bl_lion_defaults();
    cr_assert(lion.beta1 == 0.9 && lion.beta2 == 0.99 && lion.weight_decay == 0);
    bl_adafactor_options adafactor = bl_adafactor_defaults();
    cr_assert(adafactor.beta2_decay == -0.8 && adafactor.eps1 == -1 && adafactor.eps2 == 0.001);
    cr_assert(adafactor.clip_threshold == 1 && adafactor.weight_decay == 0);
    bl_lamb_options lamb = bl_lamb_defaults();
    cr_assert(lamb.beta1 == 0.9 && lamb.beta2 == 0.999 && lamb.eps == 1e-6 && lamb.weight_decay == 0.01);
    bl_muon_options muon = bl_muon_defaults();
    cr_assert(muon.momentum == 0.95 && muon.nesterov && muon.weight_decay == 0.1 && muon.eps == 1e-7);
    cr_assert(muon.coefficients[0] == 3.4445 && muon.coefficients[1] == -4.7750);
    cr_assert(muon.coefficients[2] == 2.0315 && muon.iterations == 5 && muon.scale == BL_MUON_ORIGINAL);
}

Test(options, refused)
{
    bl_adam_options adamw = bl_adamw_defaults();
    adamw.beta2 = 1;
    cr_assert_null(bl_adamw(context, &adamw));
    cr_assert_str_eq(bl_context_error(context)->message, "bl_adamw: beta2 is 1, not in [0, 1)");
    REFUSE(adamax, lr, NAN, "lr is nan, not in [0, inf)");
    REFUSE(adamax, beta1, 1, "beta1 is 1, not in [0, 1)");
    REFUSE(adamax, beta2, -1, "beta2 is -1, not in [0, 1)");
    REFUSE(adamax, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(adamax, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(nadam, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(nadam, beta1, 2, "beta1 is 2, not in [0, 1)");
    REFUSE(nadam, beta2, 2, "beta2 is 2, not in [0, 1)");
    REFUSE(nadam, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(nadam, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(nadam, momentum_decay, -1, "momentum_decay is -1, not in [0, inf)");
    REFUSE(radam, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(radam, beta1, 1, "beta1 is 1, not in [0, 1)");
    REFUSE(radam, beta2, 1, "beta2 is 1, not in [0, 1)");
    REFUSE(radam, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(radam, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(adagrad, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(adagrad, lr_decay, -1, "lr_decay is -1, not in [0, inf)");
    REFUSE(adagrad, initial_accumulator, -1, "initial_accumulator is -1, not in [0, inf)");
    REFUSE(adagrad, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(adagrad, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(adadelta, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(adadelta, rho, 1, "rho is 1, not in [0, 1)");
    REFUSE(adadelta, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(adadelta, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(rmsprop, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(rmsprop, alpha, 1, "alpha is 1, not in [0, 1)");
    REFUSE(rmsprop, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(rmsprop, momentum, -1, "momentum is -1, not in [0, inf)");
    REFUSE(rmsprop, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(lion, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(lion, beta1, 1, "beta1 is 1, not in [0, 1)");
    REFUSE(lion, beta2, 1, "beta2 is 1, not in [0, 1)");
    REFUSE(lion, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
}

Test(options, refused_by_the_others)
{
    REFUSE(adafactor, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(adafactor, beta2_decay, 0, "beta2_decay is 0, not in [-inf, 0)");
    REFUSE(adafactor, eps1, -2, "eps1 is -2, not in [-1, inf)");
    REFUSE(adafactor, eps2, -1, "eps2 is -1, not in [0, inf)");
    REFUSE(adafactor, clip_threshold, 0.5, "clip_threshold is 0.5, not in [1, inf)");
    REFUSE(adafactor, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(lamb, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(lamb, beta1, 1, "beta1 is 1, not in [0, 1)");
    REFUSE(lamb, beta2, 1, "beta2 is 1, not in [0, 1)");
    REFUSE(lamb, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(lamb, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(muon, lr, -1, "lr is -1, not in [0, inf)");
    REFUSE(muon, momentum, 1, "momentum is 1, not in [0, 1)");
    REFUSE(muon, weight_decay, -1, "weight_decay is -1, not in [0, inf)");
    REFUSE(muon, iterations, -1, "iterations is -1, not in [0, 100)");
    REFUSE(muon, eps, -1, "eps is -1, not in [0, inf)");
    REFUSE(muon, coefficients[1], NAN, "a coefficient is nan, not in [-inf, inf)");
    REFUSE(muon, scale, (bl_muon_scale)7, "scale is 7, none of bl_muon_scale");
}
