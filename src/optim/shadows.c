/* Buffers that stand beside parameters: see shadows.h. */
#include "optim/shadows.h"
#include "graph/text.h"

#include <string.h>

void bl__shadows_init(bl__shadows *shadows, bl_context *context, const char *kind)
{
    shadows->context = context;
    shadows->kind = kind;
    bl__table_init(&shadows->table, &context->allocator);
}

void bl__shadows_free(bl__shadows *shadows)
{
    bl__shadows_forget(shadows, 0);
    bl__table_free(&shadows->table);
}

bl__shadow *bl__shadow_find(const bl__shadows *shadows, const bl_parameter *parameter)
{
    return bl__table_find(&shadows->table, &parameter->id, sizeof(parameter->id));
}

bl__shadow *bl__shadow_at(const bl__shadows *shadows, size_t index)
{
    return bl__table_at(&shadows->table, index, NULL);
}

bl_parameter *bl__shadow_buffer(bl_context *context, const char *kind, const char *name, bl_dtype dtype,
                                bl_shape shape)
{
    size_t size = strlen(kind) + strlen(name) + 2;
    char *whole = bl__allocate(&context->allocator, size, 1);
    if (!whole)
        return NULL;
    bl__text_add(&(bl__text){whole, size, 0}, "%s.%s", kind, name);
    bl_parameter *buffer = bl__parameter_new(context, whole, dtype, shape, true);
    bl__release(&context->allocator, whole, size, 1);
    return buffer;
}

static void release(const bl__shadows *shadows, bl__shadow *shadow)
{
    bl__parameter_release(shadow->buffer);
    bl__release(&shadows->context->allocator, shadow, 1, sizeof(*shadow));
}

bl__shadow *bl__shadow_of(bl__shadows *shadows, bl_parameter *parameter)
{
    bl__shadow *shadow = bl__shadow_find(shadows, parameter);
    if (shadow)
        return shadow;
    shadow = bl__allocate(&shadows->context->allocator, 1, sizeof(*shadow));
    if (!shadow)
        return NULL;
    shadow->buffer = bl__shadow_buffer(shadows->context, shadows->kind, parameter->name, parameter->dtype,
                                       parameter->shape);
    if (!shadow->buffer ||
        !bl__table_insert(&shadows->table, &parameter->id, sizeof(parameter->id), shadow)) {
        release(shadows, shadow);
        return NULL;
    }
    shadow->parameter = bl__parameter_retain(parameter);
    return shadow;
}

void bl__shadows_forget(bl__shadows *shadows, size_t count)
{
    while (shadows->table.count > count) {
        bl__shadow *shadow = bl__shadow_at(shadows, shadows->table.count - 1);
        bl_parameter *parameter = shadow->parameter;
        bl__table_remove(&shadows->table, &parameter->id, sizeof(parameter->id));
        release(shadows, shadow);
        bl__parameter_release(parameter);
    }
}

/* ---- arguments ---- */

static bool check_entry(const bl__shadows *shadows, const char *op, bl_graph *graph, bl_parameter *parameter,
                        const bl_tensor *tensor, uint64_t call, const char *what)
{
    if (!bl__usable(graph, op, tensor))
        return false;
    bl_shape shape = bl_tensor_shape(tensor);
    bl_dtype dtype = bl_tensor_dtype(tensor);
    if (!parameter)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "a parameter is NULL");
    else if (parameter->context != shadows->context)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%s belongs to another context", parameter->name);
    else if (parameter->buffer)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%s is a buffer", parameter->name);
    else if (parameter->update == call)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%s is given twice", parameter->name);
    else if (!bl_shape_equal(parameter->shape, shape))
        bl__fail(graph, BL_ERR_SHAPE, op, "the %s of %s is %s, not %s", what, parameter->name,
                 BL__SHAPE_TEXT(shape), BL__SHAPE_TEXT(parameter->shape));
    else if (parameter->dtype != dtype)
        bl__fail(graph, BL_ERR_DTYPE, op, "the %s of %s is %s, not %s", what, parameter->name,
                 bl_dtype_name(dtype), bl_dtype_name(parameter->dtype));
    else {
        parameter->update = call;
        return true;
    }
    return false;
}

bool bl__shadows_check(const bl__shadows *shadows, const char *op, bl_graph *graph,
                       bl_parameter *const *parameters, bl_tensor *const *tensors, size_t count,
                       const char *what)
{
    uint64_t call = atomic_fetch_add_explicit(&graph->context->next_id, 1, memory_order_relaxed);
    if (shadows->context != graph->context) {
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the graph belongs to another context");
        return false;
    }
    if (!parameters || !tensors) {
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the parameters or their tensors are NULL");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!check_entry(shadows, op, graph, parameters[i], tensors[i], call, what))
            return false;
    }
    return true;
}
