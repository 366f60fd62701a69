/* The context: the allocator, the last error, and the count of what was made from it. */
#include "graph/context.h"

bl_context_options bl_context_defaults(void)
{
    return (bl_context_options){.allocator = bl__default_allocator(),
                                .threads = bl__available_cpus(),
                                .cached_programs = 64,
                                .cached_bytes = (size_t)64 << 20,
                                .instruction_set = BL_ISA_DEFAULT};
}

bl_context *bl_context_new(const bl_context_options *options)
{
    bl_context_options chosen = options ? *options : bl_context_defaults();
    if (!chosen.allocator.allocate || !chosen.allocator.release || chosen.threads < 1 ||
        (unsigned)chosen.instruction_set >= BL_ISA_COUNT)
        return NULL;
    bl_context *context = bl__allocate(&chosen.allocator, 1, sizeof(*context));
    if (!context)
        return NULL;
    context->allocator = chosen.allocator;
    context->threads = chosen.threads;
    context->instruction_set = chosen.instruction_set;
    atomic_init(&context->references, 1);
    atomic_init(&context->next_id, 1);
    context->failed_program.context = context;
    context->cache.most_programs = chosen.cached_programs;
    context->cache.most_bytes = chosen.cached_bytes;
    return context;
}

bl__pool *bl__context_pool(bl_context *context, int threads)
{
    if (context->pool && bl__pool_threads(context->pool) >= threads)
        return context->pool;
    bl__pool *pool = bl__pool_new(&context->allocator, threads);
    if (!pool)
        return NULL;
    bl__pool_free(context->pool);
    context->pool = pool;
    return pool;
}

int bl_context_threads(const bl_context *context)
{
    return context ? context->threads : 0;
}

void bl_context_free(bl_context *context)
{
    if (context)
        bl__context_release(context);
}

bl_context *bl__context_retain(bl_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void bl__context_release(bl_context *context)
{
    if (atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) > 1)
        return;
    if (context->cache.clear)
        context->cache.clear(context);
    bl_allocator allocator = context->allocator;
    bl__pool_free(context->pool);
    bl__release(&allocator, context, 1, sizeof(*context));
}

const bl_error *bl_context_error(const bl_context *context)
{
    static const bl_error no_context = {.code = BL_ERR_ARGUMENT, .message = "the context is NULL"};
    return context ? &context->error : &no_context;
}

void bl_context_clear_error(bl_context *context)
{
    if (context)
        context->error = (bl_error){.code = BL_OK};
}
