/* What an optimizer keeps for its parameters, and what they are after an update. Looks at
 * src/graph/parameter.h for the count of optimizers with state. */
#include "graph/parameter.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>

static const double two[] = {2, 2};

static bl_parameter *add(bl_params *params, const char *name, int64_t size)
{
    return bl_params_add(params, name, BL_F64, BL_SHAPE(size), bl_init_constant(2), NULL);
}

static double first(const bl_parameter *parameter)
{
    return *(const double *)bl_parameter_data(parameter);
}

/* sum(x^2) of both: the gradients are 2x. */
static bl_tensor *loss_of(bl_graph *graph, bl_parameter *a, bl_parameter *b)
{
    bl_tensor *loss = bl_sum(bl_square(bl_use(graph, a)), BL_ALL_AXES, false);
    return b ? bl_add(loss, bl_sum(bl_square(bl_use(graph, b)), BL_ALL_AXES, false)) : loss;
}

Test(state, can_be_enumerated)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *a = add(params, "a", 2), *b = add(params, "b", 1);
    bl_optimizer *adam = bl_adam(context, NULL);
    cr_assert_str_eq(bl_optimizer_name(adam), "adam");
    cr_assert_eq(bl_optimizer_state_count(adam), 0);
    cr_assert(bl_tensor_valid(bl_minimize(adam, loss_of(graph, a, b))));
    cr_assert_eq(bl_optimizer_state_count(adam), 6);
    bl_parameter *of[] = {a, a, a, b, b, b};
    const char *slots[] = {"m", "v", "count"};
    const char *names[] = {"adam.m.a", "adam.v.a", "adam.count.a", "adam.m.b", "adam.v.b", "adam.count.b"};
    for (size_t i = 0; i < 6; i++) {
        bl_optimizer_state state = bl_optimizer_state_at(adam, i);
        cr_assert_eq(state.parameter, of[i]);
        cr_assert_str_eq(state.slot, slots[i % 3]);
        cr_assert_str_eq(bl_parameter_name(state.buffer), names[i]);
        cr_assert_eq(bl_optimizer_state_find(adam, of[i], slots[i % 3]), state.buffer);
    }
    cr_assert_null(bl_optimizer_state_at(adam, 6).buffer);
    cr_assert_null(bl_optimizer_state_at(NULL, 0).buffer);
    cr_assert_null(bl_optimizer_state_find(adam, a, "w"));
    cr_assert_null(bl_optimizer_state_find(adam, NULL, "m"));
    cr_assert_null(bl_optimizer_state_find(adam, a, NULL));
    cr_assert_eq(bl_optimizer_state_count(NULL), 0);
    cr_assert_str_eq(bl_optimizer_name(NULL), "");
    bl_optimizer_free(adam);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

/* State that is made ahead is what the first update goes on from. */
Test(state, can_be_made_ahead)
{
    bl_context *context = bl_context_new(NULL), *foreign = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *a = add(params, "a", 2);
    bl_parameter *seen = bl_params_add_buffer(params, "seen", BL_F64, BL_SHAPE(2));
    bl_sgd_options options = {.lr = 0.25, .momentum = 0.5};
    bl_optimizer *sgd = bl_sgd(context, &options), *plain = bl_sgd(context, NULL);
    cr_assert_eq(bl_optimizer_prepare(sgd, a), BL_OK);
    cr_assert_eq(a->optimizers, 1);
    bl_parameter *momentum = bl_optimizer_state_find(sgd, a, "momentum");
    cr_assert_eq(bl_parameter_write(momentum, two, sizeof(two)), BL_OK);
    cr_assert_eq(bl_optimizer_prepare(sgd, a), BL_OK, "what is there stays");
    cr_assert_eq(bl_optimizer_state_count(sgd), 1);
    bl_program *step = bl_compile(context, bl_minimize(sgd, loss_of(graph, a, NULL)));
    cr_assert_eq(bl_run(step), BL_OK);
    cr_assert_eq(first(momentum), 0.5 * 2 + 4);
    cr_assert_eq(first(a), 2 - 0.25 * 5);

    cr_assert_eq(bl_optimizer_prepare(plain, a), BL_OK);
    cr_assert_eq(bl_optimizer_state_count(plain), 0, "plain SGD keeps nothing");
    cr_assert_eq(bl_optimizer_prepare(NULL, a), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_optimizer_prepare(sgd, NULL), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_optimizer_error(sgd)->message, "bl_optimizer_prepare: the parameter is NULL");
    bl_optimizer_clear_error(sgd);
    cr_assert_eq(bl_optimizer_prepare(sgd, seen), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_optimizer_error(sgd)->message, "bl_optimizer_prepare: seen is a buffer");
    bl_optimizer *elsewhere = bl_adam(foreign, NULL);
    cr_assert_eq(bl_optimizer_prepare(elsewhere, a), BL_ERR_ARGUMENT);
    bl_optimizer_free(elsewhere);
    bl_program_free(step);
    bl_optimizer_free(sgd);
    bl_optimizer_free(plain);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
    bl_context_free(foreign);
}

/* Records, in one program, the training of a and an average of its values after each update. */
static bl_program *with_average(bl_context *context, bl_graph *graph, bl_optimizer *sgd, bl_parameter *a,
                                bl_parameter *average)
{
    bl_tensor *update = bl_minimize(sgd, loss_of(graph, a, NULL));
    bl_tensor *after = bl_optimizer_value(sgd, graph, a);
    bl_tensor *next = bl_add(bl_mul_scalar(bl_use(graph, average), 0.5), bl_mul_scalar(after, 0.5));
    return bl_compile(context, update, bl_assign(average, next));
}

Test(state, values_after_an_update)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *a = add(params, "a", 2), *b = add(params, "b", 1);
    bl_parameter *average = bl_params_add_buffer(params, "average", BL_F64, BL_SHAPE(2));
    bl_sgd_options options = {.lr = 0.25};
    bl_optimizer *sgd = bl_sgd(context, &options);
    double value = 2, mean = 0;
    for (int i = 0; i < 3; i++) { /* the second and third recording are taken over from the one before */
        bl_graph_reset(graph);
        bl_program *step = with_average(context, graph, sgd, a, average);
        cr_assert_eq(bl_run(step), BL_OK, "%s", bl_context_error(context)->message);
        value -= 0.25 * 2 * value;
        mean = 0.5 * mean + 0.5 * value;
        cr_assert_eq(first(a), value);
        cr_assert_eq(first(average), mean);
        bl_program_free(step);
    }
    cr_assert_eq(bl_context_cache_info(context).hits, 2);

    cr_assert_eq(bl_optimizer_value(sgd, graph, b), bl_use(graph, b), "left alone");
    bl_tensor *count = bl_optimizer_value(sgd, graph, bl_optimizer_step(sgd));
    bl_program *program = bl_compile(context, count);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_eq(bl_item(program, count), 4);
    bl_program_free(program);
    cr_assert_null(bl_optimizer_value(sgd, NULL, a));
    cr_assert_not(bl_tensor_valid(bl_optimizer_value(sgd, graph, NULL)));
    cr_assert_not(bl_tensor_valid(bl_optimizer_value(NULL, graph, a)));
    bl_graph_reset(graph);
    bl_use(graph, a);
    cr_assert_not(bl_tensor_valid(bl_optimizer_value(sgd, graph, a)));
    cr_assert_eq(bl_graph_error(graph)->code, BL_ERR_NOT_FOUND);
    cr_assert_str_eq(bl_graph_error(graph)->message,
                     "bl_optimizer_value: sgd recorded no update on this graph");
    bl_optimizer_free(sgd);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}
