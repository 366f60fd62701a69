/* The tape: nodes, and the scopes they are recorded in. */
#include "graph/graph.h"
#include "graph/hash.h"
#include "graph/repeat.h"
#include "graph/rewrite.h"
#include "graph/use.h"

#include <string.h>

bl_graph *bl_graph_new(bl_context *context)
{
    if (!context)
        return NULL;
    bl_graph *graph = bl__allocate(&context->allocator, 1, sizeof(*graph));
    if (!graph) {
        bl__report(context, NULL, BL_ERR_MEMORY, "graph_new", NULL, "no memory for a graph");
        return NULL;
    }
    graph->context = bl__context_retain(context);
    bl__arena_init(&graph->arena, &context->allocator);
    bl__arena_init(&graph->scratch, &context->allocator);
    return graph;
}

void bl_graph_free(bl_graph *graph)
{
    if (!graph)
        return;
    bl_context *context = graph->context;
    bl__uses_clear(graph);
    bl__release(&context->allocator, graph->uses, graph->use_capacity, sizeof(*graph->uses));
    bl__release(&context->allocator, graph->nodes, graph->node_capacity, sizeof(*graph->nodes));
    bl__arena_free(&graph->scratch);
    bl__arena_free(&graph->arena);
    bl__release(&context->allocator, graph, 1, sizeof(*graph));
    bl__context_release(context);
}

void bl_graph_reset(bl_graph *graph)
{
    if (!graph)
        return;
    bl__rewrite_undo(graph, NULL);
    bl__uses_clear(graph);
    bl__origins_clear(graph);
    bl__arena_reset(&graph->arena);
    graph->pending = NULL;
    bl__repeat_reset(graph);
    graph->node_count = 0;
    graph->located = 0;
    graph->inputs = 0;
    graph->streams = 0;
    graph->scope = NULL;
    graph->lost_scopes = 0;
    if (graph->error.code != BL_OK)
        graph->error = (bl_error){.code = BL_OK};
}

const bl_error *bl_graph_error(const bl_graph *graph)
{
    static const bl_error no_graph = {.code = BL_ERR_ARGUMENT, .message = "the graph is NULL"};
    return graph ? &graph->error : &no_graph;
}

void bl_graph_clear_error(bl_graph *graph)
{
    if (graph)
        graph->error = (bl_error){.code = BL_OK};
}

void bl_graph_set_rewriting(bl_graph *graph, bool rewriting)
{
    if (graph)
        graph->as_recorded = !rewriting;
}

int64_t bl_graph_node_count(const bl_graph *graph)
{
    return graph ? graph->node_count : 0;
}

bl_graph *bl_tensor_graph(const bl_tensor *tensor)
{
    return bl__graph_of(tensor);
}

bl_tensor *bl__fail(bl_graph *graph, bl_status status, const char *op, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bl__report_list(graph->context, &graph->error, status, op, graph->scope ? graph->scope->path : NULL,
                    format, arguments);
    va_end(arguments);
    return &graph->invalid;
}

bool bl__usable(bl_graph *graph, const char *op, const bl_tensor *tensor)
{
    if (!graph)
        return false;
    if (!tensor)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "a tensor is NULL");
    else if (!tensor->node && bl__graph_of(tensor) == graph) {
        if (graph->error.code == BL_OK) /* its error was cleared */
            bl__fail(graph, BL_ERR_ARGUMENT, op, "a tensor is the result of an earlier error");
    } else if (bl__graph_of(tensor) != graph)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "a tensor belongs to another graph");
    else
        return true;
    return false;
}

int bl__axis(int axis, int rank)
{
    if (axis < -rank || axis >= rank)
        return -1;
    return axis < 0 ? axis + rank : axis;
}

/* ---- nodes ---- */

