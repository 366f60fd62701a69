/* The uses of a parameter, and what each gives to its gradient. */
#include "bowline/uses.h"
#include "bowline/ops.h"
#include "graph/flow.h"
#include "graph/parameter.h"
#include "graph/rewrite.h"
#include "graph/text.h"

#include <string.h>

/* The nodes up to the loss as they were recorded, whatever stands in their places now, and those that take
 * the parameter, with the cotangents of their outputs. */
typedef struct search {
    bl_graph *graph;
    const bl_tensor *leaf;
    bl__node **nodes; /* by id */
    int64_t node_count;
    bl__node **takers;
    size_t taker_count, output_count, use_count;
    bl_tensor **cotangents; /* of all outputs of all takers */
} search;

static bool is_leaf(const search *s, const bl_tensor *tensor)
{
    return tensor->node->id == s->leaf->node->id;
}

static bool no_memory(bl_graph *graph)
{
    bl__fail(graph, BL_ERR_MEMORY, "parameter_uses", "no memory for the uses");
    return false;
}

static bool list_nodes(search *s, const bl_tensor *loss)
{
    const bl_graph *graph = s->graph;
    s->node_count = (int64_t)loss->node->id + 1;
    size_t bytes = (size_t)s->node_count * sizeof(*s->nodes);
    s->nodes = bl__arena_take(&s->graph->scratch, bytes);
    s->takers = bl__arena_take(&s->graph->scratch, bytes);
    if (!s->nodes || !s->takers)
        return no_memory(s->graph);
    memcpy(s->nodes, graph->nodes, bytes);
    for (const bl__rewritten *place = graph->rewritten; place; place = place->before) {
        if (place->was->id < s->node_count)
            s->nodes[place->was->id] = place->was;
    }
    return true;
}

static void find_takers(search *s)
{
    for (int64_t id = (int64_t)s->leaf->node->id + 1; id < s->node_count; id++) {
        bl__node *node = s->nodes[id];
        size_t uses = 0;
        for (size_t i = 0; i < node->input_count; i++)
            uses += is_leaf(s, node->inputs[i]);
        if (uses == 0 || (node->op->flags & (BL_OP_EFFECT | BL_OP_PIECEWISE)))
            continue;
        s->takers[s->taker_count++] = node;
        s->output_count += (size_t)node->op->output_count;
        s->use_count += uses;
    }
}

/* The cotangents of all that the takers give, NULL where none flows. */
static bool find_cotangents(search *s, bl_tensor *loss)
{
    size_t count = 0, at = 0;
    bl_tensor **wrt = bl__arena_take(&s->graph->scratch, s->output_count * sizeof(*wrt));
    bl_tensor **found = bl__arena_take(&s->graph->scratch, s->output_count * sizeof(*found));
    s->cotangents = bl__arena_take(&s->graph->scratch, s->output_count * sizeof(*s->cotangents));
    if (!wrt || !found || !s->cotangents)
        return no_memory(s->graph);
    for (size_t t = 0; t < s->taker_count; t++) {
        for (int i = 0; i < s->takers[t]->op->output_count; i++, at++) {
            bl_tensor *output = &s->takers[t]->outputs[i];
            bool real = output->dtype == BL_F32 || output->dtype == BL_F64;
            s->cotangents[at] = real ? output : NULL; /* to be replaced */
            if (real)
                wrt[count++] = output;
        }
    }
    if (count > 0 && bl_grad(&loss, 1, NULL, wrt, count, found) != BL_OK)
        return false;
    for (size_t i = 0, next = 0; i < s->output_count; i++) {
        if (!s->cotangents[i])
            continue;
        s->cotangents[i] = bl_is_unreached(found[next]) ? NULL : found[next];
        next++;
    }
    return true;
}

/* What finally takes a value: the first node after it that is no view. (A checkpoint, which takes its
 * region's inputs too, says more than what comes after it.) */
