/* Errors as data: their texts, and how one reaches the object and the context it belongs to. */
#include "graph/context.h"
#include "graph/text.h"

#include <stdio.h>
#include <string.h>

const char *bl_status_name(bl_status status)
{
    switch (status) {
#define NAME(code, text) \
    case code:           \
        return #code;
        BL_STATUS_LIST(NAME)
#undef NAME
    case BL_STATUS_COUNT:
        break;
    }
    return "unknown status";
}

const char *bl_status_text(bl_status status)
{
    switch (status) {
#define TEXT(code, text) \
    case code:           \
        return text;
        BL_STATUS_LIST(TEXT)
#undef TEXT
    case BL_STATUS_COUNT:
        break;
    }
    return "unknown status";
}

/* The part of a path after its last separator: messages name files shortly. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

size_t bl_error_format(const bl_error *error, char *text, size_t size)
{
    bl__text out = {text, size, 0};
    if (size > 0)
        text[0] = '\0';
    if (!error || error->code == BL_OK)
        return 0;
    bl__text_add(&out, "%s", error->message[0] ? error->message : bl_status_text(error->code));
    if (error->scope[0] && error->file)
        bl__text_add(&out, " (%s, %s:%d)", error->scope, base_name(error->file), error->line);
    else if (error->scope[0])
        bl__text_add(&out, " (%s)", error->scope);
    else if (error->file)
        bl__text_add(&out, " (%s:%d)", base_name(error->file), error->line);
    return out.length;
}

bl_status bl__report_list(bl_context *context, bl_error *own, bl_status status, const char *op,
                          const char *scope, const char *format, va_list arguments)
{
    bl_error error = {.code = status};
    int used = 0;
    if (op) {
        snprintf(error.op, sizeof(error.op), "%s", op);
        used = snprintf(error.message, sizeof(error.message), "bl_%s: ", error.op);
    }
    if (scope)
        snprintf(error.scope, sizeof(error.scope), "%s", scope);
    vsnprintf(error.message + used, sizeof(error.message) - (size_t)used, format, arguments);
    if (own && own->code == BL_OK)
        *own = error;
    if (context) {
        context->error = error;
        context->error_owner = own;
    }
    return status;
}

bl_status bl__report(bl_context *context, bl_error *own, bl_status status, const char *op, const char *scope,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bl__report_list(context, own, status, op, scope, format, arguments);
    va_end(arguments);
    return status;
}

void bl__report_again(bl_context *context, const bl_error *error)
{
    context->error = *error;
    context->error_owner = error;
}

void bl__report_place(bl_context *context, bl_error *own, const char *file, int line)
{
    if (own->code == BL_OK || own->file)
        return;
    own->file = file;
    own->line = line;
    if (context->error_owner == own && !context->error.file) {
        context->error.file = file;
        context->error.line = line;
    }
}
