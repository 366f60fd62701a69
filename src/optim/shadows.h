/* Private. Buffers that stand beside parameters: one for each, of its shape and dtype. */
#ifndef BOWLINE_OPTIM_SHADOWS_H
#define BOWLINE_OPTIM_SHADOWS_H

#include "graph/graph.h"
#include "graph/parameter.h"
#include "graph/table.h"

/* It holds a reference to both. */
typedef struct bl__shadow {
    bl_parameter *parameter;
    bl_parameter *buffer; /* called KIND.NAME */
} bl__shadow;

typedef struct bl__shadows {
    bl_context *context;
    const char *kind; /* "ema" */
    bl__table table;  /* a parameter's id -> bl__shadow */
} bl__shadows;

void bl__shadows_init(bl__shadows *shadows, bl_context *context, const char *kind);
void bl__shadows_free(bl__shadows *shadows);

/* The shadow of a parameter; NULL when there is none. */
bl__shadow *bl__shadow_find(const bl__shadows *shadows, const bl_parameter *parameter);
/* The same, made and zeroed if there is none; NULL without memory, nothing reported. */
bl__shadow *bl__shadow_of(bl__shadows *shadows, bl_parameter *parameter);
/* Drops the newest until `count` are left. */
void bl__shadows_forget(bl__shadows *shadows, size_t count);
/* Shadow `index` in the order of making; NULL past the end. */
bl__shadow *bl__shadow_at(const bl__shadows *shadows, size_t index);

/* A buffer called KIND.NAME, zeroed; NULL without memory, nothing reported. */
bl_parameter *bl__shadow_buffer(bl_context *context, const char *kind, const char *name, bl_dtype dtype,
                                bl_shape shape);

/* Whether every parameter is one that can have a shadow, given once, with a tensor of its shape and dtype;
 * reported when not. `what` says in messages what the tensors are: "gradient". */
bool bl__shadows_check(const bl__shadows *shadows, const char *op, bl_graph *graph,
                       bl_parameter *const *parameters, bl_tensor *const *tensors, size_t count,
                       const char *what);

#endif
