/* The parameter: its life, its values, and who may touch them when. */
#include "graph/parameter.h"

#include <string.h>

char *bl__parameter_text(bl_context *context, const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *copy = bl__allocate(&context->allocator, bytes, 1);
    if (copy)
        memcpy(copy, name, bytes);
    return copy;
}

bl_parameter *bl__parameter_new(bl_context *context, const char *name, bl_dtype dtype, bl_shape shape,
                                bool buffer)
{
    const bl_allocator *allocator = &context->allocator;
    int64_t count = bl_shape_count(shape);
    size_t bytes = (size_t)count * bl_dtype_size(dtype);
    bl_parameter *parameter = bl__allocate(allocator, 1, sizeof(*parameter));
    char *text = bl__parameter_text(context, name);
    void *data = bytes > 0 ? bl__allocate_data(allocator, bytes) : NULL;
    if (!parameter || !text || (bytes > 0 && !data)) {
        bl__release_data(allocator, data, bytes);
        bl__release(allocator, text, strlen(name) + 1, 1);
        bl__release(allocator, parameter, 1, sizeof(*parameter));
        return NULL;
    }
    if (data)
        memset(data, 0, bytes);
    parameter->context = bl__context_retain(context);
    parameter->id = atomic_fetch_add_explicit(&context->next_id, 1, memory_order_relaxed);
    atomic_init(&parameter->references, 1);
    atomic_init(&parameter->users, 0);
    atomic_init(&parameter->generation, 0);
    parameter->name = text;
    parameter->data = data;
    parameter->bytes = bytes;
    parameter->count = count;
    parameter->shape = shape;
    parameter->dtype = dtype;
    parameter->device = BL__DEVICE_CPU;
    parameter->buffer = buffer;
    parameter->trainable = !buffer;
    return parameter;
}

bl_parameter *bl__parameter_retain(bl_parameter *parameter)
{
    atomic_fetch_add_explicit(&parameter->references, 1, memory_order_relaxed);
    return parameter;
}

void bl__parameter_release(bl_parameter *parameter)
{
    if (!parameter || atomic_fetch_sub_explicit(&parameter->references, 1, memory_order_acq_rel) > 1)
        return;
    bl_context *context = parameter->context;
    bl__release_data(&context->allocator, parameter->data, parameter->bytes);
    bl__release(&context->allocator, parameter->name, strlen(parameter->name) + 1, 1);
    bl__release(&context->allocator, parameter, 1, sizeof(*parameter));
    bl__context_release(context);
}

bool bl__parameter_enter(bl_parameter *parameter, bool write)
{
    int users = 0;
    if (write)
        return atomic_compare_exchange_strong_explicit(&parameter->users, &users, -1, memory_order_acquire,
                                                       memory_order_relaxed);
    users = atomic_load_explicit(&parameter->users, memory_order_relaxed);
    while (users >= 0) {
        if (atomic_compare_exchange_weak_explicit(&parameter->users, &users, users + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

void bl__parameter_leave(bl_parameter *parameter, bool write)
{
    if (write)
        atomic_store_explicit(&parameter->users, 0, memory_order_release);
    else
        atomic_fetch_sub_explicit(&parameter->users, 1, memory_order_release);
}

/* ---- what can be asked ---- */

const char *bl_parameter_name(const bl_parameter *parameter)
{
    return parameter ? parameter->name : "";
}

uint64_t bl_parameter_id(const bl_parameter *parameter)
{
    return parameter ? parameter->id : 0;
}

bl_shape bl_parameter_shape(const bl_parameter *parameter)
{
    return parameter ? parameter->shape : (bl_shape){.rank = -1};
}

bl_dtype bl_parameter_dtype(const bl_parameter *parameter)
{
    return parameter ? parameter->dtype : BL_DTYPE_COUNT;
}

bool bl_parameter_is_buffer(const bl_parameter *parameter)
{
    return parameter && parameter->buffer;
}

bool bl_parameter_trainable(const bl_parameter *parameter)
{
    return parameter && parameter->trainable;
}

void bl_parameter_set_trainable(bl_parameter *parameter, bool trainable)
{
    if (parameter && !parameter->buffer)
        parameter->trainable = trainable;
}

const void *bl_parameter_data(const bl_parameter *parameter)
{
    return parameter ? parameter->data : NULL;
}

/* ---- copying values ---- */

/* Checks a copy of `bytes` bytes and enters the parameter for it. */
static bl_status begin_copy(bl_parameter *parameter, const char *op, const void *data, size_t bytes,
                            bool write)
{
    if (!parameter)
        return BL_ERR_ARGUMENT;
    bl_context *context = parameter->context;
    if (!data && bytes > 0)
        return bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "%s: data is NULL", parameter->name);
    if (bytes != parameter->bytes)
        return bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL, "%s has %zu bytes, not %zu",
                          parameter->name, parameter->bytes, bytes);
    if (!bl__parameter_enter(parameter, write))
        return bl__report(context, NULL, BL_ERR_BUSY, op, NULL, "%s is in use by a run", parameter->name);
    return BL_OK;
}

bl_status bl_parameter_read(const bl_parameter *parameter, void *data, size_t bytes)
{
    bl_parameter *entered = (bl_parameter *)parameter; /* only its count of users changes */
    bl_status status = begin_copy(entered, "parameter_read", data, bytes, false);
    if (status != BL_OK)
        return status;
    if (bytes > 0)
        memcpy(data, parameter->data, bytes);
    bl__parameter_leave(entered, false);
    return BL_OK;
}

bl_status bl_parameter_write(bl_parameter *parameter, const void *data, size_t bytes)
{
    bl_status status = begin_copy(parameter, "parameter_write", data, bytes, true);
    if (status != BL_OK)
        return status;
    if (bytes > 0)
        memcpy(parameter->data, data, bytes);
    bl__parameter_leave(parameter, true);
    return BL_OK;
}
