/* Adam and AdamW: steps scaled by running averages of the gradient and of its square. */
#include "optim/formulas.h"

/* m = beta1 m + (1 - beta1) g
 * v = beta2 v + (1 - beta2) g^2
 * with amsgrad s = max(s, v), else s = v
 * p = (1 - lr shrinking) p + (-lr / (1 - beta1^t)) m / (sqrt(s) / sqrt(1 - beta2^t) + eps)
 * with t the count of the parameter's updates. */
static bl_tensor *step(bl_update_call *u, bl_tensor *g, double shrinking)
{
    const bl_adam_options *options = u->options;
    bl_tensor *m = u->state[0] = bl__average(u->state[0], g, options->beta1);
    bl_tensor *v = u->state[1] = bl__average_square(u->state[1], g, options->beta2);
    if (options->amsgrad)
        v = u->state[2] = bl_maximum(u->state[2], v);
    bl_tensor *size = bl__rounded(u, bl_neg(bl_div(u->lr, bl__correction(u, options->beta1))));
    bl_tensor *root = bl__rounded(u, bl_sqrt(bl__correction(u, options->beta2)));
    bl_tensor *scale = bl_add_scalar(bl_div(bl_sqrt(v), root), options->eps);
    bl_tensor *change = bl_div(bl_mul(m, size), scale);
    return bl_add(bl__shrunk(u, shrinking), change);
}

/* g = g + weight_decay p, and the step. */
static bl_tensor *adam(bl_update_call *u)
{
    const bl_adam_options *options = u->options;
    return step(u, bl__decayed(u, options->maximize, options->weight_decay), 0);
}

/* The step, of a parameter that shrinks by weight_decay. */
static bl_tensor *adamw(bl_update_call *u)
{
    const bl_adam_options *options = u->options;
    return step(u, bl__decayed(u, options->maximize, 0), options->weight_decay);
}

static bl_optimizer *make(bl_context *context, const char *name, bl_tensor *(*update)(bl_update_call *),
                          const bl_adam_options *options)
{
    if (!BL__OPTIONS_HOLD(context, name, {"lr", options->lr, 0, INFINITY}, {"beta1", options->beta1, 0, 1},
                          {"beta2", options->beta2, 0, 1}, {"eps", options->eps, 0, INFINITY},
                          {"weight_decay", options->weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = name,
                    .flags = BL_RULE_PURE,
                    .counted = true,
                    .options_size = sizeof(*options),
                    .slots = {{.name = "m"}, {.name = "v"}},
                    .update = update};
    if (options->amsgrad)
        rule.slots[2].name = "v_max";
    return bl_optimizer_new(context, &rule, options->lr, options);
}

bl_adam_options bl_adam_defaults(void)
{
    return (bl_adam_options){.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

bl_adam_options bl_adamw_defaults(void)
{
    return (bl_adam_options){.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01};
}

bl_optimizer *bl_adam(bl_context *context, const bl_adam_options *options)
{
    bl_adam_options chosen = options ? *options : bl_adam_defaults();
    return make(context, "adam", adam, &chosen);
}

bl_optimizer *bl_adamw(bl_context *context, const bl_adam_options *options)
{
    bl_adam_options chosen = options ? *options : bl_adamw_defaults();
    return make(context, "adamw", adamw, &chosen);
}
