/* Muon: momentum of a matrix with all of its singular values brought near to 1. */
#include "graph/context.h"
#include "graph/text.h"
#include "optim/formulas.h"

/* X = G / max(|G|, eps), and `iterations` times X = a X + (b X X^T + c (X X^T)^2) X, which takes each
 * singular value s to a s + b s^3 + c s^5. Done on the side where X X^T is smaller. */
static bl_tensor *orthogonalized(bl_tensor *g, const bl_muon_options *options)
{
    bl_shape shape = bl_tensor_shape(g);
    bool tall = shape.size[0] > shape.size[1];
    bl_tensor *x = tall ? bl_transpose(g, 0, 1) : g;
    x = bl_div(x, bl_maximum_scalar(bl_norm(x, 2, BL_ALL_AXES, false), options->eps));
    for (int i = 0; i < options->iterations; i++) {
        bl_tensor *square = bl_matmul(x, bl_transpose(x, 0, 1));
        bl_tensor *factor = bl_add(bl_mul_scalar(square, options->coefficients[1]),
                                   bl_mul_scalar(bl_matmul(square, square), options->coefficients[2]));
        x = bl_add(bl_mul_scalar(x, options->coefficients[0]), bl_matmul(factor, x));
    }
    return tall ? bl_transpose(x, 0, 1) : x;
}

/* What the learning rate is multiplied by for a matrix of a shape. */
static double scale_of(bl_shape shape, bl_muon_scale scale)
{
    double rows = (double)shape.size[0], columns = (double)shape.size[1];
    if (scale == BL_MUON_MATCH_ADAMW)
        return 0.2 * sqrt(fmax(rows, columns));
    return columns > 0 ? sqrt(fmax(1, rows / columns)) : 1;
}

/* b = momentum b + (1 - momentum) g
 * d = b, with nesterov momentum b + (1 - momentum) g
 * p = (1 - lr weight_decay) p - lr scale orthogonalized(d) */
static bl_tensor *update(bl_update_call *u)
{
    const bl_muon_options *options = u->options;
    bl_shape shape = bl_parameter_shape(u->target);
    if (shape.rank != 2)
        return bl_update_fail(u, BL_ERR_SHAPE,
                              "%s is no matrix, and Muon updates nothing else: put it into another group "
                              "(bl_optimizer_add_group)",
                              BL__SHAPE_TEXT(shape));
    bl_tensor *b = u->state[0] = bl__average(u->state[0], u->gradient, options->momentum);
    bl_tensor *d = options->nesterov ? bl__average(b, u->gradient, options->momentum) : b;
    bl_tensor *size = bl__rounded(u, bl_mul_scalar(u->lr, scale_of(shape, options->scale)));
    return bl_sub(bl__shrunk(u, options->weight_decay), bl_mul(orthogonalized(d, options), size));
}

bl_muon_options bl_muon_defaults(void)
{
    return (bl_muon_options){.lr = 0.001,
                             .momentum = 0.95,
                             .nesterov = true,
                             .weight_decay = 0.1,
                             .coefficients = {3.4445, -4.7750, 2.0315},
                             .iterations = 5,
                             .eps = 1e-7,
                             .scale = BL_MUON_ORIGINAL};
}

bl_optimizer *bl_muon(bl_context *context, const bl_muon_options *options)
{
    bl_muon_options chosen = options ? *options : bl_muon_defaults();
    if (!BL__OPTIONS_HOLD(
            context, "muon", {"lr", chosen.lr, 0, INFINITY}, {"momentum", chosen.momentum, 0, 1},
            {"weight_decay", chosen.weight_decay, 0, INFINITY}, {"iterations", chosen.iterations, 0, 100},
            {"eps", chosen.eps, 0, INFINITY}, {"a coefficient", chosen.coefficients[0], -INFINITY, INFINITY},
            {"a coefficient", chosen.coefficients[1], -INFINITY, INFINITY},
            {"a coefficient", chosen.coefficients[2], -INFINITY, INFINITY}))
        return NULL;
    if (chosen.scale != BL_MUON_ORIGINAL && chosen.scale != BL_MUON_MATCH_ADAMW) {
        bl__report(context, NULL, BL_ERR_ARGUMENT, "muon", NULL, "scale is %d, none of bl_muon_scale",
                   (int)chosen.scale);
        return NULL;
    }
    bl_rule rule = {.size = sizeof(rule),
                    .name = "muon",
                    .flags = BL_RULE_PURE,
                    .options_size = sizeof(chosen),
                    .slots = {{.name = "momentum"}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
