/* Byte pair encoding: merges that can be worked out by hand, there and back for any bytes, and its work. */
#include "help.h"
#include "tokenizer.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void expect_merges(const char *bytes, int64_t tokens, const bpe_pair *expected, int64_t count)
{
    bpe made;
    cr_assert(bpe_train(&made, bytes, strlen(bytes), tokens));
    cr_assert_eq(made.merge_count, count, "%s: %d merges", bytes, (int)made.merge_count);
    for (int64_t i = 0; i < count; i++)
        cr_assert(made.merges[i].left == expected[i].left && made.merges[i].right == expected[i].right,
                  "%s: merge %d is %d %d", bytes, (int)i, made.merges[i].left, made.merges[i].right);
    bpe_free(&made);
}

Test(bpe, merges_by_hand)
{
    /* "low low lower": l o twice less than.. low 3 times: (l,o) 3, (o,w) 3, (' ',l) 2, (w,e) 1, (e,r) 1. Of l
     * o and o w the left token of the first is lower: 'l' < 'o'. Then (lo,w) 3; then ' ' before low twice. */
    expect_merges("low low lower", 300, (bpe_pair[]){{'l', 'o'}, {256, 'w'}, {' ', 257}}, 3);
    /* Overlapping pairs: aaaa twice is (a,a) 6 times; then (aa,aa) twice. */
    expect_merges("aaaa\naaaa", 300, (bpe_pair[]){{'a', 'a'}, {256, 256}}, 2);
    /* Nothing occurs twice; no bytes; no tokens asked for. */
    expect_merges("abc", 300, NULL, 0);
    expect_merges("", 300, NULL, 0);
    expect_merges("aaaa aaaa", 256, NULL, 0);
    expect_merges("aaaa aaaa", 257, (bpe_pair[]){{'a', 'a'}}, 1);
    /* Equal counts: x y before y x, for its left token is lower. */
    expect_merges("yx.xy.yx.xy", 258, (bpe_pair[]){{'x', 'y'}, {'y', 'x'}}, 2);
}