/* Sizes that are there already: those of an input where they are the same; else NULL. */
static const int64_t *shared_sizes(bl_tensor *const *inputs, size_t count, const bl_shape *shape)
{
    static const int64_t scalar[1] = {0};
    if (shape->rank == 0)
        return scalar;
    for (size_t i = 0; i < count; i++) {
        if (inputs[i]->rank == shape->rank &&
            memcmp(inputs[i]->size, shape->size, (size_t)shape->rank * sizeof(*shape->size)) == 0)
            return inputs[i]->size;
    }
    return NULL;
}

static bool reserve_node(bl_graph *graph)
{
    if (graph->node_count == UINT32_MAX) /* ids have no more bits */
        return false;
    return (size_t)graph->node_count < graph->node_capacity ||
           bl__grow(&graph->context->allocator, &graph->nodes, &graph->node_capacity, sizeof(*graph->nodes));
}

/* Fills in the outputs; `own` is where sizes go that are not shared. */
static void set_outputs(bl__node *node, const int64_t *const *shared, int64_t *own, const bl_dtype *dtypes,
                        const bl_shape *shapes)
{
    for (int i = 0; i < node->op->output_count; i++) {
        node->outputs[i] = (bl_tensor){.node = node,
                                       .size = shared[i] ? shared[i] : own,
                                       .count = bl_shape_count(shapes[i]),
                                       .rank = (uint8_t)shapes[i].rank,
                                       .dtype = (uint8_t)dtypes[i],
                                       .output = (uint8_t)i};
        for (int d = 0; d < shapes[i].rank && !shared[i]; d++)
            *own++ = shapes[i].size[d];
    }
}

/* A node in the arena with all but its outputs and hash; NULL without memory. Its block is of `bytes`, of
 * which the first are its own and its outputs'. */
static inline bl__node *new_node(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs,
                                 size_t input_count, const void *attributes, size_t outputs_end, size_t bytes)
{
    bl__node *node = NULL;
    const bl__origin *origin = graph->plain;
    if (!origin || origin->scope != graph->scope)
        origin = bl__origin_here(graph);
    if (origin && reserve_node(graph))
        node = bl__arena_take(&graph->arena, bytes);
    if (!node)
        return NULL;
    node->op = op;
    node->inputs = (bl_tensor **)(void *)((unsigned char *)node + outputs_end);
    node->origin = origin;
    node->id = (uint32_t)graph->node_count;
    node->input_count = (uint32_t)input_count;
    for (size_t i = 0; i < input_count; i++)
        node->inputs[i] = inputs[i];
    if (op->attributes_size > 0)
        memcpy(bl__attributes(node), attributes, op->attributes_size);
    return node;
}

bl__node *bl__append(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                     const void *attributes, const bl_dtype *dtypes, const bl_shape *shapes)
{
    bl__node *node = bl__repeat_typed(graph, op, inputs, input_count, attributes, dtypes, shapes);
    if (node)
        return node;
    const int64_t *shared[BL_MAX_OUTPUTS];
    size_t before_sizes = bl__before_sizes(op, input_count), bytes = before_sizes;
    for (int i = 0; i < op->output_count; i++) {
        shared[i] = shared_sizes(inputs, input_count, &shapes[i]);
        bytes += shared[i] ? 0 : (size_t)shapes[i].rank * sizeof(int64_t);
    }
    node = new_node(graph, op, inputs, input_count, attributes, bl__outputs_end(op), bytes);
    if (!node)
        return NULL;
    set_outputs(node, shared, (int64_t *)(void *)((unsigned char *)node + before_sizes), dtypes, shapes);
    node->outputs[0].hash = bl__node_hash(node);
    bl__count_node(graph, node);
    return node;
}

