/* The text that is learned: where it comes from, whether it is text at all, and its three parts. */
#define _POSIX_C_SOURCE 200809L
#include "text.h"
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const part_names[PARTS] = {"training", "validation", "test"};

/* Reads to the end. Returns false, with errno set, when that fails. */
static bool read_all(FILE *file, text *out)
{
    size_t room = 0;
    *out = (text){NULL, 0};
    for (;;) {
        if (out->size == room) {
            room = room ? 2 * room : 65536;
            char *grown = realloc(out->bytes, room);
            if (!grown) {
                errno = ENOMEM;
                break;
            }
            out->bytes = grown;
        }
        size_t got = fread(out->bytes + out->size, 1, room - out->size, file);
        out->size += got;
        if (got == 0 && ferror(file))
            break;
        if (got == 0)
            return true;
    }
    text_free(out);
    return false;
}

/* ---- what a text must be ---- */

/* The bytes of the character that begins here, 0 where none does: no byte too many, no surrogate, nothing
 * above U+10FFFF. */
static size_t character_size(const unsigned char *at, size_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80   ? 1
                  : at[0] < 0xc0 ? 0
                  : at[0] < 0xe0 ? 2
                  : at[0] < 0xf0 ? 3
                  : at[0] < 0xf8 ? 4
                                 : 0;
    if (size < 2)
        return size;
    if (size > left)
        return 0;
    uint32_t code = at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    return code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : size;
}

bool text_check(const char *bytes, size_t size, const char *name)
{
    const unsigned char *at = (const unsigned char *)bytes;
    bool words = false;
    for (size_t i = 0; i < size;) {
        size_t step = character_size(at + i, size - i);
        if (step == 0)
            return complain("%s is not in UTF-8: byte %zu is 0x%02x where none such can stand", name, i,
                            at[i]);
        if (at[i] == 0)
            return complain("%s is not text: byte %zu is zero", name, i);
        words = words || at[i] > ' ';
        i += step;
    }
    return words || complain("%s has no words in it", name);
}

/* ---- where it comes from ---- */

bool text_of_file(text *out, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return complain("cannot read %s: %s", path, strerror(errno));
    bool good = read_all(file, out);
    int code = errno;
    fclose(file);
    if (!good)
        return complain("cannot read %s: %s", path, strerror(code));
    if (out->size >= 3 && memcmp(out->bytes, "\xef\xbb\xbf", 3) == 0) {
        out->size -= 3;
        memmove(out->bytes, out->bytes + 3, out->size);
    }
    if (text_check(out->bytes, out->size, path))
        return true;
    text_free(out);
    return false;
}

/* Starts `bible` with its output in *from. Returns its process, or -1. Where it is not installed, the child
 * ends with 127. */
static pid_t start_bible(FILE **from)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    fflush(NULL); /* what is buffered would otherwise be written twice */
    pid_t child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) >= 0) {
            close(ends[0]);
            close(ends[1]);
            execlp("bible", "bible", "-f", "gen1:1-rev22:21", (char *)NULL);
        }
        _exit(errno == ENOENT ? 127 : 126);
    }
    close(ends[1]);
    *from = child > 0 ? fdopen(ends[0], "r") : NULL;
    if (!*from)
        close(ends[0]);
    return child;
}

/* "Ge1:1 In the beginning ..." loses what stands before the first space of each line. */
static void drop_references(text *verses)
{
    size_t kept = 0;
    bool in_reference = true;
    for (size_t i = 0; i < verses->size; i++) {
        char byte = verses->bytes[i];
        if (!in_reference)
            verses->bytes[kept++] = byte;
        in_reference = byte == '\n' || (in_reference && byte != ' ');
    }
    verses->size = kept;
}

bool text_of_bible(text *out)
{
    FILE *from = NULL;
    pid_t child = start_bible(&from);
    if (child < 0)
        return complain("cannot start bible: %s", strerror(errno));
    bool good = from && read_all(from, out);
    if (from)
        fclose(from);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (good && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        drop_references(out);
        if (text_check(out->bytes, out->size, "the text of bible"))
            return true;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        complain("bible is not installed (Debian: bible-kjv bible-kjv-text); --text names a file instead");
    } else {
        complain("bible gave no text");
    }
    if (good)
        text_free(out);
    return false;
}

void text_free(text *freed)
{
    free(freed->bytes);
    *freed = (text){NULL, 0};
}

/* ---- parts ---- */

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

int64_t text_keep_words(text *shortened, int64_t words)
{
    size_t at = 0;
    int64_t found = 0;
    while (at < shortened->size && found < words) {
        while (at < shortened->size && is_space(shortened->bytes[at]))
            at++;
        found += at < shortened->size;
        while (at < shortened->size && !is_space(shortened->bytes[at]))
            at++;
    }
    if (at < shortened->size && shortened->bytes[at] == '\n')
        at++;
    shortened->size = at;
    return found;
}

/* The first place from `from` to `to` that has a certain byte before it; `to` when there is none. */
static size_t behind(const text *whole, size_t from, size_t to, bool any_space)
{
    for (size_t i = from; i < to; i++)
        if (i > 0 && (any_space ? is_space(whole->bytes[i - 1]) : whole->bytes[i - 1] == '\n'))
            return i;
    return to;
}

static size_t cut(const text *whole, size_t from, size_t to)
{
    size_t at = behind(whole, from, to, false);
    if (at == to)
        at = behind(whole, from, to, true);
    if (at == to)
        for (at = from; at < to && (whole->bytes[at] & 0xc0) == 0x80;)
            at++;
    return at;
}

split text_split(const text *whole)
{
    size_t twentieth = whole->size / 20, rest = whole->size % 20;
    size_t first = 18 * twentieth + 18 * rest / 20, second = 19 * twentieth + 19 * rest / 20;
    split made = {{0, cut(whole, first, second), cut(whole, second, whole->size), whole->size}};
    return made;
}
