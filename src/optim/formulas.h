/* Private. What the library's own rules share: checks of options, and pieces of formulas. Scalars beside the
 * count and the learning rate are f64 whatever the parameter's dtype, and rounded once. */
#ifndef BOWLINE_OPTIM_FORMULAS_H
#define BOWLINE_OPTIM_FORMULAS_H

#include "bowline/ops.h"
#include "bowline/optimizer_rule.h"
#include "bowline/optimizers.h"

#include <math.h>

/* An option that must be low <= value < high. */
typedef struct bl__option {
    const char *name;
    double value, low, high;
} bl__option;

/* Whether there is a context and all options are where they must be; reports the first that is not. */
bool bl__options_hold(bl_context *context, const char *op, const bl__option *options, size_t count);
#define BL__OPTIONS_HOLD(context, op, ...)                           \
    bl__options_hold(context, op, (const bl__option[]){__VA_ARGS__}, \
                     sizeof((const bl__option[]){__VA_ARGS__}) / sizeof(bl__option))

/* The gradient of what is to become smaller: turned round where the loss is to grow, and with
 * weight_decay parameter added, which is L2 regularisation. */
bl_tensor *bl__decayed(const bl_update_call *call, bool maximize, double weight_decay);

/* (1 - lr weight_decay) parameter: decay that is none of the gradient. */
bl_tensor *bl__shrunk(const bl_update_call *call, double weight_decay);

/* beta average + (1 - beta) x, and the same for x^2. */
bl_tensor *bl__average(bl_tensor *average, bl_tensor *x, double beta);
bl_tensor *bl__average_square(bl_tensor *average, bl_tensor *x, double beta);

/* An f64 scalar in the parameter's dtype. */
bl_tensor *bl__rounded(const bl_update_call *call, bl_tensor *scalar);

/* beta^t, and 1 - beta^t, with t the count: f64 scalars. */
bl_tensor *bl__power(const bl_update_call *call, double beta);
bl_tensor *bl__correction(const bl_update_call *call, double beta);

#endif
