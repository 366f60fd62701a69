/* Exponential moving averages of parameters. Looks at src/graph/parameter.h to keep a parameter busy. */
#include "graph/parameter.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(ema, .init = open_all, .fini = close_all);

static bl_parameter *add(const char *name, double value)
{
    return bl_params_add(params, name, BL_F64, BL_SHAPE(2), bl_init_constant(value), NULL);
}

static double value(const bl_parameter *p)
{
    return *(const double *)bl_parameter_data(p);
}

static bl_ema *make(double decay, bool warm_up)
{
    bl_ema_options options = bl_ema_defaults();
    cr_assert(options.decay == 0.999 && !options.warm_up);
    options.decay = decay;
    options.warm_up = warm_up;
    return bl_ema_new(context, &options);
}

Test(ema, follows_the_formula)
{
    for (int warm_up = 0; warm_up < 2; warm_up++) {
        bl_parameter *p = add(warm_up ? "p" : "q", 3);
        bl_ema *ema = make(0.75, warm_up);
        bl_tensor *next = bl_add_scalar(bl_mul_scalar(bl_use(graph, p), -0.5), 1);
        bl_tensor *effects[] = {bl_assign(p, next), bl_ema_update(ema, &p, &next, 1)};
        bl_program *step = bl_compile(context, effects[0], effects[1]);
        bl_parameter *owner, *average = bl_ema_at(ema, 0, &owner);
        cr_assert(owner == p && value(average) == 3, "it begins at the parameter");
        double expected = 3, now = 3;
        for (int n = 1; n <= 12; n++) {
            double decay = warm_up ? fmin(0.75, (1.0 + n) / (10.0 + n)) : 0.75;
            now = -0.5 * now + 1;
            expected += (1 - decay) * (now - expected);
            cr_assert_eq(bl_run(step), BL_OK, "%s", error_text(bl_context_error(context)));
            cr_assert_float_eq(value(average), expected, 1e-14, "update %d", n);
            cr_assert_eq(value(p), now);
        }
        cr_assert_eq(*(const int64_t *)bl_parameter_data(bl_ema_updates(ema)), 12);
        double none = 1; /* no recompilation: the average stands still */
        cr_assert_eq(bl_parameter_write(bl_ema_decay(ema), &none, sizeof none), BL_OK);
        if (!warm_up) {
            cr_assert_eq(bl_run(step), BL_OK);
            cr_assert_float_eq(value(average), expected, 1e-14);
        }
        bl_program_free(step);
        bl_ema_free(ema);
    }
}

Test(ema, values_for_evaluation)
{
    bl_parameter *p = add("p", 3), *other = add("other", 7);
    bl_ema *ema = make(0.5, false);
    bl_tensor *one = bl_full(graph, BL_F64, BL_SHAPE(2), 1);
    bl_program *step = bl_compile(context, bl_ema_update(ema, &p, &one, 1));
    bl_tensor *average = bl_ema_value(ema, graph, p), *as_it_is = bl_ema_value(ema, graph, other);
    bl_program *look = bl_compile(context, average, as_it_is, bl_use(graph, p));
    cr_assert_eq(bl_run(step), BL_OK);
    cr_assert_eq(bl_run(look), BL_OK);
    cr_assert_eq(bl_item_at(look, average, BL_SHAPE(1)), 2);
    cr_assert_eq(bl_item_at(look, as_it_is, BL_SHAPE(1)), 7);

    cr_assert_eq(bl_ema_swap(ema), BL_OK);
    cr_assert(value(p) == 2 && value(bl_ema_at(ema, 0, NULL)) == 3);
    cr_assert_eq(bl_run(look), BL_OK, "the same program");
    cr_assert_eq(bl_item_at(look, bl_use(graph, p), BL_SHAPE(1)), 2);
    cr_assert_eq(bl_ema_swap(ema), BL_OK);
    cr_assert(value(p) == 3 && value(bl_ema_at(ema, 0, NULL)) == 2);

    cr_assert_eq(bl_ema_copy_to_parameters(ema), BL_OK);
    cr_assert(value(p) == 2 && value(bl_ema_at(ema, 0, NULL)) == 2);
    double loaded[] = {9, 9};
    bl_parameter_write(p, loaded, sizeof loaded);
    cr_assert_eq(bl_ema_reset(ema), BL_OK);
    cr_assert_eq(value(bl_ema_at(ema, 0, NULL)), 9);
    cr_assert_eq(*(const int64_t *)bl_parameter_data(bl_ema_updates(ema)), 0);
    bl_program_free(step);
    bl_program_free(look);
    bl_ema_free(ema);
}

