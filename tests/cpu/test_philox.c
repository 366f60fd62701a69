/* Philox4x32-10 (cpu/philox.h): the published vectors of Random123, and words by position. */
#include "cpu/philox.h"

#include <criterion/criterion.h>
#include <string.h>

/* Source: Random123's kat_vectors, as Salmon et al. 2011 published them with the generators. */
Test(philox, published_vectors)
{
    static const struct {
        uint32_t counter[4], key[2], block[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint32_t block[4];
        bl__philox(known[i].counter, known[i].key, block);
        cr_expect_eq(memcmp(block, known[i].block, sizeof(block)), 0, "vector %zu", i);
    }
}

/* The counter holds 48 bits of the block, 48 of the run and 32 of the stream; the key is the seed. */
Test(philox, words_of_a_draw)
{
    const bl__draw draw = {.seed = 0x0123456789abcdef, .run = 0xa1b2c3d4e5f6, .stream = 0x87654321};
    const uint64_t first = 0x7fffffffffe;
    uint32_t words[4 * 21];
    bl__philox_words(&draw, first, 21, words);
    for (uint64_t i = 0; i < 21; i++) {
        uint64_t index = first + i;
        uint32_t counter[4] = {(uint32_t)index, 0xe5f60000u | (uint32_t)(index >> 32), 0xa1b2c3d4u,
                               0x87654321};
        uint32_t key[2] = {0x89abcdef, 0x01234567}, block[4];
        bl__philox(counter, key, block);
        cr_expect_eq(memcmp(block, words + 4 * i, sizeof(block)), 0, "block %d", (int)i);
    }
}

/* However a draw is cut, a block is the same; neighbours in seed, run or stream give other words. */
Test(philox, words_by_position)
{
    bl__draw draw = {.seed = 7, .run = 5, .stream = 3};
    uint32_t whole[4 * 40], part[4 * 40];
    bl__philox_words(&draw, 100, 40, whole);
    for (int64_t start = 0; start < 40; start += 3)
        for (int64_t count = 1; count <= 40 - start; count += 5) {
            memset(part, 0, sizeof(part));
            bl__philox_words(&draw, 100 + (uint64_t)start, count, part);
            cr_assert_eq(memcmp(part, whole + 4 * start, 16 * (size_t)count), 0);
            cr_assert(4 * count == 4 * 40 || part[4 * count] == 0, "more was written than was asked for");
        }
    const bl__draw others[] = {{6, 5, 3}, {7, 4, 3}, {7, 5, 2}, {3, 5, 7}, {7, 3, 5}};
    for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
        int equal = 0;
        bl__philox_words(&others[k], 100, 40, part);
        for (int i = 0; i < 4 * 40; i++)
            equal += part[i] == whole[i];
        cr_expect_eq(equal, 0);
    }
}