static void expect_tokens(const bpe *coder, const char *bytes, const int32_t *expected, size_t count)
{
    ids tokens = {NULL, 0, 0};
    cr_assert(bpe_encode(coder, bytes, strlen(bytes), &tokens, NULL));
    cr_assert_eq(tokens.count, count, "%s: %zu tokens", bytes, tokens.count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(tokens.at[i], expected[i], "%s: token %zu is %d", bytes, i, tokens.at[i]);
    ids_free(&tokens);
}

Test(bpe, tokens_by_hand)
{
    bpe made;
    cr_assert(bpe_make(&made, (bpe_pair[]){{'b', 'c'}, {'a', 'b'}, {'a', 256}, {'a', 'a'}}, 4));
    expect_tokens(&made, "abc", (int32_t[]){258}, 1); /* b c first, then a bc */
    expect_tokens(&made, "ab", (int32_t[]){257}, 1);
    expect_tokens(&made, "aabc", (int32_t[]){'a', 258}, 2);
    expect_tokens(&made, "aaa", (int32_t[]){259, 'a'}, 2); /* the leftmost of equal ones */
    expect_tokens(&made, "ab c", (int32_t[]){257, ' ', 'c'}, 3);
    expect_tokens(&made, "", NULL, 0);
    bpe_free(&made);
    cr_assert_not(bpe_make(&made, (bpe_pair[]){{'a', 256}}, 1), "a token that comes later");
    cr_assert_not(bpe_make(&made, (bpe_pair[]){{'a', -1}}, 1));
    cr_assert_not(bpe_make(&made, (bpe_pair[]){{'a', 'b'}, {'a', 'b'}}, 2), "the same twice");
}

Test(bpe, chunks)
{
    const char *const cut[] = {"In", " the", " ",  " 12", "ab",  ".,",  "\n\t ", "\n", "x", "\n", "\n",
                               "y",  " ;",   "it", "'s",  " we", "'ll", "'",     "x",  " ", NULL};
    const char bytes[] = "In the  12ab.,\n\t \nx\n\ny ;it's we'll'x ";
    size_t at = 0;
    for (int i = 0; cut[i]; i++) {
        cr_assert_eq(bpe_chunk(bytes + at, strlen(bytes) - at), strlen(cut[i]), "chunk %d at %zu", i, at);
        at += strlen(cut[i]);
    }
    cr_assert_eq(at, strlen(bytes));
    char *line = malloc(1000);
    memset(line, 'x', 1000);
    cr_assert_eq(bpe_chunk(line, 1000), BPE_CHUNK_MOST);
    free(line);
}

/* The same by the definition: rank after rank, each from left to right. */
static void encode_slowly(const bpe *coder, const char *bytes, size_t size, ids *out)
{
    for (size_t at = 0, step = 0; at < size; at += step) {
        size_t first = out->count;
        step = bpe_chunk(bytes + at, size - at);
        for (size_t i = 0; i < step; i++)
            ids_append(out, (unsigned char)bytes[at + i]);
        for (int64_t merge = 0; merge < coder->merge_count; merge++) {
            bpe_pair pair = coder->merges[merge];
            size_t kept = first;
            for (size_t i = first; i < out->count; i++) {
                bool here = i + 1 < out->count && out->at[i] == pair.left && out->at[i + 1] == pair.right;
                out->at[kept++] = here ? (int32_t)(BPE_BYTES + merge) : out->at[i];
                i += here;
            }
            out->count = kept;
        }
    }
}

static void expect_round_trip(const bpe *coder, const char *bytes, size_t size)
{
    ids tokens = {NULL, 0, 0}, slow = {NULL, 0, 0};
    characters back = {NULL, 0, 0};
    cr_assert(bpe_encode(coder, bytes, size, &tokens, NULL));
    encode_slowly(coder, bytes, size, &slow);
    cr_assert_eq(tokens.count, slow.count);
    cr_assert(size == 0 || memcmp(tokens.at, slow.at, slow.count * sizeof *slow.at) == 0);
    cr_assert(bpe_decode(coder, tokens.at, tokens.count, &back));
    cr_assert_eq(back.count, size);
    cr_assert(size == 0 || memcmp(back.at, bytes, size) == 0);
    ids_free(&tokens);
    ids_free(&slow);
    characters_free(&back);
}

Test(bpe, any_bytes_there_and_back)
{
    uint32_t state = 1;
    char bytes[700];
    for (int round = 0; round < 60; round++) {
        /* Of all bytes, or of few, so that much is merged. */
        uint32_t kinds = round % 3 == 0 ? 256 : 3, base = round % 3 == 0 ? 0 : 'a';
        size_t size = next_random(&state) % sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(base + next_random(&state) % kinds);
        for (size_t i = 5; i < size && round % 3 == 2; i += 1 + next_random(&state) % 9)
            bytes[i] = ' ';
        bpe made;
        cr_assert(bpe_train(&made, bytes, size, 256 + 60));
        expect_round_trip(&made, bytes, size);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(base + next_random(&state) % kinds);
        expect_round_trip(&made, bytes, size);
        bpe_free(&made);
    }
}

/* Counted anew after every merge. */
static bpe_pair most_frequent_slowly(const ids *chunks, size_t count)
{
    bpe_pair best = {-1, -1};
    int64_t most = 1;
    for (size_t c = 0; c < count; c++)
        for (size_t i = 0; i + 1 < chunks[c].count; i++) {
            bpe_pair pair = {chunks[c].at[i], chunks[c].at[i + 1]};
            int64_t found = 0;
            for (size_t d = 0; d < count; d++)
                for (size_t j = 0; j + 1 < chunks[d].count; j++)
                    found += chunks[d].at[j] == pair.left && chunks[d].at[j + 1] == pair.right;
            bool lower = pair.left != best.left ? pair.left < best.left : pair.right < best.right;
            if (found > most || (found == most && found > 1 && lower)) {
                most = found;
                best = pair;
            }
        }
    return best;
}

Test(bpe, merges_by_counting_anew)
{
    uint32_t state = 7;
    for (int round = 0; round < 10; round++) {
        char bytes[150];
        ids chunks[150] = {{NULL, 0, 0}};
        size_t count = 0;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = next_random(&state) % 4 == 0 ? ' ' : (char)('a' + next_random(&state) % 3);
        for (size_t at = 0, step = 0; at < sizeof bytes; at += step, count++) {
            step = bpe_chunk(bytes + at, sizeof bytes - at);
            for (size_t i = 0; i < step; i++)
                ids_append(&chunks[count], (unsigned char)bytes[at + i]);
        }
        bpe made;
        cr_assert(bpe_train(&made, bytes, sizeof bytes, 1000));
        for (int64_t merge = 0; merge <= made.merge_count; merge++) {
            bpe_pair best = most_frequent_slowly(chunks, count);
            bpe_pair found = merge < made.merge_count ? made.merges[merge] : (bpe_pair){-1, -1};
            cr_assert(best.left == found.left && best.right == found.right,
                      "round %d, merge %d: %d %d, not %d %d", round, (int)merge, found.left, found.right,
                      best.left, best.right);
            for (size_t c = 0; c < count; c++) {
                size_t kept = 0;
                for (size_t i = 0; i < chunks[c].count; i++) {
                    bool here = i + 1 < chunks[c].count && chunks[c].at[i] == best.left &&
                                chunks[c].at[i + 1] == best.right;
                    chunks[c].at[kept++] = here ? (int32_t)(BPE_BYTES + merge) : chunks[c].at[i];
                    i += here;
                }
                chunks[c].count = kept;
            }
        }
        bpe_free(&made);
        for (size_t c = 0; c < count; c++)
            ids_free(&chunks[c]);
    }
}

static int64_t work_of(const bpe *coder, size_t size)
{
    char *bytes = malloc(size);
    int64_t work = 0;
    ids tokens = {NULL, 0, 0};
    memset(bytes, 'a', size);
    cr_assert(bpe_encode(coder, bytes, size, &tokens, &work));
    ids_free(&tokens);
    free(bytes);
    return work;
}

Test(bpe, work_grows_as_the_text)
{
    bpe made;
    cr_assert(bpe_make(&made, (bpe_pair[]){{'a', 'a'}, {256, 256}, {257, 257}, {258, 258}}, 4));
    int64_t small = work_of(&made, 12800), large = work_of(&made, 1280000);
    cr_assert_eq(large, 100 * small, "a hundred times the bytes are %g times the work",
                 (double)large / (double)small);
    cr_assert(small < 40 * 12800, "%g steps a byte", (double)small / 12800);
    bpe_free(&made);
}

Test(bpe, saved_and_loaded)
{
    cr_redirect_stderr();
    char folder[64], path[80];
    make_temporary(folder);
    snprintf(path, sizeof path, "%s/tokenizer.txt", folder);
    const char *bytes = "low low lower lowest";
    tokenizer made, read;
    cr_assert(tokenizer_make(&made, bytes, strlen(bytes), &(tokenizer_options){TOKENIZER_BPE, 259, 1}));
    cr_assert(tokenizer_save(&made, path));
    cr_assert(tokenizer_load(&read, path));
    cr_assert_eq(read.kind, TOKENIZER_BPE);
    cr_assert_eq(tokenizer_size(&read), 259);
    cr_assert_eq(memcmp(read.bpe.merges, made.bpe.merges, 3 * sizeof(bpe_pair)), 0);
    cr_assert_eq(tokenizer_find(&read, "low"), 257);
    char name[16];
    tokenizer_name(&read, 0x0a, name, sizeof name);
    cr_assert_str_eq(name, "\\x0a");
    tokenizer_name(&read, 257, name, sizeof name);
    cr_assert_str_eq(name, "low");
    tokenizer_free(&read);
    tokenizer_free(&made);

    const char *const wrong[] = {"",
                                 "bowline language_model tokenizer 1 bpe 1\n",
                                 "bowline language_model tokenizer 1 bpe 1\n97 256\n",
                                 "bowline language_model tokenizer 1 bpe 1\n97 98",
                                 "bowline language_model tokenizer 1 bpe 1\n97 98\n97 99\n",
                                 "bowline language_model tokenizer 1 bpe 2\n97 98\n97 98\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *file = fopen(path, "wb");
        cr_assert(file && fputs(wrong[i], file) >= 0 && fclose(file) == 0);
        cr_assert_not(tokenizer_load(&read, path), "%s", wrong[i]);
    }
    remove_temporary(folder);
}

static void write_lines(const char *path, const char *lines)
{
    FILE *file = fopen(path, "wb");
    cr_assert(file && fputs(lines, file) >= 0 && fclose(file) == 0);
}

/* A space is U+0120 there, a line's end U+010A, the byte 0xad U+0143. */
Test(bpe, merges_of_gpt2)
{
    cr_redirect_stderr();
    char folder[64], path[80];
    bpe made;
    make_temporary(folder);
    snprintf(path, sizeof path, "%s/merges.txt", folder);
    write_lines(path,
                "#version: 0.2\n\xc4\xa0 t\nh e\n\xc4\xa0t he\n\xc4\x8a \xc4\x8a\n\xc3\x82 \xc5\x83\n# #\n");
    cr_assert(bpe_of_gpt2(&made, path));
    const bpe_pair expected[] = {{' ', 't'}, {'h', 'e'}, {256, 257}, {'\n', '\n'}, {0xc2, 0xad}, {'#', '#'}};
    cr_assert_eq(made.merge_count, 6);
    cr_assert_eq(memcmp(made.merges, expected, sizeof expected), 0);
    expect_tokens(&made, "he the", (int32_t[]){257, 258}, 2);
    bpe_free(&made);
    const char *const wrong[] = {"a\n",       "a b c\n", "ab c\n", "a \xc4\xb0\xc5\xbf\n", "a \xe2\x82\xac\n",
                                 "a b\na b\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_lines(path, wrong[i]);
        cr_assert_not(bpe_of_gpt2(&made, path), "%s", wrong[i]);
    }
    cr_assert_not(bpe_of_gpt2(&made, folder));
    remove_temporary(folder);
}

/* Known ids: '!' 0, 'A' 32, 'a' 64, the space 220, the line's end 198. */
Test(bpe, bytes_of_gpt2)
{
    const int32_t known[][2] = {{'!', 0}, {'A', 32},   {'a', 64},  {'~', 93},   {0xa1, 94}, {0xff, 187},
                                {0, 188}, {'\n', 198}, {' ', 220}, {0xad, 255}, {256, 256}, {50256, 50256}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        cr_assert_eq(bpe_to_gpt2(known[i][0]), known[i][1], "%d is %d", known[i][0],
                     bpe_to_gpt2(known[i][0]));
        cr_assert_eq(bpe_from_gpt2(known[i][1]), known[i][0]);
    }
}
