/* Parameter groups: who updates what, kinds and settings of their own, refusals, recording again. Looks at
 * src/graph/graph.h for how much of a tape was taken over. */
#include "graph/graph.h"
#include "support/failing_allocator.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>

typedef struct model {
    bl_context *context;
    bl_params *params;
    bl_graph *graph;
    bl_parameter *weight, *bias, *head;
} model;

static bl_parameter *add(bl_params *params, const char *name)
{
    return bl_params_add(params, name, BL_F64, BL_SHAPE(2), bl_init_constant(2), NULL);
}

static model new_model(bl_context *context)
{
    model m = {.context = context, .params = bl_params_new(context), .graph = bl_graph_new(context)};
    m.weight = add(m.params, "body.weight");
    m.bias = add(m.params, "body.bias");
    m.head = add(m.params, "head.weight");
    return m;
}

static void free_model(const model *m)
{
    bl_graph_free(m->graph);
    bl_params_free(m->params);
    bl_context_free(m->context);
}

static bl_tensor *squares(bl_graph *graph, bl_parameter *parameter)
{
    return bl_sum(bl_square(bl_use(graph, parameter)), BL_ALL_AXES, false);
}

/* sum(x^2) of all: the gradients are 2x. */
static bl_tensor *loss_of(const model *m)
{
    return bl_add(bl_add(squares(m->graph, m->weight), squares(m->graph, m->bias)),
                  squares(m->graph, m->head));
}

static bl_optimizer *sgd(bl_context *context, double lr)
{
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = lr;
    return bl_sgd(context, &options);
}

static bl_optimizer *momentum(bl_context *context, double lr)
{
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = lr;
    options.momentum = 0.5;
    return bl_sgd(context, &options);
}

static double first(const bl_parameter *parameter)
{
    return *(const double *)bl_parameter_data(parameter);
}

static int64_t steps(bl_optimizer *optimizer)
{
    return *(const int64_t *)bl_parameter_data(bl_optimizer_step(optimizer));
}

Test(group, settings_and_kinds_of_their_own)
{
    model m = new_model(bl_context_new(NULL));
    bl_optimizer *main = sgd(m.context, 0.25), *biases = sgd(m.context, 0.125);
    bl_optimizer *heads = momentum(m.context, 0.5);
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "*.bias", biases), BL_OK);
    bl_params_scope_push(m.params, "head");
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "w*", heads), BL_OK);
    bl_params_scope_pop(m.params);
    const char *pattern;
    cr_assert_eq(bl_optimizer_group_count(main), 2);
    cr_assert_eq(bl_optimizer_group_at(main, 0, NULL), biases);
    cr_assert_eq(bl_optimizer_group_at(main, 1, &pattern), heads);
    cr_assert_str_eq(pattern, "head.w*");
    cr_assert_null(bl_optimizer_group_at(main, 2, &pattern));
    cr_assert_null(pattern);
    cr_assert_eq(bl_optimizer_group_count(NULL), 0);

    bl_tensor *loss = loss_of(&m);
    bl_tensor *update = bl_minimize(main, loss), *gradient = bl_optimizer_gradient(main, m.graph, m.head);
    bl_tensor *after = bl_optimizer_value(main, m.graph, m.head);
    bl_tensor *stepped = bl_optimizer_value(main, m.graph, bl_optimizer_step(heads));
    bl_program *step = bl_compile(m.context, loss, update, gradient, after, stepped);
    cr_assert_eq(bl_run(step), BL_OK, "%s", bl_context_error(m.context)->message);
    cr_assert_eq(first(m.weight), 2 - 0.25 * 4);
    cr_assert_eq(first(m.bias), 2 - 0.125 * 4);
    cr_assert_eq(first(m.head), 2 - 0.5 * 4);
    cr_assert_eq(bl_item_at(step, gradient, BL_SHAPE(0)), 4);
    cr_assert_eq(bl_item_at(step, after, BL_SHAPE(0)), 0);
    cr_assert_eq(bl_item(step, stepped), 1);
    cr_assert_eq(bl_optimizer_gradient(heads, m.graph, m.head), gradient, "a group may be asked too");
    cr_assert_eq(bl_optimizer_value(heads, m.graph, m.head), after);

    /* a group's learning rate is its own, and steps go together */
    cr_assert_eq(bl_optimizer_set_lr(heads, 0), BL_OK);
    cr_assert_eq(bl_run(step), BL_OK);
    cr_assert_eq(first(m.weight), 1 - 0.25 * 2);
    cr_assert_eq(first(m.head), 0);
    cr_assert(steps(main) == 2 && steps(biases) == 2 && steps(heads) == 2);

    /* state: enumerated over all groups */
    cr_assert_eq(bl_optimizer_state_count(main), 1);
    bl_optimizer_state state = bl_optimizer_state_at(main, 0);
    cr_assert(state.parameter == m.head && state.optimizer == heads);
    cr_assert_str_eq(state.slot, "momentum");
    cr_assert_eq(bl_optimizer_state_find(main, m.head, "momentum"), state.buffer);
    cr_assert_null(bl_optimizer_state_find(main, m.weight, "momentum"));

    bl_optimizer_free(heads); /* left to the one it belongs to */
    cr_assert_eq(bl_optimizer_set_lr(heads, 0.5), BL_OK);
    bl_optimizer_free(main);
    bl_program_free(step);
    free_model(&m);
}

