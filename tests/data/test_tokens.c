/* Files of tokens. */
#include "files.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(tokens, .init = open_folder, .fini = close_folder);

static void expect_error(bl_status status, const char *message)
{
    cr_assert(error_says(bl_context_error(context), status, message, NULL), "%s",
              error_text(bl_context_error(context)));
}

static bl_tokens *count_up(const char *name, int64_t count)
{
    int64_t values[200];
    for (int64_t i = 0; i < count; i++)
        values[i] = i;
    cr_assert_eq(bl_tokens_write(context, path_of(name), values, count, 200), BL_OK);
    bl_tokens *tokens = bl_tokens_open(context, path_of(name), NULL);
    cr_assert_not_null(tokens, "%s", error_text(bl_context_error(context)));
    return tokens;
}

Test(tokens, written_and_read)
{
    const struct {
        int64_t values[3], vocabulary;
        long size;
    } cases[] = {
        {{0, 65535, 3}, 0, 32 + 6},  {{0, 65536, 3}, 0, 32 + 12},      {{1, 2, 3}, 65536, 32 + 6},
        {{1, 2, 3}, 65537, 32 + 12}, {{4294967295, 0, 1}, 0, 32 + 12},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = path_of("t.bin");
        cr_assert_eq(bl_tokens_write(context, path, cases[i].values, 3, cases[i].vocabulary), BL_OK);
        FILE *file = fopen(path, "rb");
        fseek(file, 0, SEEK_END);
        cr_assert_eq(ftell(file), cases[i].size);
        fclose(file);
        bl_tokens *tokens = bl_tokens_open(context, path, NULL);
        int64_t got[3];
        cr_assert_eq(bl_tokens_read(tokens, 0, 3, got), BL_OK);
        cr_assert_eq(memcmp(got, cases[i].values, sizeof got), 0);
        cr_assert(bl_tokens_count(tokens) == 3 && bl_tokens_vocabulary(tokens) == cases[i].vocabulary);
        cr_assert_eq(bl_tokens_check(tokens), BL_OK);
        bl_tokens_free(tokens);
    }
    bl_tokens *empty = count_up("empty.bin", 0);
    cr_assert(bl_tokens_count(empty) == 0 && bl_tokens_check(empty) == BL_OK);
    bl_tokens_free(empty);
}

Test(tokens, the_format)
{
    const unsigned char file[] = {'B', 'L', 'T', 'O', 'K', 'E', 'N', 'S', 1, 0, 0, 0, 2, 0, 0, 0, 0x10, 0x27,
                                  0,   0,   0,   0,   0,   0,   2,   0,   0, 0, 0, 0, 0, 0, 7, 0, 0x0f, 0x27};
    bl_tokens *tokens = bl_tokens_open(context, write_file("a", file, sizeof file), NULL);
    int64_t got[2];
    cr_assert_eq(bl_tokens_read(tokens, 0, 2, got), BL_OK);
    cr_assert(got[0] == 7 && got[1] == 9999 && bl_tokens_vocabulary(tokens) == 10000);
    bl_tokens_free(tokens);
    bl_tokens_options raw = bl_tokens_defaults();
    raw.raw_bytes = 4;
    tokens = bl_tokens_open(context, write_file("b", file + 32, 4), &raw);
    cr_assert_eq(bl_tokens_read(tokens, 0, 1, got), BL_OK);
    cr_assert_eq(got[0], 7 + (int64_t)9999 * 65536);
    cr_assert_eq(bl_tokens_vocabulary(tokens), 0);
    bl_tokens_free(tokens);
}

static const unsigned char *header(unsigned version, unsigned bytes, uint64_t vocabulary, uint64_t count)
{
    static unsigned char made[64];
    memset(made, 0, sizeof made);
    memcpy(made, "BLTOKENS", 8);
    made[8] = (unsigned char)version;
    made[12] = (unsigned char)bytes;
    for (int i = 0; i < 8; i++) {
        made[16 + i] = (unsigned char)(vocabulary >> 8 * i);
        made[24 + i] = (unsigned char)(count >> 8 * i);
    }
    return made;
}

