/* Lion: steps of one size, by the sign of an average of the gradient. */
#include "optim/formulas.h"

/* d = sign(beta1 m + (1 - beta1) g)
 * m = beta2 m + (1 - beta2) g
 * p = (1 - lr weight_decay) p - lr d
 * Both averages go by the same difference g - m, which makes all of it one group: one pass over memory. */
static bl_tensor *update(bl_update_call *u)
{
    const bl_lion_options *options = u->options;
    bl_tensor *m = u->state[0], *change = bl_sub(u->gradient, m);
    bl_tensor *direction = bl_sign(bl_add(m, bl_mul_scalar(change, 1 - options->beta1)));
    u->state[0] = bl_add(m, bl_mul_scalar(change, 1 - options->beta2));
    bl_tensor *p = bl__shrunk(u, options->weight_decay);
    return bl_sub(p, bl_mul(direction, bl__rounded(u, u->lr)));
}

bl_lion_options bl_lion_defaults(void)
{
    return (bl_lion_options){.lr = 0.0001, .beta1 = 0.9, .beta2 = 0.99};
}

bl_optimizer *bl_lion(bl_context *context, const bl_lion_options *options)
{
    bl_lion_options chosen = options ? *options : bl_lion_defaults();
    if (!BL__OPTIONS_HOLD(context, "lion", {"lr", chosen.lr, 0, INFINITY}, {"beta1", chosen.beta1, 0, 1},
                          {"beta2", chosen.beta2, 0, 1}, {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "lion",
                    .flags = BL_RULE_PURE,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "m"}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
