/* Private. Random words by position: Philox4x32-10, a bijection of 128-bit counters under a 64-bit key, so
 * that any word of any draw is had without those before it. Source: Salmon, Moraes, Dror and Shaw 2011,
 * "Parallel Random Numbers: As Easy as 1, 2, 3". */
#ifndef BOWLINE_CPU_PHILOX_H
#define BOWLINE_CPU_PHILOX_H

#include <stdint.h>

enum {
    BL__PHILOX_WORDS = 4 /* of a block */
};

/* Which draw the words belong to. Two draws of one seed that differ in run or stream share no block, as long
 * as run < 2^48, stream < 2^32 and the blocks of a draw number fewer than 2^48. */
typedef struct bl__draw {
    uint64_t seed, run, stream;
} bl__draw;

/* Block `counter` under `key`. */
void bl__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t block[4]);

/* The words of `count` blocks of a draw from block `first` on. */
void bl__philox_words(const bl__draw *draw, uint64_t first, int64_t count, uint32_t *words);

#endif