static void refuse(const void *bytes, size_t size, bl_tokens_options options, const char *message)
{
    cr_assert_null(bl_tokens_open(context, write_file("bad", bytes, size), &options));
    expect_error(BL_ERR_IO, message);
}

Test(tokens, refused_files)
{
    bl_tokens_options plain = bl_tokens_defaults(), raw = {.raw_bytes = 4}, few = {.vocabulary = 9};
    refuse("", 0, plain, "does not begin with the header of a file of tokens (raw_bytes opens one without)");
    refuse(header(1, 2, 0, 0), 31, plain, "does not begin with the header");
    refuse("BLTOKENZ________________________", 32, plain, "does not begin with the header");
    refuse(header(2, 2, 0, 0), 32, plain, "is of version 2, not 1");
    refuse(header(1, 3, 0, 0), 32, plain, "names tokens of 3 bytes and a vocabulary of 0");
    refuse(header(1, 2, (UINT64_C(1) << 32) + 1, 0), 32, plain, "a vocabulary of 4294967297");
    refuse(header(1, 2, 0, 3), 32 + 4, plain, "has 36 bytes, not those of its 3 tokens of 2");
    refuse(header(1, 2, 0, 2), 32 + 5, plain, "has 37 bytes, not those of its 2 tokens of 2");
    refuse(header(1, 2, 0, UINT64_C(1) << 63), 32, plain, "not those of its 9223372036854775808 tokens");
    refuse(header(1, 2, 10, 0), 32, few, "has a vocabulary of 10, more than 9");
    refuse("12345", 5, raw, "has 5 bytes, which is no number of tokens of 4");
    cr_assert_null(bl_tokens_open(context, path_of("none"), NULL));
    expect_error(BL_ERR_IO, "none: No such file or directory");
    cr_assert_null(bl_tokens_open(context, path_of(""), NULL));
    expect_error(BL_ERR_IO, "is no regular file");
    cr_assert_null(bl_tokens_open(context, NULL, NULL));
    cr_assert_null(bl_tokens_open(context, "x", &(bl_tokens_options){.raw_bytes = 3}));
    expect_error(BL_ERR_ARGUMENT, "raw_bytes is not 0, 2 or 4");
    cr_assert_null(bl_tokens_open(NULL, "x", NULL));
}

