/* The state of the host's generator as bytes: those of PyTorch's CPU generator, which are the memory of a C
 * struct with 64-bit alignment:
 *
 *   0     u64  seed                          5016  u64  0 (unused)
 *   8     i32  words until the next twist    5024  f64  the normal value kept back
 *   12    i32  1: seeded                     5032  u64  0 (unused)
 *   16    u64  index of the next word        5040  i32  1: there is one
 *   24    u64  the words, 624                5048  f32, bool  the same of single precision, never used
 * in 1.13
 */
#include "random/rng.h"

#include <math.h>
#include <string.h>

enum {
    AT_LEFT = 8,
    AT_SEEDED = 12,
    AT_NEXT = 16,
    AT_WORDS = 24,
    AT_NORMAL = 5024,
    AT_HAS_NORMAL = 5040,
    AT_HAS_SINGLE = 5052
};

/* `size` bytes of a number, the lowest first. */
static void put(unsigned char *at, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *at, int size)
{
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

bl_status bl_rng_get_state(const bl_rng *rng, void *state, size_t bytes)
{
    unsigned char *to = state;
    uint64_t normal;
    if (!rng || !state || bytes != BL_RNG_STATE_BYTES)
        return bl__report(rng ? rng->context : NULL, NULL, BL_ERR_ARGUMENT, "rng_get_state", NULL, "%s",
                          !rng     ? "the generator is NULL"
                          : !state ? "the array is NULL"
                                   : "a state is 5056 bytes");
    memset(to, 0, BL_RNG_STATE_BYTES);
    put(to, rng->seed, 8);
    put(to + AT_LEFT, rng->next == BL__RNG_WORDS ? 1 : BL__RNG_WORDS + 1 - rng->next, 4);
    put(to + AT_SEEDED, 1, 4);
    put(to + AT_NEXT, rng->is_new ? 0 : rng->next, 8);
    for (int i = 0; i < BL__RNG_WORDS; i++)
        put(to + AT_WORDS + 8 * i, rng->state[i], 8);
    if (rng->has_normal) {
        memcpy(&normal, &rng->normal, sizeof(normal));
        put(to + AT_NORMAL, normal, 8);
        put(to + AT_HAS_NORMAL, 1, 4);
    }
    return BL_OK;
}

bool bl__rng_take_state(bl_rng *rng, const void *state)
{
    const unsigned char *from = state;
    uint64_t left = get(from + AT_LEFT, 4), next = get(from + AT_NEXT, 8), normal = get(from + AT_NORMAL, 8);
    uint64_t has_normal = get(from + AT_HAS_NORMAL, 4);
    rng->is_new = left == 1 && next == 0;
    if (get(from + AT_SEEDED, 4) != 1 || has_normal > 1 || from[AT_HAS_SINGLE] != 0 || left < 1 ||
        left > BL__RNG_WORDS || (!rng->is_new && left + next != BL__RNG_WORDS + 1))
        return false;
    rng->seed = get(from, 8);
    rng->next = rng->is_new ? BL__RNG_WORDS : (uint32_t)next;
    for (int i = 0; i < BL__RNG_WORDS; i++) {
        uint64_t word = get(from + AT_WORDS + 8 * i, 8);
        if (word > UINT32_MAX)
            return false;
        rng->state[i] = (uint32_t)word;
    }
    rng->has_normal = has_normal == 1;
    rng->normal = 0;
    if (rng->has_normal)
        memcpy(&rng->normal, &normal, sizeof(normal));
    return isfinite(rng->normal);
}

bl_status bl_rng_set_state(bl_rng *rng, const void *state, size_t bytes)
{
    if (!bl__rng_ready(rng, "rng_set_state", state, 1))
        return BL_ERR_ARGUMENT;
    bl_rng taken = {.context = rng->context};
    if (bytes != BL_RNG_STATE_BYTES)
        return bl__rng_fail(rng, "rng_set_state", "a state is 5056 bytes");
    if (!bl__rng_take_state(&taken, state))
        return bl__rng_fail(rng, "rng_set_state", "the bytes are no state of a generator");
    *rng = taken;
    return BL_OK;
}
