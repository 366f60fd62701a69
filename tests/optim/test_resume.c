/* What can be enumerated of an optimizer is all there is: training goes on bit for bit from a copy of it. */
#include "support/optimizers.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct run {
    bl_context *context;
    bl_params *params;
    bl_graph *graph;
    bl_optimizer *optimizer;
    bl_program *step;
} run;

/* `grouped`: muon has a group of its own. */
static run new_run(const named_optimizer *named, bool grouped)
{
    run r = {.context = bl_context_new(NULL)};
    r.params = bl_params_new(r.context);
    r.graph = bl_graph_new(r.context);
    bl_parameter *w = bl_params_add(r.params, "w", BL_F32, BL_SHAPE(3, 4), bl_init_constant(0.5), NULL);
    bl_params_add(r.params, "b", BL_F32, BL_SHAPE(3), bl_init_constant(0.25), NULL);
    bl_params_register(r.params, "tied", w);
    r.optimizer = named->make(r.context);
    if (grouped)
        cr_assert_eq(bl_optimizer_add_group(r.optimizer, r.params, "tied", bl_muon(r.context, NULL)), BL_OK);
    bl_tensor *x = bl_reshape(bl_linspace(r.graph, BL_F32, -1, 1, 20), BL_SHAPE(5, 4));
    bl_tensor *h = bl_tanh(bl_linear(x, bl_param(r.graph, r.params, "w"), bl_param(r.graph, r.params, "b")));
    bl_tensor *loss = bl_mse_loss(bl_matmul(h, bl_param(r.graph, r.params, "tied")), x);
    r.step = bl_compile(r.context, bl_minimize(r.optimizer, loss));
    return r;
}

static void free_run(const run *r)
{
    bl_program_free(r->step);
    bl_optimizer_free(r->optimizer);
    bl_graph_free(r->graph);
    bl_params_free(r->params);
    bl_context_free(r->context);
}

static void train(const run *r, int steps)
{
    for (int i = 0; i < steps; i++)
        cr_assert_eq(bl_run(r->step), BL_OK, "%s", bl_context_error(r->context)->message);
}

static size_t bytes_of(const bl_parameter *parameter)
{
    return (size_t)bl_shape_count(bl_parameter_shape(parameter)) *
           bl_dtype_size(bl_parameter_dtype(parameter));
}

static void copy(const bl_parameter *from, bl_parameter *to)
{
    cr_assert_eq(bytes_of(from), bytes_of(to));
    cr_assert_eq(bl_parameter_write(to, bl_parameter_data(from), bytes_of(from)), BL_OK);
}

static void copy_scalars(bl_optimizer *from, bl_optimizer *to)
{
    copy(bl_optimizer_lr(from), bl_optimizer_lr(to));
    copy(bl_optimizer_step(from), bl_optimizer_step(to));
}

/* As a checkpoint does it: parameters by name, state by the parameter's name and the slot's. */
static void copy_all(const run *from, const run *to)
{
    for (size_t i = 0; i < bl_params_count(from->params); i++)
        copy(bl_params_at(from->params, i), bl_params_at(to->params, i));
    copy_scalars(from->optimizer, to->optimizer);
    for (size_t i = 0; i < bl_optimizer_group_count(from->optimizer); i++)
        copy_scalars(bl_optimizer_group_at(from->optimizer, i, NULL),
                     bl_optimizer_group_at(to->optimizer, i, NULL));
    for (size_t i = 0; i < bl_optimizer_state_count(from->optimizer); i++) {
        bl_optimizer_state state = bl_optimizer_state_at(from->optimizer, i);
        bl_parameter *parameter = bl_params_find(to->params, bl_parameter_name(state.parameter));
        cr_assert_eq(bl_optimizer_prepare(to->optimizer, parameter), BL_OK);
        bl_parameter *buffer = bl_optimizer_state_find(to->optimizer, parameter, state.slot);
        cr_assert_str_eq(bl_parameter_name(buffer), bl_parameter_name(state.buffer));
        copy(state.buffer, buffer);
    }
}

static void resume(const named_optimizer *named, bool grouped)
{
    run straight = new_run(named, grouped), resumed = new_run(named, grouped);
    train(&straight, 10);
    copy_all(&straight, &resumed);
    train(&straight, 10);
    train(&resumed, 10);
    for (size_t i = 0; i < bl_params_count(straight.params); i++) {
        const bl_parameter *a = bl_params_at(straight.params, i), *b = bl_params_at(resumed.params, i);
        cr_assert_eq(memcmp(bl_parameter_data(a), bl_parameter_data(b), bytes_of(a)), 0, "%s: %s",
                     bl_optimizer_name(straight.optimizer), bl_parameter_name(a));
    }
    free_run(&straight);
    free_run(&resumed);
}

Test(resume, bit_for_bit)
{
    for (const named_optimizer *each = every_optimizer; each->name; each++) {
        if (!each->for_matrices)
            resume(each, false);
        if (!each->is_whole)
            resume(each, true);
    }
}