Test(group, state_can_be_made_ahead)
{
    model m = new_model(bl_context_new(NULL));
    bl_optimizer *main = bl_adam(m.context, NULL), *heads = momentum(m.context, 0.5);
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "head.*", heads), BL_OK);
    cr_assert_eq(bl_optimizer_prepare(main, m.head), BL_OK);
    cr_assert_eq(bl_optimizer_prepare(main, m.bias), BL_OK);
    cr_assert_eq(bl_optimizer_state_count(main), 4);
    cr_assert_eq(bl_optimizer_state_at(main, 2).parameter, m.bias);
    cr_assert_eq(bl_optimizer_state_at(main, 2).optimizer, main);
    cr_assert_eq(bl_optimizer_state_at(main, 3).parameter, m.head);
    cr_assert_null(bl_optimizer_state_at(main, 4).parameter);
    cr_assert_eq(bl_optimizer_state_count(heads), 1);
    bl_optimizer_free(main);
    free_model(&m);
}

/* A tied parameter belongs to the group that any of its names matches, and is updated once. */
Test(group, tied_parameters)
{
    model m = new_model(bl_context_new(NULL));
    bl_params_register(m.params, "lookup.table", m.head);
    bl_optimizer *main = sgd(m.context, 0.25);
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "lookup.*", sgd(m.context, 0.125)), BL_OK);
    bl_program *step = bl_compile(m.context, bl_minimize(main, loss_of(&m)));
    cr_assert_eq(bl_run(step), BL_OK);
    cr_assert_eq(first(m.head), 2 - 0.125 * 4);

    cr_assert_eq(bl_optimizer_add_group(main, m.params, "head.*", bl_adam(m.context, NULL)), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_optimizer_error(main)->message,
                     "bl_optimizer_add_group: two groups claim one parameter, sgd \"lookup.*\" and adam "
                     "\"head.*\": it is named head.weight, lookup.table");
    cr_assert_eq(bl_optimizer_group_count(main), 1);

    /* once it is untied, the other group may come; tied again, recording finds out */
    cr_assert_eq(bl_params_untie(m.params, "lookup.table"), BL_OK);
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "head.*", sgd(m.context, 0.5)), BL_OK);
    cr_assert_eq(bl_params_tie(m.params, "lookup.table", "head.weight"), BL_OK);
    bl_graph_reset(m.graph);
    bl_optimizer_clear_error(main);
    cr_assert_not(bl_tensor_valid(bl_minimize(main, loss_of(&m))));
    const char *message = "bl_optimizer_update: two groups claim one parameter, sgd \"lookup.*\" and sgd "
                          "\"head.*\": it is named head.weight, lookup.table";
    cr_assert_str_eq(bl_graph_error(m.graph)->message, message);
    cr_assert_str_eq(bl_optimizer_error(main)->message, message);
    bl_optimizer_clear_error(main);
    cr_assert_eq(bl_optimizer_prepare(main, m.head), BL_ERR_ARGUMENT);
    bl_optimizer_free(main);
    bl_program_free(step);
    free_model(&m);
}

