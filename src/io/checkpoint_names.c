/* Names of parameters in files. */
#include "io/checkpoint.h"

#include <string.h>

const char *bl__name_below(const bl_params *params, const bl__name *name)
{
    if (name->params != params)
        return NULL;
    if (params->prefix_length == 0)
        return name->text;
    bool below = strncmp(name->text, params->prefix, params->prefix_length) == 0;
    return below && name->text[params->prefix_length] ? name->text + params->prefix_length : NULL;
}

const char *bl__stored_name(const bl_params *params, const bl_parameter *parameter)
{
    const char *first = NULL;
    for (const bl__name *name = parameter->names; name; name = name->next) {
        const char *below = bl__name_below(params, name);
        if (below && strcmp(name->text, parameter->name) == 0)
            return below;
        first = first ? first : below;
    }
    return first;
}

const char *bl__join(bl__joined *joined, const char *name)
{
    size_t head = strlen(joined->prefix), tail = strlen(name) + 1;
    if (head == 0)
        return name;
    if (!bl__reserve(joined->allocator, &joined->text, &joined->capacity, head + tail, 1))
        return NULL;
    memcpy(joined->text, joined->prefix, head);
    memcpy(joined->text + head, name, tail);
    return joined->text;
}

void bl__joined_free(bl__joined *joined)
{
    bl__release(joined->allocator, joined->text, joined->capacity, 1);
    joined->text = NULL;
    joined->capacity = 0;
}
