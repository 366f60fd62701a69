/* The registry: many names to one parameter, below scopes. */
#include "graph/params.h"
#include "graph/glob.h"
#include "graph/init.h"
#include "graph/shape.h"
#include "graph/text.h"

#include <string.h>

bl_params *bl_params_new(bl_context *context)
{
    if (!context)
        return NULL;
    bl_params *params = bl__allocate(&context->allocator, 1, sizeof(*params));
    if (!params) {
        bl__report(context, NULL, BL_ERR_MEMORY, "params_new", NULL, "no memory for a registry");
        return NULL;
    }
    params->context = bl__context_retain(context);
    params->id = atomic_fetch_add_explicit(&context->next_id, 1, memory_order_relaxed);
    bl__table_init(&params->names, &context->allocator);
    bl__table_init(&params->parameters, &context->allocator);
    return params;
}

void bl_params_free(bl_params *params)
{
    if (!params)
        return;
    bl_context *context = params->context;
    const bl_allocator *allocator = &context->allocator;
    for (size_t i = 0; i < params->names.count; i++) {
        bl__name *name = bl__table_at(&params->names, i, NULL);
        bl__name_unlink(name);
        bl__parameter_release(name->parameter);
        bl__release(allocator, name, 1, sizeof(*name));
    }
    bl__table_free(&params->names);
    bl__table_free(&params->parameters);
    bl__release(allocator, params->prefix, params->prefix_capacity, 1);
    bl__release(allocator, params->scopes, params->scope_capacity, sizeof(*params->scopes));
    bl__release(allocator, params->scratch, params->scratch_capacity, 1);
    bl__release(allocator, params, 1, sizeof(*params));
    bl__context_release(context);
}

const bl_error *bl_params_error(const bl_params *params)
{
    static const bl_error no_params = {.code = BL_ERR_ARGUMENT, .message = "the registry is NULL"};
    return params ? &params->error : &no_params;
}

void bl_params_clear_error(bl_params *params)
{
    if (params)
        params->error = (bl_error){.code = BL_OK};
}

