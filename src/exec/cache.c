/* The programs that nobody holds, kept for the next compile of the same: found by hash, dropped oldest first.
 */
#include "exec/cache.h"

bool bl__cache_is_on(const bl_context *context)
{
    return context->cache.most_programs > 0;
}

static bl__pattern **bucket_of(bl__cache *cache, uint64_t hash)
{
    return &cache->buckets[hash >> 32 & (BL__CACHE_BUCKETS - 1)];
}

/* ---- going in and out ---- */

static void unlink_pattern(bl__cache *cache, bl__pattern *pattern)
{
    bl__pattern **at = bucket_of(cache, pattern->hash);
    while (*at != pattern)
        at = &(*at)->next;
    *at = pattern->next;
    *(pattern->newer ? &pattern->newer->older : &cache->newest) = pattern->older;
    *(pattern->older ? &pattern->older->newer : &cache->oldest) = pattern->newer;
    cache->info.programs--;
    cache->info.bytes -= pattern->bytes;
}

static void link_pattern(bl__cache *cache, bl__pattern *pattern)
{
    bl__pattern **bucket = bucket_of(cache, pattern->hash);
    pattern->next = *bucket;
    *bucket = pattern;
    pattern->newer = NULL;
    pattern->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = pattern;
    cache->newest = pattern;
    cache->info.programs++;
    cache->info.bytes += pattern->bytes;
}

static void drop_oldest(bl__cache *cache)
{
    bl__pattern *pattern = cache->oldest;
    unlink_pattern(cache, pattern);
    bl__program_destroy(pattern->program);
}

static void clear(bl_context *context)
{
    while (context->cache.oldest)
        drop_oldest(&context->cache);
}

/* ---- programs ---- */

static size_t bytes_of(const bl_program *p)
{
    size_t bytes = sizeof(*p) + bl__arena_bytes(&p->arena) + p->planned_bytes + p->scratch_bytes +
                   p->instruction_capacity * sizeof(*p->instructions) +
                   p->operand_capacity * sizeof(*p->operands) + p->storage_capacity * sizeof(*p->storages) +
                   p->state_capacity * sizeof(*p->states) + p->input_capacity * sizeof(*p->inputs) +
                   p->output_capacity * sizeof(*p->outputs) + p->effect_capacity * sizeof(*p->effects) +
                   p->leaf_capacity * sizeof(*p->leaves);
    for (size_t i = 0; i < p->input_count; i++)
        bytes += p->inputs[i].copy ? p->inputs[i].bytes : 0;
    for (size_t i = 0; i < p->state_count; i++)
        bytes += p->states[i].copy_bytes;
    return bytes;
}

/* Lets go of what belongs to the holder, the caller's memory and the parameters, and forgets the runs and
 * their times. */
static void let_go(bl_program *p)
{
    for (size_t i = 0; i < p->input_count; i++) {
        bl__input *input = &p->inputs[i];
        p->resolved = p->resolved && input->data == input->copy;
        input->data = input->copy;
        input->set = false;
    }
    for (size_t i = 0; i < p->state_count; i++) {
        bl__parameter_release(p->states[i].parameter);
        p->states[i].parameter = NULL;
    }
    bl__profile_free(p);
    p->profile = (bl__profile){.timings = NULL};
    p->ran = false;
    p->finding = (bl_not_finite){.kind = BL_NOT_FINITE_NOTHING};
    if (p->head.error.code != BL_OK)
        p->head.error = (bl_error){.code = BL_OK};
}

bool bl__cache_put(bl_program *program)
{
    bl__pattern *pattern = program->pattern;
    bl__cache *cache = &program->head.context->cache;
    if (!pattern)
        return false;
    pattern->bytes = bytes_of(program);
    if (pattern->bytes > cache->most_bytes)
        return false;
    let_go(program);
    link_pattern(cache, pattern);
    while (cache->info.programs > cache->most_programs || cache->info.bytes > cache->most_bytes)
        drop_oldest(cache);
    cache->clear = clear;
    return true;
}

bl_program *bl__cache_take(bl_context *context, bl_tensor *const *outputs, size_t count,
                           const bl_compile_options *options)
{
    bl__cache *cache = &context->cache;
    if (!bl__cache_is_on(context))
        return NULL;
    uint64_t hash = bl__pattern_hash(outputs, count, options);
    for (bl__pattern *pattern = *bucket_of(cache, hash); pattern; pattern = pattern->next) {
        if (pattern->hash != hash || !bl__pattern_matches(pattern, outputs, count, options))
            continue;
        unlink_pattern(cache, pattern);
        cache->info.hits++;
        bl__pattern_adopt(pattern, outputs, count);
        bl__context_retain(context);
        return pattern->program;
    }
    return NULL;
}

/* ---- what can be asked ---- */

bl_cache_info bl_context_cache_info(const bl_context *context)
{
    return context ? context->cache.info : (bl_cache_info){.hits = 0};
}

void bl_context_cache_clear(bl_context *context)
{
    if (context)
        clear(context);
}