/* Records on a reset graph, runs, and tells how many nodes were taken over. */
static int64_t record_and_run(const model *m, bl_optimizer *main)
{
    bl_graph_reset(m->graph);
    bl_program *step = bl_compile(m->context, bl_minimize(main, loss_of(m)));
    cr_assert_eq(bl_run(step), BL_OK, "%s", bl_context_error(m->context)->message);
    bl_program_free(step);
    return m->graph->repeated;
}

Test(group, recorded_again)
{
    model m = new_model(bl_context_new(NULL));
    bl_optimizer *main = sgd(m.context, 0.25), *heads = momentum(m.context, 0.5);
    bl_parameter_set_trainable(m.bias, false);
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "head.*", heads), BL_OK);
    record_and_run(&m, main);
    int64_t all = bl_graph_node_count(m.graph);
    cr_assert_eq(record_and_run(&m, main), all);
    cr_assert_eq(first(m.weight), 0.5);
    cr_assert_eq(first(m.head), 0 - 0.5 * (0.5 * 4));
    cr_assert_eq(bl_tensor_shape(bl_optimizer_gradient(main, m.graph, m.head)).size[0], 2);
    cr_assert(bl_tensor_valid(bl_optimizer_value(main, m.graph, bl_optimizer_step(heads))));
    cr_assert(steps(main) == 2 && steps(heads) == 2);

    /* a name more, and the weight goes to the group: nothing old may be taken over */
    bl_params_register(m.params, "head.too", m.weight);
    cr_assert_lt(record_and_run(&m, main), bl_graph_node_count(m.graph));
    cr_assert_eq(first(m.weight), 0.5 - 0.5 * 1);
    cr_assert_eq(bl_optimizer_state_count(heads), 2);
    all = bl_graph_node_count(m.graph);
    cr_assert_eq(record_and_run(&m, main), all);

    /* a group more */
    cr_assert_eq(bl_params_set_trainable(m.params, "*.bias", true), BL_OK);
    double before = first(m.bias);
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "*.bias", sgd(m.context, 0.125)), BL_OK);
    record_and_run(&m, main);
    cr_assert_eq(first(m.bias), before - 0.125 * 2 * before);

    /* without names in the registry, which is freed, all stays as it was */
    bl_params *others = bl_params_new(m.context);
    bl_params_register(others, "seldom", m.bias);
    bl_params_register(others, "weight", m.weight);
    bl_params_free(m.params);
    m.params = others;
    before = first(m.bias);
    double head = first(m.head);
    cr_assert_eq(bl_optimizer_set_lr(heads, 0), BL_OK);
    record_and_run(&m, main);
    cr_assert_eq(first(m.bias), before - 0.125 * 2 * before);
    cr_assert_eq(first(m.head), head);
    bl_optimizer_free(main);
    free_model(&m);
}

static void refuse(bl_optimizer *main, bl_status got, bl_status status, const char *message)
{
    cr_assert_eq(got, status);
    cr_assert_str_eq(bl_optimizer_error(main)->message, message);
    cr_assert_eq(bl_optimizer_group_count(main), 1);
    bl_optimizer_clear_error(main);
}

