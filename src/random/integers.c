/* Integers from the host's generator: randint and randperm. */
#include "random/rng.h"

bl_status bl_rng_randint(bl_rng *rng, int64_t low, int64_t high, int64_t *values, size_t count)
{
    if (!bl__rng_ready(rng, "rng_randint", values, count))
        return BL_ERR_ARGUMENT;
    if (low >= high)
        return bl__rng_fail(rng, "rng_randint", "low must be less than high");
    /* Unsigned, since high - low may be more than an int64_t holds; so may draw + low on its way. */
    uint64_t range = (uint64_t)high - (uint64_t)low;
    bool wide = range > UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        uint64_t draw = wide ? bl__rng_words(rng) : bl__rng_word(rng);
        values[i] = (int64_t)(draw % range + (uint64_t)low);
    }
    return BL_OK;
}

/* Fisher and Yates, from the front: value i changes places with one at or after it. */
bl_status bl_rng_randperm(bl_rng *rng, int64_t *values, size_t count)
{
    if (!bl__rng_ready(rng, "rng_randperm", values, count))
        return BL_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        values[i] = (int64_t)i;
    for (size_t i = 0; i + 1 < count; i++) {
        size_t other = i + bl__rng_word(rng) % (count - i);
        int64_t value = values[i];
        values[i] = values[other];
        values[other] = value;
    }
    return BL_OK;
}
