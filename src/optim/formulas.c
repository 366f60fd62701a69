/* What the library's own rules share: see formulas.h. */
#include "optim/formulas.h"
#include "graph/context.h"

bool bl__option_within(bl_context *context, const char *op, const char *name, double value, double low,
                       double high)
{
    if (value >= low && value < high)
        return true;
    bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "%s is %g, not in [%g, %g)", name, value, low, high);
    return false;
}

bl_tensor *bl__decayed(const bl_update_call *call, bool maximize, double weight_decay)
{
    bl_tensor *gradient = maximize ? bl_neg(call->gradient) : call->gradient;
    if (weight_decay == 0)
        return gradient;
    return bl_add(gradient, bl_mul_scalar(call->parameter, weight_decay));
}