static const bl__node *behind_views(const search *s, const bl__node *node)
{
    for (int64_t id = (int64_t)node->id + 1; id < s->node_count && node->op->view && node->input_count == 1;
         id++) {
        const bl__node *next = s->nodes[id];
        for (size_t i = 0; i < next->input_count; i++) {
            if (next->inputs[i]->node->id == node->id) {
                node = next;
                break;
            }
        }
    }
    return node;
}

static bl_parameter_use describe(const search *s, const bl__node *taker)
{
    const bl__node *node = behind_views(s, taker);
    const bl__origin *origin = node->origin;
    return (bl_parameter_use){.op = node->op->name,
                              .label = origin->label,
                              .scope = origin->scope ? origin->scope->path : NULL,
                              .file = origin->file,
                              .line = origin->line};
}

static bl_uses collect(const search *s)
{
    bl_uses none = {0}, uses = {0};
    bl_parameter_use *list = bl__arena_take(&s->graph->arena, s->use_count * sizeof(*list));
    if (!list) {
        no_memory(s->graph);
        return none;
    }
    bl_tensor **cotangents = s->cotangents;
    for (size_t t = 0; t < s->taker_count; t++) {
        bl__node *taker = s->takers[t];
        bool reached = false;
        for (int i = 0; i < taker->op->output_count; i++)
            reached = reached || cotangents[i];
        for (size_t i = 0; reached && i < taker->input_count; i++) {
            if (!is_leaf(s, taker->inputs[i]))
                continue;
            bl_tensor *gradient = bl__flow_through(s->graph, taker, i, cotangents);
            if (!gradient)
                continue;
            if (!bl_tensor_valid(gradient))
                return none;
            list[uses.count] = describe(s, taker);
            list[uses.count++].gradient = gradient;
        }
        cotangents += taker->op->output_count;
    }
    uses.at = list;
    return uses;
}

bl_uses bl_parameter_uses(bl_tensor *loss, bl_parameter *parameter)
{
    const char *op = "parameter_uses";
    bl_graph *graph = bl__graph_of(loss);
    if (!graph || !bl__usable(graph, op, loss))
        return (bl_uses){0};
    if (!parameter || parameter->buffer) {
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%s",
                 parameter ? "a buffer has no gradient" : "the parameter is NULL");
        return (bl_uses){0};
    }
    search s = {.graph = graph, .leaf = bl_use(graph, parameter)};
    if (!bl_tensor_valid(s.leaf))
        return (bl_uses){0};
    bl_uses uses = {0};
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    if (list_nodes(&s, loss)) {
        find_takers(&s);
        if (find_cotangents(&s, loss))
            uses = collect(&s);
    }
    bl__arena_rewind(&graph->scratch, before);
    return uses;
}

bl_tensor *bl_gradient_cosine(bl_tensor *a, bl_tensor *b)
{
    const char *op = "gradient_cosine";
    bl_graph *graph = a ? bl__graph_of(a) : bl__graph_of(b);
    if (!graph)
        return NULL;
    if (!bl__usable(graph, op, a) || !bl__usable(graph, op, b))
        return &graph->invalid;
    if (!bl_shape_equal(bl_tensor_shape(a), bl_tensor_shape(b)))
        return bl__fail(graph, BL_ERR_SHAPE, op, "the tensors are %s and %s",
                        BL__SHAPE_TEXT(bl_tensor_shape(a)), BL__SHAPE_TEXT(bl_tensor_shape(b)));
    bl_tensor *product = bl_cast(bl_sum(bl_mul(a, b), BL_ALL_AXES, false), BL_F64);
    bl_tensor *lengths = bl_mul(bl_global_norm(&a, 1, 2), bl_global_norm(&b, 1, 2));
    bl_tensor *zero = bl_scalar(graph, BL_F64, 0);
    return bl_where(bl_equal(lengths, zero), zero, bl_div(product, lengths));
}
