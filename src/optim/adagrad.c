/* Adagrad: steps scaled by the sum of all squares of the gradient. */
#include "optim/formulas.h"

/* g = g + weight_decay p
 * s = s + g^2
 * p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps) */
static bl_tensor *update(bl_update_call *u)
{
    const bl_adagrad_options *options = u->options;
    bl_tensor *g = bl__decayed(u, options->maximize, options->weight_decay);
    bl_tensor *sum = u->state[0] = bl_add(u->state[0], bl_square(g));
    bl_tensor *size = u->lr;
    if (u->count) {
        bl_tensor *decay = bl_mul_scalar(bl_sub_scalar(u->count, 1), options->lr_decay);
        size = bl_div(size, bl_add_scalar(decay, 1));
    }
    bl_tensor *scale = bl_add_scalar(bl_sqrt(sum), options->eps);
    return bl_sub(u->parameter, bl_div(bl_mul(g, bl__rounded(u, size)), scale));
}

bl_adagrad_options bl_adagrad_defaults(void)
{
    return (bl_adagrad_options){.lr = 0.01, .eps = 1e-10};
}

bl_optimizer *bl_adagrad(bl_context *context, const bl_adagrad_options *options)
{
    bl_adagrad_options chosen = options ? *options : bl_adagrad_defaults();
    if (!BL__OPTIONS_HOLD(
            context, "adagrad", {"lr", chosen.lr, 0, INFINITY}, {"lr_decay", chosen.lr_decay, 0, INFINITY},
            {"initial_accumulator", chosen.initial_accumulator, 0, INFINITY},
            {"eps", chosen.eps, 0, INFINITY}, {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "adagrad",
                    .flags = BL_RULE_PURE,
                    .counted = chosen.lr_decay != 0,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "sum", .initial = chosen.initial_accumulator}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
