/* The learning rate of an optimizer, from its initial one. */
#include "graph/context.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bl_status scale(bl_optimizer *optimizer, double factor, const char *op)
{
    double lr = optimizer->initial_lr * factor;
    if (!(lr >= 0) || isinf(lr))
        return bl__report(optimizer->context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL,
                          "the factor %g makes no learning rate of %g", factor, optimizer->initial_lr);
    return bl_optimizer_set_lr(optimizer, lr);
}

bl_status bl_optimizer_scale_lr(bl_optimizer *optimizer, double factor)
{
    return optimizer ? scale(optimizer, factor, "optimizer_scale_lr") : BL_ERR_ARGUMENT;
}

bl_status bl_optimizer_schedule(bl_optimizer *optimizer, bl_schedule schedule, int64_t step)
{
    const char *op = "optimizer_schedule";
    if (!optimizer)
        return BL_ERR_ARGUMENT;
    if (step < 0)
        return bl__report(optimizer->context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL,
                          "step %" PRId64 " is negative", step);
    const char *wrong = bl__schedule_complaint(&schedule);
    if (wrong)
        return bl__report(optimizer->context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL,
                          "the schedule makes no sense: %s", wrong);
    return scale(optimizer, bl_schedule_factor(schedule, step), op);
}