bl__node *bl__append_like(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                          const void *attributes, const bl_tensor *like)
{
    enum {
        OUTPUTS_END = (sizeof(bl__node) + sizeof(bl_tensor) + 15) / 16 * 16
    };
    size_t bytes = OUTPUTS_END + bl__inputs_bytes(input_count) + (op->attributes_size + 15) / 16 * 16;
    bl__node *node = new_node(graph, op, inputs, input_count, attributes, OUTPUTS_END, bytes);
    if (!node)
        return NULL;
    node->outputs[0] = *like; /* not a literal, which is zeroed as a whole first */
    node->outputs[0].node = node;
    node->outputs[0].output = 0;
    node->outputs[0].unreached = false;
    node->outputs[0].hash = op->attributes_size > 0
                                ? bl__node_hash(node)
                                : bl__fold(bl__mix_inputs(bl__mix(input_count, (uintptr_t)op), node));
    bl__count_node(graph, node);
    return node;
}

bl_tensor *bl__append_leaf(bl_graph *graph, const bl_op *op, const void *attributes, bl_dtype dtype,
                           bl_shape shape)
{
    bl__node *node = bl__append(graph, op, NULL, 0, attributes, &dtype, &shape);
    return node ? &node->outputs[0] : bl__fail(graph, BL_ERR_MEMORY, op->name, "no memory for a node");
}

/* ---- scopes ---- */

/* parent + name + after, in the arena, with `separator` between the first two where there is a parent. */
static const char *joined(bl__arena *arena, const char *parent, const char *separator, const char *name,
                          const char *after)
{
    size_t head = parent ? strlen(parent) : 0;
    size_t between = parent ? strlen(separator) : 0;
    size_t body = strlen(name);
    size_t tail = strlen(after);
    char *text = bl__arena_take(arena, head + between + body + tail + 1);
    if (!text)
        return NULL;
    if (parent) {
        memcpy(text, parent, head);
        memcpy(text + head, separator, between);
    }
    memcpy(text + head + between, name, body);
    memcpy(text + head + between + body, after, tail + 1);
    return text;
}

void bl_scope_push(bl_graph *graph, const char *name)
{
    if (!graph)
        return;
    const bl__scope *parent = graph->scope;
    if (!name || !name[0]) {
        bl__fail(graph, BL_ERR_ARGUMENT, "scope_push", "the name is NULL or empty");
        name = "?"; /* opened all the same, so that the matching pop closes it and no other */
    }
    bl__scope *scope = bl__arena_take(&graph->arena, sizeof(*scope));
    const char *path = joined(&graph->arena, parent ? parent->path : NULL, "/", name, "");
    const char *prefix = joined(&graph->arena, parent ? parent->prefix : NULL, "", name, ".");
    if (!scope || !path || !prefix) {
        graph->lost_scopes++;
        bl__fail(graph, BL_ERR_MEMORY, "scope_push", "no memory for a scope");
        return;
    }
    *scope = (bl__scope){parent, path, prefix};
    graph->scope = scope;
}

void bl_scope_pop(bl_graph *graph)
{
    if (!graph)
        return;
    if (graph->lost_scopes > 0)
        graph->lost_scopes--;
    else if (!graph->scope)
        bl__fail(graph, BL_ERR_ARGUMENT, "scope_pop", "no scope is open");
    else
        graph->scope = graph->scope->parent;
}

/* ---- going back ---- */

bl__graph_mark bl__graph_position(const bl_graph *graph)
{
    return (bl__graph_mark){bl__arena_position(&graph->arena),
                            graph->node_count,
                            graph->located,
                            graph->inputs,
                            graph->streams,
                            graph->scope,
                            graph->pending,
                            graph->rewritten,
                            graph->error};
}

void bl__graph_rewind(bl_graph *graph, const bl__graph_mark *mark)
{
    bl__rewrite_undo(graph, mark->rewritten);
    bl__uses_rewind(graph, mark->node_count);
    bl__origins_clear(graph);
    graph->pending = mark->pending;
    bl__arena_rewind(&graph->arena, mark->arena);
    graph->node_count = mark->node_count;
    bl__repeat_rewind(graph);
    graph->located = mark->located;
    graph->inputs = mark->inputs;
    graph->streams = mark->streams;
    graph->scope = mark->scope;
    graph->error = mark->error;
}
