/* Adafactor: a matrix's average of squares kept as one of its rows and one of its columns. */
#include "optim/formulas.h"

enum {
    ROWS,    /* [.., r, 1] */
    COLUMNS, /* [.., 1, c] */
    WHOLE    /* of a vector or scalar */
};

static bool rows_form(const bl_parameter *parameter, const void *options, bl_dtype *dtype, bl_shape *shape)
{
    (void)parameter, (void)options, (void)dtype;
    if (shape->rank >= 2)
        shape->size[shape->rank - 1] = 1;
    return shape->rank >= 2;
}

static bool columns_form(const bl_parameter *parameter, const void *options, bl_dtype *dtype, bl_shape *shape)
{
    (void)parameter, (void)options, (void)dtype;
    if (shape->rank >= 2)
        shape->size[shape->rank - 2] = 1;
    return shape->rank >= 2;
}

static bool whole_form(const bl_parameter *parameter, const void *options, bl_dtype *dtype, bl_shape *shape)
{
    (void)parameter, (void)options, (void)dtype;
    return shape->rank < 2;
}

/* (1 - weight) average + weight x. */
static bl_tensor *blend(const bl_update_call *u, bl_tensor *average, bl_tensor *x, bl_tensor *weight)
{
    bl_tensor *rest = bl__rounded(u, bl_scalar_sub(1, weight));
    return bl_add(bl_mul(average, rest), bl_mul(x, bl__rounded(u, weight)));
}

/* What the squares of the gradient are on average, with w = t^beta2_decay the weight of the newest:
 * R = (1 - w) R + w mean over columns of g^2, C = (1 - w) C + w mean over rows of g^2
 * V = R C / max(mean of R, eps1), or for vectors V = (1 - w) V + w g^2 */
static bl_tensor *mean_square(bl_update_call *u, double eps1)
{
    const bl_adafactor_options *options = u->options;
    bl_tensor *weight = bl_pow_scalar(u->count, options->beta2_decay);
    bl_tensor *square = bl_square(u->gradient);
    if (u->state[WHOLE])
        return u->state[WHOLE] = blend(u, u->state[WHOLE], square, weight);
    bl_tensor *rows = blend(u, u->state[ROWS], bl_mean(square, BL_AXES(-1), true), weight);
    bl_tensor *columns = blend(u, u->state[COLUMNS], bl_mean(square, BL_AXES(-2), true), weight);
    u->state[ROWS] = rows;
    u->state[COLUMNS] = columns;
    bl_tensor *whole = bl_maximum_scalar(bl_mean(rows, BL_AXES(-2), true), eps1);
    return bl_mul(bl_div(rows, whole), columns);
}

/* sqrt(mean x^2): a scalar. */
static bl_tensor *rms(bl_tensor *x)
{
    return bl_sqrt(bl_mean(bl_square(x), BL_ALL_AXES, false));
}

/* d = g / sqrt(max(V, eps1^2))
 * p = (1 - lr weight_decay) p - min(lr, 1 / sqrt(t)) max(eps2, rms(p)) / max(1, rms(d) / clip_threshold) d */
static bl_tensor *update(bl_update_call *u)
{
    const bl_adafactor_options *options = u->options;
    double epsilon = bl_parameter_dtype(u->target) == BL_F32 ? 0x1p-23 : 0x1p-52;
    double eps1 = options->eps1 < 0 ? epsilon : options->eps1;
    bl_tensor *v = bl_maximum_scalar(mean_square(u, eps1), eps1 * eps1);
    bl_tensor *d = bl_mul(bl_rsqrt(v), u->gradient);
    bl_tensor *most = bl_scalar_div(1, bl_sqrt(u->count));
    bl_tensor *size = bl__rounded(u, bl_minimum(u->lr, most));
    size = bl_mul(size, bl_maximum_scalar(rms(u->parameter), options->eps2));
    size = bl_div(size, bl_maximum_scalar(bl_div_scalar(rms(d), options->clip_threshold), 1));
    return bl_sub(bl__shrunk(u, options->weight_decay), bl_mul(d, size));
}

bl_adafactor_options bl_adafactor_defaults(void)
{
    return (bl_adafactor_options){
        .lr = 0.01, .beta2_decay = -0.8, .eps1 = -1, .eps2 = 0.001, .clip_threshold = 1};
}

bl_optimizer *bl_adafactor(bl_context *context, const bl_adafactor_options *options)
{
    bl_adafactor_options chosen = options ? *options : bl_adafactor_defaults();
    if (!BL__OPTIONS_HOLD(context, "adafactor", {"lr", chosen.lr, 0, INFINITY},
                          {"beta2_decay", chosen.beta2_decay, -INFINITY, 0},
                          {"eps1", chosen.eps1, -1, INFINITY}, {"eps2", chosen.eps2, 0, INFINITY},
                          {"clip_threshold", chosen.clip_threshold, 1, INFINITY},
                          {"weight_decay", chosen.weight_decay, 0, INFINITY}))
        return NULL;
    bl_rule rule = {.size = sizeof(rule),
                    .name = "adafactor",
                    .flags = BL_RULE_PURE,
                    .counted = true,
                    .options_size = sizeof(chosen),
                    .slots = {[ROWS] = {.name = "rows", .form = rows_form},
                              [COLUMNS] = {.name = "columns", .form = columns_form},
                              [WHOLE] = {.name = "v", .form = whole_form}},
                    .update = update};
    return bl_optimizer_new(context, &rule, chosen.lr, &chosen);
}