/* More than one piece of the exchange, and a size that is no multiple of it. */
Test(ema, swaps_large_parameters)
{
    enum {
        COUNT = 3001
    };
    bl_parameter *p = bl_params_add(params, "p", BL_F64, BL_SHAPE(COUNT), bl_init_constant(4), NULL);
    bl_ema *ema = make(0, false);
    bl_tensor *values = bl_arange(graph, BL_F64, 0, COUNT, 1);
    bl_program *step = bl_compile(context, bl_ema_update(ema, &p, &values, 1));
    cr_assert_eq(bl_run(step), BL_OK);
    cr_assert_eq(bl_ema_swap(ema), BL_OK);
    const double *now = bl_parameter_data(p), *kept = bl_parameter_data(bl_ema_at(ema, 0, NULL));
    for (int i = 0; i < COUNT; i++)
        cr_assert(now[i] == i && kept[i] == 4);
    bl_program_free(step);
    bl_ema_free(ema);
}

Test(ema, busy_changes_nothing)
{
    bl_parameter *list[] = {add("a", 1), add("b", 2)};
    bl_tensor *values[] = {bl_full(graph, BL_F64, BL_SHAPE(2), 5), bl_full(graph, BL_F64, BL_SHAPE(2), 6)};
    bl_ema *ema = make(0, false);
    cr_assert(bl__parameter_enter(list[1], true));
    cr_assert_not(bl_tensor_valid(bl_ema_update(ema, list, values, 2)));
    cr_assert_eq(bl_graph_error(graph)->code, BL_ERR_BUSY);
    cr_assert_null(bl_ema_at(ema, 0, NULL), "nothing is left of it");
    bl_graph_clear_error(graph);
    bl__parameter_leave(list[1], true);
    bl_program *step = bl_compile(context, bl_ema_update(ema, list, values, 2));
    cr_assert_eq(bl_run(step), BL_OK);
    bl_parameter *last[] = {list[1], bl_ema_at(ema, 1, NULL)};
    for (int i = 0; i < 2; i++) {
        cr_assert(bl__parameter_enter(last[i], false));
        cr_assert_eq(bl_ema_swap(ema), BL_ERR_BUSY);
        cr_assert(strstr(bl_context_error(context)->message, bl_parameter_name(last[i])));
        cr_assert_eq(bl_ema_copy_to_parameters(ema), BL_ERR_BUSY);
        cr_assert_eq(bl_ema_reset(ema), BL_ERR_BUSY);
        cr_assert(value(list[0]) == 1 && value(bl_ema_at(ema, 0, NULL)) == 5);
        bl__parameter_leave(last[i], false);
    }
    cr_assert(bl__parameter_enter(bl_ema_updates(ema), false));
    cr_assert_eq(bl_ema_reset(ema), BL_ERR_BUSY);
    cr_assert_eq(value(bl_ema_at(ema, 0, NULL)), 5);
    bl__parameter_leave(bl_ema_updates(ema), false);
    cr_assert_eq(bl_ema_swap(ema), BL_OK, "all was left again");
    bl_program_free(step);
    bl_ema_free(ema);
}

