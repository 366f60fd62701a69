/* The tokenizer of words: what a word is, which are kept, there and back. */
#include "help.h"
#include "tokenizer.h"
#include "words.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

/* The names of a text's tokens, separated by '|', by a vocabulary of all its words. */
static void expect_tokens(const char *bytes, const char *expected)
{
    words made;
    ids tokens = {NULL, 0, 0};
    characters joined = {NULL, 0, 0};
    cr_assert(words_make(&made, bytes, strlen(bytes), &(words_options){0, 1}));
    cr_assert(words_encode(&made, bytes, strlen(bytes), &tokens));
    characters_append(&joined, "", 0);
    for (size_t i = 0; i < tokens.count; i++) {
        const char *name = made.names[tokens.at[i]];
        characters_append(&joined, "|", i > 0);
        characters_append(&joined, name, strlen(name));
    }
    cr_assert_str_eq(joined.at, expected);
    characters_free(&joined);
    ids_free(&tokens);
    words_free(&made);
}

Test(words, what_a_word_is)
{
    expect_tokens("", "");
    expect_tokens("In the BEGINNING.\n", "in|the|beginning|.|<eos>");
    expect_tokens("a b", "a|b");
    expect_tokens("\n \n a\n\n\nb \n", "a|<eos>|b|<eos>");
    expect_tokens("God's sons' Baal-peor - it's", "god's|sons|'|baal-peor|-|it's");
    expect_tokens("7 x2;(y)", "7|x2|;|(|y|)");
    expect_tokens("Stra\xc3\x9f"
                  "e \xe2\x80\x9cso\xe2\x80\x9d",
                  "stra\xc3\x9f"
                  "e|\xe2\x80\x9c|so|\xe2\x80\x9d");
    expect_tokens("a <unk> b<unk>", "a|<unk>|b|<unk>");
}

Test(words, which_are_kept)
{
    const char *bytes = "b a b c a b\nd c";
    words made;
    cr_assert(words_make(&made, bytes, strlen(bytes), &(words_options){0, 2}));
    cr_assert_eq(made.count, 5);
    const char *const names[] = {"<unk>", "<eos>", "b", "a",
                                 "c"}; /* a and c occur as often: by their bytes */
    for (int i = 0; i < 5; i++)
        cr_assert_str_eq(made.names[i], names[i]);
    words_free(&made);
    cr_assert(words_make(&made, bytes, strlen(bytes), &(words_options){4, 1}));
    cr_assert_eq(made.count, 4);
    ids tokens = {NULL, 0, 0};
    cr_assert(words_encode(&made, "c b\n", 4, &tokens));
    cr_assert_eq(tokens.count, 3);
    cr_assert_eq(tokens.at[0], WORD_UNKNOWN);
    cr_assert_eq(tokens.at[1], 2);
    cr_assert_eq(tokens.at[2], WORD_END);
    ids_free(&tokens);
    words_free(&made);
}

Test(words, back)
{
    const char *bytes = "And God said, Let (us) go: go!\nIt was so.\n";
    words made;
    ids tokens = {NULL, 0, 0};
    characters out = {NULL, 0, 0};
    cr_assert(words_make(&made, bytes, strlen(bytes), &(words_options){0, 1}));
    cr_assert(words_encode(&made, bytes, strlen(bytes), &tokens));
    cr_assert(words_decode(&made, tokens.at, tokens.count, &out));
    cr_assert_str_eq(out.at, "and god said, let (us) go: go!\nit was so.\n");
    cr_assert_not(words_decode(&made, (int32_t[]){(int32_t)made.count}, 1, &out));
    cr_assert_not(words_decode(&made, (int32_t[]){-1}, 1, &out));
    characters_free(&out);
    ids_free(&tokens);
    words_free(&made);
}

/* Writes text to a file and reads it as a tokenizer. */
static bool loads(const char *path, const char *content, size_t size)
{
    tokenizer read;
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(content, 1, size, file) == size && fclose(file) == 0);
    bool good = tokenizer_load(&read, path);
    if (good)
        tokenizer_free(&read);
    return good;
}

Test(words, saved_and_loaded)
{
    cr_redirect_stderr();
    char folder[64], path[80];
    make_temporary(folder);
    snprintf(path, sizeof path, "%s/tokenizer.txt", folder);
    const char *bytes = "b a b c\n\xc3\xa4.";
    tokenizer made, read;
    cr_assert(tokenizer_make(&made, bytes, strlen(bytes), &(tokenizer_options){TOKENIZER_WORDS, 100, 1}));
    cr_assert(tokenizer_save(&made, path));
    cr_assert(tokenizer_load(&read, path));
    cr_assert_eq(tokenizer_size(&read), tokenizer_size(&made));
    for (int64_t i = 0; i < tokenizer_size(&made); i++)
        cr_assert_str_eq(read.words.names[i], made.words.names[i]);
    cr_assert_eq(tokenizer_find(&read, "b"), 2);
    cr_assert_eq(tokenizer_find(&read, "none"), -1);
    cr_assert_eq(tokenizer_find(&read, "b a"), -1);
    tokenizer_free(&read);
    tokenizer_free(&made);

    const char good[] = "bowline language_model tokenizer 1 words 3\n<unk>\n<eos>\na\n";
    cr_assert(loads(path, good, sizeof good - 1));
    for (size_t cut = 0; cut + 1 < sizeof good; cut++)
        cr_assert_not(loads(path, good, cut), "cut at %zu", cut);
    const char *const wrong[] = {
        "bowline language_model tokenizer 2 words 3\n<unk>\n<eos>\na\n",
        "bowline language_model tokenizer 1 word 3\n<unk>\n<eos>\na\n",
        "bowline language_model tokenizer 1 words 2\n<unk>\n<eos>\na\n",
        "bowline language_model tokenizer 1 words 3\n<eos>\n<unk>\na\n",
        "bowline language_model tokenizer 1 words 4\n<unk>\n<eos>\na\na\n",
        "bowline language_model tokenizer 1 words -1\n",
        "bowline language_model tokenizer 1 words 99999999999999\n<unk>\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_not(loads(path, wrong[i], strlen(wrong[i])), "%s", wrong[i]);
    remove_temporary(folder);
}
