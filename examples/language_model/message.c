/* What the user is told on stderr. */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>

bool complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("language_model: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

bool complain_of_memory(void)
{
    return complain("out of memory");
}

bool complain_of_library(const bl_context *context, const char *doing)
{
    char text[512];
    bl_error_format(bl_context_error(context), text, sizeof text);
    return complain("%s: %s", doing, text[0] ? text : "out of memory");
}
