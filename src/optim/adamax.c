/* Adamax: Adam by the largest gradient instead of the average of squares. */
#include "optim/formulas.h"

/* g = g + weight_decay p
 * m = beta1 m + (1 - beta1) g
 * u = max(beta2 u, |g| + eps)
 * p = p + (-lr / (1 - beta1^t)) m / u */
static bl_tensor *update(bl_update_call *u)
{
    const bl_adamax_options *options = u->options;
    bl_tensor *g = bl__decayed(u, options->maximize, options->weight_decay);
    bl_tensor *m = u->state[0] = bl__average(u->state[0], g, options->beta1);
    bl_tensor *largest =
        bl_maximum(bl_mul_scalar(u->state[1], options->beta2), bl_add_scalar(bl_abs(g), options->eps));
    u->state[1] = largest;
    bl_tensor *size = bl__rounded(u, bl_neg(bl_div(u->lr, bl__correction(u, options->beta1))));
    return bl_add(u->parameter, bl_div(bl_mul(m, size), largest));
}

bl_adamax_options bl_adamax_defaults(void)
{
    return (bl_adamax_options){.lr = 0.002, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

bl_optimizer *bl_adamax(bl_context *context, const bl_adamax_options *options)
{
    bl_adamax_options chosen = options ? *options : bl_adamax_defaults();
    if (!BL__OPTIONS_HOLD(context, "adamax", {"lr", chosen.lr, 0, INFINITY}, {"beta1", chosen.beta1, 0, 1},
                          {"beta2", chosen.beta2, 0, 1}, {"eps", chosen.eps, 0, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "adamax",
                    .flags = BL_RULE_PURE,
                    .counted = true,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "m"}, {.name = "u"}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