bl_status bl__params_fail(bl_params *params, bl_status status, const char *op, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bl__report_list(params->context, &params->error, status, op, NULL, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- names ---- */

/* Makes room for `needed` characters; false without memory. */
static bool reserve(bl_params *params, char **text, size_t *capacity, size_t needed)
{
    while (*capacity < needed) {
        if (!bl__grow(&params->context->allocator, text, capacity, 1))
            return false;
    }
    return true;
}

/* Writes prefix + name + suffix into the scratch, the prefix only when the name is not absolute, and its
 * length into *length. False when there is no room: then no name of the registry is as long. */
static bool join(const bl_params *params, const char *prefix, size_t prefix_length, const char *name,
                 const char *suffix, size_t *length)
{
    size_t head = name[0] == '/' ? 0 : prefix_length;
    size_t body = strlen(name[0] == '/' ? name + 1 : name);
    size_t tail = strlen(suffix);
    *length = head + body + tail;
    if (*length + 1 > params->scratch_capacity)
        return false;
    if (head > 0)
        memcpy(params->scratch, prefix, head);
    memcpy(params->scratch + head, name[0] == '/' ? name + 1 : name, body);
    memcpy(params->scratch + head + body, suffix, tail + 1);
    return true;
}

/* The whole name of a new entry, in the scratch; NULL with the error reported. */
static const char *free_name(bl_params *params, const char *op, const char *name, const char *suffix)
{
    size_t length;
    if (!name || !name[0] || strcmp(name, "/") == 0) {
        bl__params_fail(params, BL_ERR_ARGUMENT, op, "the name is NULL or empty");
        return NULL;
    }
    size_t needed = params->prefix_length + strlen(name) + strlen(suffix) + 1;
    if (!reserve(params, &params->scratch, &params->scratch_capacity, needed)) {
        bl__params_fail(params, BL_ERR_MEMORY, op, "no memory for the name %s%s", name, suffix);
        return NULL;
    }
    join(params, params->prefix, params->prefix_length, name, suffix, &length);
    const bl__name *taken = bl__table_find(&params->names, params->scratch, length);
    if (taken) {
        const bl_parameter *owner = taken->parameter;
        bl__params_fail(params, BL_ERR_EXISTS, op, "%s is the name of %s %s %s already", params->scratch,
                        owner->buffer ? "a buffer" : "a parameter", bl_dtype_name(owner->dtype),
                        BL__SHAPE_TEXT(owner->shape));
        return NULL;
    }
    return params->scratch;
}

bl__name *bl__params_lookup(const bl_params *params, const char *prefix, size_t prefix_length,
                            const char *name)
{
    size_t length;
    if (!join(params, prefix, prefix_length, name, "", &length))
        return NULL;
    return bl__table_find(&params->names, params->scratch, length);
}

bl__name *bl__params_name(const bl_params *params, const char *name)
{
    return bl__params_lookup(params, params->prefix, params->prefix_length, name);
}

void bl__name_link(bl__name *name)
{
    bl__name **end = &name->parameter->names;
    while (*end)
        end = &(*end)->next;
    name->next = NULL;
    *end = name;
    name->parameter->context->namings++;
}

void bl__name_unlink(bl__name *name)
{
    bl__name **link = &name->parameter->names;
    while (*link != name)
        link = &(*link)->next;
    *link = name->next;
    name->parameter->context->namings++;
}

bool bl__name_within(const bl_parameter *parameter, const bl_params *params)
{
    const bl__name *name = parameter->names;
    while (name && name->params != params)
        name = name->next;
    return name;
}

/* Adds a free name for a parameter and takes over one reference; false without memory. */
static bool add_name(bl_params *params, const char *text, bl_parameter *parameter)
{
    const bl_allocator *allocator = &params->context->allocator;
    bool known = bl__name_within(parameter, params);
    bl__name *name = bl__allocate(allocator, 1, sizeof(*name));
    if (!name)
        return false;
    *name = (bl__name){.params = params, .parameter = parameter};
    if (known || bl__table_insert(&params->parameters, &parameter->id, sizeof(parameter->id), parameter))
        name->text = bl__table_insert(&params->names, text, strlen(text), name);
    if (!name->text) {
        if (!known)
            bl__table_remove(&params->parameters, &parameter->id, sizeof(parameter->id));
        bl__release(allocator, name, 1, sizeof(*name));
        return false;
    }
    bl__name_link(name);
    return true;
}

void bl__params_undo(bl_params *params)
{
    bl__name *name = bl__table_at(&params->names, params->names.count - 1, NULL);
    bl_parameter *parameter = name->parameter;
    bl__name_unlink(name);
    if (!bl__name_within(parameter, params))
        bl__table_remove(&params->parameters, &parameter->id, sizeof(parameter->id));
    bl__table_remove(&params->names, name->text, strlen(name->text));
    bl__release(&params->context->allocator, name, 1, sizeof(*name));
    bl__parameter_release(parameter);
}

/* ---- scopes ---- */

bl_status bl_params_scope_push(bl_params *params, const char *name)
{
    if (!params)
        return BL_ERR_ARGUMENT;
    if (!name || !name[0] || name[0] == '/')
        return bl__params_fail(params, BL_ERR_ARGUMENT, "params_scope_push",
                               "a scope's name is not NULL, not empty and not absolute");
    size_t length = strlen(name);
    bool room = params->scope_count < params->scope_capacity ||
                bl__grow(&params->context->allocator, &params->scopes, &params->scope_capacity,
                         sizeof(*params->scopes));
    if (!room ||
        !reserve(params, &params->prefix, &params->prefix_capacity, params->prefix_length + length + 1))
        return bl__params_fail(params, BL_ERR_MEMORY, "params_scope_push", "no memory for the scope %s",
                               name);
    params->scopes[params->scope_count++] = params->prefix_length;
    memcpy(params->prefix + params->prefix_length, name, length);
    params->prefix[params->prefix_length + length] = '.';
    params->prefix_length += length + 1;
    return BL_OK;
}

bl_status bl_params_scope_pop(bl_params *params)
{
    if (!params)
        return BL_ERR_ARGUMENT;
    if (params->scope_count == 0)
        return bl__params_fail(params, BL_ERR_ARGUMENT, "params_scope_pop", "no scope is open");
    params->prefix_length = params->scopes[--params->scope_count];
    return BL_OK;
}

/* ---- adding ---- */

static bool check_shape(bl_params *params, const char *op, const char *name, bl_shape shape)
{
    bl_status status = bl__shape_status(shape);
    if (status == BL_ERR_SHAPE)
        bl__params_fail(params, status, op, "%s cannot have the shape %s", name, BL__SHAPE_TEXT(shape));
    else if (status != BL_OK)
        bl__params_fail(params, status, op, "%s: the elements of %s cannot be counted", name,
                        BL__SHAPE_TEXT(shape));
    return status == BL_OK;
}

static bool check_dtype(bl_params *params, const char *op, const char *name, bl_dtype dtype, bool buffer)
{
    if (dtype == BL_F32 || dtype == BL_F64 || (buffer && bl_dtype_size(dtype) > 0))
        return true;
    bl__params_fail(params, BL_ERR_DTYPE, op, "%s is %s, not %s", name, bl_dtype_name(dtype),
                    buffer ? "of a known dtype" : "f32 or f64");
    return false;
}

bl_parameter *bl__params_insert(bl_params *params, const char *op, const char *name, const char *suffix,
                                bl_dtype dtype, bl_shape shape, bool buffer)
{
    const char *whole = free_name(params, op, name, suffix);
    if (!whole || !check_dtype(params, op, whole, dtype, buffer) || !check_shape(params, op, whole, shape))
        return NULL;
    bl_parameter *parameter = bl__parameter_new(params->context, whole, dtype, shape, buffer);
    if (!parameter || !add_name(params, whole, parameter)) {
        bl__parameter_release(parameter);
        bl__params_fail(params, BL_ERR_MEMORY, op, "no memory for %s %s %s", whole, bl_dtype_name(dtype),
                        BL__SHAPE_TEXT(shape));
        return NULL;
    }
    return parameter;
}

bl_parameter *bl_params_add(bl_params *params, const char *name, bl_dtype dtype, bl_shape shape, bl_init init,
                            bl_rng *rng)
{
    if (!params)
        return NULL;
    bl_parameter *parameter = bl__params_insert(params, "params_add", name, "", dtype, shape, false);
    if (!parameter)
        return NULL;
    if (!bl__init_check(params, "params_add", parameter->name, init, shape, rng)) {
        bl__params_undo(params);
        return NULL;
    }
    bl__init_fill(init, parameter, rng);
    return parameter;
}

bl_parameter *bl_params_add_buffer(bl_params *params, const char *name, bl_dtype dtype, bl_shape shape)
{
    if (!params)
        return NULL;
    return bl__params_insert(params, "params_add_buffer", name, "", dtype, shape, true);
}

bl_status bl_params_register(bl_params *params, const char *name, bl_parameter *parameter)
{
    const char *op = "params_register";
    if (!params)
        return BL_ERR_ARGUMENT;
    if (!parameter)
        return bl__params_fail(params, BL_ERR_ARGUMENT, op, "the parameter is NULL");
    if (parameter->context != params->context)
        return bl__params_fail(params, BL_ERR_ARGUMENT, op, "%s belongs to another context", parameter->name);
    const char *whole = free_name(params, op, name, "");
    if (!whole)
        return params->context->error.code;
    if (!add_name(params, whole, parameter))
        return bl__params_fail(params, BL_ERR_MEMORY, op, "no memory for the name %s of %s", whole,
                               parameter->name);
    bl__parameter_retain(parameter);
    return BL_OK;
}

/* ---- by patterns ---- */

bl_status bl_params_set_trainable(bl_params *params, const char *pattern, bool trainable)
{
    const char *op = "params_set_trainable";
    if (!params)
        return BL_ERR_ARGUMENT;
    const char *complaint = bl__glob_complaint(pattern);
    if (complaint)
        return bl__params_fail(params, BL_ERR_ARGUMENT, op, "%s", complaint);
    bl__name_pattern wanted = bl__name_pattern_of(params, pattern);
    size_t found = 0;
    for (size_t i = 0; i < params->parameters.count; i++) {
        bl_parameter *parameter = bl__table_at(&params->parameters, i, NULL);
        if (parameter->buffer || !bl__name_pattern_matches(&wanted, parameter))
            continue;
        parameter->trainable = trainable;
        found++;
    }
    if (found == 0)
        return bl__params_fail(params, BL_ERR_NOT_FOUND, op, "no parameter's name matches %.*s%s",
                               (int)wanted.prefix_length, wanted.prefix ? wanted.prefix : "", wanted.pattern);
    return BL_OK;
}

/* ---- what can be asked ---- */

bl_parameter *bl_params_find(const bl_params *params, const char *name)
{
    const bl__name *found = params && name ? bl__params_name(params, name) : NULL;
    return found ? found->parameter : NULL;
}

size_t bl_params_count(const bl_params *params)
{
    return params ? params->parameters.count : 0;
}

bl_parameter *bl_params_at(const bl_params *params, size_t index)
{
    return params ? bl__table_at(&params->parameters, index, NULL) : NULL;
}

size_t bl_params_name_count(const bl_params *params)
{
    return params ? params->names.count : 0;
}

const char *bl_params_name_at(const bl_params *params, size_t index, bl_parameter **parameter)
{
    const bl__name *name = params ? bl__table_at(&params->names, index, NULL) : NULL;
    if (parameter)
        *parameter = name ? name->parameter : NULL;
    return name ? name->text : NULL;
}

int64_t bl_params_unique_elements(const bl_params *params)
{
    int64_t elements = 0;
    for (size_t i = 0; params && i < params->parameters.count; i++) {
        const bl_parameter *parameter = bl__table_at(&params->parameters, i, NULL);
        elements += parameter->trainable ? parameter->count : 0;
    }
    return elements;
}

int64_t bl_params_named_elements(const bl_params *params)
{
    int64_t elements = 0;
    for (size_t i = 0; params && i < params->names.count; i++) {
        const bl__name *name = bl__table_at(&params->names, i, NULL);
        elements += name->parameter->trainable ? name->parameter->count : 0;
    }
    return elements;
}
