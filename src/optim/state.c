/* What an optimizer keeps for its parameters: made, enumerated, dropped. */
#include "graph/half.h"
#include "graph/parameter.h"
#include "graph/shape.h"
#include "graph/text.h"
#include "ops/rules.h"
#include "optim/optimizer.h"

#include <string.h>

bl_parameter *bl__optimizer_buffer(const bl_optimizer *optimizer, const char *kind,
                                   const bl_parameter *parameter, bl_dtype dtype, bl_shape shape)
{
    const bl_allocator *allocator = &optimizer->context->allocator;
    const char *rule = optimizer->rule.name, *of = parameter ? parameter->name : "";
    size_t size = strlen(rule) + strlen(kind) + strlen(of) + 3;
    char *name = bl__allocate(allocator, size, 1);
    if (!name)
        return NULL;
    bl__text_add(&(bl__text){name, size, 0}, "%s.%s%s%s", rule, kind, parameter ? "." : "", of);
    bl_parameter *buffer = bl__parameter_new(optimizer->context, name, dtype, shape, true);
    bl__release(allocator, name, size, 1);
    return buffer;
}

/* ---- making ---- */

/* Whether a parameter's slot can be of a dtype and shape and begin as it shall; says why not. */
static bl_status check_slot(const bl_rule_slot *slot, const bl_parameter *parameter, bl_dtype dtype,
                            bl_shape shape, bl__text *why)
{
    bl_status status = bl__shape_status(shape);
    if (status != BL_OK)
        bl__text_add(why, "the slot %s of %s cannot have the shape %s", slot->name, parameter->name,
                     BL__SHAPE_TEXT(shape));
    else if (bl_dtype_size(dtype) == 0)
        bl__text_add(why, "the slot %s of %s has no dtype", slot->name, parameter->name);
    else if (!bl__holds(dtype, slot->initial))
        bl__text_add(why, "the slot %s of %s is %s, which cannot hold %.17g", slot->name, parameter->name,
                     bl_dtype_name(dtype), slot->initial);
    else
        return BL_OK;
    return status == BL_OK ? BL_ERR_DTYPE : status;
}

void bl__optimizer_fill(bl_parameter *buffer, double value)
{
    if (buffer->bytes > 0)
        memset(buffer->data, 0, buffer->bytes);
    for (int64_t i = 0; i < buffer->count && value != 0; i++) {
        switch (buffer->dtype) {
        case BL_F32:
            ((float *)buffer->data)[i] = (float)value;
            break;
        case BL_F64:
            ((double *)buffer->data)[i] = value;
            break;
        case BL_I32:
            ((int32_t *)buffer->data)[i] = (int32_t)value;
            break;
        case BL_I64:
            ((int64_t *)buffer->data)[i] = (int64_t)value;
            break;
        case BL_BOOL:
            ((bool *)buffer->data)[i] = true;
            break;
        case BL_BF16:
            ((uint16_t *)buffer->data)[i] = bl__f32_to_bf16((float)value);
            break;
        default:
            ((uint16_t *)buffer->data)[i] = bl__f32_to_f16((float)value);
        }
    }
}

/* Makes slot `index` of a new state, unless its parameter has none. */
static bl_status make_slot(const bl_optimizer *optimizer, bl__parameter_state *state, int index,
                           bl__text *why)
{
    const bl_rule_slot *slot = &optimizer->rule.slots[index];
    const bl_parameter *parameter = state->parameter;
    bl_dtype dtype = parameter->dtype;
    bl_shape shape = parameter->shape;
    if (slot->form && !slot->form(parameter, optimizer->options, &dtype, &shape))
        return BL_OK;
    bl_status status = check_slot(slot, parameter, dtype, shape, why);
    if (status != BL_OK)
        return status;
    state->slots[index] = bl__optimizer_buffer(optimizer, slot->name, parameter, dtype, shape);
    if (!state->slots[index])
        return BL_ERR_MEMORY;
    bl__optimizer_fill(state->slots[index], slot->initial);
    return BL_OK;
}

/* Fills a new state with buffers. */
static bl_status make_buffers(const bl_optimizer *optimizer, bl__parameter_state *state, bl__text *why)
{
    const bl_rule *rule = &optimizer->rule;
    bl_status status = BL_OK;
    for (int i = 0; i < BL_RULE_SLOTS && rule->slots[i].name && status == BL_OK; i++)
        status = make_slot(optimizer, state, i, why);
    if (status != BL_OK || !rule->counted)
        return status;
    state->count = bl__optimizer_buffer(optimizer, "count", state->parameter, BL_I64, BL_SCALAR);
    return state->count ? BL_OK : BL_ERR_MEMORY;
}

/* Releases what a state holds but its parameter, and the state. */
static void release_state(bl_context *context, bl__parameter_state *state)
{
    if (!state)
        return;
    for (int i = 0; i < BL_RULE_SLOTS; i++)
        bl__parameter_release(state->slots[i]);
    bl__parameter_release(state->count);
    bl__release(&context->allocator, state, 1, sizeof(*state));
}

static size_t count_buffers(const bl__parameter_state *state)
{
    size_t count = state->count != NULL;
    for (int i = 0; i < BL_RULE_SLOTS; i++)
        count += state->slots[i] != NULL;
    return count;
}

