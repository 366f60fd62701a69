/* What a formula is given to report an error. */
#include "bowline/optimizer_rule.h"
#include "graph/graph.h"
#include "graph/text.h"

#include <stdio.h>

bl_tensor *bl_update_fail(bl_update_call *call, bl_status status, const char *format, ...)
{
    char text[sizeof(((bl_error *)NULL)->message)];
    if (!call)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return bl__fail(call->graph, status, call->rule, "%s: %s", bl_parameter_name(call->target), text);
}
