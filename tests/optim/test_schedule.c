/* Schedules and plateaus against PyTorch's, what makes no sense, and the rates of an optimizer. Looks at
 * src/graph/parameter.h to keep a rate busy. */
#include "graph/parameter.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    STEPS = 48 /* as in make_schedules.py */
};
#define LR 0.25

typedef struct reference {
    const char *name;
    double rates[STEPS];
} reference;

#include "schedules.h"

#define COUNT(list) (sizeof(list) / sizeof(list[0]))

static const double *find(const reference *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0)
            return list[i].rates;
    }
    cr_assert_fail("no reference is called %s", name);
    return NULL;
}

static void expect(const char *name, bl_schedule schedule)
{
    const double *expected = find(schedules, COUNT(schedules), name);
    for (int64_t step = 0; step < STEPS; step++) {
        double rate = bl_schedule_lr(schedule, LR, step);
        cr_assert(fabs(rate - expected[step]) <= 1e-12, "%s, step %d: %.17g, not %.17g", name, (int)step,
                  rate, expected[step]);
    }
}

static double inverse_root(int64_t step, void *data)
{
    return *(const double *)data / sqrt(1 + (double)step);
}

Test(schedule, follows_pytorch)
{
    static const int64_t milestones[] = {20, 5, 33, 20};
    double one = 1;
    expect("constant", bl_schedule_constant(0.3, 7));
    expect("step", bl_schedule_step(9, 0.3));
    expect("multi step", bl_schedule_multi_step(milestones, 4, 0.4));
    expect("exponential", bl_schedule_exponential(0.93));
    expect("linear", bl_schedule_linear(0.05, 1, 13));
    expect("linear down", bl_schedule_linear(1, 0.2, 31));
    expect("polynomial", bl_schedule_polynomial(37, 1.7, 0));
    expect("cosine", bl_schedule_cosine(17, 0.1));
    expect("cosine restarts", bl_schedule_cosine_restarts(5, 2, 0.05));
    expect("cosine repeats", bl_schedule_cosine_restarts(11, 1, 0));
    expect("function", bl_schedule_function(inverse_root, &one));

    bl_one_cycle_options cycle = bl_one_cycle_defaults();
    cycle.steps = 40;
    expect("one cycle", bl_schedule_one_cycle(&cycle));
    cycle.rising = 0.25;
    cycle.three_phases = true;
    expect("one cycle three", bl_schedule_one_cycle(&cycle));
    cycle = (bl_one_cycle_options){.steps = 40, .rising = 0.4, .start = 0.1, .end = 0.1 / 20, .linear = true};
    expect("one cycle linear", bl_schedule_one_cycle(&cycle));
}

Test(schedule, parts_follow_pytorch)
{
    bl_schedule after[] = {bl_schedule_linear(0.1, 1, 6), bl_schedule_cosine(30, 0),
                           bl_schedule_constant(0.01, INT64_MAX)};
    expect("sequence", bl_schedule_sequence(after, (int64_t[]){6, 36}, 3));
    bl_schedule together[] = {bl_schedule_constant(0.1, 4), bl_schedule_exponential(0.9),
                              bl_schedule_step(10, 0.5)};
    expect("chained", bl_schedule_chained(together, 3));
}

/* Beyond what the fixtures hold: ends, and steps that no training reaches. */
Test(schedule, limits)
{
    cr_assert_eq(bl_schedule_factor(bl_schedule_constant(0.5, INT64_MAX), INT64_MAX), 0.5);
    cr_assert_eq(bl_schedule_factor(bl_schedule_constant(0.5, 0), 0), 1);
    cr_assert_eq(bl_schedule_factor(bl_schedule_multi_step(NULL, 0, 0.5), 9), 1);
    cr_assert_float_eq(bl_schedule_factor(bl_schedule_polynomial(10, 2, 0.25), 10), 0.25, 1e-15);
    cr_assert_float_eq(bl_schedule_factor(bl_schedule_polynomial(10, 2, 0.25), 5), 0.25 + 0.75 / 4, 1e-15);
    cr_assert_eq(bl_schedule_factor(bl_schedule_linear(0.5, 2, 3), INT64_MAX), 2);
    int64_t far = INT64_MAX - 1;
    double factor = bl_schedule_factor(bl_schedule_cosine_restarts(3, INT64_MAX, 0.1), far);
    cr_assert(factor >= 0.1 && factor <= 1);
    factor = bl_schedule_factor(bl_schedule_cosine(INT64_MAX, 0), far);
    cr_assert(factor >= 0 && factor < 1e-9);
    bl_one_cycle_options cycle = bl_one_cycle_defaults();
    cycle.steps = 10;
    cycle.rising = 0.1; /* the rise takes no step */
    cr_assert_eq(bl_schedule_factor(bl_schedule_one_cycle(&cycle), 0), 1);
    cycle.rising = 0;
    cr_assert_lt(bl_schedule_factor(bl_schedule_one_cycle(&cycle), 0), 1);
    cycle.steps = 1;
    cr_assert(isfinite(bl_schedule_factor(bl_schedule_one_cycle(&cycle), 0)));
}

