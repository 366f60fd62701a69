/* The optimizer as an object: its settings, and the state it keeps a parameter. */
#include "optim/optimizer.h"
#include "graph/parameter.h"
#include "graph/text.h"

#include <math.h>
#include <string.h>

bool bl__option_within(bl_context *context, const char *op, const char *name, double value, double low,
                       double high)
{
    if (value >= low && value < high)
        return true;
    bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "%s is %g, not in [%g, %g)", name, value, low, high);
    return false;
}

bl_optimizer *bl__optimizer_new(bl_context *context, const bl__rule *rule, double lr, const void *options,
                                size_t options_size)
{
    bl_optimizer *optimizer = bl__allocate(&context->allocator, 1, sizeof(*optimizer));
    if (!optimizer) {
        bl__report(context, NULL, BL_ERR_MEMORY, rule->name, NULL, "no memory for an optimizer");
        return NULL;
    }
    char lr_name[64], step_name[64];
    bl__text_add(&(bl__text){lr_name, sizeof(lr_name), 0}, "%s.lr", rule->name);
    bl__text_add(&(bl__text){step_name, sizeof(step_name), 0}, "%s.step", rule->name);
    optimizer->context = bl__context_retain(context);
    optimizer->rule = *rule;
    bl__table_init(&optimizer->states, &context->allocator);
    optimizer->options = bl__allocate(&context->allocator, options_size, 1);
    optimizer->options_size = options_size;
    optimizer->lr = bl__parameter_new(context, lr_name, BL_F64, BL_SCALAR, true);
    optimizer->step = bl__parameter_new(context, step_name, BL_I64, BL_SCALAR, true);
    if (!optimizer->options || !optimizer->lr || !optimizer->step) {
        bl__report(context, NULL, BL_ERR_MEMORY, rule->name, NULL, "no memory for an optimizer");
        bl_optimizer_free(optimizer);
        return NULL;
    }
    memcpy(optimizer->options, options, options_size);
    optimizer->initial_lr = lr;
    memcpy(optimizer->lr->data, &lr, sizeof(lr));
    return optimizer;
}

void bl_optimizer_free(bl_optimizer *optimizer)
{
    if (!optimizer)
        return;
    bl_context *context = optimizer->context;
    bl__optimizer_forget(optimizer, 0);
    bl__table_free(&optimizer->states);
    bl__parameter_release(optimizer->lr);
    bl__parameter_release(optimizer->step);
    bl__release(&context->allocator, optimizer->options, optimizer->options_size, 1);
    bl__release(&context->allocator, optimizer, 1, sizeof(*optimizer));
    bl__context_release(context);
}

const bl_error *bl_optimizer_error(const bl_optimizer *optimizer)
{
    static const bl_error no_optimizer = {.code = BL_ERR_ARGUMENT, .message = "the optimizer is NULL"};
    return optimizer ? &optimizer->error : &no_optimizer;
}

void bl_optimizer_clear_error(bl_optimizer *optimizer)
{
    if (optimizer)
        optimizer->error = (bl_error){.code = BL_OK};
}

bl_parameter *bl_optimizer_lr(bl_optimizer *optimizer)
{
    return optimizer ? optimizer->lr : NULL;
}

bl_parameter *bl_optimizer_step(bl_optimizer *optimizer)
{
    return optimizer ? optimizer->step : NULL;
}

bl_status bl_optimizer_set_lr(bl_optimizer *optimizer, double lr)
{
    const char *op = "optimizer_set_lr";
    if (!optimizer)
        return BL_ERR_ARGUMENT;
    if (!(lr >= 0) || isinf(lr))
        return bl__report(optimizer->context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL,
                          "the learning rate %g is negative or not finite", lr);
    if (!bl__parameter_enter(optimizer->lr, true))
        return bl__report(optimizer->context, &optimizer->error, BL_ERR_BUSY, op, NULL,
                          "%s is in use by a run", optimizer->lr->name);
    memcpy(optimizer->lr->data, &lr, sizeof(lr));
    bl__parameter_leave(optimizer->lr, true);
    return BL_OK;
}

/* ---- state ---- */

static void release_state(bl_context *context, bl__parameter_state *state)
{
    if (!state)
        return;
    for (int i = 0; i < BL__MAX_MOMENTS; i++)
        bl__parameter_release(state->moments[i]);
    bl__parameter_release(state->count);
    bl__release(&context->allocator, state, 1, sizeof(*state));
}

/* A zeroed buffer called rule.kind.parameter; NULL without memory. */
static bl_parameter *state_buffer(const bl_optimizer *optimizer, const char *kind,
                                  const bl_parameter *parameter, bl_dtype dtype, bl_shape shape)
{
    const char *rule = optimizer->rule.name;
    size_t size = strlen(rule) + strlen(kind) + strlen(parameter->name) + 3;
    char *name = bl__allocate(&optimizer->context->allocator, size, 1);
    if (!name)
        return NULL;
    bl__text_add(&(bl__text){name, size, 0}, "%s.%s.%s", rule, kind, parameter->name);
    bl_parameter *buffer = bl__parameter_new(optimizer->context, name, dtype, shape, true);
    bl__release(&optimizer->context->allocator, name, size, 1);
    return buffer;
}

/* Fills a new state with buffers; false without memory. */
static bool make_buffers(const bl_optimizer *optimizer, bl__parameter_state *state)
{
    const bl__rule *rule = &optimizer->rule;
    const bl_parameter *parameter = state->parameter;
    for (int i = 0; rule->moments[i]; i++) {
        state->moments[i] =
            state_buffer(optimizer, rule->moments[i], parameter, parameter->dtype, parameter->shape);
        if (!state->moments[i])
            return false;
    }
    if (rule->counted)
        state->count = state_buffer(optimizer, "count", parameter, BL_I64, BL_SCALAR);
    return !rule->counted || state->count;
}

bl__parameter_state *bl__optimizer_state(bl_optimizer *optimizer, bl_parameter *parameter)
{
    bl__parameter_state *state = bl__table_find(&optimizer->states, &parameter->id, sizeof(parameter->id));
    if (state)
        return state;
    state = bl__allocate(&optimizer->context->allocator, 1, sizeof(*state));
    if (!state)
        return NULL;
    state->parameter = parameter;
    if (!make_buffers(optimizer, state) ||
        !bl__table_insert(&optimizer->states, &parameter->id, sizeof(parameter->id), state)) {
        release_state(optimizer->context, state);
        return NULL;
    }
    bl__parameter_retain(parameter);
    parameter->optimizers++;
    return state;
}

void bl__optimizer_forget(bl_optimizer *optimizer, size_t count)
{
    while (optimizer->states.count > count) {
        bl__parameter_state *state = bl__table_at(&optimizer->states, optimizer->states.count - 1, NULL);
        bl_parameter *parameter = state->parameter;
        bl__table_remove(&optimizer->states, &parameter->id, sizeof(parameter->id));
        release_state(optimizer->context, state);
        parameter->optimizers--;
        bl__parameter_release(parameter);
    }
}
