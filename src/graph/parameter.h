/* Private. A parameter or buffer: a tensor with identity, counted by whoever holds it. */
#ifndef BOWLINE_GRAPH_PARAMETER_H
#define BOWLINE_GRAPH_PARAMETER_H

#include "bowline/parameters.h"
#include "graph/context.h"
#include "graph/device.h"

#include <stdatomic.h>

/* One name of a parameter in one registry. */
typedef struct bl__name {
    const char *text; /* the whole name; the registry's */
    struct bl_params *params;
    bl_parameter *parameter;
    struct bl__name *next; /* of the same parameter, in the order of naming */
} bl__name;

/* `references`: registries (one a name), graphs, programs, optimizers. `users`: runs that read it now, or -1
 * for the one run that writes it. `generation` moves on when a tie or untie changes what its names mean:
 * programs compare it with the one they were compiled for. */
struct bl_parameter {
    bl_context *context;
    uint64_t id;
    atomic_size_t references;
    atomic_int users;
    atomic_uint generation;
    char *name;      /* the canonical one */
    bl__name *names; /* all that registries know it by; empty when the last of them is freed */
    void *data;      /* 64-byte aligned; NULL when there are no elements */
    size_t bytes;
    int64_t count;
    bl_shape shape;
    bl_dtype dtype;
    bl__device device; /* where `data` is */
    bool buffer;
    bool trainable;
    int optimizers;  /* that keep state for it */
    uint64_t update; /* the last optimizer update that was given it, to find one given twice */
};

/* A new parameter with one reference, zeroed; NULL without memory, nothing reported. dtype and shape are
 * valid. */
bl_parameter *bl__parameter_new(bl_context *context, const char *name, bl_dtype dtype, bl_shape shape,
                                bool buffer);
/* A copy of a name, in a block of strlen + 1 bytes; NULL without memory, nothing reported. */
char *bl__parameter_text(bl_context *context, const char *name);
bl_parameter *bl__parameter_retain(bl_parameter *parameter);
void bl__parameter_release(bl_parameter *parameter);

/* Enters or leaves a parameter's values for reading or writing; enter is false when another run is in the
 * way. */
bool bl__parameter_enter(bl_parameter *parameter, bool write);
void bl__parameter_leave(bl_parameter *parameter, bool write);

#endif
