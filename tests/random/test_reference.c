/* The generator against PyTorch's: long and short calls of every kind, one after another, bit for bit. */
#include "reference_calls.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bl_status draw(bl_rng *rng, const reference_call *call, void *values)
{
    uint32_t *words = values;
    switch (call->kind) {
    case SEED:
        bl_rng_seed(rng, call->seed);
        return BL_OK;
    case NEXT:
        for (size_t i = 0; i < call->count; i++)
            words[i] = bl_rng_next(rng);
        return BL_OK;
    case RANDINT:
        return bl_rng_randint(rng, call->low, call->high, values, call->count);
    case RANDPERM:
        return bl_rng_randperm(rng, values, call->count);
    case UNIFORM_F32:
        return bl_rng_uniform_f32(rng, call->real[0], call->real[1], values, call->count);
    case UNIFORM_F64:
        return bl_rng_uniform_f64(rng, call->real[0], call->real[1], values, call->count);
    case NORMAL_F32:
        return bl_rng_normal_f32(rng, call->real[0], call->real[1], values, call->count);
    case NORMAL_F64:
        return bl_rng_normal_f64(rng, call->real[0], call->real[1], values, call->count);
    case STATE:
        return bl_rng_get_state(rng, values, call->count * 8);
    }
    return BL_ERR_UNSUPPORTED;
}

static size_t value_size(reference_kind kind)
{
    return kind == NEXT || kind == UNIFORM_F32 || kind == NORMAL_F32 ? 4 : 8;
}

static uint64_t value_bits(const void *values, size_t size, size_t i)
{
    uint32_t narrow;
    uint64_t wide;
    if (size == sizeof(wide)) {
        memcpy(&wide, (const char *)values + i * size, size);
        return wide;
    }
    memcpy(&narrow, (const char *)values + i * size, size);
    return narrow;
}

static uint64_t checksum(const void *values, size_t size, size_t count)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = value_bits(values, size, i);
        for (size_t byte = 0; byte < size; byte++)
            hash = (hash ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3U;
    }
    return hash;
}

static void replay(const char *name, const reference_call *calls, size_t count)
{
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 0);
    for (size_t i = 0; i < count; i++) {
        const reference_call *call = &calls[i];
        size_t size = value_size(call->kind);
        void *values = malloc(call->count * size + 1);
        cr_assert_eq(draw(rng, call, values), BL_OK, "%s[%zu]", name, i);
        for (size_t j = 0; j < 3 && j < call->count; j++)
            cr_assert_eq(value_bits(values, size, j), call->first[j], "%s[%zu]: value %zu differs", name, i,
                         j);
        cr_assert(call->kind == SEED || checksum(values, size, call->count) == call->sum,
                  "%s[%zu]: the checksum differs", name, i);
        free(values);
    }
    bl_rng_free(rng);
    bl_context_free(context);
}

#define REPLAY(name) replay(#name, reference_##name, sizeof(reference_##name) / sizeof(reference_##name[0]))

/* The C library picks its log, sin and cos by the processor, and those without fma round a few in ten
 * thousand values otherwise than they did where the reference was made. */
static void skip_without_fma(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (!__builtin_cpu_supports("fma"))
        cr_skip_test("the reference values are those of a processor with fma");
#endif
}

Test(random, engine)
{
    REPLAY(engine);
}

Test(random, integers)
{
    REPLAY(integers);
    REPLAY(permutations);
}

Test(random, uniforms)
{
    REPLAY(uniforms);
}

Test(random, normals_of_every_size)
{
    skip_without_fma();
    REPLAY(normal_sizes);
}

Test(random, value_kept_back)
{
    skip_without_fma();
    REPLAY(kept_value);
}

Test(random, mixed_calls)
{
    skip_without_fma();
    REPLAY(mixed);
}

Test(random, long_runs)
{
    skip_without_fma();
    REPLAY(long_runs);
}
