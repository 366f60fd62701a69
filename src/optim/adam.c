/* Adam and AdamW: steps scaled by running averages of the gradient and of its square. */
#include "optim/formulas.h"

/* 1 - lr factor, from the step's size -lr / correction, so that all scalars of an update are computed by one
 * instruction. */
static bl_tensor *one_minus_lr(bl_tensor *size, bl_tensor *correction, double factor)
{
    return bl_add_scalar(bl_mul(size, bl_mul_scalar(correction, factor)), 1);
}

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
    /* Scalars first: their instruction ends where a tensor meets one of them. */
    bl_tensor *correction = bl__correction(u, options->beta1);
    bl_tensor *size = bl_neg(bl_div(u->lr, correction));
    bl_tensor *kept = shrinking == 0 ? NULL : bl__rounded(u, one_minus_lr(size, correction, shrinking));
    size = bl__rounded(u, size);
    bl_tensor *factor = bl__rounded(u, bl_rsqrt(bl__correction(u, options->beta2))); /* no division of each */
    bl_tensor *scale = bl_add_scalar(bl_mul(bl_sqrt(v), factor), options->eps);
    bl_tensor *p = kept ? bl_mul(u->parameter, kept) : u->parameter;
    return bl_add(p, bl_div(bl_mul(m, size), scale));
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
