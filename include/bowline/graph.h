/* The graph: an append-only tape of nodes, its leaves, scopes and labels. */
#ifndef BOWLINE_GRAPH_H
#define BOWLINE_GRAPH_H

#include "context.h"
#include "tensor.h"

BL_BEGIN_DECLS

typedef struct bl_graph bl_graph;

/* A new empty graph.
 * Returns: the graph, or NULL without memory (then bl_context_error tells) or for a NULL context.
 * Errors: BL_ERR_MEMORY. Ownership: the caller's, until bl_graph_free. Threads: the context's. */
BL_API bl_graph *bl_graph_new(bl_context *context);

/* Frees a graph and every tensor of it. Programs compiled from it live on. NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `graph`. Threads: the context's. */
BL_API void bl_graph_free(bl_graph *graph);

/* Forgets every node, scope and error, and keeps the memory, so that recording again allocates nothing once
 * the sizes have been seen, and recording the same again costs little more than comparing it. Tensors
 * recorded before become unusable. Returns: nothing. Errors: none. Ownership: unchanged. Threads: the
 * context's. */
BL_API void bl_graph_reset(bl_graph *graph);

/* The first error of the graph; code BL_OK when every builder so far succeeded.
 * Returns: a record that lives as long as the graph, never NULL (BL_ERR_ARGUMENT for a NULL graph).
 * Errors: none. Ownership: the graph's. Threads: the context's. */
BL_API const bl_error *bl_graph_error(const bl_graph *graph);

/* Forgets the graph's error; tensors that were valid stay so, invalid ones stay invalid.
 * Returns: nothing. Errors: none. Ownership: unchanged. Threads: the context's. */
BL_API void bl_graph_clear_error(bl_graph *graph);

/* Says whether bl_grad and the compiler may compute what is spelled out on this graph by the one op that it
 * amounts to, the same within rounding (docs/design.md); true for a new graph. What has been rewritten stays.
 * Returns: nothing. Errors: none. Ownership: unchanged. Threads: the context's. */
BL_API void bl_graph_set_rewriting(bl_graph *graph, bool rewriting);

/* The number of nodes recorded.
 * Returns: the count. Errors: none. Ownership: none. Threads: the context's. */
BL_API int64_t bl_graph_node_count(const bl_graph *graph);

/* The graph of a tensor; NULL for NULL.
 * Returns: the graph. Errors: none. Ownership: the caller's still. Threads: the context's. */
BL_API bl_graph *bl_tensor_graph(const bl_tensor *tensor);

/* Opens a scope: nodes recorded until the matching pop carry it, and parameter names are looked up below it.
 * Scopes nest; "block.0" inside "encoder" reads "encoder/block.0" in messages and "encoder.block.0." in
 * names. Returns: nothing. Errors: BL_ERR_ARGUMENT for a NULL or empty name, BL_ERR_MEMORY; kept by the
 * graph. Ownership: the name is copied. Threads: the context's. */
BL_API void bl_scope_push(bl_graph *graph, const char *name);

/* Closes the innermost scope.
 * Returns: nothing. Errors: BL_ERR_ARGUMENT when none is open, kept by the graph. Ownership: unchanged.
 * Threads: the context's. */
BL_API void bl_scope_pop(bl_graph *graph);

/* Gives a tensor's node a label for messages, drawings and traces.
 * Returns: the tensor. Errors: BL_ERR_MEMORY, kept by the graph. Ownership: the label is copied.
 * Threads: the context's. */
BL_API bl_tensor *bl_label(bl_tensor *tensor, const char *label);

/* Records where a tensor's node was asked for. The builder macros call it; a caller's own helpers may too, to
 * report their caller's place. Returns: the tensor. Errors: none. Ownership: `file` is kept as a pointer and
 * must outlive the graph, as __FILE__ does. Threads: the context's. */
BL_API bl_tensor *bl_at(bl_tensor *tensor, const char *file, int line);

/* A value that the caller gives to each program: set by copy or bound without one.
 * Returns: the tensor, or the graph's invalid tensor.
 * Errors: BL_ERR_ARGUMENT (name NULL), BL_ERR_DTYPE, BL_ERR_SHAPE, BL_ERR_OVERFLOW, BL_ERR_MEMORY.
 * Ownership: the graph's; the name is copied. Threads: the context's. */
BL_API bl_tensor *bl_input(bl_graph *graph, const char *name, bl_dtype dtype, bl_shape shape);

/* A constant copied from data, laid out row by row. `data` may be NULL when there are no elements.
 * Returns: the tensor, or the graph's invalid tensor.
 * Errors: BL_ERR_ARGUMENT (data NULL), BL_ERR_DTYPE, BL_ERR_SHAPE, BL_ERR_OVERFLOW, BL_ERR_MEMORY.
 * Ownership: the graph's; data is copied. Threads: the context's. */
BL_API bl_tensor *bl_constant(bl_graph *graph, bl_dtype dtype, bl_shape shape, const void *data);

/* A constant of one value everywhere; takes the memory of one element whatever its shape.
 * Returns: the tensor, or the graph's invalid tensor.
 * Errors: as bl_constant; BL_ERR_ARGUMENT when an integer or bool dtype cannot hold `value` exactly.
 * Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_full(bl_graph *graph, bl_dtype dtype, bl_shape shape, double value);

/* bl_full with the shape of a scalar.
 * Returns: the tensor, or the graph's invalid tensor. Errors: as bl_full. Ownership: the graph's.
 * Threads: the context's. */
BL_API bl_tensor *bl_scalar(bl_graph *graph, bl_dtype dtype, double value);

BL_END_DECLS

#endif
