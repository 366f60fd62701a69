/* Stochastic gradient descent, with momentum. */
#include "graph/context.h"
#include "optim/formulas.h"

/* g = g + weight_decay p
 * b = momentum b + (1 - dampening) g, at the first update b = g
 * g = b, with nesterov g + momentum b
 * p = p - lr g */
static bl_tensor *update(bl_update_call *u)
{
    const bl_sgd_options *options = u->options;
    bl_tensor *g = bl__decayed(u, options->maximize, options->weight_decay);
    if (options->momentum != 0) {
        bl_tensor *b = bl_mul_scalar(u->state[0], options->momentum);
        if (options->dampening == 0) {
            b = bl_add(b, g); /* at the first update b was 0, so this is g */
        } else {
            bl_tensor *first = bl_equal(u->count, bl_scalar(u->graph, BL_F64, 1));
            b = bl_where(first, g, bl_add(b, bl_mul_scalar(g, 1 - options->dampening)));
        }
        u->state[0] = b;
        g = options->nesterov ? bl_add(g, bl_mul_scalar(b, options->momentum)) : b;
    }
    return bl_sub(u->parameter, bl_mul(g, bl__rounded(u, u->lr)));
}

bl_sgd_options bl_sgd_defaults(void)
{
    return (bl_sgd_options){.lr = 0.001};
}

bl_optimizer *bl_sgd(bl_context *context, const bl_sgd_options *options)
{
    bl_sgd_options chosen = options ? *options : bl_sgd_defaults();
    if (!BL__OPTIONS_HOLD(context, "sgd", {"lr", chosen.lr, 0, INFINITY},
                          {"momentum", chosen.momentum, 0, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    if (!isfinite(chosen.dampening)) {
        bl__report(context, NULL, BL_ERR_ARGUMENT, "sgd", NULL, "dampening is %g", chosen.dampening);
        return NULL;
    }
    if (chosen.nesterov && (chosen.momentum <= 0 || chosen.dampening != 0)) {
        bl__report(context, NULL, BL_ERR_ARGUMENT, "sgd", NULL,
                   "nesterov needs momentum > 0 and dampening 0, not %g and %g", chosen.momentum,
                   chosen.dampening);
        return NULL;
    }
    bl_rule rule = {.size = sizeof(rule),
                    .name = "sgd",
                    .flags = BL_RULE_PURE,
                    .options_size = sizeof(chosen),
                    .update = update};
    if (chosen.momentum != 0) {
        rule.slots[0].name = "momentum";
        rule.counted = chosen.dampening != 0;
    }
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
