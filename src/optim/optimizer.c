/* The optimizer as an object, made from a rule: its settings. */
#include "optim/optimizer.h"
#include "graph/parameter.h"

#include <math.h>
#include <string.h>

/* What is wrong with a rule; NULL when nothing is. */
static const char *complaint(const bl_rule *rule, const void *options)
{
    if (!rule->name || !rule->name[0] || !rule->update)
        return "the rule has no name or no formula";
    if (rule->options_size > 0 && !options)
        return "the options are NULL";
    for (int i = 0; i < BL_RULE_SLOTS && rule->slots[i].name; i++) {
        if (rule->counted && strcmp(rule->slots[i].name, "count") == 0)
            return "a slot is called count beside the count";
        for (int k = 0; k < i; k++) {
            if (strcmp(rule->slots[k].name, rule->slots[i].name) == 0)
                return "two slots have one name";
        }
    }
    return NULL;
}

/* Whether an optimizer can be made so; reports when not. */
static bool check(bl_context *context, const bl_rule *rule, double lr, const void *options)
{
    const char *op = "optimizer_new";
    if (!rule)
        bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "the rule is NULL");
    else if (rule->size != sizeof(bl_rule))
        bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "the rule's size is %zu, not sizeof(bl_rule)",
                   rule->size);
    else if (complaint(rule, options))
        bl__report(context, NULL, BL_ERR_ARGUMENT, rule->name && rule->name[0] ? rule->name : op, NULL, "%s",
                   complaint(rule, options));
    else if (!(lr >= 0) || isinf(lr))
        bl__report(context, NULL, BL_ERR_ARGUMENT, rule->name, NULL,
                   "the learning rate %g is negative or not finite", lr);
    else
        return true;
    return false;
}

bl_optimizer *bl_optimizer_new(bl_context *context, const bl_rule *rule, double lr, const void *options)
{
    if (!context || !check(context, rule, lr, options))
        return NULL;
    bl_optimizer *optimizer = bl__allocate(&context->allocator, 1, sizeof(*optimizer));
    if (!optimizer) {
        bl__report(context, NULL, BL_ERR_MEMORY, rule->name, NULL, "no memory for an optimizer");
        return NULL;
    }
    optimizer->context = bl__context_retain(context);
    optimizer->rule = *rule;
    bl__table_init(&optimizer->states, &context->allocator);
    bl__table_init(&optimizer->claims, &context->allocator);
    optimizer->options = bl__allocate(&context->allocator, rule->options_size, 1);
    optimizer->lr = bl__optimizer_buffer(optimizer, "lr", NULL, BL_F64, BL_SCALAR);
    optimizer->step = bl__optimizer_buffer(optimizer, "step", NULL, BL_I64, BL_SCALAR);
    if ((rule->options_size > 0 && !optimizer->options) || !optimizer->lr || !optimizer->step) {
        bl__report(context, NULL, BL_ERR_MEMORY, rule->name, NULL, "no memory for an optimizer");
        bl_optimizer_free(optimizer);
        return NULL;
    }
    if (rule->options_size > 0)
        memcpy(optimizer->options, options, rule->options_size);
    optimizer->initial_lr = lr;
    memcpy(optimizer->lr->data, &lr, sizeof(lr));
    return optimizer;
}

void bl_optimizer_free(bl_optimizer *optimizer)
{
    if (!optimizer || optimizer->owner)
        return;
    bl_context *context = optimizer->context;
    bl__groups_free(optimizer);
    bl__optimizer_forget(optimizer, 0);
    bl__table_free(&optimizer->states);
    bl__parameter_release(optimizer->lr);
    bl__parameter_release(optimizer->step);
    bl__release(&context->allocator, optimizer->options, optimizer->rule.options_size, 1);
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

const char *bl_optimizer_name(const bl_optimizer *optimizer)
{
    return optimizer ? optimizer->rule.name : "";
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
