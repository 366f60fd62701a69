/* The learning rates of an optimizer and its groups, from their initial ones. */
#include "graph/parameter.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The optimizer itself, then its groups, which have none of their own. */
static bl_optimizer *member(bl_optimizer *optimizer, size_t index)
{
    return index == 0 ? optimizer : optimizer->groups[index - 1].optimizer;
}

static void leave_first(bl_optimizer *optimizer, size_t count)
{
    for (size_t i = count; i-- > 0;)
        bl__parameter_leave(member(optimizer, i)->lr, true);
}

/* Whether all rates can be written, each of them possible; then they are entered for that. */
static bl_status enter_all(bl_optimizer *optimizer, double factor, const char *op)
{
    for (size_t i = 0; i <= optimizer->group_count; i++) {
        const bl_optimizer *one = member(optimizer, i);
        double lr = one->initial_lr * factor;
        bool possible = lr >= 0 && !isinf(lr);
        if (possible && bl__parameter_enter(one->lr, true))
            continue;
        leave_first(optimizer, i);
        if (possible)
            return bl__report(optimizer->context, &optimizer->error, BL_ERR_BUSY, op, NULL,
                              "%s is in use by a run", one->lr->name);
        return bl__report(optimizer->context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL,
                          "the factor %g makes no learning rate of %g", factor, one->initial_lr);
    }
    return BL_OK;
}

static bl_status scale(bl_optimizer *optimizer, double factor, const char *op)
{
    bl_status status = enter_all(optimizer, factor, op);
    if (status != BL_OK)
        return status;
    for (size_t i = 0; i <= optimizer->group_count; i++) {
        const bl_optimizer *one = member(optimizer, i);
        double lr = one->initial_lr * factor;
        memcpy(one->lr->data, &lr, sizeof(lr));
    }
    leave_first(optimizer, optimizer->group_count + 1);
    return BL_OK;
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
