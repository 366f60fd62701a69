/* Reduce on plateau: the rate is cut when a metric has stopped getting better. */
#include "bowline/schedule.h"
#include "graph/context.h"
#include "optim/optimizer.h"

#include <math.h>

bl_plateau_options bl_plateau_defaults(void)
{
    return (bl_plateau_options){.factor = 0.1, .patience = 10, .threshold = 1e-4, .eps = 1e-8};
}

bl_plateau bl_plateau_start(const bl_plateau_options *options)
{
    bl_plateau plateau = {.options = options ? *options : bl_plateau_defaults()};
    plateau.state.best = plateau.options.maximize ? -INFINITY : INFINITY;
    plateau.state.factor = 1;
    return plateau;
}

/* What makes no sense in the options; NULL when all does. */
static const char *complaint(const bl_plateau_options *options)
{
    if (!(options->factor > 0 && options->factor < 1))
        return "factor is not in (0, 1)";
    if (options->patience < 0 || options->cooldown < 0)
        return "patience or cooldown is negative";
    if (!(options->threshold >= 0) || !(options->floor >= 0) || !(options->eps >= 0))
        return "threshold, floor or eps is negative or NaN";
    return NULL;
}

static bool is_better(const bl_plateau_options *options, double metric, double best)
{
    if (options->absolute)
        return options->maximize ? metric > best + options->threshold : metric < best - options->threshold;
    return options->maximize ? metric > best * (1 + options->threshold)
                             : metric < best * (1 - options->threshold);
}

static void observe(const bl_plateau_options *options, bl_plateau_state *state, double metric)
{
    if (is_better(options, metric, state->best)) {
        state->best = metric;
        state->bad = 0;
    } else {
        state->bad++;
    }
    if (state->cooldown > 0) {
        state->cooldown--;
        state->bad = 0;
    }
    if (state->bad <= options->patience)
        return;
    double less = fmax(state->factor * options->factor, options->floor);
    if (state->factor - less > options->eps)
        state->factor = less;
    state->cooldown = options->cooldown;
    state->bad = 0;
}

double bl_plateau_observe(bl_plateau *plateau, double metric)
{
    if (!plateau || complaint(&plateau->options))
        return NAN;
    observe(&plateau->options, &plateau->state, metric);
    return plateau->state.factor;
}

bl_status bl_optimizer_plateau(bl_optimizer *optimizer, bl_plateau *plateau, double metric)
{
    if (!optimizer)
        return BL_ERR_ARGUMENT;
    const char *wrong = plateau ? complaint(&plateau->options) : "it is NULL";
    if (wrong)
        return bl__report(optimizer->context, &optimizer->error, BL_ERR_ARGUMENT, "optimizer_plateau", NULL,
                          "the plateau makes no sense: %s", wrong);
    bl_plateau_state after = plateau->state;
    observe(&plateau->options, &after, metric);
    bl_status status = bl_optimizer_scale_lr(optimizer, after.factor);
    if (status == BL_OK)
        plateau->state = after;
    return status;
}
