/* Drawings of graphs: Graphviz dot text. */
#include "bowline/draw.h"
#include "graph/graph.h"
#include "graph/parameter.h"
#include "graph/text.h"
#include "ops/attributes.h"
#include "ops/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One drawing. `drawn` holds the nodes that the outputs need, grouped by scope. */
typedef struct drawing {
    const bl_graph *graph;
    const bl_params *params;
    FILE *file;
    bool *needed;
    const bl__node **drawn;
    size_t node_count; /* of the graph, up to the last output */
    size_t drawn_count;
} drawing;

static const char *path_of(const bl__node *node)
{
    return node->origin->scope && !(node->op->flags & BL_OP_LEAF) ? node->origin->scope->path : "";
}

/* Orders paths so that each is followed by all that lie below it: '/' sorts before every other character. */
static int compare_paths(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int left = *a == '/' ? 1 : (unsigned char)*a * 2, right = *b == '/' ? 1 : (unsigned char)*b * 2;
    return (left > right) - (left < right);
}

static int compare_nodes(const void *left, const void *right)
{
    const bl__node *a = *(const bl__node *const *)left, *b = *(const bl__node *const *)right;
    int paths = compare_paths(path_of(a), path_of(b));
    return paths ? paths : (a->id > b->id) - (a->id < b->id);
}

static void write_escaped(FILE *file, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        if ((unsigned char)*text >= ' ')
            fputc(*text, file);
    }
}

/* ---- nodes and edges ---- */

static void write_names(const drawing *d, const bl_parameter *parameter)
{
    size_t found = 0;
    for (size_t i = 0; i < bl_params_name_count(d->params); i++) {
        bl_parameter *other = NULL;
        const char *name = bl_params_name_at(d->params, i, &other);
        if (other != parameter)
            continue;
        fputs(found++ ? "\\n" : "", d->file);
        write_escaped(d->file, name);
    }
    if (found == 0)
        write_escaped(d->file, parameter->name);
}

static void write_type(const drawing *d, const bl_tensor *tensor)
{
    fprintf(d->file, "%s %s", bl_dtype_name((bl_dtype)tensor->dtype),
            BL__SHAPE_TEXT(bl_tensor_shape(tensor)));
}

static void write_leaf(const drawing *d, const bl__node *node)
{
    const void *attributes = bl__attributes(node);
    if (node->op->key == BL__KEY_parameter) {
        const bl_parameter *parameter = ((const bl__parameter_attributes *)attributes)->parameter;
        fputs(parameter->buffer ? "shape=ellipse, style=dashed, label=\""
                                : "shape=ellipse, style=bold, label=\"",
              d->file);
        write_names(d, parameter);
    } else if (node->op->key == BL__KEY_input) {
        fputs("shape=parallelogram, label=\"", d->file);
        write_escaped(d->file, ((const bl__input_attributes *)attributes)->name);
    } else if (node->op->key == BL__KEY_full) {
        char number[32] = "";
        bl__text text = {number, sizeof(number), 0};
        bl__text_number(&text, ((const bl__full_attributes *)attributes)->value, BL_F64, 6);
        fprintf(d->file, "shape=plaintext, label=\"%s", number);
    } else {
        fprintf(d->file, "shape=plaintext, label=\"%s", node->op->name);
    }
}

static void write_node(const drawing *d, const bl__node *node)
{
    fprintf(d->file, "n%lld [", (long long)node->id);
    if (node->op->flags & BL_OP_LEAF) {
        write_leaf(d, node);
    } else {
        fputs(node->op->flags & BL_OP_EFFECT ? "shape=cds, label=\"" : "shape=box, label=\"", d->file);
        write_escaped(d->file, node->op->name);
    }
    if (node->origin->label) {
        fputs("\\n", d->file);
        write_escaped(d->file, node->origin->label);
    }
    for (int i = 0; i < node->op->output_count && !(node->op->flags & BL_OP_EFFECT); i++) {
        fputs("\\n", d->file);
        write_type(d, &node->outputs[i]);
    }
    fputs("\"];\n", d->file);
}

/* The node by which the drawing shows a state; -1 when only its write is drawn. */
static int64_t node_of_state(const drawing *d, const bl_parameter *parameter)
{
    for (size_t i = 0; i < d->drawn_count; i++) {
        const bl__node *node = d->drawn[i];
        if (node->op->key == BL__KEY_parameter &&
            ((const bl__parameter_attributes *)bl__attributes(node))->parameter == parameter)
            return node->id;
    }
    return -1;
}

