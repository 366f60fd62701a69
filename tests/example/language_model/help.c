/* What the tests of the language model share. */
#define _XOPEN_SOURCE 700
#include "help.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void make_temporary(char folder[64])
{
    strcpy(folder, "/tmp/bowline-language-model-XXXXXX");
    cr_assert(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void remove_temporary(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

model_options tiny_lstm(void)
{
    model_options options = model_small_lstm();
    options.vocabulary = 11;
    options.width = options.hidden = 6;
    return options;
}

model_options tiny_gpt(void)
{
    model_options options = model_gpt();
    options.vocabulary = 11;
    options.width = options.hidden = 8;
    options.heads = options.layers = 2;
    options.context = 12;
    options.init = 0.3; /* so that layers matter */
    return options;
}