/* The number of buffers of all states that the optimizer keeps itself. */
static size_t count_own(const bl_optimizer *optimizer)
{
    const bl__parameter_state *last = bl__table_at(&optimizer->states, optimizer->states.count - 1, NULL);
    return last ? last->before + count_buffers(last) : 0;
}

bool bl__optimizer_has_state(const bl_optimizer *optimizer)
{
    return optimizer->rule.slots[0].name || optimizer->rule.counted;
}

bl__parameter_state *bl__optimizer_find_state(const bl_optimizer *optimizer, const bl_parameter *parameter)
{
    return bl__table_find(&optimizer->states, &parameter->id, sizeof(parameter->id));
}

bl__parameter_state *bl__optimizer_state(bl_optimizer *optimizer, bl_parameter *parameter, bl_status *status,
                                         char *why, size_t size)
{
    bl__text text = {why, size, 0};
    bl__parameter_state *state = bl__optimizer_find_state(optimizer, parameter);
    if (state)
        return state;
    state = bl__allocate(&optimizer->context->allocator, 1, sizeof(*state));
    *status = state ? BL_OK : BL_ERR_MEMORY;
    if (state) {
        state->parameter = parameter;
        state->before = count_own(optimizer);
        *status = make_buffers(optimizer, state, &text);
    }
    if (*status == BL_OK &&
        !bl__table_insert(&optimizer->states, &parameter->id, sizeof(parameter->id), state))
        *status = BL_ERR_MEMORY;
    if (*status != BL_OK) {
        if (*status == BL_ERR_MEMORY)
            bl__text_add(&(bl__text){why, size, 0}, "no memory for the state of %s", parameter->name);
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

/* ---- what can be asked ---- */

size_t bl_optimizer_state_count(const bl_optimizer *optimizer)
{
    size_t count = optimizer ? count_own(optimizer) : 0;
    for (size_t i = 0; optimizer && i < optimizer->group_count; i++)
        count += count_own(optimizer->groups[i].optimizer);
    return count;
}

/* Buffer `index` of the optimizer's own, which is there. */
static bl_optimizer_state own_at(bl_optimizer *optimizer, size_t index)
{
    size_t low = 0, high = optimizer->states.count; /* the last state that begins at or before the index */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        const bl__parameter_state *state = bl__table_at(&optimizer->states, middle, NULL);
        *(state->before <= index ? &low : &high) = middle;
    }
    const bl__parameter_state *state = bl__table_at(&optimizer->states, low, NULL);
    index -= state->before;
    for (int i = 0; i < BL_RULE_SLOTS; i++) {
        if (state->slots[i] && index-- == 0)
            return (bl_optimizer_state){state->parameter, optimizer->rule.slots[i].name, state->slots[i],
                                        optimizer};
    }
    return (bl_optimizer_state){state->parameter, "count", state->count, optimizer};
}

bl_optimizer_state bl_optimizer_state_at(const bl_optimizer *optimizer, size_t index)
{
    bl_optimizer *keeper = (bl_optimizer *)optimizer; /* to hand out, not to change */
    for (size_t next = 0; keeper; next++) {
        size_t own = count_own(keeper);
        if (index < own)
            return own_at(keeper, index);
        index -= own;
        keeper = bl_optimizer_group_at(optimizer, next, NULL);
    }
    return (bl_optimizer_state){NULL, NULL, NULL, NULL};
}

/* The optimizer's own buffer of a slot; NULL when there is none. */
static bl_parameter *find_own(const bl_optimizer *optimizer, const bl_parameter *parameter, const char *slot)
{
    const bl__parameter_state *state = bl__optimizer_find_state(optimizer, parameter);
    for (int i = 0; state && i < BL_RULE_SLOTS && optimizer->rule.slots[i].name; i++) {
        if (strcmp(optimizer->rule.slots[i].name, slot) == 0)
            return state->slots[i];
    }
    return state && strcmp(slot, "count") == 0 ? state->count : NULL;
}

bl_parameter *bl_optimizer_state_find(bl_optimizer *optimizer, const bl_parameter *parameter,
                                      const char *slot)
{
    bl_status status;
    char why[1];
    if (!optimizer || !parameter || !slot)
        return NULL;
    const bl_optimizer *keeper = bl__optimizer_for(optimizer, parameter, &status, why, sizeof(why));
    return keeper ? find_own(keeper, parameter, slot) : NULL;
}

bl_status bl_optimizer_prepare(bl_optimizer *optimizer, bl_parameter *parameter)
{
    const char *op = "optimizer_prepare";
    bl_status status = BL_OK;
    char why[sizeof(optimizer->error.message)];
    if (!optimizer)
        return BL_ERR_ARGUMENT;
    bl_context *context = optimizer->context;
    if (!parameter)
        return bl__report(context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL, "the parameter is NULL");
    if (parameter->context != context)
        return bl__report(context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL,
                          "%s belongs to another context", parameter->name);
    if (parameter->buffer)
        return bl__report(context, &optimizer->error, BL_ERR_ARGUMENT, op, NULL, "%s is a buffer",
                          parameter->name);
    bl_optimizer *keeper = bl__optimizer_for(optimizer, parameter, &status, why, sizeof(why));
    if (keeper && (!bl__optimizer_has_state(keeper) ||
                   bl__optimizer_state(keeper, parameter, &status, why, sizeof(why))))
        return BL_OK;
    return bl__report(context, &optimizer->error, status, op, NULL, "%s", why);
}
