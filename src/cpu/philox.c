/* Philox4x32-10, several blocks at a time. */
#include "cpu/philox.h"

#include <string.h>

enum {
    ROUNDS = 10,
    LANES = 8 /* blocks that are computed side by side, for the compiler to vectorise */
};

/* One round on LANES counters x[word][lane]; both products are exact in 64 bits. */
static void turn(uint32_t x[4][LANES], uint32_t key_0, uint32_t key_1)
{
    for (int i = 0; i < LANES; i++) {
        uint64_t a = (uint64_t)x[0][i] * 0xd2511f53u, b = (uint64_t)x[2][i] * 0xcd9e8d57u;
        x[0][i] = (uint32_t)(b >> 32) ^ x[1][i] ^ key_0;
        x[1][i] = (uint32_t)b;
        x[2][i] = (uint32_t)(a >> 32) ^ x[3][i] ^ key_1;
        x[3][i] = (uint32_t)a;
    }
}

/* The keys of the rounds step by the golden ratio and by sqrt(3) - 1, as fractions of 2^32. */
static void turn_all(uint32_t x[4][LANES], uint32_t key_0, uint32_t key_1)
{
    for (int round = 0; round < ROUNDS; round++) {
        turn(x, key_0, key_1);
        key_0 += 0x9e3779b9u;
        key_1 += 0xbb67ae85u;
    }
}

void bl__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t block[4])
{
    uint32_t x[4][LANES] = {{0}};
    for (int word = 0; word < 4; word++)
        x[word][0] = counter[word];
    turn_all(x, key[0], key[1]);
    for (int word = 0; word < 4; word++)
        block[word] = x[word][0];
}

/* The counter holds, from its lowest bit: 48 bits of the block, 48 of the run, 32 of the stream. */
static void count_from(const bl__draw *draw, uint64_t first, uint32_t x[4][LANES])
{
    for (int i = 0; i < LANES; i++) {
        uint64_t block = first + (uint64_t)i;
        x[0][i] = (uint32_t)block;
        x[1][i] = (uint32_t)(block >> 32 & 0xffffu) | (uint32_t)draw->run << 16;
        x[2][i] = (uint32_t)(draw->run >> 16);
        x[3][i] = (uint32_t)draw->stream;
    }
}

void bl__philox_words(const bl__draw *draw, uint64_t first, int64_t count, uint32_t *words)
{
    for (int64_t done = 0; done < count; done += LANES) {
        uint32_t x[4][LANES];
        int64_t lanes = count - done < LANES ? count - done : LANES;
        count_from(draw, first + (uint64_t)done, x);
        turn_all(x, (uint32_t)draw->seed, (uint32_t)(draw->seed >> 32));
        for (int64_t i = 0; i < lanes; i++)
            for (int word = 0; word < 4; word++)
                *words++ = x[word][i];
    }
}
