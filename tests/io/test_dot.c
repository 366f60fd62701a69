/* Drawings: what stands in the dot text, that it is well formed, and its errors. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(dot, .init = open_all, .fini = close_all);

/* The drawing as text; the caller's to free. */
static char *drawn(bl_tensor *const *outputs, size_t count, const bl_params *names)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    cr_assert_eq(bl_draw_dot(outputs, count, names, file), BL_OK, "%s",
                 error_text(bl_context_error(context)));
    fclose(file);
    return text;
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

/* Braces outside of quoted strings match, and every string ends. */
static void expect_balanced(const char *text)
{
    int depth = 0;
    bool quoted = false;
    for (const char *c = text; *c; c++) {
        if (quoted && *c == '\\')
            c++;
        else if (*c == '"')
            quoted = !quoted;
        else if (!quoted && (*c == '{' || *c == '}')) {
            depth += *c == '{' ? 1 : -1;
            cr_assert(depth >= 0 && (depth > 0 || c[1] == '\n'), "%s", text);
        }
    }
    cr_expect(depth == 0 && !quoted, "%s", text);
}

Test(dot, a_tied_model)
{
    bl_parameter *w = bl_params_add(params, "head.weight", BL_F32, BL_SHAPE(4, 3), bl_init_ones(), NULL);
    bl_params_register(params, "embedding.weight", w);
    bl_params_add_buffer(params, "steps", BL_I64, BL_SCALAR);
    bl_tensor *tokens = bl_input(graph, "tokens", BL_I64, BL_SHAPE(2));
    bl_scope_push(graph, "encoder");
    bl_tensor *rows = bl_label(bl_embedding(bl_param(graph, params, "/embedding.weight"), tokens), "rows");
    bl_scope_push(graph, "block.0");
    bl_tensor *logits = bl_matmul(rows, bl_transpose(bl_param(graph, params, "/head.weight"), 0, 1));
    bl_scope_pop(graph);
    bl_scope_pop(graph);
    bl_tensor *loss = bl_mean(bl_mul(logits, bl_scalar(graph, BL_F32, 0.5)), BL_ALL_AXES, false);
    bl_tensor *dead = bl_exp(loss), *steps = bl_param(graph, params, "steps");
    bl_tensor *outputs[] = {loss, bl_assign(w, bl_neg(bl_use(graph, w))),
                            bl_assign(bl_tensor_parameter(steps), bl_add_scalar(steps, 1))};
    cr_assert(bl_tensor_valid(dead));
    char *text = drawn(outputs, 3, params);
    expect_balanced(text);
    cr_expect_eq(strncmp(text, "digraph bowline {", 17), 0);
    cr_expect_eq(occurrences(text, "shape=ellipse, style=bold"), 1, "the shared parameter is one node:\n%s",
                 text);
    cr_expect_eq(occurrences(text, "head.weight\\nembedding.weight\\nf32 [4,3]"), 1, "with both names:\n%s",
                 text);
    cr_expect_eq(occurrences(text, "shape=ellipse, style=dashed, label=\"steps"), 1);
    cr_expect_eq(occurrences(text, "shape=parallelogram, label=\"tokens\\ni64 [2]"), 1);
    cr_expect_eq(occurrences(text, "label=\"embedding\\nrows\\nf32 [2,3]\""), 1);
    cr_expect_eq(occurrences(text, "shape=plaintext, label=\"0.5\\nf32 []\""), 1);
    cr_expect_eq(occurrences(text, "style=dashed, constraint=false"), 2,
                 "an edge from each effect to its state");
    cr_expect_eq(occurrences(text, "shape=cds"), 2);
    cr_expect_eq(occurrences(text, "subgraph \"cluster_encoder\""), 1);
    cr_expect_eq(occurrences(text, "subgraph \"cluster_encoder/block.0\""), 1);
    cr_expect_eq(occurrences(text, "label=\"exp"), 0, "what no output needs is not drawn");
    free(text);
    text = drawn(outputs, 3, NULL);
    cr_expect_eq(occurrences(text, "label=\"head.weight\\nf32"), 1, "without a registry, the canonical name");
    cr_expect_eq(occurrences(text, "embedding.weight"), 0);
    free(text);
}

