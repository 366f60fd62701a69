/* Text into a caller's buffer: how messages, shapes and numbers are written. */
#include "graph/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void bl__text_add_list(bl__text *text, const char *format, va_list arguments)
{
    size_t room = text->length < text->size ? text->size - text->length : 0;
    int length = vsnprintf(room ? text->data + text->length : NULL, room, format, arguments);
    if (length > 0)
        text->length += (size_t)length;
}

void bl__text_add(bl__text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bl__text_add_list(text, format, arguments);
    va_end(arguments);
}

void bl__text_shape(bl__text *text, bl_shape shape)
{
    if (shape.rank < 0 || shape.rank > BL_MAX_RANK) {
        bl__text_add(text, "[invalid]");
        return;
    }
    bl__text_add(text, "[");
    for (int d = 0; d < shape.rank; d++)
        bl__text_add(text, d ? ",%lld" : "%lld", (long long)shape.size[d]);
    bl__text_add(text, "]");
}

const char *bl__shape_text(bl_shape shape, char buffer[128])
{
    bl__text text = {buffer, 128, 0};
    bl__text_shape(&text, shape);
    return buffer;
}

/* The C library writes the host's decimal point; Bowline's texts have a dot whatever the locale. */
static void put_dot(char *number)
{
    char *out = number;
    for (const char *in = number; *in; in++) {
        bool plain = isalnum((unsigned char)*in) || *in == '+' || *in == '-';
        if (plain)
            *out++ = *in;
        else if (out == number || out[-1] != '.')
            *out++ = '.';
    }
    *out = '\0';
}

/* No double has more of them. */
#define MOST_DIGITS 767

void bl__text_number(bl__text *text, double value, bl_dtype dtype, int precision)
{
    char number[800]; /* MOST_DIGITS, a sign, a point, zeros after it, an exponent */
    bool wide = dtype == BL_F64;
    if (isnan(value) || isinf(value)) {
        bl__text_add(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    precision = precision > MOST_DIGITS ? MOST_DIGITS : precision;
    for (int digits = precision > 0 ? precision : wide ? 15 : 6;; digits++) {
        snprintf(number, sizeof(number), "%.*g", digits, value);
        bool same = wide ? strtod(number, NULL) == value : strtof(number, NULL) == (float)value;
        if (precision > 0 || same || digits >= 17)
            break;
    }
    put_dot(number);
    bl__text_add(text, "%s", number);
}
