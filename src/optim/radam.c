/* RAdam: Adam that scales by the average of squares only as far as that has settled. */
#include "optim/formulas.h"

/* The factor of a step that is scaled, sqrt(1 - beta2^t) r, an f64 scalar, and whether to scale:
 * n = 2 / (1 - beta2) - 1, the length of the average in the end
 * l = n - 2 t beta2^t / (1 - beta2^t), its length now; scaled when l > 5
 * r = sqrt((l - 4) (l - 2) n / ((n - 4) (n - 2) l)) */
static bl_tensor *rectified(const bl_update_call *u, double beta2, bl_tensor **scaled)
{
    double n = 2 / (1 - beta2) - 1;
    bl_tensor *power = bl__power(u, beta2), *correction = bl_scalar_sub(1, power);
    bl_tensor *lost = bl_div(bl_mul(bl_mul_scalar(u->count, 2), power), correction);
    bl_tensor *l = bl_scalar_sub(n, lost);
    bl_tensor *above = bl_mul_scalar(bl_mul(bl_sub_scalar(l, 4), bl_sub_scalar(l, 2)), n);
    bl_tensor *r = bl_sqrt(bl_div(above, bl_mul_scalar(l, (n - 4) * (n - 2))));
    *scaled = bl_greater(l, bl_scalar(u->graph, BL_F64, 5));
    return bl_mul(bl_sqrt(correction), r);
}

/* g = g + weight_decay p
 * m = beta1 m + (1 - beta1) g
 * v = beta2 v + (1 - beta2) g^2
 * p = p - lr / (1 - beta1^t) m sqrt(1 - beta2^t) r / (sqrt(v) + eps), where scaled, else
 * p = p - lr / (1 - beta1^t) m */
static bl_tensor *update(bl_update_call *u)
{
    const bl_radam_options *options = u->options;
    bl_tensor *g = bl__decayed(u, false, options->weight_decay), *is_scaled;
    bl_tensor *m = u->state[0] = bl__average(u->state[0], g, options->beta1);
    bl_tensor *v = u->state[1] = bl__average_square(u->state[1], g, options->beta2);
    bl_tensor *size = bl__rounded(u, bl_neg(bl_div(u->lr, bl__correction(u, options->beta1))));
    bl_tensor *factor = bl__rounded(u, rectified(u, options->beta2, &is_scaled));
    bl_tensor *scale = bl_div(factor, bl_add_scalar(bl_sqrt(v), options->eps));
    bl_tensor *one = bl_scalar(u->graph, bl_tensor_dtype(u->parameter), 1);
    return bl_add(u->parameter, bl_mul(bl_mul(m, size), bl_where(is_scaled, scale, one)));
}

bl_radam_options bl_radam_defaults(void)
{
    return (bl_radam_options){.lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

bl_optimizer *bl_radam(bl_context *context, const bl_radam_options *options)
{
    bl_radam_options chosen = options ? *options : bl_radam_defaults();
    if (!BL__OPTIONS_HOLD(context, "radam", {"lr", chosen.lr, 0, INFINITY}, {"beta1", chosen.beta1, 0, 1},
                          {"beta2", chosen.beta2, 0, 1}, {"eps", chosen.eps, 0, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "radam",
                    .flags = BL_RULE_PURE,
                    .counted = true,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "m"}, {.name = "v"}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
