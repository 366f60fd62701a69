/* What all optimizers share: settings, state a parameter, skipped parameters, errors, running out of memory.
 * Looks at src/graph/parameter.h for the count of optimizers with state. */
#include "graph/parameter.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ADD(params, name, ...) \
    bl_params_add(params, name, BL_F64, BL_SHAPE(__VA_ARGS__), bl_init_constant(2), NULL)

static double value(const bl_parameter *parameter)
{
    return *(const double *)bl_parameter_data(parameter);
}

/* sum(x^2) over a parameter: the gradient is 2x. */
static bl_tensor *loss_of(bl_graph *graph, bl_parameter *parameter)
{
    return bl_sum(bl_square(bl_use(graph, parameter)), BL_ALL_AXES, false);
}

static bl_optimizer *sgd(bl_context *context, double lr, double momentum)
{
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = lr;
    options.momentum = momentum;
    return bl_sgd(context, &options);
}

Test(optimizer, settings)
{
    bl_context *context = bl_context_new(NULL);
    bl_optimizer *optimizer = bl_adam(context, NULL);
    bl_parameter *lr = bl_optimizer_lr(optimizer), *step = bl_optimizer_step(optimizer);
    cr_assert_str_eq(bl_parameter_name(lr), "adam.lr");
    cr_assert_str_eq(bl_parameter_name(step), "adam.step");
    cr_assert(bl_parameter_dtype(lr) == BL_F64 && bl_parameter_dtype(step) == BL_I64);
    cr_assert(bl_parameter_is_buffer(lr) && bl_parameter_is_buffer(step));
    cr_assert_eq(bl_optimizer_set_lr(optimizer, 0.5), BL_OK);
    cr_assert_eq(value(lr), 0.5);
    cr_assert(bl__parameter_enter(lr, false));
    cr_assert_eq(bl_optimizer_set_lr(optimizer, 1), BL_ERR_BUSY);
    cr_assert_str_eq(bl_optimizer_error(optimizer)->message,
                     "bl_optimizer_set_lr: adam.lr is in use by a run");
    bl__parameter_leave(lr, false);
    double bad[] = {-1, NAN, INFINITY};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bl_optimizer_set_lr(optimizer, bad[i]), BL_ERR_ARGUMENT);
        cr_assert_eq(value(lr), 0.5);
    }
    cr_assert_eq(bl_optimizer_error(optimizer)->code, BL_ERR_BUSY, "the first error stays");

    bl_optimizer_clear_error(optimizer);
    cr_assert_eq(bl_optimizer_error(optimizer)->code, BL_OK);
    bl_optimizer_clear_error(NULL);

    bl_optimizer_free(NULL);
    cr_assert_eq(bl_optimizer_error(NULL)->code, BL_ERR_ARGUMENT);
    cr_assert_null(bl_optimizer_lr(NULL));
    cr_assert_null(bl_optimizer_step(NULL));
    cr_assert_eq(bl_optimizer_set_lr(NULL, 1), BL_ERR_ARGUMENT);
    bl_optimizer_free(optimizer);
    bl_context_free(context);
}

