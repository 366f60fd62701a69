/* Every op of the table at its edges: sizes of 0, no axes, rank 8, sizes whose product cannot be counted, and
 * indices, axes and places of -1 and n. What each op does there is in its row of edges.h. (NaN and infinity:
 * docs/ops.md, which tests/docs compares with what the ops do.) Looks at the table of ops
 * (ops/registry.h). */
#include "check.h"
#include "edges_run.h"
#include "graph/graph.h"
#include "ops/registry.h"
#include "support/counts.h"
#include "support/failing_allocator.h"
#include "support/sets.h"

#include <criterion/parameterized.h>
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(edges, .timeout = 60);

static int keys[] = {
#define KEY(name) BL__KEY_##name,
    BL__OPS(KEY)
#undef KEY
};

/* ---- what a form comes to ---- */

static edge_result result, other; /* the one under test, and what it is compared with */

/* Whether an error is named after the builder, or after the op. */
static bool names(const bl_error *error, const edge_row *row)
{
    return strcmp(error->op, row->name) == 0 || strcmp(error->op, bl__ops[row->key - 1]->name) == 0;
}

static void expect_done(const edge_row *row, const edge_result *r, const char *what)
{
    const bl_op *op = bl__ops[row->key - 1];
    cr_assert_eq(r->stage, EDGE_DONE, "%s, %s: %s", row->name, what, error_text(&r->error));
    cr_assert(r->has_node || r->first == 0 || op->flags & BL__OP_COMPOSITE, "%s, %s: it was not recorded",
              row->name, what);
}

static bool is_one_of(bl_status code, const bl_status *codes)
{
    while (*codes && *codes != code)
        codes++;
    return *codes;
}

/* It was refused when it was recorded, for one of these reasons, in the op's name. */
#define EXPECT_REFUSED(row, what, ...) expect_refused(row, what, (const bl_status[]){__VA_ARGS__, BL_OK})

static void expect_refused(const edge_row *row, const char *what, const bl_status *codes)
{
    cr_assert_eq(result.stage, EDGE_RECORD, "%s, %s: it is not refused: %s", row->name, what,
                 error_text(&result.error));
    cr_assert(is_one_of(result.error.code, codes) && names(&result.error, row), "%s, %s: %s", row->name, what,
              error_text(&result.error));
    cr_assert_gt(strlen(result.error.message), strlen("bl_: ") + strlen(result.error.op), "%s",
                 result.error.message);
}

