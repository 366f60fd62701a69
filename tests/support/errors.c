/* What a test asks of an error record: see errors.h. */
#include "support/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_says(const bl_error *error, bl_status code, ...)
{
    char text[640];
    bool all = error && error->code == code;
    bl_error_format(error, text, sizeof(text));
    va_list parts;
    va_start(parts, code);
    for (const char *part = va_arg(parts, const char *); part; part = va_arg(parts, const char *))
        all = all && strstr(text, part) != NULL;
    va_end(parts);
    return all;
}

const char *error_text(const bl_error *error)
{
    static char text[700];
    int used = snprintf(text, sizeof(text), "%s: ", error ? bl_status_name(error->code) : "NULL");
    bl_error_format(error, text + used, sizeof(text) - (size_t)used);
    return text;
}
