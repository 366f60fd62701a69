/* Errors: every code is reached here once, with what its message must name; records, places, and the flow of
 * the invalid tensor. */
#define _POSIX_C_SOURCE 200809L /* mkstemp */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/failing_allocator.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(error, names_and_texts)
{
    for (int code = 0; code < BL_STATUS_COUNT; code++) {
        cr_expect(strncmp(bl_status_name((bl_status)code), code ? "BL_ERR_" : "BL_OK", code ? 7 : 6) == 0);
        cr_expect_gt(strlen(bl_status_text((bl_status)code)), 1);
        for (int other = 0; other < code; other++) {
            cr_expect_str_neq(bl_status_name((bl_status)code), bl_status_name((bl_status)other));
            cr_expect_str_neq(bl_status_text((bl_status)code), bl_status_text((bl_status)other));
        }
    }
    cr_expect_str_eq(bl_status_name(BL_ERR_SHAPE), "BL_ERR_SHAPE");
    cr_expect_str_eq(bl_status_text(BL_ERR_SHAPE), "shapes do not fit");
    cr_expect_str_eq(bl_status_name(BL_STATUS_COUNT), "unknown status");
    cr_expect_str_eq(bl_status_text((bl_status)-1), "unknown status");
}

Test(error, records_as_text)
{
    char text[200];
    bl_error error = {.code = BL_ERR_SHAPE, .message = "bl_add: no"};
    cr_expect_eq(bl_error_format(&error, text, sizeof(text)), 10);
    cr_expect_str_eq(text, "bl_add: no");
    error.file = "/home/me/model.c";
    error.line = 41;
    bl_error_format(&error, text, sizeof(text));
    cr_expect_str_eq(text, "bl_add: no (model.c:41)");
    strcpy(error.scope, "block.0/attn");
    cr_expect_eq(bl_error_format(&error, text, sizeof(text)),
                 strlen("bl_add: no (block.0/attn, model.c:41)"));
    cr_expect_str_eq(text, "bl_add: no (block.0/attn, model.c:41)");
    error.file = NULL;
    bl_error_format(&error, text, sizeof(text));
    cr_expect_str_eq(text, "bl_add: no (block.0/attn)");
    cr_expect_eq(bl_error_format(&error, text, 5), strlen("bl_add: no (block.0/attn)"));
    cr_expect_str_eq(text, "bl_a");
    cr_expect_eq(bl_error_format(&error, NULL, 0), strlen("bl_add: no (block.0/attn)"));
    error = (bl_error){.code = BL_ERR_IO};
    bl_error_format(&error, text, sizeof(text));
    cr_expect_str_eq(text, "input or output failed");
    error.code = BL_OK;
    cr_expect_eq(bl_error_format(&error, text, sizeof(text)), 0);
    cr_expect_str_eq(text, "");
    cr_expect_eq(bl_error_format(NULL, text, sizeof(text)), 0);
}

/* ---- every code ---- */

/* What the ways to an error work on; `place` is the line that must be named, 0 where none is known. */
typedef struct bench {
    bl_context *context;
    bl_graph *graph;
    bl_params *params;
    failing_allocator memory;
    bl_program *program;
    int place;
} bench;

static bench new_bench(void)
{
    bench b = {.place = 0};
    return b;
}

static void open_bench(bench *b)
{
    failing_allocator_init(&b->memory);
    b->context = failing_allocator_context(&b->memory);
    b->graph = bl_graph_new(b->context);
    b->params = bl_params_new(b->context);
}

static void close_bench(bench *b)
{
    char text[200];
    bl_program_free(b->program);
    bl_params_free(b->params);
    bl_graph_free(b->graph);
    bl_context_free(b->context);
    cr_expect(failing_allocator_clean(&b->memory, text, sizeof(text)), "%s", text);
}

