/* Learning-rate schedules as functions of the step: a factor of the initial rate. */
#include "optim/schedule.h"

#include <math.h>

enum {
    CONSTANT = 1, /* 0: a schedule that nobody made */
    STEP,
    MULTI_STEP,
    EXPONENTIAL,
    LINEAR,
    POLYNOMIAL,
    COSINE,
    COSINE_RESTARTS,
    ONE_CYCLE,
    FUNCTION,
    SEQUENCE,
    CHAINED
};

enum {
    DEPTH = 64 /* of parts within parts: more would be a chain that contains itself */
};

static const double pi = 3.14159265358979323846;

/* ---- makers ---- */

bl_schedule bl_schedule_constant(double factor, int64_t steps)
{
    return (bl_schedule){.kind = CONSTANT, .a = factor, .steps = steps};
}

bl_schedule bl_schedule_step(int64_t every, double gamma)
{
    return (bl_schedule){.kind = STEP, .a = gamma, .steps = every};
}

bl_schedule bl_schedule_multi_step(const int64_t *milestones, size_t count, double gamma)
{
    return (bl_schedule){.kind = MULTI_STEP, .a = gamma, .milestones = milestones, .count = count};
}

bl_schedule bl_schedule_exponential(double gamma)
{
    return (bl_schedule){.kind = EXPONENTIAL, .a = gamma};
}

bl_schedule bl_schedule_linear(double start, double end, int64_t steps)
{
    return (bl_schedule){.kind = LINEAR, .a = start, .b = end, .steps = steps};
}

bl_schedule bl_schedule_polynomial(int64_t steps, double power, double end)
{
    return (bl_schedule){.kind = POLYNOMIAL, .a = end, .b = power, .steps = steps};
}

bl_schedule bl_schedule_cosine(int64_t steps, double floor)
{
    return (bl_schedule){.kind = COSINE, .a = floor, .steps = steps};
}

bl_schedule bl_schedule_cosine_restarts(int64_t steps, int64_t multiple, double floor)
{
    return (bl_schedule){.kind = COSINE_RESTARTS, .a = floor, .steps = steps, .multiple = multiple};
}

bl_one_cycle_options bl_one_cycle_defaults(void)
{
    return (bl_one_cycle_options){.rising = 0.3, .start = 1 / 25.0, .end = 1 / 25.0 / 1e4};
}

bl_schedule bl_schedule_one_cycle(const bl_one_cycle_options *options)
{
    if (!options)
        return (bl_schedule){.kind = ONE_CYCLE};
    return (bl_schedule){.kind = ONE_CYCLE,
                         .linear = options->linear,
                         .three_phases = options->three_phases,
                         .steps = options->steps,
                         .a = options->rising,
                         .b = options->start,
                         .c = options->end};
}

bl_schedule bl_schedule_function(double (*function)(int64_t step, void *data), void *data)
{
    return (bl_schedule){.kind = FUNCTION, .function = function, .data = data};
}

bl_schedule bl_schedule_sequence(const bl_schedule *parts, const int64_t *milestones, size_t count)
{
    return (bl_schedule){.kind = SEQUENCE, .parts = parts, .milestones = milestones, .count = count};
}

bl_schedule bl_schedule_chained(const bl_schedule *parts, size_t count)
{
    return (bl_schedule){.kind = CHAINED, .parts = parts, .count = count};
}

/* ---- what makes no sense ---- */

static bool is_factor(double value)
{
    return value >= 0 && value < INFINITY;
}

static const char *complaint_within(const bl_schedule *s, int depth);

static const char *complaint_of_parts(const bl_schedule *s, int depth)
{
    if (s->count == 0 || !s->parts)
        return "it has no parts";
    if (depth == DEPTH)
        return "its parts are nested too deeply";
    if (s->kind == SEQUENCE && s->count > 1 && !s->milestones)
        return "the milestones are NULL";
    for (size_t i = 1; s->kind == SEQUENCE && i < s->count; i++) {
        if (s->milestones[i - 1] <= (i > 1 ? s->milestones[i - 2] : 0))
            return "the milestones do not rise from above 0";
    }
    const char *complaint = NULL;
    for (size_t i = 0; i < s->count && !complaint; i++)
        complaint = complaint_within(&s->parts[i], depth + 1);
    return complaint;
}

