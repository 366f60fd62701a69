/* Private. The parameters of a registry as a file sees them: below its open scope, each with its names. */
#ifndef BOWLINE_IO_CHECKPOINT_H
#define BOWLINE_IO_CHECKPOINT_H

#include "bowline/checkpoint.h"
#include "graph/params.h"
#include "io/tensor_file.h"

/* A name without the registry's open scope; NULL when it is not below that, or another registry's. */
const char *bl__name_below(const bl_params *params, const bl__name *name);

/* The name under which a parameter is stored: the canonical one, or the first below the scope; NULL when it
 * has none. */
const char *bl__stored_name(const bl_params *params, const bl_parameter *parameter);

/* prefix + name in a buffer that grows; NULL without memory. */
typedef struct bl__joined {
    const bl_allocator *allocator;
    const char *prefix;
    char *text;
    size_t capacity;
} bl__joined;

const char *bl__join(bl__joined *joined, const char *name);
void bl__joined_free(bl__joined *joined);

#endif
