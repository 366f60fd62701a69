/* LAMB: Adam's direction, as long as the parameter is. */
#include "optim/formulas.h"

/* sqrt(sum x^2): a scalar. */
static bl_tensor *length(bl_tensor *x)
{
    return bl_norm(x, 2, BL_ALL_AXES, false);
}

/* m = beta1 m + (1 - beta1) g
 * v = beta2 v + (1 - beta2) g^2
 * d = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay p
 * p = p - lr |p| / |d| d, a ratio of 1 where either length is 0 */
static bl_tensor *update(bl_update_call *u)
{
    const bl_lamb_options *options = u->options;
    bl_tensor *m = u->state[0] = bl__average(u->state[0], u->gradient, options->beta1);
    bl_tensor *v = u->state[1] = bl__average_square(u->state[1], u->gradient, options->beta2);
    bl_tensor *mean = bl_div(m, bl__rounded(u, bl__correction(u, options->beta1)));
    bl_tensor *square = bl_div(v, bl__rounded(u, bl__correction(u, options->beta2)));
    bl_tensor *d = bl_div(mean, bl_add_scalar(bl_sqrt(square), options->eps));
    if (options->weight_decay != 0)
        d = bl_add(d, bl_mul_scalar(u->parameter, options->weight_decay));

    bl_tensor *of_p = length(u->parameter), *of_d = length(d);
    bl_tensor *zero = bl_zeros_like(of_p), *one = bl_ones_like(of_p);
    bl_tensor *both = bl_logical_and(bl_greater(of_p, zero), bl_greater(of_d, zero));
    bl_tensor *ratio = bl_where(both, bl_div(of_p, of_d), one);
    return bl_sub(u->parameter, bl_mul(d, bl_mul(ratio, bl__rounded(u, u->lr))));
}

bl_lamb_options bl_lamb_defaults(void)
{
    return (bl_lamb_options){.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-6, .weight_decay = 0.01};
}

bl_optimizer *bl_lamb(bl_context *context, const bl_lamb_options *options)
{
    bl_lamb_options chosen = options ? *options : bl_lamb_defaults();
    if (!BL__OPTIONS_HOLD(context, "lamb", {"lr", chosen.lr, 0, INFINITY}, {"beta1", chosen.beta1, 0, 1},
                          {"beta2", chosen.beta2, 0, 1}, {"eps", chosen.eps, 0, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "lamb",
                    .flags = BL_RULE_PURE,
                    .counted = true,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "m"}, {.name = "v"}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
