/* Learning-rate schedules: plain functions of the step, and the plateau, which looks at a metric.
 *
 * A schedule gives a factor, 1 at full rate; the rate of a step is the initial one times the factor of the
 * step. The learning rate is a buffer, so nothing here recompiles a program.
 *
 *     bl_schedule warm_up = bl_schedule_linear(0.1, 1, 100), decay = bl_schedule_cosine(900, 0);
 *     bl_schedule parts[] = {warm_up, decay};
 *     bl_schedule schedule = bl_schedule_sequence(parts, (int64_t[]){100}, 2);
 *     for (int64_t step = 0; step < 1000; step++) {
 *         bl_optimizer_schedule(adam, schedule, step);
 *         bl_run(program);
 *     } */
#ifndef BOWLINE_SCHEDULE_H
#define BOWLINE_SCHEDULE_H

#include "optimizer.h"

BL_BEGIN_DECLS

/* A schedule; made by the bl_schedule_.. functions. `milestones` and `parts` are the caller's arrays, which
 * must live as long as it. */
typedef struct bl_schedule {
    int kind;
    bool linear, three_phases;
    int64_t steps, multiple;
    double a, b, c;
    const int64_t *milestones;
    const struct bl_schedule *parts;
    size_t count;
    double (*function)(int64_t step, void *data);
    void *data;
} bl_schedule;

/* In what follows t is the step, counted from 0. A schedule made from arguments that make no sense has the
 * factor NaN, and bl_optimizer_schedule says what is wrong with it. */

/* `factor` for t < steps, then 1; INT64_MAX for always. Returns: the schedule. Errors: none (steps < 0, or a
 * factor that is negative or not finite, make it invalid). Ownership: a value. Threads: any. Source:
 * PyTorch 1.13 ConstantLR. */
BL_API bl_schedule bl_schedule_constant(double factor, int64_t steps);

/* gamma^floor(t / every). Returns: the schedule. Errors: none (every < 1 or a bad gamma: invalid). Ownership:
 * a value. Threads: any. Source: PyTorch 1.13 StepLR. */
BL_API bl_schedule bl_schedule_step(int64_t every, double gamma);

/* gamma^(number of milestones <= t), which may stand in any order. Returns: the schedule. Errors: none
 * (milestones NULL or a bad gamma: invalid). Ownership: the array stays the caller's. Threads: any. Source:
 * PyTorch 1.13 MultiStepLR. */
BL_API bl_schedule bl_schedule_multi_step(const int64_t *milestones, size_t count, double gamma);

/* gamma^t. Returns: the schedule. Errors: none (a bad gamma: invalid). Ownership: a value. Threads: any.
 * Source: PyTorch 1.13 ExponentialLR. */
BL_API bl_schedule bl_schedule_exponential(double gamma);

/* start + (end - start) min(t, steps) / steps: a warm-up with end 1, a decay with start 1. Returns: the
 * schedule. Errors: none (steps < 1, or a bad factor: invalid). Ownership: a value. Threads: any. Source:
 * PyTorch 1.13 LinearLR. */
BL_API bl_schedule bl_schedule_linear(double start, double end, int64_t steps);

/* end + (1 - end) (1 - min(t, steps) / steps)^power. Returns: the schedule. Errors: none (steps < 1, or a bad
 * number: invalid). Ownership: a value. Threads: any. Source: PyTorch 1.13 PolynomialLR, whose end is 0. */
BL_API bl_schedule bl_schedule_polynomial(int64_t steps, double power, double end);

/* floor + (1 - floor) (1 + cos(pi t / steps)) / 2, which rises again after `steps`, as PyTorch's does.
 * Returns: the schedule. Errors: none (steps < 1 or a bad floor: invalid). Ownership: a value. Threads: any.
 * Source: Loshchilov and Hutter 2017, "SGDR"; PyTorch 1.13 CosineAnnealingLR, whose eta_min is floor times
 * the rate. */
BL_API bl_schedule bl_schedule_cosine(int64_t steps, double floor);

/* The same with restarts: it begins anew after `steps`, and each time takes `multiple` times as long.
 * Returns: the schedule. Errors: none (steps or multiple < 1, or a bad floor: invalid). Ownership: a value.
 * Threads: any. Source: Loshchilov and Hutter 2017; PyTorch 1.13 CosineAnnealingWarmRestarts. */
BL_API bl_schedule bl_schedule_cosine_restarts(int64_t steps, int64_t multiple, double floor);

typedef struct bl_one_cycle_options {
    int64_t steps;     /* in all; default 0, to be set */
    double rising;     /* the part of the steps that the rise takes; default 0.3 */
    double start;      /* the first factor; default 1 / 25 */
    double end;        /* the last one; default 1 / 250000 */
    bool linear;       /* by lines instead of cosines; default false */
    bool three_phases; /* falls to `start` as long as it rose, and then to `end`; default false */
} bl_one_cycle_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_one_cycle_options bl_one_cycle_defaults(void);

/* From `start` up to 1 and down to `end`, where it stays: the optimizer's initial rate is the largest one.
 * Moves no momentum. Returns: the schedule. Errors: none (NULL, steps < 1, rising outside [0, 1], or a bad
 * factor: invalid). Ownership: a value. Threads: any. Source: Smith and Topin 2018, "Super-Convergence";
 * PyTorch 1.13 OneCycleLR, with start = 1 / div_factor and end = start / final_div_factor. */