Test(ema, refusals)
{
    double bad[] = {-0.1, 1.5, NAN};
    for (int i = 0; i < 3; i++) {
        cr_assert_null(bl_ema_new(context, &(bl_ema_options){.decay = bad[i]}));
        cr_assert_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);
    }
    bl_parameter *p = add("p", 1), *twice[] = {p, p};
    bl_ema *ema = make(0.5, false);
    bl_tensor *g = bl_full(graph, BL_F64, BL_SHAPE(2), 1), *both[] = {g, g};
    cr_assert_not(bl_tensor_valid(bl_ema_update(ema, twice, both, 2)));
    cr_assert_str_eq(bl_graph_error(graph)->message, "bl_ema_update: p is given twice");
    cr_assert_null(bl_ema_at(ema, 0, NULL));
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_ema_update(NULL, &p, &g, 1)));
    bl_graph_clear_error(graph);
    cr_assert_not(bl_tensor_valid(bl_ema_value(ema, graph, NULL)));
    cr_assert_null(bl_ema_update(ema, &p, NULL, 1));
    cr_assert_null(bl_ema_value(ema, NULL, p));
    cr_assert_null(bl_ema_new(NULL, NULL));
    cr_assert_eq(bl_ema_swap(NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_ema_copy_to_parameters(NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_ema_reset(NULL), BL_ERR_ARGUMENT);
    cr_assert(!bl_ema_decay(NULL) && !bl_ema_updates(NULL) && !bl_ema_at(NULL, 0, NULL));
    bl_ema_free(NULL);
    bl_ema_free(ema);
}

/* In the program of the update: a tied parameter has one average, a frozen one none, and a group's values
 * count. */
Test(ema, follows_an_optimizer)
{
    bl_parameter *a = add("a", 1), *b = add("b", 2), *frozen = add("frozen", 3), *apart = add("apart", 4);
    cr_assert_eq(bl_params_register(params, "alias", a), BL_OK);
    bl_parameter_set_trainable(frozen, false);
    bl_optimizer *sgd = bl_sgd(context, &(bl_sgd_options){.lr = 0.5});
    bl_optimizer *group = bl_sgd(context, &(bl_sgd_options){.lr = 0.25});
    cr_assert_eq(bl_optimizer_add_group(sgd, params, "b", group), BL_OK);
    bl_tensor *sum = bl_add(bl_param(graph, params, "a"), bl_param(graph, params, "alias"));
    bl_tensor *loss = bl_sum(bl_add(sum, bl_use(graph, b)), BL_ALL_AXES, false);
    bl_tensor *update = bl_minimize(sgd, loss);
    bl_ema *ema = make(0.5, false);
    bl_program *step = bl_compile(context, update, bl_ema_follow(ema, graph, sgd, params));
    cr_assert_eq(bl_run(step), BL_OK, "%s", error_text(bl_context_error(context)));
    bl_parameter *owner;
    cr_assert_eq(value(a), 0);
    cr_assert_eq(value(bl_ema_at(ema, 0, &owner)), 0.5);
    cr_assert_eq(owner, a);
    cr_assert_eq(value(b), 1.75);
    cr_assert_eq(value(bl_ema_at(ema, 1, &owner)), 1.875);
    cr_assert_eq(value(bl_ema_at(ema, 2, &owner)), 4, "what the update leaves alone stays");
    cr_assert_eq(owner, apart);
    cr_assert_null(bl_ema_at(ema, 3, NULL));
    bl_program_free(step);

    /* as a program of its own, after the step */
    bl_program *alone = bl_compile(context, bl_ema_follow(ema, graph, NULL, params));
    cr_assert_eq(bl_run(alone), BL_OK);
    cr_assert_eq(value(bl_ema_at(ema, 0, NULL)), 0.25);
    bl_program_free(alone);

    bl_graph *other = bl_graph_new(context);
    cr_assert_not(bl_tensor_valid(bl_ema_follow(ema, other, sgd, params)));
    cr_assert_eq(bl_graph_error(other)->code, BL_ERR_NOT_FOUND);
    bl_graph_clear_error(other);
    cr_assert_not(bl_tensor_valid(bl_ema_follow(ema, other, NULL, NULL)));
    cr_assert_not(bl_tensor_valid(bl_ema_follow(NULL, other, NULL, params)));
    cr_assert_null(bl_ema_follow(ema, NULL, NULL, params));
    bl_graph_free(other);
    bl_ema_free(ema);
    bl_optimizer_free(sgd);
}

/* The average is part of the update's pass: it reads and writes itself, and reads no parameter once more. */
Test(ema, costs_itself_alone)
{
    enum {
        ROWS = 96
    };
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(ROWS, ROWS), bl_init_constant(1), NULL);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(8, ROWS));
    bl_tensor *loss = bl_mean(bl_square(bl_matmul(x, bl_use(graph, w))), BL_ALL_AXES, false);
    bl_optimizer *adam = bl_adam(context, NULL);
    bl_tensor *update = bl_minimize(adam, loss);
    bl_program *plain = bl_compile(context, update);
    bl_ema *ema = make(0.99, false);
    bl_program *with = bl_compile(context, update, bl_ema_follow(ema, graph, adam, params));
    bl_program_info without = bl_program_describe(plain), more = bl_program_describe(with);
    int64_t size = ROWS * ROWS * (int64_t)sizeof(float);
    cr_assert_leq(more.bytes_read - without.bytes_read, size + 1024);
    cr_assert_leq(more.bytes_written - without.bytes_written, size + 1024);
    cr_assert_leq(more.workspace_bytes, without.workspace_bytes + 1024);
    bl_program_free(plain);
    bl_program_free(with);
    bl_ema_free(ema);
    bl_optimizer_free(adam);
}