static void write_edges(const drawing *d, const bl__node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        fprintf(d->file, "n%lld -> n%lld;\n", (long long)node->inputs[i]->node->id, (long long)node->id);
    if (node->op->key != BL__KEY_assign && node->op->key != BL__KEY_assign_slice)
        return;
    int64_t state = node_of_state(d, ((const bl__assign_attributes *)bl__attributes(node))->parameter);
    if (state >= 0)
        fprintf(d->file, "n%lld -> n%lld [style=dashed, constraint=false];\n", (long long)node->id,
                (long long)state);
}

/* ---- scopes ---- */

/* Closes the clusters of `from` that `to` does not lie in, and opens those it adds. */
static void change_scope(const drawing *d, const char *from, const char *to)
{
    size_t common = 0; /* length of the shared leading parts */
    for (size_t i = 0;; i++) {
        bool from_ends = from[i] == '\0' || from[i] == '/', to_ends = to[i] == '\0' || to[i] == '/';
        if (from_ends && to_ends && i > 0)
            common = i;
        if (from[i] != to[i] || from[i] == '\0')
            break;
    }
    for (const char *part = from + common; *part; part++) {
        if (part == from || *part == '/')
            fputs("}\n", d->file);
    }
    for (const char *part = to + common; *part;) {
        part += *part == '/';
        const char *end = strchr(part, '/');
        int length = end ? (int)(end - part) : (int)strlen(part);
        fputs("subgraph \"cluster_", d->file);
        for (const char *c = to; c < part + length; c++)
            fputc(*c == '"' || *c == '\\' ? '_' : *c, d->file);
        fputs("\" {\nstyle=rounded;\nlabel=\"", d->file);
        for (int i = 0; i < length; i++)
            fputc(part[i] == '"' || part[i] == '\\' ? '_' : part[i], d->file);
        fputs("\";\n", d->file);
        part += length;
    }
}

static void write_all(const drawing *d)
{
    const char *scope = "";
    fputs("digraph bowline {\nrankdir=TB;\nnode [fontname=\"sans-serif\", fontsize=10];\n", d->file);
    for (size_t i = 0; i < d->drawn_count; i++) {
        change_scope(d, scope, path_of(d->drawn[i]));
        scope = path_of(d->drawn[i]);
        write_node(d, d->drawn[i]);
    }
    change_scope(d, scope, "");
    for (size_t i = 0; i < d->drawn_count; i++)
        write_edges(d, d->drawn[i]);
    fputs("}\n", d->file);
}

/* ---- the drawing ---- */

static bool collect(drawing *d, const bl_allocator *allocator, bl_tensor *const *outputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t id = (size_t)outputs[i]->node->id;
        d->node_count = id >= d->node_count ? id + 1 : d->node_count;
    }
    d->needed = bl__allocate(allocator, d->node_count, sizeof(*d->needed));
    d->drawn = bl__allocate(allocator, d->node_count, sizeof(*d->drawn));
    if (!d->needed || !d->drawn)
        return false;
    for (size_t i = 0; i < count; i++)
        d->needed[outputs[i]->node->id] = true;
    for (size_t id = d->node_count; id-- > 0;) {
        const bl__node *node = d->graph->nodes[id];
        if (!d->needed[id])
            continue;
        d->drawn[d->drawn_count++] = node;
        for (size_t i = 0; i < node->input_count; i++)
            d->needed[node->inputs[i]->node->id] = true;
    }
    qsort(d->drawn, d->drawn_count, sizeof(*d->drawn), compare_nodes);
    return true;
}

bl_status bl_draw_dot(bl_tensor *const *outputs, size_t count, const bl_params *params, FILE *file)
{
    bl_graph *graph = outputs && count > 0 ? bl__graph_of(outputs[0]) : NULL;
    if (!graph)
        return BL_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        if (!bl__usable(graph, "draw_dot", outputs[i]))
            return graph->error.code ? graph->error.code : BL_ERR_ARGUMENT;
    }
    if (!file)
        return bl__report(graph->context, NULL, BL_ERR_ARGUMENT, "draw_dot", NULL, "the file is NULL");
    const bl_allocator *allocator = &graph->context->allocator;
    drawing d = {.graph = graph, .params = params, .file = file};
    bl_status status = BL_OK;
    if (!collect(&d, allocator, outputs, count)) {
        status = bl__report(graph->context, NULL, BL_ERR_MEMORY, "draw_dot", NULL, "no memory for a drawing");
    } else {
        write_all(&d);
        if (fflush(file) != 0 || ferror(file))
            status = bl__report(graph->context, NULL, BL_ERR_IO, "draw_dot", NULL,
                                "the drawing could not be written: %s", strerror(errno));
    }
    bl__release(allocator, d.needed, d.node_count, sizeof(*d.needed));
    bl__release(allocator, (void *)d.drawn, d.node_count, sizeof(*d.drawn));
    return status;
}
