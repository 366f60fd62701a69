/* NAdam: Adam with Nesterov's momentum, which grows on its way. */
#include "optim/formulas.h"

/* The momentum at the count's step, or `ahead` steps later: beta1 (1 - 0.96^(t momentum_decay) / 2). */
static bl_tensor *momentum_at(const bl_update_call *u, double ahead)
{
    const bl_nadam_options *options = u->options;
    bl_tensor *t = ahead == 0 ? u->count : bl_add_scalar(u->count, ahead);
    bl_tensor *power = bl_pow(bl_scalar(u->graph, BL_F64, 0.96), bl_mul_scalar(t, options->momentum_decay));
    return bl_mul_scalar(bl_scalar_sub(1, bl_mul_scalar(power, 0.5)), options->beta1);
}

/* g = g + weight_decay p
 * mu, mu' the momentum at t and t + 1; P = P mu, their product so far
 * m = beta1 m + (1 - beta1) g
 * v = beta2 v + (1 - beta2) g^2
 * d = sqrt(v / (1 - beta2^t)) + eps
 * p = p - lr (1 - mu) / (1 - P) g / d - lr mu' / (1 - P mu') m / d */
static bl_tensor *update(bl_update_call *u)
{
    const bl_nadam_options *options = u->options;
    bl_tensor *g = bl__decayed(u, false, options->weight_decay);
    bl_tensor *m = u->state[0] = bl__average(u->state[0], g, options->beta1);
    bl_tensor *v = u->state[1] = bl__average_square(u->state[1], g, options->beta2);

    bl_tensor *mu = momentum_at(u, 0), *next = momentum_at(u, 1);
    bl_tensor *product = u->state[2] = bl_mul(u->state[2], mu);
    bl_tensor *product_next = bl_mul(product, next);
    bl_tensor *of_g = bl_div(bl_mul(u->lr, bl_scalar_sub(1, mu)), bl_scalar_sub(1, product));
    bl_tensor *of_m = bl_div(bl_mul(u->lr, next), bl_scalar_sub(1, product_next));

    bl_tensor *mean = bl_div(v, bl__rounded(u, bl__correction(u, options->beta2)));
    bl_tensor *scale = bl_add_scalar(bl_sqrt(mean), options->eps);
    bl_tensor *p = bl_sub(u->parameter, bl_div(bl_mul(g, bl__rounded(u, of_g)), scale));
    return bl_sub(p, bl_div(bl_mul(m, bl__rounded(u, of_m)), scale));
}

static bool scalar_f64(const bl_parameter *parameter, const void *options, bl_dtype *dtype, bl_shape *shape)
{
    *dtype = BL_F64;
    *shape = BL_SCALAR;
    (void)parameter, (void)options;
    return true;
}

bl_nadam_options bl_nadam_defaults(void)
{
    return (bl_nadam_options){
        .lr = 0.002, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .momentum_decay = 0.004};
}

bl_optimizer *bl_nadam(bl_context *context, const bl_nadam_options *options)
{
    bl_nadam_options chosen = options ? *options : bl_nadam_defaults();
    if (!BL__OPTIONS_HOLD(context, "nadam", {"lr", chosen.lr, 0, INFINITY}, {"beta1", chosen.beta1, 0, 1},
                          {"beta2", chosen.beta2, 0, 1}, {"eps", chosen.eps, 0, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY},
                          {"momentum_decay", chosen.momentum_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {
        .size = sizeof(rule),
        .name = "nadam",
        .flags = BL_RULE_PURE,
        .counted = true,
        .options_size = sizeof(chosen),
        .slots = {{.name = "m"}, {.name = "v"}, {.name = "mu_product", .initial = 1, .form = scalar_f64}},
        .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
