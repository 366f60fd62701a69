/* GPT-2's tokenizer: its file of merges, and its order of the bytes. Source: github.com/openai/gpt-2,
 * encoder.py: a byte that is a character to be seen stands for itself, and the others, from the lowest on,
 * for the characters from U+0100 on; tokens 0 to 187 are the former, 188 to 255 the latter. */
#define _POSIX_C_SOURCE 200809L
#include "bpe.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_seen(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/* The place of a byte among those that are seen, or among those that are not. */
static int place_of(int byte)
{
    int place = 0;
    for (int i = 0; i < byte; i++)
        place += is_seen(i) == is_seen(byte);
    return place;
}

enum {
    SEEN = 188
};

int32_t bpe_to_gpt2(int32_t token)
{
    if (token < 0 || token >= BPE_BYTES)
        return token;
    return place_of(token) + (is_seen(token) ? 0 : SEEN);
}

int32_t bpe_from_gpt2(int32_t token)
{
    for (int32_t byte = 0; byte < BPE_BYTES; byte++)
        if (bpe_to_gpt2(byte) == token)
            return byte;
    return token;
}

/* The byte of a character of at most U+017F, which is one or two bytes long; -1 where it stands for none. */
static int byte_of(const char **at)
{
    const unsigned char *own = (const unsigned char *)*at;
    int code = own[0];
    if (code >= 0xc2 && code <= 0xc5 && (own[1] & 0xc0) == 0x80) {
        code = (code & 0x1f) << 6 | (own[1] & 0x3f);
        ++*at;
    } else if (code >= 0x80) {
        return -1;
    }
    ++*at;
    if (code < 0x100)
        return is_seen(code) ? code : -1;
    for (int byte = 0; byte < BPE_BYTES; byte++)
        if (!is_seen(byte) && place_of(byte) == code - 0x100)
            return byte;
    return -1;
}

/* The token of a name, that is of its bytes; -1 when there is none yet. */
static int32_t token_of(const table *tokens, const char *name)
{
    char bytes[BPE_CHUNK_MOST];
    size_t count = 0;
    while (*name) {
        int byte = byte_of(&name);
        if (byte < 0 || count == sizeof bytes)
            return -1;
        bytes[count++] = (char)byte;
    }
    const int64_t *found = table_find(tokens, bytes, count);
    return found ? (int32_t)*found : -1;
}

/* Notes the token that a merge makes, by its bytes. */
static bool add_token(table *tokens, const char *left, const char *right, int64_t token)
{
    char bytes[BPE_CHUNK_MOST];
    size_t count = 0;
    const char *const names[] = {left, right};
    for (int i = 0; i < 2; i++)
        for (const char *at = names[i]; *at;) {
            int byte = byte_of(&at);
            if (byte < 0 || count == sizeof bytes)
                return false;
            bytes[count++] = (char)byte;
        }
    int64_t *added = table_take(tokens, bytes, count);
    if (added)
        *added = token;
    return added != NULL;
}

typedef struct reading {
    table tokens;
    bpe_pair *merges;
    int64_t count, room;
} reading;

/* "#version: .." is no merge, and neither is an empty line. */
static bool read_line(reading *r, char *line)
{
    char *left = strtok(line, " \r\n"), *right = left ? strtok(NULL, " \r\n") : NULL;
    if (!left || (r->count == 0 && strncmp(left, "#version", 8) == 0))
        return true;
    if (!right || strtok(NULL, " \r\n") || r->count == BPE_MERGES_MOST)
        return false;
    if (r->count == r->room) {
        int64_t wanted = r->room ? 2 * r->room : 1024;
        bpe_pair *grown = realloc(r->merges, (size_t)wanted * sizeof *grown);
        if (!grown)
            return false;
        r->merges = grown;
        r->room = wanted;
    }
    bpe_pair pair = {token_of(&r->tokens, left), token_of(&r->tokens, right)};
    r->merges[r->count] = pair;
    return pair.left >= 0 && pair.right >= 0 && add_token(&r->tokens, left, right, BPE_BYTES + r->count++);
}

bool bpe_of_gpt2(bpe *made, const char *path)
{
    reading r = {.count = 0};
    char *line = NULL;
    size_t room = 0;
    int64_t number = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return complain("cannot read %s: %s", path, strerror(errno));
    bool good = true;
    for (int byte = 0; byte < BPE_BYTES && good; byte++) {
        char key = (char)byte;
        int64_t *token = table_take(&r.tokens, &key, 1);
        good = token != NULL;
        if (token)
            *token = byte;
    }
    while (good && getline(&line, &room, file) > 0) {
        number++;
        good = read_line(&r, line);
    }
    good = good && !ferror(file) && r.count > 0 && bpe_make(made, r.merges, r.count);
    free(line);
    free(r.merges);
    table_free(&r.tokens);
    fclose(file);
    return good || complain("%s is no file of GPT-2's merges: line %d makes no token", path, (int)number);
}
