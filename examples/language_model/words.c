/* The tokenizer whose tokens are words: what a word is, the vocabulary, there and back. */
#define _POSIX_C_SOURCE 200809L
#include "words.h"

#include <stdlib.h>
#include <string.h>

static const char *const own_names[WORDS_OWN] = {"<unk>", "<eos>"};

/* ---- what a word is ---- */

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The bytes of a character of Unicode's general punctuation, U+2010 to U+205F, or of one that is two bytes
 * long and as much (U+00A1 to U+00BF); 0 for others. */
static size_t punctuation_size(const char *at, size_t left)
{
    const unsigned char *byte = (const unsigned char *)at;
    if (left >= 3 && byte[0] == 0xe2 &&
        ((byte[1] == 0x80 && byte[2] >= 0x90) || (byte[1] == 0x81 && byte[2] <= 0x9f)))
        return 3;
    return left >= 2 && byte[0] == 0xc2 && byte[1] >= 0xa1 && byte[1] <= 0xbf ? 2 : 0;
}

static bool is_letter(const char *at, size_t left)
{
    unsigned char byte = (unsigned char)at[0];
    bool ascii = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
    return ascii || (byte >= 0x80 && punctuation_size(at, left) == 0);
}

/* The bytes of the token that begins at a byte which is no space. */
static size_t token_size(const char *at, size_t left)
{
    size_t unknown = strlen(own_names[WORD_UNKNOWN]); /* as texts have it that were prepared so */
    if (left >= unknown && memcmp(at, own_names[WORD_UNKNOWN], unknown) == 0)
        return unknown;
    if (!is_letter(at, left)) {
        size_t size = punctuation_size(at, left);
        return size ? size : 1;
    }
    size_t size = 1;
    for (;;) {
        if (size < left && is_letter(at + size, left - size))
            size++;
        else if (size + 1 < left && (at[size] == '\'' || at[size] == '-') &&
                 is_letter(at + size + 1, left - size - 1))
            size += 2;
        else
            return size;
    }
}

/* A walk over the tokens of a text. */
typedef struct walk {
    const char *bytes;
    size_t size, at;
    bool in_line; /* a token of the line has been seen */
    char *small;  /* room for a token in small letters */
    size_t room;
} walk;

typedef enum found {
    FOUND_WORD, /* in walk.small */
    FOUND_END,
    FOUND_NOTHING, /* the text is over */
    FOUND_NO_MEMORY
} found;

static found next_token(walk *on, size_t *size)
{
    while (on->at < on->size && is_space(on->bytes[on->at])) {
        bool ended = on->bytes[on->at++] == '\n' && on->in_line;
        if (ended) {
            on->in_line = false;
            return FOUND_END;
        }
    }
    if (on->at == on->size)
        return FOUND_NOTHING;
    const char *token = on->bytes + on->at;
    *size = token_size(token, on->size - on->at);
    if (*size > on->room) {
        char *grown = realloc(on->small, 2 * *size);
        if (!grown)
            return FOUND_NO_MEMORY;
        on->small = grown;
        on->room = 2 * *size;
    }
    for (size_t i = 0; i < *size; i++)
        on->small[i] = token[i] >= 'A' && token[i] <= 'Z' ? (char)(token[i] - 'A' + 'a') : token[i];
    on->at += *size;
    on->in_line = true;
    return FOUND_WORD;
}

/* ---- the vocabulary ---- */

static int by_frequency(const void *left, const void *right)
{
    const table_entry *a = *(const table_entry *const *)left, *b = *(const table_entry *const *)right;
    if (table_value(a) != table_value(b))
        return table_value(a) > table_value(b) ? -1 : 1;
    return strcmp(table_key(a, NULL), table_key(b, NULL));
}

static bool knows(const words *vocabulary, const char *name, size_t size)
{
    return table_find(&vocabulary->known, name, size) != NULL;
}

static bool add(words *changed, const char *name, size_t size)
{
    int64_t *token = table_take(&changed->known, name, size);
    if (!token)
        return false;
    *token = changed->count++;
    return true;
}

/* The names by token, once all are there: the table has them in this order. */
static bool list_names(words *changed)
{
    int64_t i = 0;
    changed->names = malloc((size_t)changed->count * sizeof *changed->names);
    for (const table_entry *entry = table_first(&changed->known); entry && changed->names;
         entry = table_next(entry))
        changed->names[i++] = table_key(entry, NULL);
    return changed->names != NULL;
}