Test(optimizer, gradients_can_be_read)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context), *other = bl_graph_new(context);
    bl_optimizer *optimizer = sgd(context, 0.25, 0);
    bl_parameter *a = ADD(params, "a", 2), *b = ADD(params, "b", 1);
    bl_tensor *loss = loss_of(graph, a);
    bl_tensor *update = bl_minimize(optimizer, loss);
    bl_tensor *gradient = bl_optimizer_gradient(optimizer, graph, a);
    bl_program *step = bl_compile(context, loss, update, gradient);
    cr_assert_eq(bl_run(step), BL_OK, "%s", bl_context_error(context)->message);
    cr_assert_eq(bl_item(step, loss), 8);
    cr_assert_eq(bl_item_at(step, gradient, BL_SHAPE(1)), 4);
    cr_assert_eq(value(a), 1);

    cr_assert_not(bl_tensor_valid(bl_optimizer_gradient(optimizer, graph, b)));
    cr_assert_eq(bl_graph_error(graph)->code, BL_ERR_NOT_FOUND);
    cr_assert_str_eq(bl_graph_error(graph)->message,
                     "bl_optimizer_gradient: no update on this graph used a gradient of b");
    cr_assert_eq(bl_optimizer_error(optimizer)->code, BL_ERR_NOT_FOUND);
    cr_assert_not(bl_tensor_valid(bl_optimizer_gradient(optimizer, other, a)));
    cr_assert_not(bl_tensor_valid(bl_optimizer_gradient(NULL, graph, a)));
    cr_assert_not(bl_tensor_valid(bl_optimizer_gradient(optimizer, graph, NULL)));
    cr_assert_null(bl_optimizer_gradient(optimizer, NULL, a));

    /* each graph has its own last update, and a reset forgets it */
    bl_graph_clear_error(other);
    bl_tensor *there = bl_minimize(optimizer, loss_of(other, a));
    cr_assert(bl_tensor_valid(there));
    cr_assert_eq(bl_tensor_graph(bl_optimizer_gradient(optimizer, other, a)), other);
    cr_assert_eq(bl_optimizer_gradient(optimizer, graph, a), gradient);
    bl_graph_reset(other);
    bl_use(other, a);
    cr_assert_not(bl_tensor_valid(bl_optimizer_gradient(optimizer, other, a)));
    bl_program_free(step);
    bl_optimizer_free(optimizer);
    bl_graph_free(graph);
    bl_graph_free(other);
    bl_params_free(params);
    bl_context_free(context);
}

/* Gradients are plain tensors: clipped ones, a subset, one that is not reached, no gradient at all. */
Test(optimizer, updates_what_it_is_given)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_sgd_options options = bl_sgd_defaults();
    options.lr = 0.25;
    options.momentum = 0.5;
    options.weight_decay = 0.5;
    bl_optimizer *optimizer = bl_sgd(context, &options);
    bl_parameter *a = ADD(params, "a", 1), *b = ADD(params, "b", 1);
    bl_tensor *loss = loss_of(graph, a), *leaves[] = {bl_use(graph, a), bl_use(graph, b)}, *gradients[2];
    cr_assert_eq(bl_grad(&loss, 1, NULL, leaves, 2, gradients), BL_OK);
    cr_assert(!bl_is_unreached(gradients[0]) && bl_is_unreached(gradients[1]));
    gradients[0] = bl_mul_scalar(gradients[0], 0.25);
    bl_parameter *list[] = {a, b};
    bl_tensor *update = bl_optimizer_update(optimizer, list, gradients, 2);
    bl_program *step = bl_compile(context, update);
    cr_assert_eq(bl_run(step), BL_OK, "%s", bl_context_error(context)->message);
    cr_assert_eq(value(a), 2 - 0.25 * (0.25 * 4 + 0.5 * 2));
    cr_assert_eq(value(b), 2, "a parameter that is not reached does not decay");
    cr_assert(a->optimizers == 1 && b->optimizers == 0);
    cr_assert_eq(*(const int64_t *)bl_parameter_data(bl_optimizer_step(optimizer)), 1);

    /* state keeps an alias from being tied away, until the optimizer goes */
    cr_assert_eq(bl_params_tie(params, "a", "b"), BL_ERR_STATE);
    cr_assert_eq(bl_params_find(params, "a"), a);
    bl_optimizer_free(optimizer);
    cr_assert_eq(a->optimizers, 0);
    cr_assert_eq(bl_run(step), BL_OK, "the program keeps the state");
    cr_assert_eq(bl_params_tie(params, "a", "b"), BL_OK);
    cr_assert_eq(bl_run(step), BL_ERR_STALE);
    bl_program_free(step);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