BL_API bl_schedule bl_schedule_one_cycle(const bl_one_cycle_options *options);

/* A function of the caller's; NaN from it is an invalid factor. Returns: the schedule. Errors: none (NULL:
 * invalid). Ownership: `data` must live as long as the schedule. Threads: as the function. Source:
 * PyTorch 1.13 LambdaLR. */
BL_API bl_schedule bl_schedule_function(double (*function)(int64_t step, void *data), void *data);

/* One after the other: part i from milestones[i - 1] on, counting its own steps from there. Returns: the
 * schedule. Errors: none (NULL, count 0, milestones that do not rise, or an invalid part: invalid).
 * Ownership: both arrays, `count` parts and count - 1 milestones, stay the caller's. Threads: any. Source:
 * PyTorch 1.13 SequentialLR. */
BL_API bl_schedule bl_schedule_sequence(const bl_schedule *parts, const int64_t *milestones, size_t count);

/* All at once: the product of the parts. Returns: the schedule. Errors: none (NULL or an invalid part:
 * invalid). Ownership: the array stays the caller's. Threads: any. Source: PyTorch 1.13 ChainedScheduler. */
BL_API bl_schedule bl_schedule_chained(const bl_schedule *parts, size_t count);

/* The factor of a step.
 * Returns: the factor; NaN for a negative step and an invalid schedule. Errors: none. Ownership: none.
 * Threads: any. */
BL_API double bl_schedule_factor(bl_schedule schedule, int64_t step);

/* initial * factor: the learning rate of a step.
 * Returns: the rate; NaN as bl_schedule_factor. Errors: none. Ownership: none. Threads: any. */
BL_API double bl_schedule_lr(bl_schedule schedule, double initial, int64_t step);

/* Sets the optimizer's learning rate, and that of each of its groups, to its initial one times a factor. The
 * initial rate is the one that the optimizer or group was made with: bl_optimizer_set_lr does not change it.
 * Each call replaces the last: for a schedule and a plateau together, give it the product of their factors.
 * Returns: BL_OK or an error, and then no rate has changed. Errors: BL_ERR_ARGUMENT (NULL, or a factor that
 * is negative or not finite), BL_ERR_BUSY. Ownership: unchanged. Threads: the context's. */
BL_API bl_status bl_optimizer_scale_lr(bl_optimizer *optimizer, double factor);

/* bl_optimizer_scale_lr by the schedule's factor of a step.
 * Returns: BL_OK or an error, and then no rate has changed. Errors: BL_ERR_ARGUMENT (NULL, a negative step,
 * an invalid schedule: the message says what is wrong), BL_ERR_BUSY. Ownership: unchanged. Threads: the
 * context's. */
BL_API bl_status bl_optimizer_schedule(bl_optimizer *optimizer, bl_schedule schedule, int64_t step);

/* ---- reduce on plateau ---- */

typedef struct bl_plateau_options {
    double factor;    /* what the rate is multiplied by, in (0, 1); default 0.1 */
    int64_t patience; /* metrics in a row that may be no better; default 10 */
    double threshold; /* how much better is better; default 1e-4 */
    bool absolute;    /* the threshold is a difference, not a part of the best; default false */
    bool maximize;    /* larger is better; default false */
    int64_t cooldown; /* metrics after a cut during which none counts as bad; default 0 */
    double floor;     /* the least factor of the initial rate; default 0 */
    double eps;       /* a cut of the factor by no more than this is not made; default 1e-8 */
} bl_plateau_options;

/* What a plateau remembers: plain numbers, to be saved and put back as they are. */
typedef struct bl_plateau_state {
    double best;      /* an infinity before the first metric */
    double factor;    /* of the initial rate, 1 at first */
    int64_t bad;      /* metrics in a row that were no better */
    int64_t cooldown; /* metrics of the cooldown that are left */
} bl_plateau_state;

/* Cuts the rate when a metric has stopped getting better. All of it is here: copying it copies it, and
 * writing `state` resumes it. */
typedef struct bl_plateau {
    bl_plateau_options options;
    bl_plateau_state state;
} bl_plateau;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_plateau_options bl_plateau_defaults(void);

/* A plateau that has seen nothing. `options` NULL: the defaults. Returns: the plateau. Errors: none; what
 * makes no sense is found when it is used. Ownership: a value. Threads: any. */
BL_API bl_plateau bl_plateau_start(const bl_plateau_options *options);

/* Tells it one more metric, a NaN being no better than any.
 * Returns: the factor of the initial rate from now on; NaN, nothing changed, for NULL and options that make
 * no sense. Errors: none. Ownership: unchanged. Threads: one at a time. Source: PyTorch 1.13
 * ReduceLROnPlateau, whose min_lr and eps are floor and eps times the initial rate. */
BL_API double bl_plateau_observe(bl_plateau *plateau, double metric);

/* bl_plateau_observe, then bl_optimizer_scale_lr by the factor.
 * Returns: BL_OK or an error, and then nothing has changed. Errors: BL_ERR_ARGUMENT (NULL, options that make
 * no sense: the message says which), BL_ERR_BUSY. Ownership: unchanged. Threads: the context's. */
BL_API bl_status bl_optimizer_plateau(bl_optimizer *optimizer, bl_plateau *plateau, double metric);

BL_END_DECLS

#endif
