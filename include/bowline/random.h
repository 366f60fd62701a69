/* The host's random generator: for a seed, the numbers that PyTorch 1.13's CPU generator draws on AVX2. */
#ifndef BOWLINE_RANDOM_H
#define BOWLINE_RANDOM_H

#include "context.h"

#include <stdint.h>

BL_BEGIN_DECLS

typedef struct bl_rng bl_rng;

enum {
    BL_RNG_STATE_BYTES = 5056 /* what bl_rng_get_state writes */
};

/* A generator seeded as torch.manual_seed(seed) seeds.
 * Returns: the generator, or NULL without memory or for a NULL context (then bl_context_error tells).
 * Errors: BL_ERR_MEMORY. Ownership: the caller's, until bl_rng_free. Threads: one at a time.
 * Source: Matsumoto and Nishimura 1998, "Mersenne Twister" (MT19937). */
BL_API bl_rng *bl_rng_new(bl_context *context, uint64_t seed);

/* Frees a generator; NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `rng`. Threads: one at a time. */
BL_API void bl_rng_free(bl_rng *rng);

/* Starts the sequence of a seed anew.
 * Returns: nothing. Errors: none. Ownership: unchanged. Threads: one at a time. */
BL_API void bl_rng_seed(bl_rng *rng, uint64_t seed);

/* One 32-bit draw of the engine; 0 for NULL.
 * Returns: the draw. Errors: none. Ownership: none. Threads: one at a time. */
BL_API uint32_t bl_rng_next(bl_rng *rng);

/* Writes all that the draws to come depend on, as torch.Generator.get_state writes it: little-endian, the
 * same bytes. Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL, or `bytes` is not
 * BL_RNG_STATE_BYTES). Ownership: the array stays the caller's. Threads: one at a time. Source: PyTorch 1.13,
 * aten/src/ATen/CPUGeneratorImpl.cpp. */
BL_API bl_status bl_rng_get_state(const bl_rng *rng, void *state, size_t bytes);

/* Goes on where the state was written, here or by torch.Generator.get_state.
 * Returns: BL_OK or an error, and then the generator is as it was. Errors: BL_ERR_ARGUMENT (NULL, another
 * number of bytes, or they are no state). Ownership: the array stays the caller's. Threads: one at a time. */
BL_API bl_status bl_rng_set_state(bl_rng *rng, const void *state, size_t bytes);

/* `count` integers in [low, high), as torch.randint(low, high, (count,)).
 * Returns: BL_OK or an error, and then nothing is drawn. Errors: BL_ERR_ARGUMENT (NULL, or low >= high).
 * Ownership: the array stays the caller's. Threads: one at a time. */
BL_API bl_status bl_rng_randint(bl_rng *rng, int64_t low, int64_t high, int64_t *values, size_t count);

/* `count` floats in [low, high), as Tensor.uniform_(low, high) on a float32 tensor.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL, low > high, or a bound or high - low
 * not finite in float). Ownership: the array stays the caller's. Threads: one at a time. */
BL_API bl_status bl_rng_uniform_f32(bl_rng *rng, double low, double high, float *values, size_t count);

/* As bl_rng_uniform_f32 on a float64 tensor.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT. Ownership: the array stays the caller's.
 * Threads: one at a time. */
BL_API bl_status bl_rng_uniform_f64(bl_rng *rng, double low, double high, double *values, size_t count);

/* `count` floats as Tensor.normal_(mean, deviation) on a contiguous float32 tensor: both of its paths.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL, deviation < 0, or a not finite argument).
 * Ownership: the array stays the caller's. Threads: one at a time. Source: Box and Muller 1958. */
BL_API bl_status bl_rng_normal_f32(bl_rng *rng, double mean, double deviation, float *values, size_t count);

/* As bl_rng_normal_f32 on a float64 tensor.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT. Ownership: the array stays the caller's.
 * Threads: one at a time. Source: Box and Muller 1958. */
BL_API bl_status bl_rng_normal_f64(bl_rng *rng, double mean, double deviation, double *values, size_t count);

/* A permutation of 0..count-1, as torch.randperm(count).
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT. Ownership: the array stays the caller's.
 * Threads: one at a time. */
BL_API bl_status bl_rng_randperm(bl_rng *rng, int64_t *values, size_t count);

BL_END_DECLS

#endif