static double negative(int64_t step, void *data)
{
    (void)data;
    return -(double)step;
}

Test(schedule, nonsense)
{
    bl_context *context = bl_context_new(NULL);
    bl_optimizer *optimizer = bl_sgd(context, NULL);
    bl_schedule good = bl_schedule_exponential(0.5), bad = bl_schedule_exponential(-1);
    bl_schedule within[] = {good, bad}, loop[1], both[] = {good, good, good};
    loop[0] = bl_schedule_chained(loop, 1);
    bl_one_cycle_options rising = {.steps = 2, .rising = 2}, none = bl_one_cycle_defaults();
    const struct {
        bl_schedule schedule;
        const char *complaint;
    } cases[] = {
        {{0}, "it was made by none of the bl_schedule_.. functions"},
        {bl_schedule_constant(1, -1), "the number of steps is negative"},
        {bl_schedule_constant(NAN, 1), "the factor is negative or not finite"},
        {bl_schedule_step(0, 1), "the number of steps is below 1"},
        {bl_schedule_step(1, INFINITY), "gamma is negative or not finite"},
        {bl_schedule_multi_step(NULL, 1, 1), "the milestones are NULL"},
        {bl_schedule_multi_step(NULL, 0, -1), "gamma is negative or not finite"},
        {bl_schedule_linear(0, 1, 0), "the number of steps is below 1"},
        {bl_schedule_linear(-1, 1, 3), "a factor or power is negative or not finite"},
        {bl_schedule_polynomial(3, -1, 0), "a factor or power is negative or not finite"},
        {bl_schedule_cosine(3, NAN), "a factor or power is negative or not finite"},
        {bl_schedule_cosine_restarts(3, 0, 0), "the multiple is below 1"},
        {bl_schedule_one_cycle(NULL), "the number of steps is below 1"},
        {bl_schedule_one_cycle(&none), "the number of steps is below 1"},
        {bl_schedule_one_cycle(&rising), "rising is not in [0, 1]"},
        {bl_schedule_function(NULL, NULL), "the function is NULL"},
        {bl_schedule_chained(NULL, 1), "it has no parts"},
        {bl_schedule_chained(within, 0), "it has no parts"},
        {bl_schedule_chained(within, 2), "gamma is negative or not finite"},
        {loop[0], "its parts are nested too deeply"},
        {bl_schedule_sequence(both, NULL, 2), "the milestones are NULL"},
        {bl_schedule_sequence(both, (int64_t[]){0}, 2), "the milestones do not rise from above 0"},
        {bl_schedule_sequence(both, (int64_t[]){5, 5}, 3), "the milestones do not rise from above 0"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_assert(isnan(bl_schedule_factor(cases[i].schedule, 0)), "%s", cases[i].complaint);
        bl_optimizer_clear_error(optimizer);
        cr_assert_eq(bl_optimizer_schedule(optimizer, cases[i].schedule, 0), BL_ERR_ARGUMENT);
        const char *message = bl_optimizer_error(optimizer)->message;
        cr_assert(strstr(message, "bl_optimizer_schedule: the schedule makes no sense: ") == message);
        cr_assert(strstr(message, cases[i].complaint), "%s, not %s", message, cases[i].complaint);
    }
    cr_assert_eq(bl_schedule_factor(bl_schedule_sequence(both, NULL, 1), 1), 0.5);
    cr_assert(isnan(bl_schedule_factor(good, -1)));
    bl_optimizer_clear_error(optimizer);
    cr_assert_eq(bl_optimizer_schedule(optimizer, good, -2), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_optimizer_error(optimizer)->message, "bl_optimizer_schedule: step -2 is negative");
    bl_optimizer_clear_error(optimizer);
    cr_assert_eq(bl_optimizer_schedule(optimizer, bl_schedule_function(negative, NULL), 1), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_optimizer_error(optimizer)->message,
                     "bl_optimizer_schedule: the factor -1 makes no learning rate of 0.001");
    cr_assert_eq(bl_optimizer_schedule(NULL, good, 0), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_optimizer_scale_lr(NULL, 1), BL_ERR_ARGUMENT);
    bl_optimizer_free(optimizer);
    bl_context_free(context);
}

static double rate(bl_optimizer *optimizer)
{
    return *(const double *)bl_parameter_data(bl_optimizer_lr(optimizer));
}

/* The initial rate is the one that an optimizer was made with; a program need not be compiled again. */
Test(schedule, of_an_optimizer)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *p = bl_params_add(params, "p", BL_F64, BL_SHAPE(1), bl_init_constant(0), NULL);
    bl_sgd_options options = {.lr = 0.5};
    bl_optimizer *optimizer = bl_sgd(context, &options);
    bl_program *step = bl_compile(context, bl_minimize(optimizer, bl_use(graph, p)));
    double expected = 0;
    for (int64_t i = 0; i < 5; i++) {
        cr_assert_eq(bl_optimizer_schedule(optimizer, bl_schedule_exponential(0.5), i), BL_OK);
        cr_assert_eq(rate(optimizer), 0.5 * pow(0.5, (double)i));
        cr_assert_eq(bl_run(step), BL_OK);
        expected -= rate(optimizer);
        cr_assert_eq(*(const double *)bl_parameter_data(p), expected);
    }
    cr_assert_eq(bl_optimizer_set_lr(optimizer, 3), BL_OK);
    cr_assert_eq(bl_optimizer_scale_lr(optimizer, 0.5), BL_OK);
    cr_assert_eq(rate(optimizer), 0.25, "the initial rate is still the one of the options");
    cr_assert_eq(bl_optimizer_scale_lr(optimizer, NAN), BL_ERR_ARGUMENT);
    cr_assert_eq(rate(optimizer), 0.25);

    bl_plateau plateau = bl_plateau_start(NULL), before = plateau;
    cr_assert(bl__parameter_enter(bl_optimizer_lr(optimizer), false));
    cr_assert_eq(bl_optimizer_scale_lr(optimizer, 1), BL_ERR_BUSY);
    cr_assert_eq(bl_optimizer_plateau(optimizer, &plateau, 1), BL_ERR_BUSY);
    cr_assert_eq(memcmp(&plateau.state, &before.state, sizeof before.state), 0, "nothing has changed");
    bl__parameter_leave(bl_optimizer_lr(optimizer), false);
    bl_program_free(step);
    bl_optimizer_free(optimizer);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

/* Each group goes by its own initial rate; when one cannot be written none is. */
Test(schedule, of_groups)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_params_add(params, "a", BL_F64, BL_SHAPE(1), bl_init_constant(0), NULL);
    bl_params_add(params, "b", BL_F64, BL_SHAPE(1), bl_init_constant(0), NULL);
    bl_optimizer *adam = bl_adam(context, NULL);
    bl_optimizer *group = bl_sgd(context, &(bl_sgd_options){.lr = 0.5});
    cr_assert_eq(bl_optimizer_add_group(adam, params, "b", group), BL_OK);
    cr_assert_eq(bl_optimizer_schedule(adam, bl_schedule_step(1, 0.25), 2), BL_OK);
    cr_assert_eq(rate(adam), 0.001 / 16);
    cr_assert_eq(rate(group), 0.5 / 16);
    cr_assert(bl__parameter_enter(bl_optimizer_lr(group), false));
    cr_assert_eq(bl_optimizer_scale_lr(adam, 1), BL_ERR_BUSY);
    cr_assert_str_eq(bl_optimizer_error(adam)->message, "bl_optimizer_scale_lr: sgd.lr is in use by a run");
    cr_assert_eq(rate(adam), 0.001 / 16);
    bl__parameter_leave(bl_optimizer_lr(group), false);
    cr_assert_eq(bl_optimizer_scale_lr(adam, DBL_MAX), BL_OK);
    bl_optimizer_clear_error(adam);
    cr_assert_eq(bl_optimizer_scale_lr(adam, 1), BL_OK, "all was left again");
    cr_assert_eq(rate(group), 0.5);
    bl_optimizer_free(adam);
    bl_params_free(params);
    bl_context_free(context);
}

