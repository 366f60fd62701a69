/* Weight tying after the fact: what a name means is changed, and changed back. */
#include "graph/params.h"
#include "graph/text.h"

#include <string.h>

/* The name that becomes canonical when `leaving` goes to another parameter: NULL when the present one stays,
 * because another registry has it too or because no name is left. */
static const char *successor(const bl__name *leaving)
{
    const bl_parameter *parameter = leaving->parameter;
    const char *first = NULL;
    if (strcmp(leaving->text, parameter->name) != 0)
        return NULL;
    for (const bl__name *name = parameter->names; name; name = name->next) {
        if (name == leaving)
            continue;
        if (strcmp(name->text, parameter->name) == 0)
            return NULL;
        if (!first)
            first = name->text;
    }
    return first;
}

/* Moves a name to another parameter of the registry, whose reference is taken over; its old parameter, which
 * is renamed to `renamed` unless NULL, changes its meaning for the programs that use it. Nothing can fail. */
static void repoint(bl__name *name, bl_parameter *parameter, char *renamed)
{
    bl_params *params = name->params;
    bl_parameter *old = name->parameter;
    bl__name_unlink(name);
    if (!bl__name_within(old, params))
        bl__table_remove(&params->parameters, &old->id, sizeof(old->id));
    if (renamed) {
        bl__release(&params->context->allocator, old->name, strlen(old->name) + 1, 1);
        old->name = renamed;
    }
    atomic_fetch_add_explicit(&old->generation, 1, memory_order_release);
    bl__parameter_release(old);
    name->parameter = parameter;
    bl__name_link(name);
}

/* The record of a name that must be there. */
static bl__name *require(bl_params *params, const char *op, const char *name)
{
    bl__name *found = name ? bl__params_name(params, name) : NULL;
    if (!name)
        bl__params_fail(params, BL_ERR_ARGUMENT, op, "the name is NULL");
    else if (!found)
        bl__params_fail(params, BL_ERR_NOT_FOUND, op, "no parameter is named %.*s%s",
                        name[0] == '/' ? 0 : (int)params->prefix_length, params->prefix ? params->prefix : "",
                        name[0] == '/' ? name + 1 : name);
    return found;
}

/* Whether the alias's parameter can give way to the other one. */
static bl_status check_pair(bl_params *params, const bl__name *alias, const bl__name *canonical)
{
    const char *op = "params_tie";
    const bl_parameter *a = alias->parameter, *b = canonical->parameter;
    const char *types[2] = {bl_dtype_name(a->dtype), bl_dtype_name(b->dtype)};
    const char *shapes[2] = {BL__SHAPE_TEXT(a->shape), BL__SHAPE_TEXT(b->shape)};
    if (a->buffer != b->buffer)
        return bl__params_fail(params, BL_ERR_ARGUMENT, op, "%s is a %s and %s is a %s", alias->text,
                               a->buffer ? "buffer" : "parameter", canonical->text,
                               b->buffer ? "buffer" : "parameter");
    if (!bl_shape_equal(a->shape, b->shape))
        return bl__params_fail(params, BL_ERR_SHAPE, op, "shapes differ: %s %s %s and %s %s %s", alias->text,
                               types[0], shapes[0], canonical->text, types[1], shapes[1]);
    if (a->dtype != b->dtype)
        return bl__params_fail(params, BL_ERR_DTYPE, op, "dtypes differ: %s %s %s and %s %s %s", alias->text,
                               types[0], shapes[0], canonical->text, types[1], shapes[1]);
    if (a->optimizers > 0)
        return bl__params_fail(params, BL_ERR_STATE, op,
                               "%s %s %s cannot become %s %s %s: an optimizer has state for it", alias->text,
                               types[0], shapes[0], canonical->text, types[1], shapes[1]);
    return BL_OK;
}

bl_status bl_params_tie(bl_params *params, const char *alias, const char *canonical)
{
    if (!params)
        return BL_ERR_ARGUMENT;
    bl__name *from = require(params, "params_tie", alias);
    const bl__name *to = from ? require(params, "params_tie", canonical) : NULL;
    if (!to)
        return params->context->error.code;
    if (from->parameter == to->parameter)
        return BL_OK;
    bl_status status = check_pair(params, from, to);
    if (status != BL_OK)
        return status;
    const char *next = successor(from);
    char *renamed = next ? bl__parameter_text(params->context, next) : NULL;
    if (next && !renamed)
        return bl__params_fail(params, BL_ERR_MEMORY, "params_tie", "no memory to tie %s to %s", from->text,
                               to->text);
    repoint(from, bl__parameter_retain(to->parameter), renamed);
    return BL_OK;
}

/* A copy of a parameter under one of its names, known to the registry; NULL without memory. */
static bl_parameter *separate(bl_params *params, const bl__name *name)
{
    const bl_parameter *shared = name->parameter;
    bl_parameter *own =
        bl__parameter_new(params->context, name->text, shared->dtype, shared->shape, shared->buffer);
    if (!own)
        return NULL;
    if (!bl__table_insert(&params->parameters, &own->id, sizeof(own->id), own)) {
        bl__parameter_release(own);
        return NULL;
    }
    own->trainable = shared->trainable;
    if (own->bytes > 0)
        memcpy(own->data, shared->data, own->bytes);
    return own;
}

bl_status bl_params_untie(bl_params *params, const char *alias)
{
    const char *op = "params_untie";
    if (!params)
        return BL_ERR_ARGUMENT;
    bl__name *name = require(params, op, alias);
    if (!name)
        return params->context->error.code;
    bl_parameter *shared = name->parameter;
    if (!shared->names->next)
        return BL_OK;
    if (!bl__parameter_enter(shared, false))
        return bl__params_fail(params, BL_ERR_BUSY, op, "%s is in use by a run", name->text);
    const char *next = successor(name);
    char *renamed = next ? bl__parameter_text(params->context, next) : NULL;
    bl_parameter *own = next && !renamed ? NULL : separate(params, name);
    bl__parameter_leave(shared, false);
    if (!own) {
        bl__release(&params->context->allocator, renamed, next ? strlen(next) + 1 : 0, 1);
        return bl__params_fail(params, BL_ERR_MEMORY, op, "no memory for a copy of %s %s %s", name->text,
                               bl_dtype_name(shared->dtype), BL__SHAPE_TEXT(shared->shape));
    }
    repoint(name, own, renamed);
    return BL_OK;
}