Test(tokens, beyond_the_vocabulary)
{
    int64_t values[] = {1, 2, 5, 3}, got[4];
    cr_assert_eq(bl_tokens_write(context, path_of("t"), values, 4, 5), BL_ERR_INDEX);
    expect_error(BL_ERR_INDEX, "bl_tokens_write: token 2 is 5, not from 0 to below 5");
    cr_assert_null(bl_tokens_open(context, path_of("t"), NULL), "nothing was written");
    cr_assert_eq(bl_tokens_write(context, path_of("t"), (int64_t[]){-1}, 1, 0), BL_ERR_INDEX);
    cr_assert_eq(bl_tokens_write(context, path_of("t"), (int64_t[]){4294967296}, 1, 0), BL_ERR_INDEX);
    cr_assert_eq(bl_tokens_write(context, path_of("t"), values, 4, 0), BL_OK);
    bl_tokens *tokens = bl_tokens_open(context, path_of("t"), &(bl_tokens_options){.vocabulary = 5});
    const char *message = "token 2 is 5, not below the vocabulary of 5";
    cr_assert_eq(bl_tokens_read(tokens, 0, 2, got), BL_OK);
    cr_assert_eq(bl_tokens_read(tokens, 1, 3, got), BL_ERR_INDEX);
    expect_error(BL_ERR_INDEX, message);
    cr_assert_eq(bl_tokens_check(tokens), BL_ERR_INDEX);
    expect_error(BL_ERR_INDEX, message);
    bl_cursor cursor = bl_cursor_start(0);
    bl_sequences pairs = {.batch = 1, .length = 2}; /* 2 is a target of the first */
    cr_assert_eq(bl_tokens_next(tokens, &pairs, &cursor, got, got + 2), BL_ERR_INDEX);
    cr_assert(cursor.position == 0 && cursor.epoch == 0, "the cursor has not moved");
    cr_assert_eq(bl_tokens_read(tokens, 2, 3, got), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_read(tokens, -1, 1, got), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_read(tokens, 5, 0, got), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_read(tokens, 0, 1, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_read(NULL, 0, 1, got), BL_ERR_ARGUMENT);
    bl_tokens_free(tokens);
    cr_assert_eq(bl_tokens_write(context, path_of("no/t"), values, 4, 0), BL_ERR_IO);
    cr_assert_eq(bl_tokens_write(context, "/dev/full", values, 0, 0), BL_ERR_IO);
    cr_assert_eq(bl_tokens_write(context, NULL, values, 4, 0), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_write(NULL, "x", values, 4, 0), BL_ERR_ARGUMENT);
}

Test(tokens, batches)
{
    bl_tokens *tokens = count_up("t", 100);
    for (int order = 0; order < 3; order++) {
        for (int64_t length = 1; length <= 7; length += 3) {
            bl_sequences sequences = {.batch = 4, .length = length, .order = (bl_order)order};
            int64_t count = bl_sequences_count(tokens, &sequences), inputs[28], targets[28], examples[4];
            cr_assert_eq(count, 99 / length);
            bl_cursor cursor = bl_cursor_start(11), same = cursor;
            for (int step = 0; step < 60; step++) {
                cr_assert_eq(bl_tokens_next(tokens, &sequences, &cursor, inputs, targets), BL_OK);
                cr_assert_eq(bl_cursor_next(&same, count, 4, sequences.order, examples), BL_OK);
                cr_assert_eq(memcmp(&cursor, &same, sizeof same), 0);
                for (int64_t i = 0; i < 4 * length; i++) {
                    cr_assert_eq(inputs[i], examples[i / length] * length + i % length);
                    cr_assert_eq(targets[i], inputs[i] + 1);
                }
            }
        }
    }
    bl_sequences overlapping = {.batch = 2, .length = 10, .stride = 3};
    cr_assert_eq(bl_sequences_count(tokens, &overlapping), (99 - 10) / 3 + 1);
    bl_cursor cursor = bl_cursor_start(0);
    int64_t inputs[20];
    cr_assert_eq(bl_tokens_next(tokens, &overlapping, &cursor, inputs, NULL), BL_OK);
    cr_assert(inputs[0] == 0 && inputs[9] == 9 && inputs[10] == 3 && inputs[19] == 12);

    bl_sequences bad[] = {{.batch = 0, .length = 1},   {.batch = 1, .length = 0},
                          {.batch = 1, .length = 100}, {.batch = 1, .length = 1, .stride = -1},
                          {.batch = 10, .length = 10}, {.batch = 1, .length = 1, .order = (bl_order)7}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(bl_tokens_next(tokens, &bad[i], &cursor, inputs, NULL), BL_ERR_ARGUMENT, "%zu", i);
    cr_assert_eq(bl_tokens_next(tokens, &overlapping, NULL, inputs, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_next(tokens, &overlapping, &cursor, NULL, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_next(tokens, NULL, &cursor, inputs, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_tokens_next(NULL, &overlapping, &cursor, inputs, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_sequences_count(NULL, &overlapping), 0);
    bl_tokens_free(tokens);
    bl_tokens_free(NULL);
    cr_assert(bl_tokens_count(NULL) == 0 && bl_tokens_vocabulary(NULL) == 0);
}

/* No file stays open and no memory is lost when there is none. */
Test(tokens, out_of_memory)
{
    bl_tokens_free(count_up("t", 10));
    failing_allocator heap;
    char text[160];
    failing_allocator_init(&heap);
    bl_context *poor = failing_allocator_context(&heap);
    failing_allocator_fail(&heap, 1, false);
    cr_assert_null(bl_tokens_open(poor, path_of("t"), NULL));
    cr_assert_eq(bl_context_error(poor)->code, BL_ERR_MEMORY);
    bl_tokens *tokens = bl_tokens_open(poor, path_of("t"), NULL);
    cr_assert_not_null(tokens);
    bl_context_free(poor);
    bl_tokens_free(tokens);
    cr_assert(failing_allocator_clean(&heap, text, sizeof text), "%s", text);
}
