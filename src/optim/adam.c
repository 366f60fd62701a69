/* Adam: steps scaled by running averages of the gradient and of its square. */
#include "optim/formulas.h"

#include <math.h>

/* g = g + weight_decay p
 * m = beta1 m + (1 - beta1) g
 * v = beta2 v + (1 - beta2) g^2
 * p = p + (-lr / (1 - beta1^t)) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 * with t the count of the parameter's updates. What stands beside t is computed in f64 whatever the dtype of
 * p, and rounded once. */
static bl_tensor *update(bl_update_call *u)
{
    const bl_adam_options *options = u->options;
    bl_dtype dtype = bl_tensor_dtype(u->parameter);
    bl_tensor *g = bl__decayed(u, false, options->weight_decay);
    bl_tensor *m = bl_add(bl_mul_scalar(u->state[0], options->beta1), bl_mul_scalar(g, 1 - options->beta1));
    bl_tensor *g_square = bl_mul(bl_mul_scalar(g, 1 - options->beta2), g);
    bl_tensor *v = bl_add(bl_mul_scalar(u->state[1], options->beta2), g_square);
    u->state[0] = m;
    u->state[1] = v;

    bl_tensor *correction1 = bl_scalar_sub(1, bl_pow(bl_scalar(u->graph, BL_F64, options->beta1), u->count));
    bl_tensor *correction2 = bl_scalar_sub(1, bl_pow(bl_scalar(u->graph, BL_F64, options->beta2), u->count));
    bl_tensor *step = bl_cast(bl_neg(bl_div(u->lr, correction1)), dtype);
    bl_tensor *root = bl_cast(bl_sqrt(correction2), dtype);
    bl_tensor *scale = bl_add_scalar(bl_div(bl_sqrt(v), root), options->eps);
    return bl_add(u->parameter, bl_div(bl_mul(m, step), scale));
}

bl_adam_options bl_adam_defaults(void)
{
    return (bl_adam_options){.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

bl_optimizer *bl_adam(bl_context *context, const bl_adam_options *options)
{
    bl_adam_options chosen = options ? *options : bl_adam_defaults();
    if (!context || !bl__option_within(context, "adam", "lr", chosen.lr, 0, INFINITY) ||
        !bl__option_within(context, "adam", "beta1", chosen.beta1, 0, 1) ||
        !bl__option_within(context, "adam", "beta2", chosen.beta2, 0, 1) ||
        !bl__option_within(context, "adam", "eps", chosen.eps, 0, INFINITY) ||
        !bl__option_within(context, "adam", "weight_decay", chosen.weight_decay, 0, INFINITY))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "adam",
                    .flags = BL_RULE_PURE,
                    .counted = true,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "m"}, {.name = "v"}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
