/* Private. What the library's own rules share: checks of options, and pieces of formulas. */
#ifndef BOWLINE_OPTIM_FORMULAS_H
#define BOWLINE_OPTIM_FORMULAS_H

#include "bowline/ops.h"
#include "bowline/optimizer_rule.h"
#include "bowline/optimizers.h"

/* Whether low <= value < high; reports when not. */
bool bl__option_within(bl_context *context, const char *op, const char *name, double value, double low,
                       double high);

/* The gradient of what is to become smaller: turned round where the loss is to grow, and with
 * weight_decay parameter added, which is L2 regularisation. */
bl_tensor *bl__decayed(const bl_update_call *call, bool maximize, double weight_decay);

#endif