Test(dot, scopes_open_once_and_close)
{
    static const char *const paths[9][3] = {{"a", "b", NULL},  {"a", NULL, NULL},   {"ab", NULL, NULL},
                                            {"a", "b", "c"},   {"a", "bc", NULL},   {NULL, NULL, NULL},
                                            {"a.0", "b", "-"}, {"a", "b", "a.b-c"}, {"b", "a", NULL}};
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2));
    for (size_t i = 0; i < 9; i++) {
        int depth = 0;
        for (; depth < 3 && paths[i][depth]; depth++)
            bl_scope_push(graph, paths[i][depth]);
        x = bl_neg(x);
        while (depth-- > 0)
            bl_scope_pop(graph);
    }
    char *text = drawn(&x, 1, NULL);
    expect_balanced(text);
    static const char *const clusters[] = {"_a\" {",         "_a/b\" {", "_a/b/c\" {", "_a/bc\" {",
                                           "_ab\" {",        "_a.0\" {", "_a.0/b\" {", "_a.0/b/-\" {",
                                           "_a/b/a.b-c\" {", "_b\" {",   "_b/a\" {"};
    cr_expect_eq(occurrences(text, "subgraph"), 11, "%s", text);
    for (size_t i = 0; i < 11; i++)
        cr_expect_eq(occurrences(text, clusters[i]), 1, "%s in\n%s", clusters[i], text);
    cr_expect_eq(occurrences(text, " -> "), 9);
    free(text);
}

Test(dot, hostile_names)
{
    static const char *const scopes[] = {"/", "a/", "//b", "quo\"te", "back\\slash", "{", "new\nline"};
    bl_tensor *x = bl_input(graph, "in\"put\\", BL_F32, BL_SHAPE(2));
    for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
        bl_scope_push(graph, scopes[i]);
        x = bl_label(bl_neg(x), "la\"bel\\ } \n");
        if (i % 2)
            bl_scope_pop(graph);
    }
    char *text = drawn(&x, 1, NULL);
    expect_balanced(text);
    cr_expect_not_null(strstr(text, "in\\\"put\\\\"), "%s", text);
    free(text);
}

Test(dot, outputs_of_one_node_and_effects)
{
    bl_parameter *w = bl_params_add_buffer(params, "w", BL_F32, BL_SHAPE(2));
    bl_tensor *effect = bl_assign(w, bl_full(graph, BL_F32, BL_SHAPE(2), 1e30)),
              *group = bl_group(graph, &effect, 1);
    bl_tensor *outputs[] = {group, group, effect};
    char *text = drawn(outputs, 3, params);
    expect_balanced(text);
    cr_expect_eq(occurrences(text, "label=\"assign\""), 1);
    cr_expect_eq(occurrences(text, "label=\"group\""), 1);
    cr_expect_eq(occurrences(text, "label=\"1e+30\\nf32 [2]\""), 1, "%s", text);
    free(text);
}

Test(dot, errors)
{
    bl_graph *elsewhere = bl_graph_new(context);
    bl_tensor *x = bl_scalar(graph, BL_F32, 1), *foreign = bl_scalar(elsewhere, BL_F32, 1);
    bl_tensor *second_null[] = {x, NULL}, *mixed[] = {x, foreign};
    FILE *file = tmpfile();
    cr_expect_eq(bl_draw_dot(NULL, 1, NULL, file), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_draw_dot(&x, 0, NULL, file), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_draw_dot(&x, 1, NULL, NULL), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "draw_dot", "file", NULL));
    cr_expect_eq(bl_draw_dot(second_null, 2, NULL, file), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "draw_dot", "NULL", NULL));
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_draw_dot(mixed, 2, NULL, file), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "another graph", NULL));
    bl_graph_clear_error(graph);
    bl_tensor *bad = bl_add(x, NULL);
    cr_expect_eq(bl_draw_dot(&bad, 1, NULL, file), BL_ERR_ARGUMENT);
    cr_expect_eq(ftell(file), 0, "nothing is written before the arguments are known to be good");
    fclose(file);
    bl_graph_clear_error(graph);
    file = fopen("/dev/full", "w");
    cr_assert_not_null(file);
    cr_expect_eq(bl_draw_dot(&x, 1, NULL, file), BL_ERR_IO);
    cr_expect(error_says(bl_context_error(context), BL_ERR_IO, "draw_dot", NULL));
    fclose(file);
    bl_graph_free(elsewhere);
}