static void expect(bl_graph *graph, bl_optimizer *optimizer, bl_tensor *update, bl_status status,
                   const char *message)
{
    cr_assert_not(bl_tensor_valid(update));
    cr_assert_eq(bl_graph_error(graph)->code, status);
    cr_assert_str_eq(bl_graph_error(graph)->message, message);
    if (optimizer) {
        cr_assert_eq(bl_optimizer_error(optimizer)->code, status);
        cr_assert_str_eq(bl_optimizer_error(optimizer)->message, message);
    }
    bl_optimizer_free(optimizer);
    bl_graph_clear_error(graph);
}

Test(optimizer, refused_updates)
{
    bl_context *context = bl_context_new(NULL), *foreign = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *a = ADD(params, "a", 2), *b = ADD(params, "b", 2), *none = NULL;
    bl_parameter *seen = bl_params_add_buffer(params, "seen", BL_F64, BL_SHAPE(2));
    bl_tensor *g = bl_full(graph, BL_F64, BL_SHAPE(2), 1), *one = bl_full(graph, BL_F64, BL_SHAPE(1), 1);
    bl_tensor *single = bl_full(graph, BL_F32, BL_SHAPE(2), 1);
    bl_optimizer *o = bl_adam(context, NULL);
    expect(graph, o, bl_optimizer_update(o, (bl_parameter *[]){a, b, a}, (bl_tensor *[]){g, g, g}, 3),
           BL_ERR_ARGUMENT, "bl_optimizer_update: a is given twice");
    cr_assert(a->optimizers == 0 && b->optimizers == 0);
    o = bl_adam(context, NULL);
    expect(graph, o, bl_optimizer_update(o, &a, &one, 1), BL_ERR_SHAPE,
           "bl_optimizer_update: the gradient of a is [1], not [2]");
    o = bl_adam(context, NULL);
    expect(graph, o, bl_optimizer_update(o, &a, &single, 1), BL_ERR_DTYPE,
           "bl_optimizer_update: the gradient of a is f32, not f64");
    o = bl_adam(context, NULL);
    expect(graph, o, bl_optimizer_update(o, &seen, &g, 1), BL_ERR_ARGUMENT,
           "bl_optimizer_update: seen is a buffer");
    o = bl_adam(context, NULL);
    expect(graph, o, bl_optimizer_update(o, &none, &g, 1), BL_ERR_ARGUMENT,
           "bl_optimizer_update: parameter 0 is NULL");
    o = bl_adam(context, NULL);
    expect(graph, o, bl_optimizer_update(o, NULL, &g, 1), BL_ERR_ARGUMENT,
           "bl_optimizer_update: the parameters are NULL");
    o = bl_adam(context, NULL);
    expect(graph, o, bl_optimizer_update(o, (bl_parameter *[]){a, b}, (bl_tensor *[]){g, NULL}, 2),
           BL_ERR_ARGUMENT, "bl_optimizer_update: a tensor is NULL");
    o = bl_adam(foreign, NULL);
    expect(graph, o, bl_optimizer_update(o, &a, &g, 1), BL_ERR_ARGUMENT,
           "bl_optimizer_update: the optimizer belongs to another context");
    expect(graph, NULL, bl_optimizer_update(NULL, &a, &g, 1), BL_ERR_ARGUMENT,
           "bl_optimizer_update: the optimizer is NULL");
    o = bl_adam(context, NULL);
    cr_assert_null(bl_optimizer_update(o, &a, &g, 0));
    cr_assert_eq(bl_optimizer_error(o)->code, BL_ERR_ARGUMENT);
    cr_assert_null(bl_optimizer_update(NULL, NULL, NULL, 0));
    bl_optimizer_free(o);

    o = bl_adam(context, NULL);
    cr_assert(bl_tensor_valid(bl_optimizer_update(o, &a, &g, 1)), "nothing is left of the refusals");
    bl_optimizer_free(o);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
    bl_context_free(foreign);
}

