/* A text as tokens. */
#include "corpus.h"
#include "files.h"
#include "message.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>

static bool encode(corpus *made, const text *whole, const split *cuts)
{
    for (int p = 0; p < PARTS; p++) {
        size_t begin = cuts->begin[p], size = cuts->begin[p + 1] - begin;
        made->bytes[p] = (int64_t)size;
        if (!tokenizer_encode(&made->coder, whole->bytes + begin, size, &made->encoded[p]))
            return false;
        for (size_t i = 0; i < made->encoded[p].count && made->coder.kind == TOKENIZER_WORDS; i++)
            made->unknown[p] += made->encoded[p].at[i] == WORD_UNKNOWN;
        if (made->encoded[p].count < 2)
            return complain("the text is too short: its part for the %s has %zu tokens", part_names[p],
                            made->encoded[p].count);
    }
    return true;
}

bool corpus_make(corpus *made, text *whole, int64_t most_words, const tokenizer_options *options)
{
    *made = (corpus){.words = text_keep_words(whole, most_words > 0 ? most_words : INT64_MAX)};
    split cuts = text_split(whole);
    made->text_bytes = (int64_t)whole->size;
    made->text_hash = hash_of(whole->bytes, whole->size);
    bool good = tokenizer_make(&made->coder, whole->bytes, cuts.begin[PART_VALIDATION], options) &&
                encode(made, whole, &cuts);
    if (!good)
        corpus_free(made);
    return good;
}

static bool store_part(corpus *stored, bl_context *context, const char *folder, part which)
{
    char name[32], path[PATH_MOST];
    ids *encoded = &stored->encoded[which];
    snprintf(name, sizeof name, "%s.tokens", part_names[which]);
    int64_t *wide = malloc(encoded->count * sizeof *wide);
    if (!wide || !path_join(path, folder, name)) {
        free(wide);
        return complain_of_memory();
    }
    for (size_t i = 0; i < encoded->count; i++)
        wide[i] = encoded->at[i];
    int64_t vocabulary = tokenizer_size(&stored->coder);
    bl_status status = bl_tokens_write(context, path, wide, (int64_t)encoded->count, vocabulary);
    free(wide);
    ids_free(encoded);
    if (status == BL_OK)
        stored->parts[which] = bl_tokens_open(context, path, NULL);
    return stored->parts[which] || complain_of_library(context, "the tokens cannot be kept");
}

bool corpus_store(corpus *stored, bl_context *context, const char *folder)
{
    char path[PATH_MOST];
    bool good = path_join(path, folder, "tokenizer.txt") && tokenizer_save(&stored->coder, path);
    for (int p = 0; p < PARTS && good; p++)
        good = store_part(stored, context, folder, (part)p);
    return good;
}

void corpus_free(corpus *freed)
{
    tokenizer_free(&freed->coder);
    for (int p = 0; p < PARTS; p++) {
        ids_free(&freed->encoded[p]);
        bl_tokens_free(freed->parts[p]);
        freed->parts[p] = NULL;
    }
}