static bl_status infer_first(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

/* An op of the user's that can neither be computed nor differentiated. */
static const bl_op mystery = {.size = sizeof(bl_op),
                              .name = "mystery",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .output_count = 1,
                              .infer = infer_first};

static const bl_error *ok(bench *b)
{
    bl_scalar(b->graph, BL_F32, 1);
    return bl_graph_error(b->graph);
}

static const bl_error *argument(bench *b)
{
    bl_tensor *x = bl_scalar(b->graph, BL_F32, 1);
    b->place = __LINE__ + 1;
    bl_add(x, NULL);
    return bl_graph_error(b->graph);
}

static const bl_error *shape(bench *b)
{
    bl_tensor *x = bl_input(b->graph, "x", BL_F32, BL_SHAPE(2, 3));
    bl_tensor *y = bl_input(b->graph, "y", BL_F32, BL_SHAPE(4, 5));
    bl_scope_push(b->graph, "block.0");
    bl_scope_push(b->graph, "attn");
    b->place = __LINE__ + 1;
    bl_matmul(x, y);
    return bl_graph_error(b->graph);
}

static const bl_error *dtype(bench *b)
{
    bl_tensor *x = bl_input(b->graph, "x", BL_F32, BL_SHAPE(2));
    bl_tensor *n = bl_input(b->graph, "n", BL_I64, BL_SHAPE(2));
    b->place = __LINE__ + 1;
    bl_mul(x, n);
    return bl_graph_error(b->graph);
}

static const bl_error *overflow(bench *b)
{
    b->place = __LINE__ + 1;
    bl_input(b->graph, "x", BL_F32, BL_SHAPE((int64_t)1 << 40, (int64_t)1 << 40));
    return bl_graph_error(b->graph);
}

static const bl_error *bad_index(bench *b)
{
    int64_t indices[] = {0, 12};
    bl_tensor *weight = bl_full(b->graph, BL_F32, BL_SHAPE(10, 3), 1);
    bl_tensor *tokens = bl_constant(b->graph, BL_I64, BL_SHAPE(2), indices);
    bl_scope_push(b->graph, "encoder");
    b->place = __LINE__ + 1;
    bl_tensor *rows = bl_label(bl_embedding(weight, tokens), "word vectors");
    b->program = bl_compile(b->context, rows);
    cr_expect_eq(bl_run(b->program), BL_ERR_INDEX);
    return bl_program_error(b->program);
}

static const bl_error *not_found(bench *b)
{
    bl_scope_push(b->graph, "head");
    b->place = __LINE__ + 1;
    bl_param(b->graph, b->params, "weight");
    return bl_graph_error(b->graph);
}

static const bl_error *exists(bench *b)
{
    bl_params_add_buffer(b->params, "mean", BL_F32, BL_SCALAR);
    cr_expect_null(bl_params_add_buffer(b->params, "mean", BL_F32, BL_SCALAR));
    return bl_params_error(b->params);
}

static const bl_error *gradient(bench *b)
{
    bl_tensor *x = bl_input(b->graph, "x", BL_F32, BL_SHAPE(2));
    b->place = __LINE__ + 1;
    bl_tensor *y = bl_apply(b->graph, &mystery, &x, 1, NULL);
    cr_expect(!bl_tensor_valid(bl_gradient(y, x)));
    return bl_graph_error(b->graph);
}

static const bl_error *state(bench *b)
{
    bl_parameter *mean = bl_params_add_buffer(b->params, "mean", BL_F32, BL_SCALAR);
    bl_tensor *one = bl_scalar(b->graph, BL_F32, 1);
    bl_use(b->graph, mean);
    bl_tensor *first = bl_assign(mean, one);
    b->place = __LINE__ + 1;
    bl_tensor *second = bl_assign(mean, one);
    b->program = bl_compile(b->context, first, second);
    return bl_program_error(b->program);
}

static const bl_error *stale(bench *b)
{
    bl_parameter *w = bl_params_add(b->params, "w", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    cr_assert_eq(bl_params_register(b->params, "v", w), BL_OK);
    b->program = bl_compile(b->context, bl_use(b->graph, w));
    cr_expect_eq(bl_run(b->program), BL_OK);
    cr_assert_eq(bl_params_untie(b->params, "v"), BL_OK);
    cr_expect_eq(bl_run(b->program), BL_ERR_STALE);
    return bl_program_error(b->program);
}

/* Runs, from inside the run of one program, another that writes what the first one reads. */
static bl_status run_inner(const bl_compute_call *call)
{
    bl_program *inner;
    memcpy(&inner, call->attributes, sizeof(inner));
    return bl_run(inner);
}

static const bl_error *busy(bench *b)
{
    static bl_op nested;
    nested = mystery;
    nested.name = "nested";
    nested.attributes_size = sizeof(bl_program *);
    nested.compute = run_inner;
    bl_parameter *count = bl_params_add_buffer(b->params, "count", BL_F32, BL_SCALAR);
    bl_tensor *x = bl_use(b->graph, count);
    b->program = bl_compile(b->context, bl_assign(count, bl_add_scalar(x, 1)));
    bl_program *outer = bl_compile(b->context, bl_apply(b->graph, &nested, &x, 1, &b->program));
    cr_expect_eq(bl_run(outer), BL_ERR_BUSY);
    bl_program_free(outer);
    return bl_program_error(b->program);
}

static const bl_error *not_finite(bench *b)
{
    bl_compile_options options = bl_compile_defaults();
    options.check = BL_CHECK_NAN;
    bl_tensor *x = bl_full(b->graph, BL_F32, BL_SHAPE(2), -1);
    bl_scope_push(b->graph, "norms");
    b->place = __LINE__ + 1;
    bl_tensor *root = bl_sqrt(x);
    b->program = bl_compile_list(b->context, &root, 1, &options);
    cr_expect_eq(bl_run(b->program), BL_ERR_NOT_FINITE);
    return bl_program_error(b->program);
}

static const bl_error *unsupported(bench *b)
{
    bl_tensor *x = bl_input(b->graph, "x", BL_F32, BL_SHAPE(2));
    bl_scope_push(b->graph, "odd");
    b->place = __LINE__ + 1;
    b->program = bl_compile(b->context, bl_apply(b->graph, &mystery, &x, 1, NULL));
    return bl_program_error(b->program);
}

static const bl_error *io(bench *b)
{
    FILE *full = fopen("/dev/full", "w");
    cr_assert_not_null(full);
    bl_tensor *x = bl_scalar(b->graph, BL_F32, 1);
    cr_expect_eq(bl_draw_dot(&x, 1, NULL, full), BL_ERR_IO);
    fclose(full);
    return bl_context_error(b->context);
}

static const bl_error *malformed(bench *b)
{
    char path[] = "/tmp/bowline-error-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    close(descriptor);
    cr_expect_null(bl_tensor_file_open(b->context, path));
    unlink(path);
    return bl_context_error(b->context);
}

static const bl_error *budget(bench *b)
{
    bl_compile_options options = bl_compile_defaults();
    bl_tensor *y = bl_neg(bl_input(b->graph, "x", BL_F32, BL_SHAPE(16)));
    options.memory_budget = 63;
    b->program = bl_compile_list(b->context, &y, 1, &options);
    return bl_program_error(b->program);
}

static const bl_error *memory(bench *b)
{
    failing_allocator_fail(&b->memory, 1, false);
    b->place = __LINE__ + 1;
    bl_scalar(b->graph, BL_F32, 1);
    return bl_graph_error(b->graph);
}

static const struct way {
    bl_status code;
    const bl_error *(*go)(bench *b);
    const char *parts[4]; /* of the text */
} ways[] = {
    {BL_OK, ok, {""}},
    {BL_ERR_ARGUMENT, argument, {"bl_add: ", "NULL"}},
    {BL_ERR_SHAPE, shape, {"bl_matmul: ", "[2,3]", "[4,5]", "(block.0/attn, test_error.c:"}},
    {BL_ERR_DTYPE, dtype, {"bl_mul: ", "f32", "i64", "cast"}},
    {BL_ERR_OVERFLOW, overflow, {"bl_input: ", "[1099511627776,1099511627776]"}},
    {BL_ERR_INDEX, bad_index, {"bl_embedding: ", "12", "word vectors", "(encoder, test_error.c:"}},
    {BL_ERR_NOT_FOUND, not_found, {"bl_param: ", "head.weight"}},
    {BL_ERR_EXISTS, exists, {"bl_params_add_buffer: ", "mean"}},
    {BL_ERR_GRADIENT, gradient, {"bl_grad: ", "mystery"}},
    {BL_ERR_STATE, state, {"bl_compile: ", "mean", "twice"}},
    {BL_ERR_STALE, stale, {"bl_run: ", "w", "untied"}},
    {BL_ERR_BUSY, busy, {"bl_run: ", "count"}},
    {BL_ERR_NOT_FINITE, not_finite, {"bl_sqrt: ", "NaN", "[0]", "(norms, test_error.c:"}},
    {BL_ERR_UNSUPPORTED, unsupported, {"bl_mystery: ", "kernel", "(odd, "}},
    {BL_ERR_IO, io, {"bl_draw_dot: "}},
    {BL_ERR_FORMAT, malformed, {"bl_tensor_file_open: ", "bowline-error-", "too few"}},
    {BL_ERR_BUDGET, budget, {"bl_compile: ", "at least", "the budget of 63"}},
    {BL_ERR_MEMORY, memory, {"bl_full: "}},
};

Test(error, every_code_is_reached)
{
    bool reached[BL_STATUS_COUNT] = {false};
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        const struct way *way = &ways[i];
        bench b = new_bench();
        open_bench(&b);
        const bl_error *error = way->go(&b);
        cr_expect_eq(error->code, way->code, "wanted %s, got %s", bl_status_name(way->code),
                     error_text(error));
        for (size_t k = 0; k < 4 && way->parts[k]; k++)
            cr_expect(error_says(error, way->code, way->parts[k], NULL), "wanted \"%s\" in: %s",
                      way->parts[k], error_text(error));
        cr_expect_eq(error->line, b.place, "wanted line %d: %s", b.place, error_text(error));
        if (b.place)
            cr_expect_not_null(strstr(error->file, "test_error.c"));
        /* The context knows it too. */
        cr_expect_eq(bl_context_error(b.context)->code, way->code);
        if (way->code != BL_ERR_BUSY) { /* where the outer program failed after the inner one */
            cr_expect_str_eq(bl_context_error(b.context)->message, error->message);
            cr_expect_eq(bl_context_error(b.context)->line, error->line);
        }
        reached[way->code] = true;
        close_bench(&b);
    }
    for (int code = 0; code < BL_STATUS_COUNT; code++)
        cr_expect(reached[code], "%s is not reached", bl_status_name((bl_status)code));
}

/* ---- records, places and the flow of the invalid tensor ---- */

Test(error, the_first_error_stays_and_the_context_has_the_last)
{
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context), *other = bl_graph_new(context);
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2));
    bl_tensor *y = bl_input(graph, "y", BL_F32, BL_SHAPE(3));
    int line = __LINE__ + 1;
    bl_tensor *bad = bl_add(x, y);
    bl_tensor *flowed = bl_exp(bl_mul(bad, x));
    cr_expect_eq(flowed, bad, "a graph has one invalid tensor");
    cr_expect_eq(bl_graph_node_count(graph), 2, "what fails records nothing");
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_SHAPE, "bl_add", "[2]", "[3]", NULL));
    cr_expect_eq(bl_graph_error(graph)->line, line);
    bl_mul(x, y); /* a second error of its own */
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_SHAPE, "bl_add", NULL));
    cr_expect_eq(bl_graph_error(graph)->line, line);
    cr_expect(error_says(bl_context_error(context), BL_ERR_SHAPE, "bl_mul", NULL));
    bl_tensor *still = bl_neg(x);
    cr_expect(bl_tensor_valid(still), "valid tensors stay usable beside an error");
    bl_program *program = bl_compile(context, still);
    cr_expect(error_says(bl_program_error(program), BL_ERR_SHAPE, "bl_add", NULL),
              "a graph in error is not compiled: %s", error_text(bl_program_error(program)));
    cr_expect_eq(bl_run(program), BL_ERR_SHAPE);
    bl_program_free(program);

    line = __LINE__ + 1;
    bl_add(bl_input(other, "z", BL_F32, BL_SHAPE(1)), x);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "another graph", NULL));
    cr_expect_eq(bl_context_error(context)->line, line);

    bl_graph_clear_error(graph);
    cr_expect_eq(bl_graph_error(graph)->code, BL_OK);
    program = bl_compile(context, still);
    cr_expect_eq(bl_program_error(program)->code, BL_OK);
    bl_program_free(program);
    line = __LINE__ + 1;
    cr_expect(!bl_tensor_valid(bl_neg(bad)));
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "bl_neg", "earlier error", NULL), "%s",
              error_text(bl_graph_error(graph)));
    cr_expect_eq(bl_graph_error(graph)->line, line);
    cr_expect_eq(bl_graph_error(NULL)->code, BL_ERR_ARGUMENT);
    bl_graph_clear_error(NULL);
    bl_graph_free(other);
    bl_graph_free(graph);
    bl_context_free(context);
}

Test(error, long_names_are_cut_not_written_past_the_end)
{
    char name[400];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    bl_op op = mystery;
    op.name = name;
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_scope_push(graph, name);
    bl_apply(graph, &op, NULL, 0, NULL);
    const bl_error *error = bl_graph_error(graph);
    cr_expect_eq(error->code, BL_ERR_ARGUMENT);
    cr_expect_lt(strlen(error->op), sizeof(error->op));
    cr_expect_lt(strlen(error->scope), sizeof(error->scope));
    cr_expect_lt(strlen(error->message), sizeof(error->message));
    bl_graph_clear_error(graph);
    bl_params *params = bl_params_new(context);
    bl_param(graph, params, name);
    cr_expect_eq(bl_graph_error(graph)->code, BL_ERR_NOT_FOUND);
    cr_expect_lt(strlen(bl_graph_error(graph)->message), sizeof(error->message));
    bl_params_free(params);
    bl_graph_free(graph);
    bl_context_free(context);
}
