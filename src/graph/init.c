/* First values of parameters, drawn as PyTorch draws them. */
#include "graph/init.h"
#include "graph/text.h"

#include <math.h>

/* A bl_init of zero bytes is no rule. */
enum {
    INIT_CONSTANT = 1, /* a */
    INIT_NORMAL,       /* mean a, standard deviation b */
    INIT_UNIFORM,      /* [a, b) */
    INIT_KAIMING_UNIFORM,
    INIT_FAN_IN_UNIFORM /* fan_in a */
};

bl_init bl_init_zeros(void)
{
    return bl_init_constant(0);
}

bl_init bl_init_ones(void)
{
    return bl_init_constant(1);
}

bl_init bl_init_constant(double value)
{
    return (bl_init){INIT_CONSTANT, value, 0};
}

bl_init bl_init_normal(double mean, double deviation)
{
    return (bl_init){INIT_NORMAL, mean, deviation};
}

bl_init bl_init_uniform(double low, double high)
{
    return (bl_init){INIT_UNIFORM, low, high};
}

bl_init bl_init_kaiming_uniform(void)
{
    return (bl_init){INIT_KAIMING_UNIFORM, 0, 0};
}

bl_init bl_init_fan_in_uniform(int64_t fan_in)
{
    return (bl_init){INIT_FAN_IN_UNIFORM, (double)fan_in, 0};
}

/* What is wrong with a rule's numbers; NULL when nothing is. */
static const char *complaint(bl_init init)
{
    bool finite = isfinite(init.a) && isfinite(init.b);
    switch (init.kind) {
    case INIT_CONSTANT:
    case INIT_KAIMING_UNIFORM:
        return NULL;
    case INIT_NORMAL:
        return finite && init.b >= 0 ? NULL : "the normal's mean or deviation is negative or not finite";
    case INIT_UNIFORM:
        return finite && init.a <= init.b ? NULL : "the uniform's bounds are crossed or not finite";
    case INIT_FAN_IN_UNIFORM:
        return init.a >= 0 ? NULL : "fan_in is negative";
    default:
        return "the initialiser is none of bl_init_..";
    }
}

bool bl__init_check(bl_params *params, const char *op, const char *name, bl_init init, bl_shape shape,
                    const bl_rng *rng)
{
    const char *wrong = complaint(init);
    if (wrong)
        bl__params_fail(params, BL_ERR_ARGUMENT, op, "%s: %s", name, wrong);
    else if (init.kind == INIT_KAIMING_UNIFORM && shape.rank < 2)
        bl__params_fail(params, BL_ERR_SHAPE, op, "%s: kaiming_uniform needs a rank of 2 or more, not %s",
                        name, BL__SHAPE_TEXT(shape));
    else if (init.kind != INIT_CONSTANT && !rng)
        bl__params_fail(params, BL_ERR_ARGUMENT, op, "%s: the initialiser draws, but the generator is NULL",
                        name);
    else
        return true;
    return false;
}

/* kaiming_uniform_'s bound for a = sqrt(5), in the order in which PyTorch rounds:
 * gain = sqrt(2 / (1 + a^2)), deviation = gain / sqrt(fan_in), bound = sqrt(3) deviation. */
static double kaiming_bound(bl_shape shape)
{
    int64_t fan_in = 1;
    for (int d = 1; d < shape.rank; d++)
        fan_in *= shape.size[d];
    double a = sqrt(5.0);
    double gain = sqrt(2.0 / (1.0 + a * a));
    double deviation = gain / sqrt((double)fan_in);
    return sqrt(3.0) * deviation;
}

static void fill_constant(bl_parameter *parameter, double value)
{
    float *floats = parameter->data;
    double *doubles = parameter->data;
    for (int64_t i = 0; i < parameter->count; i++) {
        if (parameter->dtype == BL_F32)
            floats[i] = (float)value;
        else
            doubles[i] = value;
    }
}

static void fill_uniform(bl_parameter *parameter, double low, double high, bl_rng *rng)
{
    if (parameter->dtype == BL_F32)
        bl_rng_uniform_f32(rng, low, high, parameter->data, (size_t)parameter->count);
    else
        bl_rng_uniform_f64(rng, low, high, parameter->data, (size_t)parameter->count);
}

static void fill_normal(bl_parameter *parameter, double mean, double deviation, bl_rng *rng)
{
    if (parameter->dtype == BL_F32)
        bl_rng_normal_f32(rng, mean, deviation, parameter->data, (size_t)parameter->count);
    else
        bl_rng_normal_f64(rng, mean, deviation, parameter->data, (size_t)parameter->count);
}

void bl__init_fill(bl_init init, bl_parameter *parameter, bl_rng *rng)
{
    if (parameter->count == 0)
        return;
    double bound = 0;
    switch (init.kind) {
    case INIT_CONSTANT:
        fill_constant(parameter, init.a);
        break;
    case INIT_NORMAL:
        fill_normal(parameter, init.a, init.b, rng);
        break;
    case INIT_UNIFORM:
        fill_uniform(parameter, init.a, init.b, rng);
        break;
    case INIT_KAIMING_UNIFORM:
        bound = kaiming_bound(parameter->shape);
        fill_uniform(parameter, -bound, bound, rng);
        break;
    case INIT_FAN_IN_UNIFORM:
        bound = init.a > 0 ? 1 / sqrt(init.a) : 0; /* nn.Linear without inputs still draws its bias */
        fill_uniform(parameter, -bound, bound, rng);
        break;
    default:
        break;
    }
}