static bool add_own(words *changed)
{
    for (int i = 0; i < WORDS_OWN; i++)
        if (!add(changed, own_names[i], strlen(own_names[i])))
            return false;
    return true;
}

static bool count_words(table *counts, const char *bytes, size_t size)
{
    walk on = {.bytes = bytes, .size = size};
    size_t length = 0;
    bool good = true;
    for (found what = FOUND_END; good && what != FOUND_NOTHING;) {
        what = next_token(&on, &length);
        int64_t *count = what == FOUND_WORD ? table_take(counts, on.small, length) : NULL;
        if (count)
            ++*count;
        good = what != FOUND_NO_MEMORY && (what != FOUND_WORD || count);
    }
    free(on.small);
    return good;
}

static bool take_most_frequent(words *made, const table *counts, const words_options *options)
{
    size_t count = table_count(counts), i = 0;
    const table_entry **sorted = malloc((count ? count : 1) * sizeof *sorted);
    if (!sorted)
        return false;
    for (const table_entry *entry = table_first(counts); entry; entry = table_next(entry))
        sorted[i++] = entry;
    qsort(sorted, count, sizeof *sorted, by_frequency);
    bool good = true;
    for (i = 0; i < count && good; i++) {
        if (table_value(sorted[i]) < options->least || (options->most > 0 && made->count >= options->most))
            break;
        size_t size = 0;
        const char *name = table_key(sorted[i], &size);
        good = knows(made, name, size) || add(made, name, size);
    }
    free(sorted);
    return good;
}

bool words_make(words *made, const char *bytes, size_t size, const words_options *options)
{
    table counts = {NULL};
    *made = (words){.count = 0};
    bool good = count_words(&counts, bytes, size) && add_own(made) &&
                take_most_frequent(made, &counts, options) && list_names(made);
    table_free(&counts);
    if (!good)
        words_free(made);
    return good;
}

void words_free(words *freed)
{
    table_free(&freed->known);
    free(freed->names);
    *freed = (words){.count = 0};
}

/* ---- there and back ---- */

bool words_encode(const words *vocabulary, const char *bytes, size_t size, ids *out)
{
    walk on = {.bytes = bytes, .size = size};
    size_t length = 0;
    bool good = true;
    for (found what = FOUND_END; good && what != FOUND_NOTHING;) {
        what = next_token(&on, &length);
        int64_t *token = what == FOUND_WORD ? table_find(&vocabulary->known, on.small, length) : NULL;
        if (what == FOUND_WORD)
            good = ids_append(out, token ? (int32_t)*token : WORD_UNKNOWN);
        else if (what == FOUND_END)
            good = ids_append(out, WORD_END);
        good = good && what != FOUND_NO_MEMORY;
    }
    free(on.small);
    return good;
}

/* Marks that stand close to the word before them, and such as the word after them stands close to. */
static bool is_one_of(const char *name, const char *marks)
{
    return name[0] != '\0' && name[1] == '\0' && strchr(marks, name[0]);
}

bool words_decode(const words *vocabulary, const int32_t *tokens, size_t count, characters *out)
{
    bool space = out->count > 0 && out->at[out->count - 1] != '\n';
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || tokens[i] >= vocabulary->count)
            return false;
        const char *name = vocabulary->names[tokens[i]];
        bool end = tokens[i] == WORD_END;
        if (space && !end && !is_one_of(name, ",.;:!?)]}'") && !characters_append(out, " ", 1))
            return false;
        if (!characters_append(out, end ? "\n" : name, end ? 1 : strlen(name)))
            return false;
        space = !end && !is_one_of(name, "([{");
    }
    return true;
}

void words_write(const words *vocabulary, FILE *file)
{
    for (int64_t i = 0; i < vocabulary->count; i++)
        fprintf(file, "%s\n", vocabulary->names[i]);
}

bool words_read(words *out, FILE *file, int64_t count)
{
    char *line = NULL;
    size_t room = 0;
    bool good = count >= WORDS_OWN;
    *out = (words){.count = 0};
    while (good && out->count < count) {
        ssize_t size = getline(&line, &room, file);
        good = size > 1 && line[size - 1] == '\n' && !knows(out, line, (size_t)size - 1) &&
               add(out, line, (size_t)size - 1);
    }
    free(line);
    good = good && list_names(out) && strcmp(out->names[WORD_UNKNOWN], own_names[WORD_UNKNOWN]) == 0 &&
           strcmp(out->names[WORD_END], own_names[WORD_END]) == 0;
    if (!good)
        words_free(out);
    return good;
}
