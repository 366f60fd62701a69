/* The order of examples: a cursor of three numbers, and permutations that need no memory. */
#include "bowline/data.h"

enum {
    ROUNDS = 8
};

/* A bijection of 64 bits in which each depends on all (the finalizer of SplitMix64: Steele et al. 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A Feistel network over 2 * half bits: a bijection whatever the round's function is. */
static uint64_t permute(uint64_t x, int half, uint64_t key)
{
    uint64_t mask = (UINT64_C(1) << half) - 1, left = x >> half, right = x & mask;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        uint64_t next = left ^ (mix(right + mix(key + round * UINT64_C(0x9e3779b97f4a7c15))) & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

int64_t bl_shuffled(uint64_t seed, int64_t epoch, int64_t count, int64_t index)
{
    if (index < 0 || index >= count)
        return -1;
    int half = 1;
    while (half < 32 && UINT64_C(1) << 2 * half < (uint64_t)count)
        half++;
    uint64_t key = mix(seed ^ mix((uint64_t)epoch + 1)), x = (uint64_t)index;
    do { /* along its cycle to the next that is in range: fewer than 4 steps on average */
        x = permute(x, half, key);
    } while (x >= (uint64_t)count);
    return (int64_t)x;
}

bl_cursor bl_cursor_start(uint64_t seed)
{
    return (bl_cursor){.seed = seed};
}

bl_status bl_cursor_next(bl_cursor *cursor, int64_t count, int64_t batch, bl_order order, int64_t *examples)
{
    if (!cursor || !examples || batch < 1 || count < batch || cursor->epoch < 0 || cursor->position < 0 ||
        order < BL_ORDER_SEQUENTIAL || order > BL_ORDER_STREAMS)
        return BL_ERR_ARGUMENT;
    if (cursor->position > count - batch) { /* an epoch has ended */
        if (cursor->epoch == INT64_MAX)
            return BL_ERR_ARGUMENT;
        cursor->epoch++;
        cursor->position = 0;
    }
    for (int64_t i = 0; i < batch; i++) {
        int64_t at = cursor->position + i;
        if (order == BL_ORDER_SHUFFLED)
            at = bl_shuffled(cursor->seed, cursor->epoch, count, at);
        else if (order == BL_ORDER_STREAMS)
            at = i * (count / batch) + cursor->position / batch;
        examples[i] = at;
    }
    cursor->position += batch;
    return BL_OK;
}
