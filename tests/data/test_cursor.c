/* The order of examples. */
#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(cursor, permutations)
{
    static bool seen[5000];
    for (int64_t count = 1; count < 5000; count = count < 70 ? count + 1 : count * 3 + 1) {
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            memset(seen, 0, sizeof seen);
            for (int64_t i = 0; i < count; i++) {
                int64_t at = bl_shuffled(7, epoch, count, i);
                cr_assert(at >= 0 && at < count && !seen[at], "%d of %d", (int)i, (int)count);
                seen[at] = true;
            }
        }
    }
    cr_assert_eq(bl_shuffled(7, 0, 10, 10), -1);
    cr_assert_eq(bl_shuffled(7, 0, 10, -1), -1);
    cr_assert_eq(bl_shuffled(7, 0, 0, 0), -1);
    int64_t far = bl_shuffled(7, INT64_MAX, INT64_MAX, INT64_MAX - 1);
    cr_assert(far >= 0 && far < INT64_MAX);
}

/* Where element 0 goes, over many seeds and epochs: each place about as often as any (chi-squared, 9 degrees
 * of freedom: beyond 33.7 once in 10000 fair draws). And neighbours do not stay together. */
Test(cursor, looks_random)
{
    enum {
        PLACES = 10,
        DRAWS = 20000
    };
    for (int way = 0; way < 3; way++) {
        int hits[PLACES] = {0};
        for (int i = 0; i < DRAWS; i++) {
            uint64_t seed = way == 0 ? (uint64_t)i : 3;
            int64_t epoch = way == 1 ? i : 2, index = way == 2 ? i : 0;
            int64_t count = way == 2 ? DRAWS : PLACES;
            int64_t at = bl_shuffled(seed, epoch, count, index);
            if (way < 2)
                hits[at]++;
            else
                hits[(bl_shuffled(seed, epoch, count, (index + 1) % DRAWS) - at + count) % count * PLACES /
                     DRAWS]++;
        }
        double squared = 0, expected = DRAWS / (double)PLACES;
        for (int i = 0; i < PLACES; i++)
            squared += (hits[i] - expected) * (hits[i] - expected) / expected;
        cr_assert(squared < 33.7, "way %d: %g", way, squared);
    }
}

Test(cursor, batches_and_epochs)
{
    enum {
        COUNT = 11,
        BATCH = 3
    };
    bl_cursor cursor = bl_cursor_start(5);
    int64_t got[BATCH];
    for (int64_t step = 0; step < 7; step++) {
        cr_assert_eq(bl_cursor_next(&cursor, COUNT, BATCH, BL_ORDER_SEQUENTIAL, got), BL_OK);
        for (int i = 0; i < BATCH; i++)
            cr_assert_eq(got[i], step % 3 * BATCH + i); /* the last two are dropped */
        cr_assert(cursor.epoch == step / 3 && cursor.position == (step % 3 + 1) * BATCH);
    }
    cursor = bl_cursor_start(5);
    bool seen[2][COUNT] = {{false}};
    int64_t first[2][BATCH];
    for (int step = 0; step < 6; step++) {
        cr_assert_eq(bl_cursor_next(&cursor, COUNT, BATCH, BL_ORDER_SHUFFLED, got), BL_OK);
        if (step % 3 == 0)
            memcpy(first[step / 3], got, sizeof got);
        for (int i = 0; i < BATCH; i++) {
            cr_assert_not(seen[step / 3][got[i]], "once an epoch");
            seen[step / 3][got[i]] = true;
        }
    }
    cr_assert(memcmp(first[0], first[1], sizeof got) != 0, "another order in each epoch");
    cursor = bl_cursor_start(0);
    for (int step = 0; step < 3; step++) {
        cr_assert_eq(bl_cursor_next(&cursor, COUNT, BATCH, BL_ORDER_STREAMS, got), BL_OK);
        for (int i = 0; i < BATCH; i++)
            cr_assert_eq(got[i], 3 * i + step);
    }
}

/* From any place: the same batches follow. */
Test(cursor, resumes_exactly)
{
    enum {
        COUNT = 100,
        BATCH = 7,
        STEPS = 40
    };
    int64_t all[STEPS][BATCH], got[BATCH];
    bl_cursor places[STEPS], cursor = bl_cursor_start(99);
    for (int i = 0; i < STEPS; i++) {
        places[i] = cursor;
        cr_assert_eq(bl_cursor_next(&cursor, COUNT, BATCH, BL_ORDER_SHUFFLED, all[i]), BL_OK);
    }
    for (int i = 0; i < STEPS; i++) {
        bl_cursor resumed = {
            .seed = places[i].seed, .epoch = places[i].epoch, .position = places[i].position};
        for (int k = i; k < STEPS; k++) {
            cr_assert_eq(bl_cursor_next(&resumed, COUNT, BATCH, BL_ORDER_SHUFFLED, got), BL_OK);
            cr_assert_eq(memcmp(got, all[k], sizeof got), 0, "from %d to %d", i, k);
        }
    }
}

Test(cursor, refusals)
{
    int64_t got[4];
    bl_cursor good = bl_cursor_start(1), cursor = good;
    cr_assert_eq(bl_cursor_next(NULL, 8, 4, BL_ORDER_SEQUENTIAL, got), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_cursor_next(&cursor, 8, 4, BL_ORDER_SEQUENTIAL, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_cursor_next(&cursor, 8, 0, BL_ORDER_SEQUENTIAL, got), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_cursor_next(&cursor, 3, 4, BL_ORDER_SEQUENTIAL, got), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_cursor_next(&cursor, 8, 4, (bl_order)9, got), BL_ERR_ARGUMENT);
    cr_assert_eq(memcmp(&cursor, &good, sizeof good), 0);
    cursor.position = -1;
    cr_assert_eq(bl_cursor_next(&cursor, 8, 4, BL_ORDER_SEQUENTIAL, got), BL_ERR_ARGUMENT);
    cursor = (bl_cursor){.epoch = INT64_MAX, .position = 8};
    cr_assert_eq(bl_cursor_next(&cursor, 8, 4, BL_ORDER_SEQUENTIAL, got), BL_ERR_ARGUMENT);
    cursor = (bl_cursor){.position = INT64_MAX}; /* from a larger set: a new epoch */
    cr_assert_eq(bl_cursor_next(&cursor, 8, 4, BL_ORDER_SEQUENTIAL, got), BL_OK);
    cr_assert(cursor.epoch == 1 && cursor.position == 4);
}
