/* The engine of the host's generator: MT19937 (Matsumoto and Nishimura 1998), its life and its argument
 * checks.
 */
#include "random/rng.h"

enum {
    MIDDLE = 397, /* m: how far ahead the word lies that is mixed in */
};

/* The lower 32 bits seed, as in PyTorch: x[0] = seed, x[i] = 1812433253 (x[i-1] ^ x[i-1] >> 30) + i. */
static void seed_state(bl_rng *rng, uint64_t seed)
{
    rng->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < BL__RNG_WORDS; i++) {
        uint32_t previous = rng->state[i - 1];
        rng->state[i] = 1812433253U * (previous ^ previous >> 30) + i;
    }
    rng->seed = seed;
    rng->next = BL__RNG_WORDS;
    rng->is_new = true;
    rng->has_normal = false;
    rng->normal = 0;
}

/* x[i] = x[i+m] ^ (upper bit of x[i], lower bits of x[i+1]) A; a row vector times A is a shift to the right,
 * and A's last row added where the lowest bit was 1. */
static uint32_t twisted(uint32_t word, uint32_t following, uint32_t ahead)
{
    uint32_t joined = (word & 0x80000000U) | (following & 0x7fffffffU);
    return ahead ^ joined >> 1 ^ ((0U - (joined & 1U)) & 0x9908b0dfU);
}

/* Three stretches instead of indices modulo the state's length. */
void bl__rng_twist(bl_rng *rng)
{
    uint32_t *x = rng->state;
    uint32_t i = 0;
    for (; i < BL__RNG_WORDS - MIDDLE; i++)
        x[i] = twisted(x[i], x[i + 1], x[i + MIDDLE]);
    for (; i < BL__RNG_WORDS - 1; i++)
        x[i] = twisted(x[i], x[i + 1], x[i + MIDDLE - BL__RNG_WORDS]);
    x[i] = twisted(x[i], x[0], x[MIDDLE - 1]);
    rng->next = 0;
    rng->is_new = false;
}

bl_rng *bl_rng_new(bl_context *context, uint64_t seed)
{
    if (!context)
        return NULL;
    bl_rng *rng = bl__allocate(&context->allocator, 1, sizeof(*rng));
    if (!rng) {
        bl__report(context, NULL, BL_ERR_MEMORY, "rng_new", NULL, "no memory for a generator");
        return NULL;
    }
    rng->context = bl__context_retain(context);
    seed_state(rng, seed);
    return rng;
}

void bl_rng_free(bl_rng *rng)
{
    if (!rng)
        return;
    bl_context *context = rng->context;
    bl__release(&context->allocator, rng, 1, sizeof(*rng));
    bl__context_release(context);
}

void bl_rng_seed(bl_rng *rng, uint64_t seed)
{
    if (rng)
        seed_state(rng, seed);
}

uint32_t bl_rng_next(bl_rng *rng)
{
    return rng ? bl__rng_word(rng) : 0;
}

bl_status bl__rng_fail(bl_rng *rng, const char *op, const char *complaint)
{
    return bl__report(rng ? rng->context : NULL, NULL, BL_ERR_ARGUMENT, op, NULL, "%s", complaint);
}

bool bl__rng_ready(bl_rng *rng, const char *op, const void *values, size_t count)
{
    if (rng && (values || count == 0))
        return true;
    bl__rng_fail(rng, op, rng ? "the array is NULL" : "the generator is NULL");
    return false;
}
