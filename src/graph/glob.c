/* Patterns of names: see glob.h. */
#include "graph/glob.h"

#include <string.h>

/* ---- characters ---- */

/* The character at *text, which moves behind it: a code point, or a byte that begins none (from 2^21 up, so
 * that the two never meet). */
static uint32_t next_character(const char **text)
{
    const unsigned char *bytes = (const unsigned char *)*text;
    int length = bytes[0] < 0x80 ? 1 : bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc0 ? 2 : 0;
    uint32_t character = length > 1 ? bytes[0] & (0x7fu >> length) : bytes[0];
    for (int i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            length = 0;
            break;
        }
        character = character << 6 | (bytes[i] & 0x3fu);
    }
    *text += length > 0 ? length : 1;
    return length > 0 ? character : UINT32_C(1) << 21 | bytes[0];
}

/* The same in a pattern, where \ stands before a character that means itself. */
static uint32_t next_literal(const char **pattern)
{
    if (**pattern == '\\' && (*pattern)[1])
        ++*pattern;
    return next_character(pattern);
}

/* ---- sets ---- */

/* Whether a character is in the set that begins behind the bracket at *pattern, which moves behind the
 * closing one, or becomes NULL where there is none. A closing bracket that comes first is one of the set. */
static bool in_set(const char **pattern, uint32_t character)
{
    const char *p = *pattern;
    bool others = *p == '!' || *p == '^', found = false;
    p += others;
    const char *first = p;
    while (*p && (*p != ']' || p == first)) {
        uint32_t low = next_literal(&p), high = low;
        if (p[0] == '-' && p[1] && p[1] != ']') {
            p++;
            high = next_literal(&p);
        }
        found = found || (low <= character && character <= high);
    }
    *pattern = *p ? p + 1 : NULL;
    return found != others;
}

const char *bl__glob_complaint(const char *pattern)
{
    if (!pattern || !pattern[0])
        return "the pattern is NULL or empty";
    for (const char *p = pattern; *p;) {
        if (*p == '\\' && !p[1])
            return "the pattern ends with a backslash";
        if (*p != '[') {
            next_literal(&p);
            continue;
        }
        p++;
        in_set(&p, 0);
        if (!p)
            return "the pattern has a [ without a ]";
    }
    return NULL;
}

/* ---- matching ---- */

/* Matches one character of both; false when they differ. */
static bool match_one(const char **pattern, const char **text)
{
    char kind = **pattern;
    if (kind == '?' || kind == '[')
        ++*pattern;
    uint32_t character = next_character(text);
    if (kind == '?')
        return true;
    return kind == '[' ? in_set(pattern, character) : next_literal(pattern) == character;
}

bool bl__glob_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL; /* the last *, and where what it stands for ends */
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (!*pattern || !match_one(&pattern, &text)) {
            if (!star)
                return false;
            next_character(&from);
            pattern = star;
            text = from;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* ---- names ---- */

bl__name_pattern bl__name_pattern_of(const bl_params *params, const char *pattern)
{
    bool absolute = pattern[0] == '/';
    return (bl__name_pattern){params->id, params->prefix, absolute ? 0 : params->prefix_length,
                              absolute ? pattern + 1 : pattern};
}

bool bl__name_pattern_matches(const bl__name_pattern *pattern, const bl_parameter *parameter)
{
    for (const bl__name *name = parameter->names; name; name = name->next) {
        if (name->params->id == pattern->registry &&
            (pattern->prefix_length == 0 ||
             strncmp(name->text, pattern->prefix, pattern->prefix_length) == 0) &&
            bl__glob_matches(pattern->pattern, name->text + pattern->prefix_length))
            return true;
    }
    return false;
}