Test(optimizer, refused_losses)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *a = ADD(params, "a", 2);
    bl_optimizer *o = bl_adam(context, NULL);
    expect(graph, o, bl_minimize(o, bl_use(graph, a)), BL_ERR_SHAPE,
           "bl_minimize: the loss is [2], not of one element");
    o = bl_adam(context, NULL);
    expect(graph, o, bl_minimize(o, bl_scalar(graph, BL_F64, 1)), BL_ERR_ARGUMENT,
           "bl_minimize: the loss reaches no trainable parameter");
    o = bl_adam(context, NULL);
    bl_parameter_set_trainable(a, false);
    expect(graph, o, bl_minimize(o, loss_of(graph, a)), BL_ERR_ARGUMENT,
           "bl_minimize: the loss reaches no trainable parameter");
    bl_parameter_set_trainable(a, true);
    expect(graph, NULL, bl_minimize(NULL, loss_of(graph, a)), BL_ERR_ARGUMENT,
           "bl_minimize: the optimizer is NULL");
    o = bl_adam(context, NULL);
    cr_assert_not(bl_tensor_valid(bl_minimize(o, bl_scalar(graph, BL_I64, 1))));
    cr_assert_eq(bl_optimizer_error(o)->code, BL_ERR_DTYPE);
    bl_optimizer_free(o);
    bl_graph_clear_error(graph);
    o = bl_adam(context, NULL);
    cr_assert_null(bl_minimize(o, NULL));
    cr_assert_eq(bl_optimizer_error(o)->code, BL_ERR_ARGUMENT);
    bl_optimizer_free(o);

    /* an invalid loss brings the graph's first error along */
    o = bl_adam(context, NULL);
    bl_tensor *invalid = bl_add(bl_use(graph, a), bl_full(graph, BL_F64, BL_SHAPE(3), 1));
    cr_assert_not(bl_tensor_valid(bl_minimize(o, invalid)));
    cr_assert_eq(bl_optimizer_error(o)->code, BL_ERR_SHAPE);
    cr_assert_str_eq(bl_optimizer_error(o)->op, "add");
    bl_optimizer_free(o);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

/* An allocator that counts what lives and fails once, at the allocation numbered `fail_at`. */
typedef struct heap {
    size_t live;
    size_t count;
    size_t fail_at;
} heap;

static void *allocate(void *user, size_t bytes, size_t alignment)
{
    heap *h = user;
    if (++h->count == h->fail_at)
        return NULL;
    void *block = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    h->live += block ? bytes : 0;
    return block;
}

static void release(void *user, void *block, size_t bytes)
{
    heap *h = user;
    h->live -= bytes;
    free(block);
}

/* Whether making the optimizer and recording its update worked with one allocation failing. */
static bool attempt(heap *h, size_t fail)
{
    bl_context_options options = {.allocator = {allocate, release, h}, .threads = 1};
    bl_context *context = bl_context_new(&options);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *a = ADD(params, "a", 2), *b = ADD(params, "b", 2);
    bl_tensor *loss = bl_add(loss_of(graph, a), loss_of(graph, b));
    cr_assert(bl_tensor_valid(loss));
    h->fail_at = h->count + fail;
    bl_optimizer *optimizer = bl_adam(context, NULL);
    bl_tensor *update = optimizer ? bl_minimize(optimizer, loss) : NULL;
    h->fail_at = 0;
    bool worked = bl_tensor_valid(update);
    cr_assert(worked || bl_context_error(context)->code == BL_ERR_MEMORY);
    cr_assert_eq(a->optimizers, worked, "allocation %zu", fail);
    cr_assert_eq(b->optimizers, worked, "allocation %zu", fail);
    if (!worked && optimizer) {
        cr_assert_eq(bl_optimizer_error(optimizer)->code, BL_ERR_MEMORY);
        bl_graph_reset(graph);
        loss = bl_add(loss_of(graph, a), loss_of(graph, b));
        cr_assert(bl_tensor_valid(bl_minimize(optimizer, loss)), "a second attempt works");
    }
    bl_optimizer_free(optimizer);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
    cr_assert_eq(h->live, 0, "%zu bytes leaked", h->live);
    return worked;
}

Test(optimizer, out_of_memory)
{
    heap h = {0};
    size_t fail = 1;
    while (!attempt(&h, fail))
        fail++;
    cr_assert_geq(fail, 20, "only %zu allocations", fail - 1);
}
