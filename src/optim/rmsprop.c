/* RMSprop: steps scaled by a running average of the gradient's square, or of its variance. */
#include "optim/formulas.h"

/* The slots behind the average of squares, of which there are those that the options ask for. */
static bl_tensor **momentum_slot(bl_update_call *u)
{
    const bl_rmsprop_options *options = u->options;
    return &u->state[options->centered ? 2 : 1];
}

/* g = g + weight_decay p
 * v = alpha v + (1 - alpha) g^2
 * centered: a = alpha a + (1 - alpha) g, s = v - a^2; else s = v
 * r = g / (sqrt(s) + eps)
 * with momentum: b = momentum b + r, p = p - lr b; else p = p - lr r */
static bl_tensor *update(bl_update_call *u)
{
    const bl_rmsprop_options *options = u->options;
    bl_tensor *g = bl__decayed(u, options->maximize, options->weight_decay);
    bl_tensor *v = u->state[0] = bl__average_square(u->state[0], g, options->alpha);
    if (options->centered) {
        bl_tensor *a = u->state[1] = bl__average(u->state[1], g, options->alpha);
        v = bl_sub(v, bl_square(a));
    }
    bl_tensor *step = bl_div(g, bl_add_scalar(bl_sqrt(v), options->eps));
    if (options->momentum != 0) {
        bl_tensor **b = momentum_slot(u);
        step = *b = bl_add(bl_mul_scalar(*b, options->momentum), step);
    }
    return bl_sub(u->parameter, bl_mul(step, bl__rounded(u, u->lr)));
}

bl_rmsprop_options bl_rmsprop_defaults(void)
{
    return (bl_rmsprop_options){.lr = 0.01, .alpha = 0.99, .eps = 1e-8};
}

bl_optimizer *bl_rmsprop(bl_context *context, const bl_rmsprop_options *options)
{
    bl_rmsprop_options chosen = options ? *options : bl_rmsprop_defaults();
    if (!BL__OPTIONS_HOLD(context, "rmsprop", {"lr", chosen.lr, 0, INFINITY}, {"alpha", chosen.alpha, 0, 1},
                          {"eps", chosen.eps, 0, INFINITY}, {"momentum", chosen.momentum, 0, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "rmsprop",
                    .flags = BL_RULE_PURE,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "square_average"}},
                    .update = update};
    size_t slots = 1;
    if (chosen.centered)
        rule.slots[slots++].name = "average";
    if (chosen.momentum != 0)
        rule.slots[slots].name = "momentum";
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
