/* Adadelta: steps in the unit of the parameter, by averages of the squares of gradients and of steps. */
#include "optim/formulas.h"

/* g = g + weight_decay p
 * v = rho v + (1 - rho) g^2
 * d = sqrt(a + eps) / sqrt(v + eps) g
 * a = rho a + (1 - rho) d^2
 * p = p - lr d */
static bl_tensor *update(bl_update_call *u)
{
    const bl_adadelta_options *options = u->options;
    bl_tensor *g = bl__decayed(u, options->maximize, options->weight_decay);
    bl_tensor *v = u->state[0] = bl__average_square(u->state[0], g, options->rho);
    bl_tensor *above = bl_sqrt(bl_add_scalar(u->state[1], options->eps));
    bl_tensor *d = bl_mul(bl_div(above, bl_sqrt(bl_add_scalar(v, options->eps))), g);
    u->state[1] = bl__average_square(u->state[1], d, options->rho);
    return bl_sub(u->parameter, bl_mul(d, bl__rounded(u, u->lr)));
}

bl_adadelta_options bl_adadelta_defaults(void)
{
    return (bl_adadelta_options){.lr = 1, .rho = 0.9, .eps = 1e-6};
}

bl_optimizer *bl_adadelta(bl_context *context, const bl_adadelta_options *options)
{
    bl_adadelta_options chosen = options ? *options : bl_adadelta_defaults();
    if (!BL__OPTIONS_HOLD(context, "adadelta", {"lr", chosen.lr, 0, INFINITY}, {"rho", chosen.rho, 0, 1},
                          {"eps", chosen.eps, 0, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "adadelta",
                    .flags = BL_RULE_PURE,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "square_average"}, {.name = "step_average"}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