static void expect_plateau(bl_context *context, const char *name, const bl_plateau_options *options)
{
    const double *expected = find(plateaus, COUNT(plateaus), name);
    bl_sgd_options sgd = {.lr = LR};
    bl_optimizer *optimizer = bl_sgd(context, &sgd);
    bl_plateau plateau = bl_plateau_start(options);
    for (int i = 0; i < STEPS; i++) {
        if (i == STEPS / 2) { /* through a file: the state alone */
            bl_plateau_state saved = plateau.state;
            plateau = bl_plateau_start(options);
            plateau.state = saved;
        }
        cr_assert_eq(bl_optimizer_plateau(optimizer, &plateau, metrics[i]), BL_OK);
        cr_assert(fabs(rate(optimizer) - expected[i]) <= 1e-12, "%s, metric %d: %.17g, not %.17g", name, i,
                  rate(optimizer), expected[i]);
    }
    bl_optimizer_free(optimizer);
}

Test(plateau, follows_pytorch)
{
    bl_context *context = bl_context_new(NULL);
    bl_plateau_options options = bl_plateau_defaults();
    expect_plateau(context, "defaults", NULL);
    options.factor = 0.5;
    options.patience = 2;
    options.cooldown = 3;
    options.threshold = 0.01;
    expect_plateau(context, "patient", &options);
    options = bl_plateau_defaults();
    options.factor = 0.5;
    options.patience = 1;
    options.threshold = 0.1;
    options.absolute = true;
    options.floor = 0.1;
    expect_plateau(context, "absolute", &options);
    options = bl_plateau_defaults();
    options.maximize = true;
    options.factor = 0.3;
    options.patience = 3;
    options.threshold = 0.05;
    options.eps = 0.004;
    expect_plateau(context, "maximize", &options);
    options = bl_plateau_defaults();
    options.maximize = options.absolute = true;
    options.factor = 0.7;
    options.patience = 0;
    options.threshold = 0;
    options.cooldown = 1;
    expect_plateau(context, "maximize absolute", &options);
    bl_context_free(context);
}