/* The two have the same values and gradients. */
static void expect_same(const edge_row *row, const char *what)
{
    expect_done(row, &result, what);
    expect_done(row, &other, what);
    cr_assert_eq(result.count, other.count, "%s, %s: %zu values, not %zu", row->name, what, result.count,
                 other.count);
    for (size_t i = 0; i < result.count; i++) {
        double a = result.values[i], b = other.values[i];
        cr_assert((isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 1e-12 * fmax(1, fabs(b)),
                  "%s, %s: %s %zu is %.17g, not %.17g", row->name, what,
                  i < result.outputs ? "value" : "gradient", i, a, b);
    }
}

/* ---- a size of 0 ---- */

/* What the row says of an axis: the text behind "L=", or NULL. */
static const char *find_rule(const edge_form *form, char letter)
{
    for (const char *at = form->row->empty; at && *at; at += *at == ' ') {
        if (at[0] == letter || (at[0] == '*' && letter == form->along && result.uses_along))
            return at + 2;
        at = strchr(at, ' ') ? strchr(at, ' ') : "";
    }
    return NULL;
}

static void expect_filled(const edge_form *form, const char *rule, const char *what)
{
    size_t input = rule[0] == 'x' ? (size_t)(rule[1] - '0') : EDGE_INPUTS;
    double number = input < EDGE_INPUTS ? 0 : strtod(rule, NULL);
    cr_assert_gt(result.first, 0, "%s, %s: no values", form->row->name, what);
    for (size_t i = 0; i < result.first; i++) {
        double want = input < EDGE_INPUTS ? result.inputs[input][i % result.input_counts[input]] : number;
        double got = result.values[i];
        cr_assert((isnan(got) && isnan(want)) || fabs(got - want) < 1e-12 || got == want,
                  "%s, %s: value %zu is %g, not %g", form->row->name, what, i, got, want);
    }
}

static void expect_as_of_zeros(edge_form form, char letter, const char *what)
{
    form.size[letter - 'a'] = 1;
    form.zeroed = letter;
    edge_run(&form, &other);
    expect_done(form.row, &other, what);
    cr_assert(result.first > 0 && result.first == other.first, "%s, %s", form.row->name, what);
    for (size_t i = 0; i < result.first; i++)
        cr_assert_leq(fabs(result.values[i] - other.values[i]), 1e-12, "%s, %s: value %zu is %g, not %g",
                      form.row->name, what, i, result.values[i], other.values[i]);
}

static void check_empty(edge_form form, char letter)
{
    char what[40];
    snprintf(what, sizeof(what), "a size of 0 for %c along %c", letter, form.along ? form.along : '-');
    form.size[letter - 'a'] = 0;
    edge_run(&form, &result);
    const char *rule = find_rule(&form, letter);
    if (rule && *rule == '!') {
        EXPECT_REFUSED(form.row, what, BL_ERR_SHAPE, BL_ERR_ARGUMENT);
    } else if (rule && *rule == '?') {
        cr_assert_eq(result.stage, EDGE_RUN, "%s, %s", form.row->name, what);
        cr_assert(error_says(&result.error, BL_ERR_INDEX, "is outside 0..", NULL) &&
                      names(&result.error, form.row),
                  "%s, %s: %s", form.row->name, what, error_text(&result.error));
    } else {
        expect_done(form.row, &result, what);
        if (rule && *rule == 'z')
            expect_as_of_zeros(form, letter, what);
        else if (rule)
            expect_filled(&form, rule, what);
        else
            cr_assert_eq(result.first, 0, "%s, %s: there are values: %g", form.row->name, what,
                         result.values[0]);
        bool is_number = result.first == 0 || isfinite(result.values[0]);
        const char *wrong = result.is_differentiated && is_number ? edge_gradcheck(&form) : NULL;
        cr_assert(!wrong, "%s, %s: %s", form.row->name, what, wrong);
    }
}

/* ---- no axes ---- */

static void check_scalars(const edge_row *row)
{
    size_t count = edge_input_count(row), cases = count > 1 ? count + 1 : 1;
    cr_assert_eq(strlen(row->scalars), cases, "%s: %zu inputs without axes", row->name, cases);
    for (size_t i = 0; i < cases; i++) {
        char what[40];
        edge_form form = edge_form_of(row);
        snprintf(what, sizeof(what), i < count ? "input %zu without axes" : "no axes at all", i);
        form.replaced = i < count ? 1u << i : (1u << count) - 1;
        form.instead = "";
        edge_run(&form, &result);
        if (row->scalars[i] == '=')
            continue;
        if (row->scalars[i] == '-') {
            EXPECT_REFUSED(row, what, BL_ERR_SHAPE, BL_ERR_ARGUMENT);
            continue;
        }
        form.instead = "1";
        edge_run(&form, &other);
        expect_same(row, what);
    }
}

/* ---- rank 8 ---- */

static void check_rank8(edge_form form)
{
    edge_run(&form, &other);
    expect_done(form.row, &other, "small sizes");
    cr_assert(!other.is_differentiated || other.reached > 0, "%s: no gradient", form.row->name);
    form.shapes = form.row->rank8;
    edge_run(&form, &result);
    cr_assert_eq(result.highest_rank, 8, "%s: nothing has rank 8", form.row->name);
    if (*form.shapes == '!')
        EXPECT_REFUSED(form.row, "rank 8", BL_ERR_SHAPE, BL_ERR_ARGUMENT);
    else
        expect_same(form.row, "rank 8");
}

/* ---- sizes that are too large ---- */

/* Every letter of the inputs, each once. */
static void list_letters(const edge_row *row, char letters[27])
{
    size_t n = 0;
    const char *at = row->shapes;
    while ((at = strchr(at, ':'))) {
        for (at++; *at && *at != ' '; at++) {
            if (isalpha((unsigned char)*at) && !memchr(letters, *at, n))
                letters[n++] = *at;
        }
    }
    letters[n] = '\0';
}

/* The graph goes on after an error, as if nothing had been recorded. */
static void expect_usable(const edge_row *row)
{
    edge_form form = edge_form_of(row);
    edge_run(&form, &other);
    edge_form large = form;
    large.only_compile = true;
    for (int i = 0; i < 26; i++)
        large.size[i] = (int64_t)1 << 59;
    edge_run(&large, &result);
    cr_assert_neq(result.stage, EDGE_DONE, "%s: 2^59 along all axes", row->name);
    form.goes_on = true;
    edge_run(&form, &result);
    if (bl__ops[row->key - 1]->flags & BL__OP_RANDOM)
        expect_done(row, &result, "after an error"); /* another draw of the graph */
    else
        expect_same(row, "after an error");
}

static bool is_overflow(const edge_row *row)
{
    return result.stage == EDGE_RECORD && !result.is_leaf_error && result.error.code == BL_ERR_OVERFLOW &&
           names(&result.error, row);
}

/* Two axes whose product cannot be counted, where no input has both. */
static void check_overflow(const edge_row *row, const char *letters)
{
    edge_form form = edge_form_of(row);
    form.only_compile = true;
    for (const char *l = row->overflow ? row->overflow : ""; *l; l++)
        form.size[*l - 'a'] = (int64_t)1 << 40;
    if (row->overflow) {
        edge_run(&form, &result);
        cr_assert(is_overflow(row), "%s: sizes that overflow: %s", row->name, error_text(&result.error));
        return;
    }
    for (const char *a = letters; *a; a++) {
        for (const char *b = letters; *b; b++) {
            form = edge_form_of(row);
            form.only_compile = true;
            form.size[*a - 'a'] = form.size[*b - 'a'] = (int64_t)1 << 40;
            edge_run(&form, &result);
            cr_assert(result.is_leaf_error || result.is_recorded || result.error.code != BL_ERR_OVERFLOW,
                      "%s: name %c and %c as those that overflow", row->name, *a, *b);
        }
    }
}

/* One axis so long that the elements can be counted, but not be had: an error, and the graph goes on. */
static void check_too_large(const edge_row *row, const char *letters)
{
    static const bl_status codes[] = {BL_ERR_OVERFLOW, BL_ERR_MEMORY, BL_ERR_SHAPE, BL_ERR_ARGUMENT, BL_OK};
    const size_t count = strlen(letters);
    for (size_t i = 0; i < 4 * count; i++) {
        const char *l = &letters[i / 4];
        int exponent = 53 + 2 * (int)(i % 4);
        edge_form form = edge_form_of(row);
        form.only_compile = true;
        form.size[*l - 'a'] = (int64_t)1 << exponent;
        edge_run(&form, &result);
        bool needs_little = !result.has_leaves && bl_shape_count(result.shape) < 4096;
        cr_assert(result.stage != EDGE_DONE || needs_little, "%s: it has memory for 2^%d along %c", row->name,
                  exponent, *l);
        cr_assert(result.stage == EDGE_DONE || is_one_of(result.error.code, codes), "%s, 2^%d along %c: %s",
                  row->name, exponent, *l, error_text(&result.error));
    }
}

/* ---- indices ---- */

static void check_index(const edge_row *row, size_t input, int64_t index, bool narrow)
{
    char text[24];
    edge_form form = edge_form_of(row);
    form.index_input = (int)input;
    form.index = index;
    form.narrow = narrow;
    snprintf(text, sizeof(text), "%lld", (long long)index);
    edge_run(&form, &result);
    cr_assert_eq(result.stage, EDGE_RUN, "%s: an index of %s: %s", row->name, text,
                 error_text(&result.error));
    bool is_made_of_others = bl__ops[row->key - 1]->flags & BL__OP_COMPOSITE; /* one of them reports it */
    cr_assert(error_says(&result.error, BL_ERR_INDEX, text, "is outside 0..", NULL) &&
                  (is_made_of_others || names(&result.error, row)),
              "%s: an index of %s: %s", row->name, text, error_text(&result.error));
    cr_assert_eq(result.state_after, 0, "%s: a run that failed changed a state", row->name);
}

static void check_indices(const edge_row *row)
{
    for (size_t i = 0; i < edge_input_count(row); i++) {
        char limit;
        if (!edge_is_index(row, i, &limit))
            continue;
        edge_form form = edge_form_of(row);
        char letter = limit == '*' ? form.along : limit;
        int64_t end = isdigit((unsigned char)letter) ? letter - '0' : form.size[letter - 'a'];
        for (int narrow = 0; narrow <= 1; narrow++) {
            check_index(row, i, -1, narrow);
            check_index(row, i, end, narrow);
        }
    }
    edge_form form = edge_form_of(row);
    edge_run(&form, &result);
    expect_done(row, &result, "small sizes");
    cr_assert_eq(result.state_after, 1, "%s: a run that succeeded left a state", row->name);
}

/* ---- axes and places as arguments ---- */

/* Whether some line of a header has a prototype of bl_NAME whose parameters, up to the ')', name an axis. */
static bool header_names_axis(const char *path, const char *name)
{
    char line[400], start[80];
    FILE *file = fopen(path, "r");
    bool is_inside = false, found = false;
    cr_assert(file != NULL, "%s", path);
    snprintf(start, sizeof(start), "*bl_%s(", name);
    while (fgets(line, sizeof(line), file) && !found) {
        const char *at = strstr(line, start);
        is_inside = is_inside || (strncmp(line, "BL_API", 6) == 0 && at);
        found = is_inside && (strstr(at ? at : line, " axis") || strstr(at ? at : line, " axes"));
        is_inside = is_inside && !strchr(line, ';');
    }
    fclose(file);
    return found;
}

static bool takes_axis(const char *name)
{
    glob_t headers;
    bool found = false;
    cr_assert_eq(glob(BOWLINE_HEADERS "/*.h", 0, NULL, &headers), 0);
    for (size_t i = 0; i < headers.gl_pathc && !found; i++)
        found = header_names_axis(headers.gl_pathv[i], name);
    globfree(&headers);
    return found;
}

static void check_arguments(const edge_row *row)
{
    edge_form form = edge_form_of(row);
    edge_run(&form, &other);
    int axes = other.axis_calls, arguments = other.argument_calls;
    cr_assert(axes + arguments > 0 || !takes_axis(row->name), "%s: its row tries no axis", row->name);
    for (form.axis_call = 1; form.axis_call <= axes; form.axis_call++) {
        form.axis_shift = 0;
        edge_run(&form, &result);
        expect_same(row, "an axis counted from the end");
        for (form.axis_shift = -1; form.axis_shift <= 1; form.axis_shift += 2) {
            edge_run(&form, &result);
            EXPECT_REFUSED(row, form.axis_shift > 0 ? "an axis of rank" : "an axis of -rank - 1",
                           BL_ERR_ARGUMENT, BL_ERR_SHAPE);
        }
    }
    form.axis_call = 0;
    for (form.argument_call = 1; form.argument_call <= arguments; form.argument_call++) {
        for (int high = 0; high <= 1; high++) {
            form.argument_high = high;
            edge_run(&form, &result);
            EXPECT_REFUSED(row, high ? "an argument too large" : "an argument of -1", BL_ERR_ARGUMENT,
                           BL_ERR_SHAPE);
        }
    }
}

/* ---- NaN and infinity in leaves and effects, which keep them; of the other ops docs/ops.md says it ---- */

static void check_special(const edge_row *row)
{
    static const double numbers[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    unsigned flags = bl__ops[row->key - 1]->flags;
    for (int i = 0; i < 3 && flags & (BL_OP_LEAF | BL_OP_EFFECT); i++) {
        size_t found = 0;
        edge_form form = edge_form_of(row);
        form.special = numbers[i];
        edge_run(&form, &result);
        expect_done(row, &result, "a special number");
        for (size_t k = 0; k < result.first; k++)
            found += (isnan(numbers[i]) && isnan(result.values[k])) || result.values[k] == numbers[i];
        cr_assert_gt(found, 0, "%s: it does not keep %g", row->name, numbers[i]);
    }
}

/* ---- all of them ---- */

static void check_row(const edge_row *row)
{
    char letters[27];
    list_letters(row, letters);
    edge_form form = edge_form_of(row);
    check_rank8(form);
    bool uses_along = result.uses_along;
    const char *along = strchr(row->shapes, ':') + 1;
    for (; *along && *along != ' '; along++) {
        if (isdigit((unsigned char)*along))
            continue;
        form.along = *along;
        check_rank8(form);
        for (const char *l = letters; *l; l++)
            check_empty(form, *l);
        if (!uses_along)
            break;
    }
    check_scalars(row);
    check_overflow(row, letters);
    check_too_large(row, letters);
    expect_usable(row);
    check_special(row);
    check_indices(row);
    check_arguments(row);
}

/* The rows of an op; how many there are. */
static int check_rows(int key)
{
    static const edge_row *const tables[] = {edge_rows_elementwise, edge_rows_axes,    edge_rows_shapes,
                                             edge_rows_products,    edge_rows_windows, edge_rows_losses,
                                             edge_rows_layers,      edge_rows_leaves};
    int count = 0;
    for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++) {
        for (const edge_row *row = tables[t]; row->name; row++) {
            if (row->key == key) {
                check_row(row);
                count++;
            }
        }
    }
    return count;
}

ParameterizedTestParameters(edges, of_every_op)
{
    return cr_make_param_array(int, keys, sizeof(keys) / sizeof(keys[0]));
}

/* Whatever was refused on the way, nothing is lost. */
ParameterizedTest(int *key, edges, of_every_op)
{
    char text[200];
    const char *name = bl__ops[*key - 1]->name;
    failing_allocator allocator;
    failing_allocator_init(&allocator);
    bl_context_options options = failing_allocator_options(&allocator);
    options.instruction_set = wanted_set();
    context = bl_context_new(&options);
    graph = bl_graph_new(context);
    cr_assert_gt(check_rows(*key), 0, "%s has no row in edges_*.c", name);
    bl_graph_free(graph);
    bl_context_free(context);
    cr_assert(failing_allocator_clean(&allocator, text, sizeof(text)), "%s: %s", name, text);
    counts_add("ops_at_their_edges", 1);
}
