/* Drawings of graphs as Graphviz dot text. */
#ifndef BOWLINE_DRAW_H
#define BOWLINE_DRAW_H

#include "parameters.h"

#include <stdio.h>

BL_BEGIN_DECLS

/* Writes what the given tensors need as a dot digraph: an oval a parameter, one however often it is used,
 * with all the names that `params` knows for it (NULL: the canonical one); a box an op with its shape and
 * label; a dashed edge from an effect to the state it writes; a cluster a scope. Returns: BL_OK or an error,
 * kept by the context. Errors: BL_ERR_ARGUMENT, BL_ERR_IO (the file refuses the text), BL_ERR_MEMORY.
 * Ownership: the file stays the caller's and is flushed, not closed. Threads: the context's. */
BL_API bl_status bl_draw_dot(bl_tensor *const *outputs, size_t count, const bl_params *params, FILE *file);

BL_END_DECLS

#endif
