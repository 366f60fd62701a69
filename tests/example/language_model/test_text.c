/* The text: what is refused, and where it is cut. */
#define _POSIX_C_SOURCE 200809L
#include "text.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static text text_of(const char *bytes)
{
    size_t size = strlen(bytes);
    text made = {malloc(size + 1), size};
    memcpy(made.bytes, bytes, size + 1);
    return made;
}

/* What is told of bytes that are no text. */
static void expect_refused(const char *bytes, size_t size)
{
    cr_assert_not(text_check(bytes, size, "it"), "%.*s", (int)size, bytes);
}

Test(text, what_is_text)
{
    cr_redirect_stderr();
    cr_assert(text_check("a", 1, "it"));
    cr_assert(text_check("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "it"));
    expect_refused("", 0);
    expect_refused(" \n\t", 3);
    expect_refused("ab\0c", 4);
    expect_refused("a\xff", 2);    /* no such byte */
    expect_refused("a\x80", 2);    /* a continuation of nothing */
    expect_refused("\xc3", 1);     /* cut off */
    expect_refused("\xc0\xaf", 2); /* longer than need be */
    expect_refused("\xe0\x80\xaf", 3);
    expect_refused("\xed\xa0\x80", 3);     /* a surrogate */
    expect_refused("\xf4\x90\x80\x80", 4); /* above U+10FFFF */
    expect_refused("\xf0\x9f\x98", 3);
}

Test(text, what_is_told)
{
    cr_redirect_stderr();
    text_check("ab\0c", 4, "notes.txt");
    fflush(stderr);
    cr_assert_stderr_eq_str("language_model: notes.txt is not text: byte 2 is zero\n");
}

Test(text, files)
{
    cr_redirect_stderr();
    char path[] = "/tmp/bowline-text-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, "\xef\xbb\xbfone two\n", 11), 11);
    text read = {NULL, 0};
    cr_assert(text_of_file(&read, path));
    cr_assert_eq(read.size, 8);
    cr_assert_eq(memcmp(read.bytes, "one two\n", 8), 0);
    text_free(&read);
    cr_assert_eq(ftruncate(file, 0), 0);
    cr_assert_not(text_of_file(&read, path));
    close(file);
    unlink(path);
    cr_assert_not(text_of_file(&read, path));
    cr_assert_not(text_of_file(&read, "/tmp"));
}

Test(text, first_words)
{
    text some = text_of("one  two\nthree\nfour");
    cr_assert_eq(text_keep_words(&some, 9), 4);
    cr_assert_eq(some.size, strlen("one  two\nthree\nfour"));
    cr_assert_eq(text_keep_words(&some, 3), 3);
    cr_assert_eq(some.size, strlen("one  two\nthree\n"), "the end of the line stays");
    cr_assert_eq(text_keep_words(&some, 1), 1);
    cr_assert_eq(some.size, strlen("one"));
    cr_assert_eq(text_keep_words(&some, 0), 0);
    cr_assert_eq(some.size, 0);
    text_free(&some);
}

static void expect_cuts(const char *bytes, size_t first, size_t second)
{
    text whole = text_of(bytes);
    split cuts = text_split(&whole);
    cr_assert_eq(cuts.begin[0], 0);
    cr_assert_eq(cuts.begin[1], first, "%s: %zu", bytes, cuts.begin[1]);
    cr_assert_eq(cuts.begin[2], second, "%s: %zu", bytes, cuts.begin[2]);
    cr_assert_eq(cuts.begin[3], whole.size);
    text_free(&whole);
}

Test(text, parts)
{
    char lines[401] = "", one_line[401] = "", one_word[401] = "", wide[401] = "";
    for (size_t i = 0; i < 100; i++) {
        memcpy(lines + 4 * i, "abc\n", 5);
        memcpy(one_line + 4 * i, "abc ", 5);
        memcpy(one_word + 4 * i, "abcd", 5);
        memcpy(wide + 4 * i, "\xf0\x9f\x98\x80", 5);
    }
    expect_cuts(lines, 360, 380);
    lines[359] = 'x'; /* the first line end behind nine tenths is that at 363 */
    expect_cuts(lines, 364, 380);
    expect_cuts(one_line, 360, 380);
    expect_cuts(one_word, 360, 380);
    expect_cuts(wide, 360, 380);
    wide[0] = 'x'; /* cuts are between characters: 359 is one, and 379 */
    memmove(wide + 1, wide + 4, 397);
    expect_cuts(wide, 357, 377);
}
