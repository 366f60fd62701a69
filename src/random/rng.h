/* Private. The state of the host's generator: MT19937, and the normal value that the short path keeps back.
 */
#ifndef BOWLINE_RANDOM_RNG_H
#define BOWLINE_RANDOM_RNG_H

#include "bowline/random.h"
#include "graph/context.h"

#include <stdbool.h>

#define BL__RNG_WORDS 624

struct bl_rng {
    bl_context *context;
    uint64_t seed; /* only told on */
    uint32_t state[BL__RNG_WORDS];
    uint32_t next; /* index of the next word; BL__RNG_WORDS: the state must be twisted first */
    bool is_new;   /* it has not been twisted since it was seeded */
    bool has_normal;
    double normal; /* the second value of the last pair below 16 elements, before scale and shift; shared by
                      both dtypes, kept across every other kind of draw, dropped by a new seed */
};

/* Makes the next BL__RNG_WORDS words of the state. */
void bl__rng_twist(bl_rng *rng);

/* One draw: the next word, tempered. */
static inline uint32_t bl__rng_word(bl_rng *rng)
{
    if (rng->next == BL__RNG_WORDS)
        bl__rng_twist(rng);
    uint32_t word = rng->state[rng->next++];
    word ^= word >> 11;
    word ^= word << 7 & 0x9d2c5680U;
    word ^= word << 15 & 0xefc60000U;
    return word ^ word >> 18;
}

/* Two draws as one number, the first one on top. */
static inline uint64_t bl__rng_words(bl_rng *rng)
{
    uint64_t upper = bl__rng_word(rng);
    return upper << 32 | bl__rng_word(rng);
}

/* Uniforms in [0, 1): multiples of 2^-24 and of 2^-53. */
static inline float bl__rng_unit_f32(bl_rng *rng)
{
    return (float)(bl__rng_word(rng) & 0xffffffU) * 0x1p-24F;
}

static inline double bl__rng_unit_f64(bl_rng *rng)
{
    return (double)(bl__rng_words(rng) & 0x1fffffffffffffU) * 0x1p-53;
}

/* Reads BL_RNG_STATE_BYTES bytes into a generator, but for its context; false when they are no state, and
 * then the generator is none any more. */
bool bl__rng_take_state(bl_rng *rng, const void *state);

/* Reports BL_ERR_ARGUMENT for the function bl_OP; `rng` may be NULL. */
bl_status bl__rng_fail(bl_rng *rng, const char *op, const char *complaint);
/* Whether there are a generator and, unless count is 0, an array; reports it when not. */
bool bl__rng_ready(bl_rng *rng, const char *op, const void *values, size_t count);

/* Box and Muller on blocks of 16 single-precision uniforms each, in place: see normal_block.c. */
void bl__rng_normal_blocks_f32(float *values, size_t blocks, float mean, float deviation);
/* The same without any machine's instructions: what the other one comes down to, and the same bits. */
void bl__rng_normal_blocks_plain_f32(float *values, size_t blocks, float mean, float deviation);

#endif