Test(group, refusals)
{
    model m = new_model(bl_context_new(NULL));
    bl_context *foreign = bl_context_new(NULL);
    bl_params *elsewhere = bl_params_new(foreign);
    bl_optimizer *main = sgd(m.context, 0.25), *heads = sgd(m.context, 0.5), *other = sgd(m.context, 0.5);
    bl_params_add_buffer(m.params, "seen", BL_F64, BL_SHAPE(2));
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "head.*", heads), BL_OK);
    refuse(main, bl_optimizer_add_group(main, m.params, "haed.*", sgd(m.context, 1)), BL_ERR_NOT_FOUND,
           "bl_optimizer_add_group: no parameter's name matches sgd \"haed.*\"");
    refuse(main, bl_optimizer_add_group(main, m.params, "seen", sgd(m.context, 1)), BL_ERR_NOT_FOUND,
           "bl_optimizer_add_group: no parameter's name matches sgd \"seen\"");
    refuse(main, bl_optimizer_add_group(main, m.params, "[", sgd(m.context, 1)), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: the pattern has a [ without a ]");
    refuse(main, bl_optimizer_add_group(main, m.params, NULL, sgd(m.context, 1)), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: the pattern is NULL or empty");
    refuse(main, bl_optimizer_add_group(main, m.params, "*", NULL), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: the group is NULL");
    refuse(main, bl_optimizer_add_group(main, NULL, "*", sgd(m.context, 1)), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: the registry is NULL");
    refuse(main, bl_optimizer_add_group(main, m.params, "*", main), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: an optimizer cannot be a group of itself");
    refuse(main, bl_optimizer_add_group(main, m.params, "body.*", heads), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: the group belongs to an optimizer already");
    refuse(main, bl_optimizer_add_group(main, m.params, "body.*", bl_sgd(foreign, NULL)), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: the group belongs to another context");
    refuse(main, bl_optimizer_add_group(main, elsewhere, "*", sgd(m.context, 1)), BL_ERR_ARGUMENT,
           "bl_optimizer_add_group: the registry belongs to another context");
    cr_assert_eq(bl_optimizer_add_group(heads, m.params, "body.*", sgd(m.context, 1)), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_optimizer_error(heads)->message,
                     "bl_optimizer_add_group: a group cannot have groups");
    cr_assert_eq(bl_optimizer_add_group(other, m.params, "*", main), BL_ERR_ARGUMENT); /* and takes main */
    cr_assert_eq(bl_optimizer_add_group(NULL, m.params, "*", sgd(m.context, 1)), BL_ERR_ARGUMENT);

    main = sgd(m.context, 0.25), heads = sgd(m.context, 0.5);
    cr_assert_eq(bl_optimizer_add_group(main, m.params, "head.*", heads), BL_OK);
    cr_assert_not(bl_tensor_valid(bl_minimize(heads, loss_of(&m))));
    cr_assert_str_eq(bl_optimizer_error(heads)->message,
                     "bl_optimizer_update: the optimizer is a group of another, which has it updated");
    bl_optimizer_free(main);
    bl_optimizer_free(other);
    bl_params_free(elsewhere);
    bl_context_free(foreign);
    free_model(&m);
}

/* Whether adding a group and recording worked with one allocation failing. */
static bool attempt(failing_allocator *allocator, long fail)
{
    model m = new_model(failing_allocator_context(allocator));
    bl_optimizer *main = sgd(m.context, 0.25), *heads = momentum(m.context, 0.5);
    bl_params_scope_push(m.params, "head");
    failing_allocator_fail(allocator, fail, false);
    bool added = bl_optimizer_add_group(main, m.params, "*", heads) == BL_OK;
    cr_assert_eq(bl_optimizer_group_count(main), added);
    if (!added) {
        cr_assert_eq(bl_optimizer_error(main)->code, BL_ERR_MEMORY);
        failing_allocator_relent(allocator);
        cr_assert_eq(bl_optimizer_add_group(main, m.params, "*", momentum(m.context, 0.5)), BL_OK);
    }
    bool recorded = bl_tensor_valid(bl_minimize(main, loss_of(&m)));
    bool worked = added && !failing_allocator_has_failed(allocator);
    failing_allocator_relent(allocator);
    cr_assert_eq(bl_optimizer_state_count(main), recorded, "call %ld", fail);
    record_and_run(&m, main);
    cr_assert_eq(first(m.head), 0);
    bl_optimizer_free(main);
    free_model(&m);
    return worked;
}

Test(group, out_of_memory)
{
    failing_allocator allocator;
    failing_allocator_init(&allocator);
    char text[128];
    long fail = 1;
    while (!attempt(&allocator, fail))
        fail++;
    cr_assert(failing_allocator_clean(&allocator, text, sizeof(text)), "%s", text);
    cr_assert_geq(fail, 10, "only %ld allocations", fail - 1);
}
