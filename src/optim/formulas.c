/* What the library's own rules share: see formulas.h. */
#include "optim/formulas.h"

#include "graph/context.h"

#include <math.h>

bool bl__options_hold(bl_context *context, const char *op, const bl__option *options, size_t count)
{
    if (!context)
        return false;
    for (size_t i = 0; i < count; i++) {
        const bl__option *o = &options[i];
        if (o->value >= o->low && o->value < o->high)
            continue;
        bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "%s is %g, not in [%g, %g)", o->name, o->value,
                   o->low, o->high);
        return false;
    }
    return true;
}

bl_tensor *bl__decayed(const bl_update_call *call, bool maximize, double weight_decay)
{
    bl_tensor *gradient = maximize ? bl_neg(call->gradient) : call->gradient;
    if (weight_decay == 0)
        return gradient;
    return bl_add(gradient, bl_mul_scalar(call->parameter, weight_decay));
}

bl_tensor *bl__shrunk(const bl_update_call *call, double weight_decay)
{
    if (weight_decay == 0)
        return call->parameter;
    bl_tensor *kept = bl_scalar_sub(1, bl_mul_scalar(call->lr, weight_decay));
    return bl_mul(call->parameter, bl__rounded(call, kept));
}

bl_tensor *bl__average(bl_tensor *average, bl_tensor *x, double beta)
{
    return bl_add(bl_mul_scalar(average, beta), bl_mul_scalar(x, 1 - beta));
}

bl_tensor *bl__average_square(bl_tensor *average, bl_tensor *x, double beta)
{
    bl_tensor *square = bl_mul(bl_mul_scalar(x, 1 - beta), x);
    return bl_add(bl_mul_scalar(average, beta), square);
}

bl_tensor *bl__rounded(const bl_update_call *call, bl_tensor *scalar)
{
    return bl_cast(scalar, bl_tensor_dtype(call->parameter));
}

bl_tensor *bl__power(const bl_update_call *call, double beta)
{
    return bl_exp(bl_mul_scalar(call->count, log(beta))); /* a quarter of what pow takes; 0 for 0 */
}

bl_tensor *bl__correction(const bl_update_call *call, double beta)
{
    return bl_scalar_sub(1, bl__power(call, beta));
}
