/* What the user is told on stderr. */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("weight_tying: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void complain_of_library(const bl_context *context, const char *doing)
{
    char text[512];
    bl_error_format(bl_context_error(context), text, sizeof text);
    complain("%s: %s", doing, text[0] ? text : "out of memory");
}