static const char *complaint_within(const bl_schedule *s, int depth)
{
    switch (s->kind) {
    case CONSTANT:
        if (s->steps < 0)
            return "the number of steps is negative";
        return is_factor(s->a) ? NULL : "the factor is negative or not finite";
    case STEP:
        if (s->steps < 1)
            return "the number of steps is below 1";
        return is_factor(s->a) ? NULL : "gamma is negative or not finite";
    case MULTI_STEP:
        if (s->count > 0 && !s->milestones)
            return "the milestones are NULL";
        return is_factor(s->a) ? NULL : "gamma is negative or not finite";
    case EXPONENTIAL:
        return is_factor(s->a) ? NULL : "gamma is negative or not finite";
    case FUNCTION:
        return s->function ? NULL : "the function is NULL";
    case SEQUENCE:
    case CHAINED:
        return complaint_of_parts(s, depth);
    case LINEAR:
    case POLYNOMIAL:
    case COSINE:
    case COSINE_RESTARTS:
    case ONE_CYCLE:
        break;
    default:
        return "it was made by none of the bl_schedule_.. functions";
    }
    if (s->steps < 1)
        return "the number of steps is below 1";
    if (s->kind == COSINE_RESTARTS && s->multiple < 1)
        return "the multiple is below 1";
    if (s->kind == ONE_CYCLE && !(s->a >= 0 && s->a <= 1))
        return "rising is not in [0, 1]";
    if (!is_factor(s->a) || !is_factor(s->b) || !is_factor(s->c))
        return "a factor or power is negative or not finite";
    return NULL;
}

const char *bl__schedule_complaint(const bl_schedule *schedule)
{
    return complaint_within(schedule, 0);
}

/* ---- values; the schedules are known to make sense ---- */

/* From 1 to `floor` as `part` goes from 0 to 1. */
static double cosine(double part, double floor)
{
    return floor + (1 - floor) * (1 + cos(pi * part)) / 2;
}

static double power(double gamma, int64_t count)
{
    return pow(gamma, (double)count);
}

static double multi_step(const bl_schedule *s, int64_t step)
{
    int64_t reached = 0;
    for (size_t i = 0; i < s->count; i++)
        reached += s->milestones[i] <= step;
    return power(s->a, reached);
}

static double cosine_restarts(const bl_schedule *s, int64_t step)
{
    int64_t length = s->steps;
    if (s->multiple == 1)
        step %= length;
    while (step >= length) { /* each turn doubles the length at least */
        step -= length;
        length = length > INT64_MAX / s->multiple ? INT64_MAX : length * s->multiple;
    }
    return cosine((double)step / (double)length, s->a);
}

/* The phases end at real numbers, as PyTorch's do. */
static double one_cycle(const bl_schedule *s, int64_t step)
{
    double last = (double)(s->steps - 1), now = fmin((double)step, last);
    double rise = s->a * (double)s->steps;
    double ends[] = {rise - 1, s->three_phases ? 2 * rise - 2 : last, last};
    double levels[] = {s->b, 1, s->three_phases ? s->b : s->c, s->c};
    double begin = 0;
    int phase = 0, final = s->three_phases ? 2 : 1;
    while (phase < final && now > ends[phase])
        begin = ends[phase++];
    double from = levels[phase], to = levels[phase + 1], length = ends[phase] - begin;
    double part = length > 0 ? (now - begin) / length : 1;
    return s->linear ? from + (to - from) * part : to + (from - to) / 2 * (1 + cos(pi * part));
}

static double value(const bl_schedule *s, int64_t step);

static double sequence(const bl_schedule *s, int64_t step)
{
    size_t part = 0;
    while (part + 1 < s->count && s->milestones[part] <= step)
        part++;
    return value(&s->parts[part], part > 0 ? step - s->milestones[part - 1] : step);
}

static double chained(const bl_schedule *s, int64_t step)
{
    double product = 1;
    for (size_t i = 0; i < s->count; i++)
        product *= value(&s->parts[i], step);
    return product;
}

static double value(const bl_schedule *s, int64_t step)
{
    double part = s->steps > 0 ? (double)(step < s->steps ? step : s->steps) / (double)s->steps : 1;
    switch (s->kind) {
    case CONSTANT:
        return step < s->steps || s->steps == INT64_MAX ? s->a : 1;
    case STEP:
        return power(s->a, step / s->steps);
    case MULTI_STEP:
        return multi_step(s, step);
    case EXPONENTIAL:
        return power(s->a, step);
    case LINEAR:
        return s->a + (s->b - s->a) * part;
    case POLYNOMIAL:
        return s->a + (1 - s->a) * pow(1 - part, s->b);
    case COSINE: /* the same after two times as many steps */
        return cosine((double)(step % s->steps + (step / s->steps % 2) * s->steps) / (double)s->steps, s->a);
    case COSINE_RESTARTS:
        return cosine_restarts(s, step);
    case ONE_CYCLE:
        return one_cycle(s, step);
    case FUNCTION:
        return s->function(step, s->data);
    case SEQUENCE:
        return sequence(s, step);
    default:
        return chained(s, step);
    }
}

double bl_schedule_factor(bl_schedule schedule, int64_t step)
{
    if (step < 0 || bl__schedule_complaint(&schedule))
        return NAN;
    return value(&schedule, step);
}

double bl_schedule_lr(bl_schedule schedule, double initial, int64_t step)
{
    return initial * bl_schedule_factor(schedule, step);
}
