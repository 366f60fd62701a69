/* A tokenizer of either kind, and its file. */
#define _POSIX_C_SOURCE 200809L
#include "tokenizer.h"
#include "files.h"
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {[TOKENIZER_WORDS] = "words", [TOKENIZER_BPE] = "bpe"};

bool tokenizer_make(tokenizer *made, const char *bytes, size_t size, const tokenizer_options *options)
{
    *made = (tokenizer){.kind = options->kind};
    bool good = false;
    if (options->kind == TOKENIZER_WORDS)
        good = words_make(&made->words, bytes, size, &(words_options){options->tokens, options->least});
    else
        good = bpe_train(&made->bpe, bytes, size, options->tokens);
    return good || complain_of_memory();
}

int64_t tokenizer_size(const tokenizer *asked)
{
    return asked->kind == TOKENIZER_WORDS ? asked->words.count : BPE_BYTES + asked->bpe.merge_count;
}

bool tokenizer_encode(const tokenizer *used, const char *bytes, size_t size, ids *out)
{
    bool good = used->kind == TOKENIZER_WORDS ? words_encode(&used->words, bytes, size, out)
                                              : bpe_encode(&used->bpe, bytes, size, out, NULL);
    return good || complain_of_memory();
}

bool tokenizer_decode(const tokenizer *used, const int32_t *tokens, size_t count, characters *out)
{
    for (size_t i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= tokenizer_size(used))
            return complain("there is no token %" PRId32 ": there are %" PRId64, tokens[i],
                            tokenizer_size(used));
    bool good = used->kind == TOKENIZER_WORDS ? words_decode(&used->words, tokens, count, out)
                                              : bpe_decode(&used->bpe, tokens, count, out);
    return good || complain_of_memory();
}

int32_t tokenizer_find(const tokenizer *used, const char *word)
{
    ids found = {NULL, 0, 0};
    int32_t token = -1;
    if (tokenizer_encode(used, word, strlen(word), &found) && found.count == 1)
        token = found.at[0];
    ids_free(&found);
    return used->kind == TOKENIZER_WORDS && token == WORD_UNKNOWN ? -1 : token;
}

void tokenizer_name(const tokenizer *used, int32_t token, char *text, size_t size)
{
    if (token < 0 || token >= tokenizer_size(used)) {
        snprintf(text, size, "?");
        return;
    }
    if (used->kind == TOKENIZER_WORDS) {
        snprintf(text, size, "%s", used->words.names[token]);
        return;
    }
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < used->bpe.sizes[token] && at + 5 < size; i++) {
        unsigned char byte = (unsigned char)used->bpe.expanded[token][i];
        bool shown = byte >= ' ' && byte < 0x7f;
        at += (size_t)snprintf(text + at, size - at, shown ? "%c" : "\\x%02x", byte);
    }
}

bool tokenizer_save(const tokenizer *saved, const char *path)
{
    output out;
    if (!output_open(&out, path))
        return false;
    bool is_words = saved->kind == TOKENIZER_WORDS;
    fprintf(out.file, "bowline language_model tokenizer 1 %s %" PRId64 "\n", kind_names[saved->kind],
            is_words ? saved->words.count : saved->bpe.merge_count);
    if (is_words)
        words_write(&saved->words, out.file);
    else
        bpe_write(&saved->bpe, out.file);
    return output_close(&out);
}

bool tokenizer_load(tokenizer *out, const char *path)
{
    char name[8] = "";
    int64_t count = 0;
    char end = 0;
    *out = (tokenizer){.kind = TOKENIZER_WORDS};
    FILE *file = fopen(path, "rb");
    if (!file)
        return complain("cannot read %s: %s", path, strerror(errno));
    bool good =
        fscanf(file, "bowline language_model tokenizer 1 %7s %" SCNd64 "%c", name, &count, &end) == 3 &&
        end == '\n' && count >= 0 && count <= INT32_MAX - BPE_BYTES;
    if (good && strcmp(name, kind_names[TOKENIZER_WORDS]) == 0) {
        good = words_read(&out->words, file, count);
    } else if (good && strcmp(name, kind_names[TOKENIZER_BPE]) == 0) {
        out->kind = TOKENIZER_BPE;
        good = bpe_read(&out->bpe, file, count);
    } else {
        good = false;
    }
    good = good && fgetc(file) == EOF && !ferror(file);
    fclose(file);
    if (good)
        return true;
    tokenizer_free(out);
    return complain("%s is no tokenizer of this program", path);
}

void tokenizer_free(tokenizer *freed)
{
    words_free(&freed->words);
    bpe_free(&freed->bpe);
}