Test(plateau, nonsense)
{
    bl_context *context = bl_context_new(NULL);
    bl_optimizer *optimizer = bl_sgd(context, NULL);
    const struct {
        bl_plateau_options options;
        const char *complaint;
    } cases[] = {
        {{.factor = 1}, "factor is not in (0, 1)"},
        {{.factor = 0.5, .patience = -1}, "patience or cooldown is negative"},
        {{.factor = 0.5, .cooldown = -1}, "patience or cooldown is negative"},
        {{.factor = 0.5, .eps = NAN}, "threshold, floor or eps is negative or NaN"},
        {{.factor = 0.5, .floor = -1}, "threshold, floor or eps is negative or NaN"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bl_plateau plateau = bl_plateau_start(&cases[i].options);
        cr_assert(isnan(bl_plateau_observe(&plateau, 1)));
        cr_assert(isinf(plateau.state.best));
        bl_optimizer_clear_error(optimizer);
        cr_assert_eq(bl_optimizer_plateau(optimizer, &plateau, 1), BL_ERR_ARGUMENT);
        cr_assert(strstr(bl_optimizer_error(optimizer)->message, cases[i].complaint));
    }
    bl_plateau plateau = bl_plateau_start(NULL);
    cr_assert(isnan(bl_plateau_observe(NULL, 1)));
    cr_assert_eq(bl_optimizer_plateau(optimizer, NULL, 1), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_optimizer_plateau(NULL, &plateau, 1), BL_ERR_ARGUMENT);
    bl_optimizer_free(optimizer);
    bl_context_free(context);
}
