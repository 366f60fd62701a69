/* Private. The registry, and what makes and undoes its names. */
#ifndef BOWLINE_GRAPH_PARAMS_H
#define BOWLINE_GRAPH_PARAMS_H

#include "graph/parameter.h"
#include "graph/table.h"

/* Each name holds one reference to its parameter. */
struct bl_params {
    bl_context *context;
    uint64_t id;          /* never used again in the context */
    bl__table names;      /* whole name -> bl__name, which is the registry's */
    bl__table parameters; /* id -> bl_parameter, each once */
    char *prefix;         /* of the open scopes, "block.0.": prefix_length characters, not terminated */
    size_t prefix_length;
    size_t prefix_capacity;
    size_t *scopes; /* the length of the prefix before each open scope */
    size_t scope_count;
    size_t scope_capacity;
    char *scratch; /* room for the longest name there is, to look names up without memory of its own */
    size_t scratch_capacity;
    bl_error error;
};

/* The name record below a prefix ('/' first: absolute); NULL when there is none. */
bl__name *bl__params_lookup(const bl_params *params, const char *prefix, size_t prefix_length,
                            const char *name);
/* The same below the registry's open scope. */
bl__name *bl__params_name(const bl_params *params, const char *name);

/* Makes a parameter of zeros and names it name + suffix; NULL with the error reported, and then nothing has
 * changed. */
bl_parameter *bl__params_insert(bl_params *params, const char *op, const char *name, const char *suffix,
                                bl_dtype dtype, bl_shape shape, bool buffer);
/* Takes the newest name back, and its parameter with it when nothing else holds that. */
void bl__params_undo(bl_params *params);

/* Reports an error of the registry and returns its code. */
bl_status bl__params_fail(bl_params *params, bl_status status, const char *op, const char *format, ...)
    BL_PRINTF(4, 5);

/* Puts a name record at the end of its parameter's list of names, or takes it out. */
void bl__name_link(bl__name *name);
void bl__name_unlink(bl__name *name);
/* Whether a parameter has a name in a registry. */
bool bl__name_within(const bl_parameter *parameter, const bl_params *params);

#endif
